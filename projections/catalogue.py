"""SKUs with their balances, in their order: what a grid is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from projections.paging import PAGE_MAX, Page, cursor_of, read_cursor
from projections.stocks import Stocks, stock_of
from schemas.ledger import view

WALK = 500
"""SKUs that are looked at in one go."""

WALKS = 5
"""How often that is done for one page: where few are kept at a location, a page may have less than it might."""

SKUS = """
    SELECT sku, CASE WHEN {here} THEN stock END AS stock FROM stock
    WHERE (%(after)s::text IS NULL OR sku COLLATE "C" > %(after)s)
    AND sku COLLATE "C" >= %(prefix)s AND sku COLLATE "C" <= %(prefix)s || chr(1114111) AND starts_with(sku, %(prefix)s)
    ORDER BY sku COLLATE "C" LIMIT %(walk)s
"""
HERE = "stock->'tracked' ? %(location)s OR stock->'locations' ? %(location)s"

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
        after = read_cursor(cursor, 1)[0] if cursor else None
        found, more = await self._found(prefix, location, after, most)
        numbers = await self._numbers(channels, [sku for sku, stock in found if stock is not None])
        items = [
            {
                **view(stock_of(stock), location),
                "channels": {name: numbers[sku].get(name) for name in channels},
            }
            for sku, stock in found
            if stock is not None
        ]
        return Page(items, cursor_of([found[-1][0]]) if more else None)

    async def _found(
        self, prefix: str, location: str | None, after: str | None, most: int
    ) -> tuple[list[tuple[str, Any]], bool]:
        """The SKUs looked at for one page with their stock, None of those that are not shown; and whether there are more."""
        walk = most + 1 if location is None else WALK
        sql = SKUS.format(here="true" if location is None else HERE)
        found: list[tuple[str, Any]] = []
        shown = 0
        for _ in range(WALKS):
            at = found[-1][0] if found else after
            rows = await self.rows(sql, {"prefix": prefix, "location": location, "after": at, "walk": walk})
            for row in rows:
                if shown == most:
                    return found, True
                found.append((row["sku"], row["stock"]))
                shown += row["stock"] is not None
            if len(rows) < walk:
                return found, False
        return found, True

    async def _numbers(self, channels: Sequence[str], skus: Sequence[str]) -> dict[str, dict[str, int]]:
        numbers: dict[str, dict[str, Any]] = defaultdict(dict)
        for row in await self.rows(NUMBERS, [list(channels), list(skus)]) if channels and skus else []:
            numbers[row["sku"]][row["channel"]] = row["quantity"]
        return numbers
