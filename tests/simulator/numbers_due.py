"""What a channel may sell, worked out without the core: from what lies where, by what an operator said of channels and locations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

Shelves = Mapping[str, Mapping[str, int]]
"""Units by place and state."""


def sellable(
    sku: str, shelves: Shelves, tracked: Iterable[str], rules: Any, locations: Mapping[str, Any]
) -> dict[str, int] | None:
    """What may be sold of a SKU by place, or in the `network`; None where it is tracked at none of the channel's places."""
    named = list(rules.locations) if rules.locations is not None else sorted(tracked)
    mine = [place for place in dict.fromkeys(named) if place in tracked and not place.startswith("@")]
    if not mine:
        return None
    if rules.publish == "network":
        return {"network": _online(sku, shelves, mine, rules, locations)}
    return {place: _in_store(sku, shelves, place, rules, locations) for place in mine}


def _online(sku: str, shelves: Shelves, mine: list[str], rules: Any, locations: Mapping[str, Any]) -> int:
    sends = [
        place
        for place in mine
        if place in (rules.locations or ()) or place not in locations or locations[place].ships
    ]
    have = {place: _units(shelves, place, rules) for place in sends}
    spare = sum(max(0, units - _kept(sku, place, units, rules, 0)) for place, units in have.items())
    waiting = -_units(shelves, "@unrouted", rules)
    number = floor(max(0, spare - waiting - rules.threshold) * Fraction(rules.share_percent, 100))
    owed = sum(_owed(sku, shelves, place, rules, 0) for place in {*mine, rules.ships_from} - {"@unrouted"})
    owed += max(0, waiting - max(0, spare - rules.threshold))
    number += max(0, _more(sku, shelves, sends, rules) - owed)
    return number if rules.cap is None else min(number, rules.cap)


def _in_store(sku: str, shelves: Shelves, place: str, rules: Any, locations: Mapping[str, Any]) -> int:
    its = locations.get(place)
    if rules.pickup and place not in (rules.locations or ()) and not (its is not None and its.pickup):
        return 0
    have = _units(shelves, place, rules)
    buffer = its.in_store_buffer if rules.pickup and its is not None else 0
    number = max(0, have - _kept(sku, place, have, rules, buffer))
    if place == rules.ships_from:
        number += max(0, _more(sku, shelves, [place], rules) - _owed(sku, shelves, place, rules, buffer))
    return number


def _units(shelves: Shelves, place: str, rules: Any) -> int:
    state = "available" if rules.pool is None else f"available[{rules.pool}]"
    return shelves.get(place, {}).get(state, 0)


def _kept(sku: str, place: str, have: int, rules: Any, buffer: int) -> int:
    if sku in rules.safety_stock_by_sku:
        units = rules.safety_stock_by_sku[sku]
    elif place in rules.safety_stock_by_location:
        units = rules.safety_stock_by_location[place]
    else:
        units = rules.safety_stock
    return max(units, buffer, ceil(Fraction(max(0, have) * (rules.safety_percent or 0), 100)))


def _owed(sku: str, shelves: Shelves, place: str, rules: Any, buffer: int) -> int:
    """What is missing of what should be there: below zero all of it, above as much as somebody waits for."""
    have, here = _units(shelves, place, rules), shelves.get(place, {})
    missing = _kept(sku, place, have, rules, buffer) - have
    waited_for = here.get("committed", 0) + here.get("reserved", 0)
    return max(0, min(missing, max(-have, waited_for)), -have)


def _more(sku: str, shelves: Shelves, places: Iterable[str], rules: Any) -> int:
    """What may be owed in all."""
    coming = sum(max(0, shelves.get(place, {}).get("incoming", 0)) for place in places)
    ahead = (rules.preorder_by_sku or {}).get(sku, rules.preorder or 0)
    late = (rules.backorder_by_sku or {}).get(sku, rules.backorder or 0)
    return late + (0 if rules.pool is not None else min(ahead, coming))
