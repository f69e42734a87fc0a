"""`/`: what is there, by SKU and location, and what each channel may sell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.grid import COLUMNS_MAX, Row, columns_of, row_of
from projections.dashboard.house import House, guarded
from schemas.accounts import UNROUTED

GRID_MAX = 40
"""SKUs on a page."""

CHANNELS_MAX = 6
"""Channels beside them."""

OVERSOLD_FOR = timedelta(days=1)
"""How long a SKU is marked after it was oversold."""

Names = Annotated[list[str] | None, Query(max_length=20)]


@dataclass(frozen=True, slots=True)
class Grid:
    """Makes rows."""

    house: House

    async def made(
        self, stocks: Sequence[dict[str, Any]], columns: Sequence[str], channels: Sequence[str]
    ) -> list[Row]:
        """The rows of some SKUs."""
        reading, now = self.house.reading, self.house.clock()
        skus = [stock["sku"] for stock in stocks]
        numbers: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for number in await reading.numbers(channels, skus) if channels and skus else []:
            numbers[number["sku"]][number["channel"]] = number
        oversold = await reading.oversold(skus, now - OVERSOLD_FOR) if skus else set()
        return [row_of(stock, columns, numbers[stock["sku"]], oversold, now) for stock in stocks]

    async def rows(self, skus: Sequence[str], columns: Sequence[str], channels: Sequence[str]) -> str:
        """Rows as they are swapped into a page."""
        stocks = await self.house.reading.stock_page(skus=skus, limit=GRID_MAX)
        made = await self.made(stocks, columns, channels)
        return self.house.pages.text("_rows.html", rows=made, columns=columns, channels=channels, live=True)


def grid_pages(house: House) -> APIRouter:
    """`/`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)
    grid = Grid(house)

    @router.get("/")
    async def availability(
        request: Request,
        q: Annotated[str, Query(max_length=200)] = "",
        below: bool = False,
        after: str | None = None,
        loc: Names = None,
        ch: Names = None,
    ) -> Response:
        """The grid: found by a part of the SKU's name, page by page."""
        rules = house.rules()
        words = q.strip()
        stocks = await house.reading.stock_page(words=words, below=below, after=after, limit=GRID_MAX + 1)
        shown = stocks[:GRID_MAX]
        known = set(rules.channels)
        channels = [name for name in (ch or list(rules.channels)[:CHANNELS_MAX]) if name in known]
        columns = list(dict.fromkeys(loc or columns_of(shown)))
        places = sorted({*rules.locations, *columns_of(shown, 1_000), *columns} - {UNROUTED})
        rows = await grid.made(shown, columns, channels)
        return house.page(
            request,
            "grid.html",
            rows=rows,
            columns=columns,
            channels=channels,
            all_channels=list(rules.channels),
            places=places,
            picked=loc or [],
            columns_max=COLUMNS_MAX,
            q=words,
            below=below,
            after=after,
            next=shown[-1]["sku"] if len(stocks) > GRID_MAX else None,
            **await today_of(house),
        )

    @router.get("/today")
    async def today(request: Request) -> Response:
        """The strip of numbers above the grid."""
        return house.page(request, "_today.html", **await today_of(house))

    return router


async def today_of(house: House) -> dict[str, Any]:
    """What waits, what went wrong in the last day, and how far the log is recorded."""
    reading = house.reading
    return {
        "marks": await reading.marks(),
        "today": await reading.overview(house.clock()),
        "alerts": await reading.alerts(),
    }
