"""The limit: the rows of a table copied into it again, its indexes as they are: `projection_copy.py DSN TABLE ROWS`.

The rows are read first. Then the table is emptied and filled by COPY, in one transaction (ROWS 0) or in many of so many rows each. Prints
how long that took; the rows are there again afterwards.
"""

from __future__ import annotations

import json
import sys
import time

import psycopg


def read(connection: psycopg.Connection, table: str) -> list[bytes]:
    """All rows as COPY has them; one line each."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT".encode()) as copy,
    ):
        return b"".join(bytes(part) for part in copy).splitlines(keepends=True)


def main(dsn: str, table: str, each: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = read(connection, table)
        connection.execute(f"TRUNCATE {table}".encode())
        connection.execute("CHECKPOINT")
        parts = [
            b"".join(rows[at : at + (each or len(rows))]) for at in range(0, len(rows), each or len(rows))
        ]
        began = time.perf_counter()
        for part in parts:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for at in range(0, len(part), 1 << 20):
                    copy.write(part[at : at + (1 << 20)])
        seconds = time.perf_counter() - began
        found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert found == (len(rows),)
    sys.stdout.write(json.dumps({"rows": len(rows), "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
