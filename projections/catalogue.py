"""SKUs with their balances, in their order: what a grid is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from projections.paging import PAGE_MAX, Page, cursor_of, read_cursor
from projections.stocks import Stocks, stock_of
from schemas.ledger import view

WALK = 5_000
"""SKUs that are looked at for one page where only those of a location are asked for: the page may have fewer than it might."""

SKUS = """
    WITH walked AS (
        SELECT sku, stock FROM stock
        WHERE (%(after)s::text IS NULL OR sku COLLATE "C" > %(after)s)
        AND sku COLLATE "C" >= %(prefix)s AND sku COLLATE "C" <= %(prefix)s || chr(1114111) AND starts_with(sku, %(prefix)s)
        ORDER BY sku COLLATE "C" LIMIT %(walk)s
    ), ended AS (SELECT max(sku COLLATE "C") AS last, count(*) AS walked FROM walked)
    SELECT last, walked, its.* FROM ended LEFT JOIN LATERAL (
        SELECT sku, stock FROM walked
        WHERE %(location)s::text IS NULL OR stock->'locations' ? %(location)s OR stock->'tracked' ? %(location)s
        ORDER BY sku COLLATE "C" LIMIT %(limit)s
    ) AS its ON true ORDER BY sku COLLATE "C"
"""

NUMBERS = "SELECT channel, sku, quantity FROM channel_quantities WHERE channel = ANY(%s) AND sku = ANY(%s)"


class Catalogue(Stocks):
    """Questions about SKUs."""

    async def skus(
        self,
        *,
        prefix: str = "",
        location: str | None = None,
        channels: Sequence[str] = (),
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """SKUs that have moved and whose names begin with `prefix`, in the order of their code points, each as `view` shows it; those
        that are or were kept at a location, and there alone, where one is named. `channels` has what each of the named channels may
        sell of it, None where it has no number. A page may be short, or empty, and have a next one still.
        """
        most = min(limit, PAGE_MAX)
        walk = most + 1 if location is None else WALK
        values = {"prefix": prefix, "location": location, "walk": walk, "limit": most + 1}
        rows = await self.rows(SKUS, {**values, "after": read_cursor(cursor, 1)[0] if cursor else None})
        found = [row for row in rows if row["sku"] is not None]
        numbers = await self._numbers(channels, [row["sku"] for row in found[:most]])
        items = [
            {
                **view(stock_of(row["stock"]), location),
                "channels": {name: numbers[row["sku"]].get(name) for name in channels},
            }
            for row in found[:most]
        ]
        if len(found) > most:
            return Page(items, cursor_of([found[most - 1]["sku"]]))
        more = location is not None and rows[0]["walked"] == WALK
        return Page(items, cursor_of([rows[0]["last"]]) if more else None)

    async def _numbers(self, channels: Sequence[str], skus: Sequence[str]) -> dict[str, dict[str, int]]:
        numbers: dict[str, dict[str, Any]] = defaultdict(dict)
        for row in await self.rows(NUMBERS, [list(channels), list(skus)]) if channels and skus else []:
            numbers[row["sku"]][row["channel"]] = row["quantity"]
        return numbers
