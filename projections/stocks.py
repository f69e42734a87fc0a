"""Balances, now and as of either clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from projections.sums import Sums
from schemas.accounts import BOUNDARY, TRANSIT_PREFIX
from schemas.codec import adapter
from schemas.ledger import Stock

BALANCES = """
    SELECT sku, (stock - ARRAY['boundary', 'tracked_by', 'told_by', 'shelves', 'holds', 'applied'])::text AS stock
    FROM stock WHERE sku = ANY(%s)
"""


class Stocks(Sums):
    """Questions about balances."""

    async def stock(self, sku: str) -> Stock | None:
        """The balances of a SKU, None where it never moved."""
        found = await self.rows("SELECT stock::text FROM stock WHERE sku = %s", [sku])
        return stock_of(found[0]["stock"]) if found else None

    async def stocks(self, skus: Iterable[str]) -> dict[str, Stock]:
        """The balances of SKUs; those that never moved are left out."""
        found = await self.rows("SELECT sku, stock::text FROM stock WHERE sku = ANY(%s)", [sorted(set(skus))])
        return {row["sku"]: stock_of(row["stock"]) for row in found}

    async def balances(self, skus: Sequence[str]) -> dict[str, Stock]:
        """The stock of SKUs as far as `view` shows it, which is a small part of what there is of one that always moves."""
        found = await self.rows(BALANCES, [list(skus)])
        return {row["sku"]: stock_of(row["stock"]) for row in found}

    async def shown(self, sku: str, at: datetime | None, known_at: datetime | None) -> Stock | None:
        """The stock of a SKU as far as `view` shows it, as of either clock; with neither as the ledger last said it."""
        if at is None and known_at is None:
            return (await self.balances([sku])).get(sku)
        return await self.stock_as_of(sku, at, known_at)

    async def stock_as_of(self, sku: str, at: datetime | None, known_at: datetime | None) -> Stock | None:
        """The balances of what had occurred by `at`, of what was recorded by `known_at`, as the journal has them. None: nothing had."""
        sums = await self.sums(sku, at, known_at, None)
        if not sums:
            return None
        stock = Stock(sku=sku)
        for row in sums:
            if row["state"] == BOUNDARY:
                if row["units"]:
                    stock.boundary[row["location"]] = row["units"]
                continue
            if row["units"]:
                stock.locations.setdefault(row["location"], {})[row["state"]] = row["units"]
            if row["tracking"] and not row["location"].startswith(TRANSIT_PREFIX):
                stock.tracked[row["location"]] = ""
        return stock

    async def summed(
        self,
        sku: str,
        at: datetime | None = None,
        known_at: datetime | None = None,
        upto: int | None = None,
    ) -> Counter[tuple[str, str]]:
        """Units by location and state, boundary accounts included: the sum of the legs of a SKU's movements of what had occurred by
        `at`, was recorded by `known_at`, and stands in the log at or before the offset `upto` (such as `Stock.offset`).

        What "earlier movements" come to is this minus the legs of the ones that are told one by one: read the newest with a limit,
        and take their legs off.
        """
        sums = await self.sums(sku, at, known_at, upto)
        return Counter({(row["location"], row["state"]): row["units"] for row in sums if row["units"]})

    async def all_stock(self) -> AsyncIterator[Stock]:
        """Every SKU's balances, streamed."""
        async for row in self.stream("SELECT stock::text FROM stock"):
            yield stock_of(row["stock"])

    async def kept(self, skus: Sequence[str]) -> set[str]:
        """Those of some SKUs that are kept anywhere."""
        found = await self.rows("SELECT sku FROM stock WHERE sku = ANY(%s)", [list(skus)])
        return {row["sku"] for row in found}


def stock_of(value: str) -> Stock:
    """A stock as it is kept: as text, which is read once and not three times."""
    found: Stock = adapter(Stock).validate_json(value)
    return found
