"""The dashboard's questions to PostgreSQL. Few run at once, and none runs long: product pages and webhooks come first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncCursor

from projections.dashboard.statements import (
    AT_LOCATION,
    DELTAS,
    NUMBERS,
    OVERVIEW,
    STOCKS,
    TOLD,
    VERSIONS,
)
from projections.pool import Pool
from projections.queries import Queries

AT_ONCE = 2
"""Questions of pages that run at the same time; the others wait."""

LONGEST = "3s"
"""How long one may run."""

MANY = 1_000
"""Rows up to which something is counted exactly."""


class Reading(Queries):
    """The read side as pages use it. Raises `DatabaseError`: `QueryCanceled` for a question that took too long."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """All rows of a statement, within bounds."""
        async with self.moment() as cursor:
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[AsyncCursor[dict[str, Any]]]:
        """A cursor whose statements all see the same moment, within the same bounds."""
        async with self._turn, super().moment() as cursor:
            await cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST}'".encode())
            yield cursor

    # -- liveness

    async def marks(self) -> dict[str, int]:
        """How far each topic is recorded; under `health`, when a sink last said how it gets on, in milliseconds."""
        found = await self.rows(
            "SELECT topic, sum(next_offset)::bigint AS mark FROM offsets GROUP BY topic UNION ALL"
            " SELECT 'health', (extract(epoch FROM max(said_at)) * 1000)::bigint FROM channel_health"
        )
        return {row["topic"]: row["mark"] or 0 for row in found}

    async def versions(self, skus: Sequence[str], channels: Sequence[str]) -> dict[str, str]:
        """A word for each SKU that is another whenever its stock, a channel's number of it or a word with a platform about it is."""
        found = await self.rows(VERSIONS, {"skus": list(skus), "channels": list(channels)})
        return {row["sku"]: row["version"] for row in found}

    # -- stock

    async def stock_page(
        self,
        *,
        words: str = "",
        below: bool = False,
        after: str | None = None,
        limit: int = 40,
        skus: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """SKUs in their order with their balances: those whose name has `words` in it, and those `below` zero somewhere."""
        escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        asked = {"words": f"%{escaped}%" if words else None, "below": below, "after": after, "limit": limit}
        return await self.rows(STOCKS, asked | {"skus": None if skus is None else list(skus)})

    async def numbers(self, channels: Sequence[str], skus: Sequence[str]) -> list[dict[str, Any]]:
        """What channels may sell of some SKUs, and how that stands with their platforms."""
        return await self.rows(NUMBERS, {"channels": list(channels), "skus": list(skus)})

    async def oversold(self, skus: Sequence[str], since: datetime) -> set[str]:
        """Which of some SKUs were oversold since an instant."""
        sql = "SELECT DISTINCT sku FROM oversells WHERE sku = ANY(%s) AND recorded_at > %s"
        return {row["sku"] for row in await self.rows(sql, [list(skus), since])}

    async def deltas(self, sku: str, upto: int, states: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """What the newest movements of a SKU up to a log offset changed, newest first: location and units of each leg."""
        return await self.rows(DELTAS, {"sku": sku, "upto": upto, "states": list(states), "limit": limit})

    async def extent(self, sku: str) -> tuple[datetime, datetime] | None:
        """When the first and the last movement of a SKU occurred."""
        sql = "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM movements WHERE sku = %s"
        row = (await self.rows(sql, [sku]))[0]
        return None if row["first"] is None else (row["first"], row["last"])

    async def at_location(
        self, location: str, skus: Sequence[str], at: datetime | None, known: datetime | None
    ) -> dict[str, dict[str, int]]:
        """By SKU and state what a place had by one clock and the other."""
        values = {"location": location, "skus": list(skus), "at": at, "known": known}
        found: dict[str, dict[str, int]] = {}
        for row in await self.rows(AT_LOCATION, values):
            found.setdefault(row["sku"], {})[row["state"]] = row["units"]
        return found

    async def kept_at(self, location: str, after: str | None, limit: int) -> list[str]:
        """SKUs that a place has kept, in their order."""
        sql = "SELECT sku FROM stock WHERE (%(after)s::text IS NULL OR sku > %(after)s)"
        sql += " AND (stock->'locations' ? %(location)s OR stock->'tracked' ? %(location)s) ORDER BY sku LIMIT %(limit)s"
        values = {"location": location, "after": after, "limit": limit}
        return [row["sku"] for row in await self.rows(sql, values)]

    # -- channels

    async def told_cells(self, since: datetime) -> dict[str, dict[str, Any]]:
        """By channel how many cells its platform was told, and how it took them."""
        return {row["channel"]: row for row in await self.rows(TOLD, {"since": since})}

    # -- what needs a person

    async def overview(self, now: datetime) -> dict[str, int]:
        """What waits now, and what went wrong in the last day."""
        found = await self.rows(OVERVIEW, {"many": MANY, "since": now - timedelta(days=1)})
        return {name: int(count) for name, count in found[0].items()}

    async def alerts(self, limit: int = 8) -> list[dict[str, Any]]:
        """What people were told of, newest first."""
        return await self.rows(
            "SELECT id, kind, since, detail, raised_at FROM alerts ORDER BY raised_at DESC, id LIMIT %s",
            [limit],
        )

    async def edits(self, limit: int = 20) -> list[dict[str, Any]]:
        """Numbers that somebody changed in a platform, newest first, as people were told of them."""
        sql = "SELECT since, detail FROM alerts WHERE kind = 'drift' ORDER BY since DESC, id LIMIT %s"
        return await self.rows(sql, [limit])
