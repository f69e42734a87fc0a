"""What lines that belong together come to: an order, a supply, a transfer, or a line alone. All for one SKU.

A desk adds to `settled` what its lines come to; no other desk, and no other SKU, has the same flows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from schemas.accounts import UNROUTED
from schemas.claims import Fact
from schemas.flows import Settled, flow
from schemas.postings import Kind
from schemas.witnesses import Desk, Told, units


def alone(lines: Iterable[Told], settled: Settled) -> None:
    """Each line as it stands."""
    for item in lines:
        settled[flow(item)] += item.line.quantity


def order(lines: Iterable[Told], settled: Settled) -> None:
    """Demand and the parcels that met it, with the routing that must lie between them. What was reserved for it is
    committed already.
    """
    by_fact = _by_fact(_of_one_pool(list(lines)))
    parcels = _in_time(by_fact, Fact.SHIPPED, Fact.COLLECTED, Fact.SHIPMENT_VOIDED)
    cancelled = _in_time(by_fact, Fact.CANCELLED, Fact.PICKUP_LAPSED)
    open_at: Counter[str] = Counter()
    known = _demanded(by_fact, open_at, settled)
    left = sum(_leaving(item) for item in parcels)
    unheard_of = left + units(cancelled) - known
    if unheard_of > 0:  # a unit that was shipped or cancelled was ordered, even if nobody told us yet
        first = min((*parcels, *cancelled), key=when)
        open_at[UNROUTED] += unheard_of
        settled[flow(first, UNROUTED, kind=Kind.ORDER_PLACED)] += unheard_of
    for item in _in_time(by_fact, Fact.REROUTED, Fact.PICK_REJECTED):
        here, there = item.line.location or UNROUTED, item.line.there or UNROUTED
        moved = min(item.line.quantity, open_at[here])
        if moved and here != there:
            open_at[here] -= moved
            open_at[there] += moved
            settled[flow(item, here, there)] += moved
    last_parcel: dict[str, Told] = {}
    for item in parcels:
        here = item.line.location or UNROUTED
        open_at[here] -= _leaving(item)
        settled[flow(item)] += item.line.quantity
        last_parcel[here] = item
    for here, item in sorted(last_parcel.items()):
        for origin, quantity in _draw(open_at, -open_at[here]):
            routed = Kind.ORDER_ROUTED if origin == UNROUTED else Kind.ORDER_REROUTED
            settled[flow(item, origin, here, routed)] += quantity
    for item in cancelled:
        for origin, quantity in _draw(open_at, item.line.quantity, first=item.line.location):
            settled[flow(item, origin)] += quantity


def _of_one_pool(lines: list[Told]) -> list[Told]:
    """The lines with the pool that their demand is taken from: a carrier knows nothing of pools."""
    if all(item.line.pool is None for item in lines):
        return lines
    demand = [item for item in lines if item.line.fact in (Fact.CONVERTED, Fact.ORDERED)]
    if not demand:
        return lines
    pool = min(demand, key=when).line.pool
    return [
        item if item.line.pool == pool else item._replace(line=replace(item.line, pool=pool))
        for item in lines
    ]


def _demanded(by_fact: Mapping[Fact, list[Told]], open_at: Counter[str], settled: Settled) -> int:
    """Posts what was ordered. Of that, what had been reserved is committed already, where it was held: the hub takes its
    own part in it back, so that the ordering channel's platform has counted its order once. Returns how many units are
    demanded in all.
    """
    for item in by_fact[Fact.CONVERTED]:
        open_at[item.line.location or UNROUTED] += item.line.quantity
        settled[flow(item)] += item.line.quantity
    reserved = units(by_fact[Fact.CONVERTED])
    for item in by_fact[Fact.ORDERED]:
        here, quantity = item.line.location or UNROUTED, item.line.quantity
        covered = min(reserved, quantity)
        reserved -= covered
        open_at[here] += quantity - covered
        settled[flow(item)] += quantity
        if covered:
            again = by_fact[Fact.CONVERTED][0]
            again = again._replace(line=replace(again.line, reason="it had been reserved", bundle=None))
            settled[flow(again, here, kind=Kind.ORDER_CANCELLED)] += covered
    return open_at.total()


def supply(lines: Iterable[Told], settled: Settled) -> None:
    """What a supplier owes and what came: goods relieve what was expected of them, and no more."""
    expected: Counter[str] = Counter()
    by_fact = _by_fact(lines)
    for item in by_fact[Fact.EXPECTED]:
        expected[item.line.location or UNROUTED] += item.line.quantity
        settled[flow(item)] += item.line.quantity
    for item in _in_time(by_fact, Fact.SUPPLY_CANCELLED):
        cancelled = min(item.line.quantity, expected[item.line.location or UNROUTED])
        if cancelled:
            expected[item.line.location or UNROUTED] -= cancelled
            settled[flow(item)] += cancelled
    for item in _in_time(by_fact, Fact.RECEIVED):
        here = item.line.location or UNROUTED
        relieved = min(item.line.quantity, expected[here])
        expected[here] -= relieved
        for quantity, due in ((relieved, True), (item.line.quantity - relieved, False)):
            if quantity:
                settled[flow(item, expected=due)] += quantity


def transfer(lines: Iterable[Told], settled: Settled) -> None:
    """Goods between two places. What arrived was sent: by whom it is known to come from, else its origin owes it."""
    by_fact = _by_fact(lines)
    sent = _in_time(by_fact, Fact.TRANSFER_SHIPPED)
    under_way: Counter[str] = Counter()
    origins: dict[str, str] = {}
    for item in sent:
        there = item.line.there or UNROUTED
        under_way[there] += item.line.quantity
        origins.setdefault(there, item.line.location or UNROUTED)
        settled[flow(item, there=there)] += item.line.quantity
    for item in _in_time(by_fact, Fact.TRANSFER_RECEIVED, Fact.TRANSFER_SHORT):
        there = item.line.location or UNROUTED
        origin = item.line.there or origins.get(there)
        unsent = min(item.line.quantity, item.line.quantity - under_way[there])
        if unsent > 0 and origin is not None:
            settled[flow(item, origin, there, Kind.TRANSFER_SHIPPED)] += unsent
        under_way[there] -= item.line.quantity
        settled[flow(item, origin, there)] += item.line.quantity


DESKS: Mapping[Desk, Callable[[Iterable[Told], Settled], None]] = {
    Desk.ORDER: order,
    Desk.SUPPLY: supply,
    Desk.TRANSFER: transfer,
    Desk.ALONE: alone,
}


def _by_fact(lines: Iterable[Told]) -> dict[Fact, list[Told]]:
    found: dict[Fact, list[Told]] = defaultdict(list)
    for item in lines:
        found[item.line.fact].append(item)
    return found


def _in_time(by_fact: Mapping[Fact, list[Told]], *facts: Fact) -> list[Told]:
    found = [item for fact in facts for item in by_fact.get(fact, ())]
    return sorted(found, key=when) if len(found) > 1 else found


def when(item: Told) -> tuple[datetime, str, str, str, int]:
    """The order in which lines hold: by their instants, else by a fixed one."""
    line = item.line
    return line.at, item.channel, item.document, f"{line.fact}/{line.location}/{line.there}", line.quantity


def _leaving(item: Told) -> int:
    return -item.line.quantity if item.line.fact is Fact.SHIPMENT_VOIDED else item.line.quantity


def _draw(open_at: Counter[str], wanted: int, first: str | None = None) -> list[tuple[str, int]]:
    """Takes up to `wanted` open units from `first`, else from demand without a place, else from places by name."""
    drawn: list[tuple[str, int]] = []
    for location in sorted(open_at, key=lambda name: (name != first, name != UNROUTED, name)):
        quantity = min(wanted, open_at[location])
        if quantity > 0:
            open_at[location] -= quantity
            wanted -= quantity
            drawn.append((location, quantity))
    return drawn
