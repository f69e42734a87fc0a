"""What channels may sell, and how their sinks get on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from projections.paging import PAGE_MAX, Page, instant_cursor, page_of, read_cursor
from projections.rows import Rows
from schemas.availability import ChannelQuantity
from schemas.codec import adapter

NUMBERS = """
    SELECT sku, quantity, (value->'places')::text AS places FROM channel_quantities
    WHERE channel = %(channel)s AND (%(after)s::text IS NULL OR sku > %(after)s) ORDER BY sku LIMIT %(limit)s
"""
NUMBERS_OF = """
    SELECT sku, quantity, (value->'places')::text AS places FROM channel_quantities
    WHERE channel = %(channel)s AND sku = ANY(%(skus)s)
"""
"""What `availability` asks, of all SKUs page by page and of some. Asked for in an order, or planned for any parameters together
with the other, the named SKUs may be looked for among all of the channel's. Places come as text, which orjson reads in a third of
the time that the driver takes.
"""


class Numbers(Rows):
    """Questions about the numbers of channels."""

    async def channel_quantity(self, channel: str, sku: str) -> ChannelQuantity | None:
        """What a channel may sell of a SKU, as published."""
        found = await self.rows(
            "SELECT value FROM channel_quantities WHERE channel = %s AND sku = %s", [channel, sku]
        )
        return quantity_of(found[0]["value"]) if found else None

    async def availability(
        self, channel: str, skus: Sequence[str], cursor: str | None = None, limit: int = 100
    ) -> Page:
        """What a channel may sell, by SKU; of all SKUs where none is named."""
        most = min(limit, PAGE_MAX)
        after = read_cursor(cursor, 1)[0] if cursor else None
        if skus:
            ahead = [sku for sku in set(skus) if after is None or sku > after]
            named = await self.rows(NUMBERS_OF, {"channel": channel, "skus": ahead})
            found = sorted(named, key=lambda row: row["sku"])[: most + 1]
        else:
            found = await self.rows(NUMBERS, {"channel": channel, "after": after, "limit": most + 1})
        for row in found:
            row["places"] = orjson.loads(row["places"])
        return page_of(found, most, lambda row: [row["sku"]])

    async def channel_quantities_of(self, channel: str) -> tuple[list[ChannelQuantity], dict[int, int]]:
        """Every number of a channel, and the offsets of the topic up to which that is all."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            values = await connection.execute(
                "SELECT value FROM channel_quantities WHERE channel = %s", [channel]
            )
            numbers = [quantity_of(row[0]) for row in await values.fetchall()]
            return numbers, await self.offsets_in(connection, "channel-quantities")

    async def all_channel_quantities(self) -> AsyncIterator[ChannelQuantity]:
        """Every number of every channel, streamed."""
        async for row in self.stream("SELECT value FROM channel_quantities"):
            yield quantity_of(row["value"])

    async def channels(self) -> list[dict[str, Any]]:
        """Channels with how many SKUs have a number, how many cells were told one, and how their sinks get on: numbers that wait,
        and since when and why nothing can be told.
        """
        return await self.rows(
            "SELECT channel, count(*)::int AS skus, coalesce(sum(quantity), 0)::bigint AS units,"
            " (SELECT count(*)::int FROM told WHERE told.channel = q.channel) AS told,"
            " h.waiting, h.failing_since, h.reason"
            " FROM channel_quantities AS q LEFT JOIN channel_health AS h USING (channel)"
            " GROUP BY channel, h.channel ORDER BY channel"
        )

    async def save_health(
        self,
        channel: str,
        waiting: int,
        failing_since: datetime | None,
        reason: str | None,
        now: datetime,
        oldest_since: datetime | None = None,
    ) -> None:
        """Remembers how a channel's sink gets on: `oldest_since` is since when the oldest of its waiting numbers waits."""
        await self.run(
            "INSERT INTO channel_health VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (channel) DO UPDATE SET"
            " waiting = excluded.waiting, failing_since = excluded.failing_since, reason = excluded.reason,"
            " said_at = excluded.said_at, oldest_since = excluded.oldest_since",
            [channel, waiting, failing_since, reason, now, oldest_since],
        )

    async def oversells(self, sku: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """Movements that took more than there was, newest first, with the one cause of each."""
        at, ident = instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            "SELECT * FROM oversells WHERE (%(sku)s::text IS NULL OR sku = %(sku)s)"
            " AND (%(at)s::timestamptz IS NULL"
            " OR (recorded_at, movement || place) < (%(at)s::timestamptz, %(id)s::text))"
            " ORDER BY recorded_at DESC, movement || place DESC LIMIT %(limit)s",
            {"sku": sku, "at": at, "id": ident, "limit": min(limit, PAGE_MAX) + 1},
        )
        return page_of(
            found,
            min(limit, PAGE_MAX),
            lambda row: [row["recorded_at"].isoformat(), row["movement"] + row["place"]],
        )


def quantity_of(value: Any) -> ChannelQuantity:
    """A number as it is kept."""
    found: ChannelQuantity = adapter(ChannelQuantity).validate_json(orjson.dumps(value))
    return found
