"""`/sku`: one SKU, where it is and in what state, how that came, and what each channel was told. `/deal`: one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.carrying import CarryingOut
from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.timeline import Timeline, timeline
from projections.explain.lines import claim_of
from schemas.accounts import BOUNDARY, ON_HAND, TRANSIT_PREFIX, UNROUTED, State
from schemas.ledger import Stock, view

STEPS_MAX = 300
"""Movements behind a chart."""

MOVEMENTS_MAX = 25
"""Movements on a page."""

RECEIPTS_MAX = 12
"""Words with platforms on a page, the newest."""

Sku = Annotated[str, Query(min_length=1, max_length=255)]


def net(legs: list[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """What a movement did inside the business: place, state and units of each leg, what it took before what it brought."""
    inside = [(leg["location"], leg["state"], leg["quantity"]) for leg in legs if leg["state"] != BOUNDARY]
    return sorted(inside, key=lambda leg: leg[2])


def states_of(stock: Mapping[str, Any]) -> dict[str, list[str]]:
    """The states that have a column, and those in which nothing is."""
    states = [*(state.value for state in ON_HAND), State.INCOMING.value]
    pools = sorted({name for cells in stock["locations"].values() for name in cells if "[" in name})
    some = {name for cells in stock["locations"].values() for name, units in cells.items() if units}
    shown = [name for name in (*states[:1], *pools, *states[1:]) if name in some or name in states[:2]]
    return {"shown": shown, "none": [name for name in states if name not in shown]}


def sku_pages(house: House) -> APIRouter:
    """`/sku` and `/deal`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)
    reading = house.reading

    @router.get("/sku")
    async def one(request: Request, sku: Sku, cursor: str | None = None) -> Response:
        """Everything about a SKU."""
        seen = await house.version(sku)
        stock = await reading.stock(sku)
        if stock is None and sku not in house.rules().bundles:
            raise NotShown(404, "Unknown SKU", "nothing of it has ever moved")
        stock = stock or Stock(sku=sku)
        balances: dict[str, Any] = view(stock)
        states = states_of(balances)
        channels = list(house.rules().channels)
        numbers = {row["channel"]: row for row in await reading.numbers(channels, [sku])}
        page = await reading.movements(sku=sku, cursor=cursor, limit=MOVEMENTS_MAX)
        return house.page(
            request,
            "sku.html",
            sku=sku,
            seen=seen,
            stock=balances,
            unrouted=stock.balance(UNROUTED, State.COMMITTED) + stock.balance(UNROUTED, State.RESERVED),
            shown=states["shown"],
            none=states["none"],
            timeline=await _available(house, stock),
            channels=channels,
            numbers=numbers,
            receipts=(await reading.receipts(sku=sku, answered=True, limit=RECEIPTS_MAX)).items,
            movements=[{**row, "net": net(row["legs"])} for row in page.items],
            cursor=cursor,
            next=page.next,
        )

    @router.get("/deal")
    async def deal(
        request: Request,
        transaction: Annotated[str, Query(min_length=1, max_length=500)],
        cursor: str | None = None,
    ) -> Response:
        """A transaction: its movements, and what platforms were asked to carry out of it."""
        page = await reading.movements(transaction=transaction, cursor=cursor, limit=100)
        carried = await CarryingOut(reading).shown(transaction)
        if not page.items and not carried and cursor is None:
            raise NotShown(404, "Unknown transaction", "nothing has moved for it")
        return house.page(
            request,
            "deal.html",
            transaction=transaction,
            movements=[{**row, "net": net(row["legs"]), "claim": claim_of(row["id"])} for row in page.items],
            carried=carried,
            cursor=cursor,
            next=page.next,
        )

    return router


async def _available(house: House, stock: Stock) -> Timeline:
    """What was available at each location over time."""
    states = {
        state
        for here in stock.locations.values()
        for state in here
        if state.partition("[")[0] == State.AVAILABLE
    }
    wanted = [State.AVAILABLE.value, *sorted(states - {State.AVAILABLE.value})]
    deltas = await house.reading.deltas(stock.sku, stock.offset, wanted, STEPS_MAX)
    now = {
        place: sum(here.get(state, 0) for state in wanted)
        for place, here in stock.locations.items()
        if not place.startswith(("@", TRANSIT_PREFIX))
    }
    return timeline(now, [row for row in deltas if not row["location"].startswith(("@", TRANSIT_PREFIX))])
