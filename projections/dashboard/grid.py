"""The availability grid: which columns a page of SKUs has, and what stands in each cell. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.accounts import TRANSIT_PREFIX, UNROUTED, State

COLUMNS_MAX = 8
"""Locations with a column of their own where nobody has chosen any; the rest is summed."""

UNANSWERED = timedelta(seconds=30)
"""After so long a platform should have answered."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A SKU at a location: what is free, promised and held there; None where it was never counted, opened or received."""

    available: int | None
    promised: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What a channel may sell of a SKU: None where it has no number. `amiss` says in a word what is wrong with the platform's."""

    quantity: int | None
    amiss: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One SKU. `others` are the places without a column, `unrouted` is demand that no place was chosen for."""

    sku: str
    ident: str
    total: int
    cells: Mapping[str, Cell]
    others: Cell
    other_places: int
    unrouted: int
    offers: Mapping[str, Offer]
    oversold: bool


def ident_of(sku: str) -> str:
    """A SKU's name in the page, whatever characters it has."""
    return f"r-{hashlib.sha256(sku.encode()).hexdigest()[:16]}"


def places_of(stock: Mapping[str, Any]) -> list[str]:
    """Where a SKU is, or is known not to be."""
    named = {*stock["locations"], *stock["tracked"]}
    return sorted(name for name in named if not name.startswith(("@", TRANSIT_PREFIX)))


def columns_of(stocks: Sequence[Mapping[str, Any]], most: int = COLUMNS_MAX) -> list[str]:
    """The locations that most of some SKUs are at, by name."""
    counted = Counter(place for stock in stocks for place in places_of(stock))
    best = sorted(counted, key=lambda place: (-counted[place], place))[:most]
    return sorted(best)


def row_of(
    stock: Mapping[str, Any],
    columns: Collection[str],
    numbers: Mapping[str, Mapping[str, Any]],
    oversold: Collection[str],
    now: datetime,
) -> Row:
    """One SKU's row; `numbers` has what each channel may sell of it."""
    places = places_of(stock)
    cells = {place: _cell(stock, place) for place in places}
    rest = [cells[place] for place in places if place not in columns]
    there = [cell.available for cell in cells.values() if cell.available is not None]
    unrouted = stock["locations"].get(UNROUTED, {})
    return Row(
        sku=stock["sku"],
        ident=ident_of(stock["sku"]),
        total=sum(there),
        cells={place: cells.get(place, Cell(None)) for place in columns},
        others=Cell(
            sum(cell.available or 0 for cell in rest),
            sum(cell.promised for cell in rest),
            sum(cell.held for cell in rest),
        ),
        other_places=len(rest),
        unrouted=unrouted.get(State.COMMITTED, 0) + unrouted.get(State.RESERVED, 0),
        offers={channel: _offer(number, now) for channel, number in numbers.items()},
        oversold=stock["sku"] in oversold,
    )


def _cell(stock: Mapping[str, Any], place: str) -> Cell:
    here: Mapping[str, int] = stock["locations"].get(place, {})
    available = sum(units for state, units in here.items() if state.partition("[")[0] == State.AVAILABLE)
    held = (State.SAFETY_STOCK, State.QUALITY_CONTROL, State.DAMAGED)
    known = place in stock["tracked"] or available
    return Cell(
        available if known else None,
        here.get(State.COMMITTED, 0) + here.get(State.RESERVED, 0),
        sum(here.get(state, 0) for state in held),
    )


def _offer(number: Mapping[str, Any], now: datetime) -> Offer:
    """What is wrong: the platform refuses the number, cannot be told at all, or has not answered."""
    amiss = ""
    if number["refused"]:
        amiss = "refused"
    elif number["failing_since"] is not None:
        amiss = "stale"
    elif number["sure"] is False and (number["told_at"] is None or now - number["told_at"] > UNANSWERED):
        amiss = "unsure"
    return Offer(number["quantity"], amiss)
