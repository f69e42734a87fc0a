"""SKUs with their balances, in their order: what a grid is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from projections.paging import PAGE_MAX, Page, cursor_of, read_cursor
from projections.stocks import Stocks
from schemas.ledger import view

WALK = 500
"""SKUs that are looked at in one go."""

WALKS = 5
"""How often that is done for one page: where few are kept at a location, a page may have less than it might."""

SKUS = """
    SELECT sku, {here} AS here FROM stock
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
        skus, last = await self._found(prefix, location, after, most)
        stocks, numbers = await self.balances(skus), await self._numbers(channels, skus)
        items = [
            {**view(stocks[sku], location), "channels": {name: numbers[sku].get(name) for name in channels}}
            for sku in skus
            if sku in stocks
        ]
        return Page(items, None if last is None else cursor_of([last]))

    async def _found(
        self, prefix: str, location: str | None, after: str | None, most: int
    ) -> tuple[list[str], str | None]:
        """The SKUs of one page, and the last that was looked at, None where that is the end."""
        walk = most + 1 if location is None else WALK
        sql = SKUS.format(here="true" if location is None else HERE)
        skus: list[str] = []
        for _ in range(WALKS):
            asked = {"prefix": prefix, "location": location, "after": after, "walk": walk}
            rows = await self.rows(sql, asked)
            for row in rows:
                if len(skus) == most:
                    return skus, after
                if row["here"]:
                    skus.append(row["sku"])
                after = row["sku"]
            if len(rows) < walk:
                return skus, None
        return skus, after

    async def _numbers(self, channels: Sequence[str], skus: Sequence[str]) -> dict[str, dict[str, int]]:
        numbers: dict[str, dict[str, Any]] = defaultdict(dict)
        for row in await self.rows(NUMBERS, [list(channels), list(skus)]) if channels and skus else []:
            numbers[row["sku"]][row["channel"]] = row["quantity"]
        return numbers
