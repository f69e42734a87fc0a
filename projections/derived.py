"""Which tables follow from the log, and are made anew from it; and which hold something that nobody else has.

A projection is what is recorded of one topic. It is made anew in a schema beside the live one, by the migrations and the recorder that
made the live one. What differs is then put right in a single transaction: whoever asks meanwhile gets what there was before or what there
is after, never a table that is half full, and nobody who asks has to wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from projections.pool import Connection, Pool, migrate, open_pool
from schemas.topics import (
    CHANNEL_QUANTITIES,
    DEAD_LETTERS,
    MOVEMENTS,
    OBSERVATIONS,
    OVERSELLS,
    RECEIPTS,
    STOCK,
)

PROJECTIONS: Mapping[str, tuple[str, ...]] = {
    MOVEMENTS.name: ("movements", "seals"),
    STOCK.name: ("stock",),
    CHANNEL_QUANTITIES.name: ("channel_quantities",),
    OVERSELLS.name: ("oversells",),
    RECEIPTS.name: ("receipts", "told"),
    OBSERVATIONS.name: ("observations",),
    DEAD_LETTERS.name: ("dead_letters",),
}
"""The tables that the recorder writes, by topic."""

BUILT = ("block_progress", "block_tails", "blocks", "open_units")
"""Made from the journal, in the background, whenever they are empty (`projections/blocks.py`)."""

BOOKKEEPING = ("offsets", "schema_migrations")
"""How far the others are."""

OWN: Mapping[str, str] = {
    "vault": "which master keys there are",
    "subjects": "who was ever kept, and who was erased",
    "subject_keys": "without them whom orders are for is gone",
    "deal_subjects": "whom orders are for",
    "carried_out": "what platforms were asked for: what is not wanted any more would not be cancelled there",
    "api_keys": "who may ask",
    "alerts": "what a person was told of: it would be told again",
    "cursors": "how far platforms were polled: all of it would be polled again",
    "directories": "what platforms call our items: they would be asked again",
    "postal_codes": "where postcodes are: `onhand geo load` would have to be run again",
    "channel_health": "how sinks get on: they say it again within seconds",
    "worker_health": "how workers get on: they say it again within seconds",
    "verified": "what the last `onhand verify` found: the next one finds it",
}
"""Tables that do not follow from the log, and what would be lost with each. Of `dead_letters` that is `retried_at`: when a letter was
retried.
"""

BESIDE = "onhand_rebuilding"
"""The schema in which a projection is made anew."""

RETRIED: LiteralString = """
    UPDATE {beside}.dead_letters AS fresh SET retried_at = held.retried_at FROM {live}.dead_letters AS held
    WHERE (fresh.partition, fresh.log_offset) = (held.partition, held.log_offset) AND held.retried_at IS NOT NULL
"""

WRONG: LiteralString = """
    DELETE FROM {live}.{table} AS held WHERE NOT EXISTS (
        SELECT FROM {beside}.{table} AS fresh WHERE {same} AND fresh::text = held::text
    )
"""
LACKING: LiteralString = """
    INSERT INTO {live}.{table} SELECT * FROM {beside}.{table} AS fresh WHERE NOT EXISTS (
        SELECT FROM {live}.{table} AS held WHERE {same}
    )
"""

PRIMARY = """
    SELECT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
    WHERE i.indrelid = %s::regclass AND i.indisprimary
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a projection: rows that it has now, that were wrong or too many, and that were wrong or lacking."""

    rows: int
    removed: int
    added: int


class Beside:
    """Projections that are being made anew. `pool` is where the recorder writes them."""

    def __init__(self, live: Pool, pool: Pool) -> None:
        self.pool, self._live = pool, live

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Connection]:
        """A transaction during which nothing is recorded. Readers do not notice."""
        async with self._live.connection() as connection, connection.transaction():
            # waits for what is being recorded, and keeps what comes next from beginning: that locks rows here first of all
            await connection.execute("LOCK TABLE offsets IN EXCLUSIVE MODE")
            yield connection

    async def put_right(self, connection: Connection, names: Iterable[str]) -> dict[str, Rebuilt]:
        """Makes the live projections equal to those that were made anew."""
        row = await (await connection.execute("SELECT current_schema()")).fetchone()
        live = sql.Identifier(row[0] if row else "public")
        done = {}
        for name in names:
            if name == DEAD_LETTERS.name:
                await connection.execute(sql.SQL(RETRIED).format(live=live, beside=sql.Identifier(BESIDE)))
            counts = [await self._table(connection, live, table) for table in PROJECTIONS[name]]
            done[name] = Rebuilt(*map(sum, zip(*counts, strict=True)))
            await connection.execute("DELETE FROM offsets WHERE topic = %s", [name])
            await connection.execute(
                sql.SQL("INSERT INTO offsets SELECT * FROM {}.offsets WHERE topic = %s").format(
                    sql.Identifier(BESIDE)
                ),
                [name],
            )
        if (journal := done.get(MOVEMENTS.name)) and (journal.removed or journal.added):
            await connection.execute("DELETE FROM block_progress")
        return done

    async def _table(self, connection: Connection, live: sql.Identifier, table: str) -> tuple[int, int, int]:
        """Puts a table right. Whatever keeps others from changing rows of it (the journal is never edited) does not hold here."""
        keys = await (await connection.execute(PRIMARY.encode(), [table])).fetchall()
        same = sql.SQL(" AND ").join(
            sql.SQL("fresh.{0} = held.{0}").format(sql.Identifier(column)) for (column,) in keys
        )
        names = {"live": live, "beside": sql.Identifier(BESIDE), "table": sql.Identifier(table), "same": same}
        for what in ("DISABLE", "ENABLE"):
            await connection.execute(
                sql.SQL("ALTER TABLE {} {} TRIGGER USER").format(names["table"], sql.SQL(what))
            )
            if what == "DISABLE":
                removed = (await connection.execute(sql.SQL(WRONG).format(**names))).rowcount
                added = (await connection.execute(sql.SQL(LACKING).format(**names))).rowcount
        counted = await connection.execute(sql.SQL("SELECT count(*) FROM {beside}.{table}").format(**names))
        row = await counted.fetchone()
        return (row[0] if row else 0), removed, added


async def forget(pool: Pool) -> None:
    """Empties all that follows from the log, and how far it was recorded. Nobody may look meanwhile: what is wanted seems to be nothing."""
    tables = ("offsets", *BUILT, *(table for tables in PROJECTIONS.values() for table in tables))
    async with pool.connection() as connection:
        await connection.execute(
            sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables)))
        )


@asynccontextmanager
async def beside(dsn: str, live: Pool) -> AsyncIterator[Beside]:
    """An empty database beside the live one, with the same tables, which is gone in the end; one at a time, and what a rebuild left that
    was killed is removed. Needs the right to create schemas. Raises `DatabaseError`.
    """
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(BESIDE))
        await connection.execute(drop)
        await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BESIDE)))
        there = make_conninfo(dsn, options=f"-c search_path={BESIDE}")
        await migrate(there)
        pool = await open_pool(there, 2)
        try:
            yield Beside(live, pool)
        finally:
            await pool.close()
            await connection.execute(drop)
