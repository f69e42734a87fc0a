"""`/as-of`: what was true at a moment, what was believed then, and what was heard of too late to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.sku_pages import net, states_of
from schemas.accounts import ON_HAND
from schemas.ledger import Stock, view

STATES = [state.value for state in ON_HAND]

AT_LOCATION_MAX = 40
"""SKUs of a location on a page."""

LATE_MAX = 100
"""Late facts that are listed."""


def instant_of(text: str) -> datetime | None:
    """An instant as the form sends it; UTC where it names no zone. Raises `NotShown`."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotShown(400, "Bad instant", "an instant such as 2026-11-20T15:00:00 is expected") from None


def differences(true: Stock | None, believed: Stock | None) -> dict[tuple[str, str], int]:
    """By location and state, by how much what is true is more than what was believed."""
    summed: Counter[tuple[str, str]] = Counter()
    for sign, stock in ((1, true), (-1, believed)):
        for place, here in (stock.locations if stock else {}).items():
            for state, units in here.items():
                summed[place, state] += sign * units
    return {key: units for key, units in sorted(summed.items()) if units}


def asof_pages(house: House) -> APIRouter:
    """`/as-of`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)

    @router.get("/as-of")
    async def as_of(
        request: Request,
        sku: Annotated[str, Query(max_length=255)] = "",
        location: Annotated[str, Query(max_length=255)] = "",
        at: str = "",
        known: str = "",
        after: str | None = None,
    ) -> Response:
        """A SKU, or a location, at a moment of either clock."""
        asked: dict[str, Any] = {
            "sku": sku.strip(),
            "location": location.strip(),
            "at": instant_of(at),
            "known": instant_of(known),
            "places": sorted(house.rules().locations),
            "states": STATES,
            "extent": None,
            "kind": "",
        }
        if asked["sku"]:
            return house.page(request, "asof.html", **asked | await _of_sku(house, asked))
        if asked["location"]:
            return house.page(request, "asof.html", **asked | await _of_location(house, asked, after))
        return house.page(request, "asof.html", **asked)

    return router


async def _of_sku(house: House, asked: Mapping[str, Any]) -> dict[str, Any]:
    reading, sku, now = house.reading, asked["sku"], house.clock()
    extent = await reading.extent(sku)
    if extent is None:
        raise NotShown(404, "Unknown SKU", "nothing of it has ever moved")
    at = asked["at"] or now
    known = asked["known"] or now
    true = await reading.stock_as_of(sku, at, None)
    believed = await reading.stock_as_of(sku, at, known) if asked["known"] else true
    late = await reading.late(sku, at, known, LATE_MAX + 1) if asked["known"] else []
    first, last = extent
    return {
        "kind": "sku",
        "at": at,
        "extent": (first - timedelta(seconds=1), max(last, first + timedelta(seconds=1), at)),
        "was": (was := view(true or Stock(sku=sku))),
        "believed": (thought := view(believed or Stock(sku=sku))),
        "states": states_of({"locations": {**_cells(was, "was"), **_cells(thought, "thought")}})["shown"],
        "late": [{**row, "net": net(row["legs"])} for row in late[:LATE_MAX]],
        "more_late": len(late) > LATE_MAX,
        "differences": differences(true, believed),
    }


def _cells(stock: dict[str, Any], name: str) -> dict[str, Any]:
    """The cells of one of several stocks, under names of their own."""
    return {f"{name}/{place}": cells for place, cells in stock["locations"].items()}


async def _of_location(house: House, asked: Mapping[str, Any], after: str | None) -> dict[str, Any]:
    skus = await house.reading.kept_at(asked["location"], after, AT_LOCATION_MAX + 1)
    shown = skus[:AT_LOCATION_MAX]
    held = await house.reading.at_location(asked["location"], shown, asked["at"], asked["known"])
    return {
        "kind": "location",
        "rows": [(sku, held.get(sku, {})) for sku in shown],
        "after": after,
        "next": shown[-1] if len(skus) > AT_LOCATION_MAX else None,
    }
