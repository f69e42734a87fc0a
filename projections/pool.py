"""Connections to PostgreSQL, its schema, and the one lock that picks a leader."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import psycopg
import structlog
from psycopg.rows import TupleRow
from psycopg.types.datetime import DatetimeDumper
from psycopg_pool import AsyncConnectionPool, PoolTimeout

log = structlog.get_logger()

DatabaseError = (psycopg.Error, PoolTimeout)
"""What PostgreSQL being away or failing looks like to a caller."""

Connection = psycopg.AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

LOCK = 0x6F6E68616E64  # "onhand": one migration at a time


class InUtc(DatetimeDumper):
    """Instants as PostgreSQL is told them. It knows no offsets of 16 hours and more, which ISO 8601 has; an instant is the same in UTC."""

    def dump(self, obj: datetime) -> Any:
        """The instant; as it is where Python's calendar ends before PostgreSQL's."""
        with suppress(OverflowError):
            obj = obj.astimezone(UTC)
        return super().dump(obj)


psycopg.adapters.register_dumper(datetime, InUtc)


class MigrationChanged(Exception):
    """A migration that was applied reads differently now. Migrations are added, never edited."""


async def open_pool(dsn: str, size: int = 6) -> Pool:
    """A pool of at most `size` connections; it opens whether or not PostgreSQL is there yet."""
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        timeout=5.0,
        open=False,
        kwargs={"autocommit": True},
        configure=_uncompiled,
    )
    await pool.open(wait=False)
    return pool


async def _uncompiled(connection: Connection) -> None:
    """Questions are short. One whose costs look high, where statistics are old, would be compiled for a tenth of a second first."""
    await connection.execute("SET jit = off")


PROBE = (
    "CREATE TEMP TABLE IF NOT EXISTS probe (filler boolean) ON COMMIT DELETE ROWS",
    "INSERT INTO probe VALUES (true)",
    "SELECT pg_logical_emit_message(true, 'onhand', 'probe')",
)
"""Writes that change nothing: a table that is empty again takes a block of the disk, and the message goes into the journal of the
server (WAL), which is on disk when the transaction is.
"""


async def try_to_write(pool: Pool) -> None:
    """Writes what changes nothing. Raises `DatabaseError` where PostgreSQL is away, or its disk is full."""
    async with pool.connection() as connection, connection.transaction():
        for statement in PROBE:
            await connection.execute(statement.encode())


async def migrate(dsn: str) -> list[str]:
    """Applies the migrations that are missing, in order. Returns their names. Raises `MigrationChanged`."""
    applied = []
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (version text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        cursor = await connection.execute("SELECT version, digest FROM schema_migrations")
        known: dict[str, str] = dict(await cursor.fetchall())
        for name, text in migrations():
            digest = hashlib.sha256(text.encode()).hexdigest()
            if known.get(name, digest) != digest:
                raise MigrationChanged(f"{name} was applied with another content")
            if name not in known:
                if known:  # of an installation that has something: a large journal may take minutes, and everybody waits
                    log.info("migrating the database", migration=name)
                await connection.execute(text.encode())
                await connection.execute(
                    "INSERT INTO schema_migrations (version, digest) VALUES (%s, %s)", [name, digest]
                )
                applied.append(name)
    return applied


def migrations() -> list[tuple[str, str]]:
    """The migrations that come with this version: name and SQL, in order."""
    folder = files("projections") / "sql" / "migrations"
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in found]


@asynccontextmanager
async def leadership(dsn: str, role: str) -> AsyncIterator[None]:
    """Waits to be the only holder of a role. The holder's death frees it at once, with its connection.

    Raises `DatabaseError` in the block's waits only; a lost connection ends the role, so the block must fail on its own
    writes: every write of a role is idempotent or checked against the offsets in PostgreSQL.
    """
    key = int.from_bytes(hashlib.sha256(role.encode()).digest()[:8], "big", signed=True)
    connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    try:
        while not await _locked(connection, key):  # the one who frees it cannot tell us
            await asyncio.sleep(0.5)
        yield
    finally:
        await connection.close()


async def _locked(connection: psycopg.AsyncConnection[Any], key: int) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [key])).fetchone()
    return bool(row and row[0])
