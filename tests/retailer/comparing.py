"""Three answers to one question, compared: the oracle's, the ledger's, and what every platform shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from seats import TOLD_ON_HAND, Seats
from truth import NOWHERE, Cell, Oracle

from connectors.registry import CONNECTORS
from schemas.ledger import Stock

SHOWN: Mapping[str, Callable[[Any, str, str], int]] = {
    "shopify": lambda shop, sku, place: shop.available(sku, place),
    "magento": lambda shop, sku, place: int(shop.quantity(sku, place)),
    "lightspeed_x": lambda tills, sku, place: tills.level(sku, place),
    "heartland": lambda mall, sku, place: mall.available(sku, place),
    "netsuite": lambda books, sku, place: books.level(sku, place),
    "rlm": lambda partner, sku, place: partner.level(sku, place),
    "shipstation": lambda account, sku, place: account.available(sku, place),
}
"""What a platform shows of a SKU at a place, in its own words for what is free there."""


class Difference(NamedTuple):
    """Who says something else than the oracle, of what."""

    who: str
    what: str
    sku: str
    place: str
    due: int
    found: int


def ledger(oracle: Oracle, stocks: Iterable[Stock]) -> Iterator[Difference]:
    """Where the ledger is not the oracle's: every cell that one of them knows, available and on hand."""
    held = {
        (stock.sku, place): (stock.balance(place), stock.on_hand(place))
        for stock in stocks
        for place in {*stock.locations, *stock.tracked}
        if not place.startswith("transit:")
    }
    for cell in sorted({*held, *oracle.available, *oracle.on_hand}):
        due = oracle.available[cell], oracle.on_hand[cell]
        for what, wanted, found in zip(("available", "on hand"), due, held.get(cell, (0, 0)), strict=True):
            if wanted != found:
                yield Difference("ledger", what, *cell, wanted, found)


def platforms(
    oracle: Oracle, seats: Seats, sandboxes: Mapping[str, Any], skus: Iterable[str]
) -> Iterator[Difference]:
    """Where a platform does not show what it must."""
    skus = list(skus)
    for channel, seat in seats.items():
        shown = SHOWN[seat.platform]
        tells = "on_hand" if TOLD_ON_HAND in seat.rules else CONNECTORS[seat.platform].tells
        for place in seat.shows:
            for sku in skus:
                found = shown(sandboxes[channel], sku, place)
                if seat.network is None:
                    wanted = due(oracle, tells, (sku, place))
                else:
                    wanted = due_to_all(oracle, seat.sees, sku)
                if wanted != found:
                    yield Difference(channel, tells, sku, place, wanted, found)


def due(oracle: Oracle, tells: str, cell: Cell) -> int:
    """What a platform must show that is told this number."""
    if tells == "quantity":
        return max(0, oracle.available[cell])
    return oracle.available[cell] if tells == "level" else oracle.on_hand[cell]


def due_to_all(oracle: Oracle, places: Iterable[str], sku: str) -> int:
    """What a platform must show that sells what all places have, less what was promised and has no place yet."""
    there = sum(max(0, oracle.available[sku, place]) for place in places)
    return max(0, there + oracle.available[sku, NOWHERE])
