"""Watches how far PostgreSQL has come, in a process of its own: `latency_watch.py DSN FILE PACE`.

It asks every PACE seconds for the four or so offsets that the recorder keeps in the transaction of the rows themselves: a movement can be
read as soon as the offset that is stored has passed it. That costs the server next to nothing, however much is recorded. When its standard
input ends it writes (partition, next offset, seen when by `time.perf_counter`) for every step it saw, as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import psycopg

STORED = "SELECT partition, next_offset FROM offsets WHERE topic = 'movements'"


def main(dsn: str, file: str, pace: float) -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    known: dict[int, int] = {}
    steps: list[tuple[int, int, float]] = []
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as connection:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not ended.wait(pace):
            rows = connection.execute(STORED).fetchall()
            now = time.perf_counter()
            steps += [(partition, at, now) for partition, at in rows if known.get(partition) != at]
            known = dict(rows)
    Path(file).write_text(json.dumps(steps), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
