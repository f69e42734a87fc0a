"""Rows of PostgreSQL: what every question is asked with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import dict_row

from projections.pool import Pool

PROBE = (
    "CREATE TEMP TABLE IF NOT EXISTS probe (filler boolean) ON COMMIT DELETE ROWS",
    "INSERT INTO probe VALUES (true)",
    "SELECT pg_logical_emit_message(true, 'onhand', 'probe')",
)
"""Writes that change nothing: a table that is empty again takes a block of the disk, and the message goes into the journal of the
server (WAL), which is on disk when the transaction is.
"""


class Rows:
    """Statements on a pool of connections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """All rows of a statement."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[AsyncCursor[dict[str, Any]]]:
        """A cursor whose statements all see the same moment, and change nothing."""
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor

    async def run(self, sql: str, parameters: Sequence[Any]) -> None:
        """Runs a statement that answers nothing."""
        async with self._pool.connection() as connection:
            await connection.execute(sql.encode(), parameters)

    async def try_to_write(self) -> None:
        """Writes what changes nothing. Raises `DatabaseError` where PostgreSQL is away, or its disk is full."""
        async with self._pool.connection() as connection, connection.transaction():
            for statement in PROBE:
                await connection.execute(statement.encode())

    async def stream(self, sql: str, parameters: Sequence[Any] = ()) -> AsyncIterator[dict[str, Any]]:
        """The rows of a statement as they come, of one moment."""
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor("streamed", row_factory=dict_row) as cursor,
        ):
            cursor.itersize = 2_000
            await cursor.execute(sql.encode(), parameters)
            async for row in cursor:
                yield row

    async def offsets(self, topic: str) -> dict[int, int]:
        """How far a topic is recorded, by partition."""
        async with self._pool.connection() as connection:
            return await self.offsets_in(connection, topic)

    async def offsets_in(self, connection: Any, topic: str) -> dict[int, int]:
        """The same, within a transaction of the caller's."""
        cursor = await connection.execute(
            "SELECT partition, next_offset FROM offsets WHERE topic = %s", [topic]
        )
        return dict(await cursor.fetchall())
