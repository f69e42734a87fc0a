"""The fold: stock is the sum of the legs of movements, and remembers exactly which movements it is the sum of."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.accounts import BOUNDARIES, ON_HAND, TRANSIT_PREFIX, State
from schemas.claims import STRICT
from schemas.movements import Movement
from schemas.postings import TRACKING, Kind

Balances = dict[str, int]

NOTHING: Balances = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """All balances of one SKU, in units.

    `locations` maps location (or `transit:<id>`, or `@unrouted`) to state to units; zero balances are left out.
    `boundary` holds the boundary accounts, so that everything sums to zero. `tracked` maps each place where the SKU was
    counted, initialised or received to the channel whose opening stock it holds (of several the first by name), or to
    nothing ("") where it was not opened: elsewhere its stock is unknown, not zero. `tracked_by` is what `tracked` follows
    from: how many standing movements say so, by place and opening channel. `told_by` maps location to channel to the part
    of `available` that this channel's own documents caused, so that a sink knows what its platform has counted by itself.
    `applied` maps claims partition to the highest cause applied, and `offset` is the movements offset last applied: a
    movement at or below either is a repeat.
    """

    __pydantic_config__ = STRICT

    sku: str
    locations: dict[str, Balances] = field(default_factory=dict)
    boundary: Balances = field(default_factory=dict)
    tracked: dict[str, str] = field(default_factory=dict)
    tracked_by: dict[str, Balances] = field(default_factory=dict)
    told_by: dict[str, Balances] = field(default_factory=dict)
    applied: dict[int, tuple[int, int]] = field(default_factory=dict)
    offset: int = -1
    v: int = 1

    def balance(self, location: str, state: str = State.AVAILABLE) -> int:
        """Units at a location in a state."""
        return self.locations.get(location, NOTHING).get(state, 0)

    def on_hand(self, location: str) -> int:
        """Units that are physically there, whatever they are promised to."""
        here = self.locations.get(location, NOTHING)
        return sum(units for state, units in here.items() if state.partition("[")[0] in ON_HAND)

    def total(self) -> int:
        """Physical plus boundary: zero, by the law of conservation."""
        return sum(sum(here.values()) for here in self.locations.values()) + sum(self.boundary.values())


def is_repeat(stock: Stock, movement: Movement, offset: int) -> bool:
    """Whether the stock already holds this movement: seen at this offset, or posted again after a crash."""
    cause = movement.cause
    return offset <= stock.offset or stock.applied.get(cause.partition, (-1, -1)) >= (
        cause.offset,
        cause.index,
    )


def fold(stock: Stock, movement: Movement, offset: int) -> Stock:
    """The stock after a movement read at `offset` of its `movements` partition; unchanged for a repeat."""
    if is_repeat(stock, movement, offset):
        return stock
    locations, boundary, told_by = dict(stock.locations), dict(stock.boundary), dict(stock.told_by)
    for leg in movement.legs:
        if leg.location in BOUNDARIES:
            _add(boundary, leg.location, leg.quantity)
            continue
        locations[leg.location] = here = dict(locations.get(leg.location, NOTHING))
        _add(here, leg.state, leg.quantity)
        if leg.state == State.AVAILABLE:
            told_by[leg.location] = told = dict(told_by.get(leg.location, NOTHING))
            _add(told, movement.channel, leg.quantity)
    cause = movement.cause
    tracked, tracked_by = _tracked(stock, movement)
    return Stock(
        sku=stock.sku,
        locations={name: here for name, here in locations.items() if here},
        boundary=boundary,
        tracked=tracked,
        tracked_by=tracked_by,
        told_by={name: told for name, told in told_by.items() if told},
        applied={**stock.applied, cause.partition: (cause.offset, cause.index)},
        offset=offset,
    )


def _add(balances: Balances, key: str, units: int) -> None:
    total = balances.get(key, 0) + units
    if total:
        balances[key] = total
    else:
        balances.pop(key, None)


def _tracked(stock: Stock, movement: Movement) -> tuple[dict[str, str], dict[str, Balances]]:
    """Where the SKU is tracked, and what says so, after a movement. What is voided says nothing any more."""
    kind = movement.voids or movement.kind
    if kind not in TRACKING:
        return stock.tracked, stock.tracked_by
    tracked, tracked_by = dict(stock.tracked), dict(stock.tracked_by)
    opener = movement.channel if kind is Kind.STOCK_INITIALISED else ""
    for name in sorted({leg.location for leg in movement.legs} - BOUNDARIES):
        if name.startswith(TRANSIT_PREFIX):
            continue
        said = dict(tracked_by.pop(name, NOTHING))
        _add(said, opener, 1 if movement.voids is None else -1)
        tracked.pop(name, None)
        if said:
            tracked_by[name] = said
            tracked[name] = min(filter(None, said), default="")
    return tracked, tracked_by


def view(stock: Stock, location: str | None = None) -> dict[str, object]:
    """What `onhand stock` and `GET /v1/stock/{sku}` show: every state of every location, zeros included.

    A pool's available is shown as its own state, and counted in `on_hand`.
    """
    names = sorted({*stock.locations, *stock.tracked}) if location is None else [location]
    shown: dict[str, dict[str, int]] = {}
    for name in names:
        if name.startswith(TRANSIT_PREFIX):
            continue
        here = stock.locations.get(name, NOTHING)
        cell = {state.value: here.get(state, 0) for state in ON_HAND}
        cell |= {state: units for state, units in here.items() if "[" in state}
        shown[name] = {**cell, "on_hand": stock.on_hand(name), "incoming": here.get(State.INCOMING, 0)}
    in_transit = sum(stock.balance(name, State.IN_TRANSIT) for name in stock.locations)
    return {"sku": stock.sku, "locations": shown, "in_transit": in_transit}
