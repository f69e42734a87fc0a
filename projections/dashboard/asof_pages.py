"""`/as-of`: what was true at a moment, what was believed then, and what was heard of too late to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.sku_pages import net, states_of
from projections.listed import Units
from projections.paging import Page
from schemas.accounts import BOUNDARY, ON_HAND
from schemas.ledger import Stock, view

STATES = [state.value for state in ON_HAND]

AT_LOCATION_MAX = 40
"""SKUs of a location on a page."""

LATE_MAX = 100
"""Late facts on a page."""

NONE = Page([], None)


def instant_of(text: str) -> datetime | None:
    """An instant as the form sends it; UTC where it names no zone. Raises `NotShown`."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotShown(400, "Bad instant", "an instant such as 2026-11-20T15:00:00 is expected") from None


def inside(cells: Units) -> dict[tuple[str, str], int]:
    """Units by location and state, of what is no boundary account."""
    return {
        (place, state): units
        for place, here in cells.items()
        for state, units in here.items()
        if state != BOUNDARY
    }


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
        cursor: str | None = None,
    ) -> Response:
        """A SKU, or a location, at a moment of either clock."""
        asked: dict[str, Any] = {
            "sku": sku.strip(),
            "location": location.strip(),
            "at": instant_of(at),
            "known": instant_of(known),
            "cursor": cursor,
            "channels": list(house.rules().channels),
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
    late, learned = await _between(house, sku, at, known, asked["cursor"]) if asked["known"] else (NONE, {})
    first, last = extent
    return {
        "kind": "sku",
        "at": at,
        "extent": (first - timedelta(seconds=1), max(last, first + timedelta(seconds=1), at)),
        "was": (was := view(true or Stock(sku=sku))),
        "believed": (thought := view(believed or Stock(sku=sku))),
        "states": states_of({"locations": {**_cells(was, "was"), **_cells(thought, "thought")}})["shown"],
        "late": [{**row, "net": net(row["changed"])} for row in late.items],
        "next": late.next,
        "differences": learned,
    }


async def _between(
    house: House, sku: str, at: datetime, known: datetime, cursor: str | None
) -> tuple[Page, dict[tuple[str, str], int]]:
    """What was recorded after `known` of what had occurred by `at`, and what that changed in all."""
    late = await house.reading.late_facts(sku, at, believed_at=known, cursor=cursor, limit=LATE_MAX)
    between = await house.reading.between(sku, at, believed_at=known)
    return late, inside(between.learned)


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
