"""The fold: stock is the sum of the legs of movements, and remembers exactly which movements it is the sum of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from schemas.accounts import BOUNDARIES, ON_HAND, TRANSIT_PREFIX, State
from schemas.claims import STRICT, Claim
from schemas.counts import LATE_COUNT, Count, Shelf, micros
from schemas.movements import OWN, Cause, Movement
from schemas.postings import TRACKING, Kind, Leg, Places, legs
from schemas.reservations import Hold

Balances = dict[str, int]

NOTHING: Balances = {}
EMPTY = Shelf()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """All balances of one SKU, in units.

    `locations` maps location (or `transit:<id>`, or `@unrouted`) to state to units; zero balances are left out.
    `boundary` holds the boundary accounts, so that everything sums to zero. `tracked` maps each place where the SKU was
    counted, initialised or received to the channel whose opening stock it holds (of several the first by name), or to
    nothing ("") where it was not opened: elsewhere its stock is unknown, not zero. `tracked_by` is what `tracked` follows
    from: how many standing movements say so, by place and opening channel. `told_by` maps location to channel to what
    this channel's own documents did to the number that its platform keeps, so that a sink knows what the platform has counted
    by itself; what was sold in a bundle stands under `channel|bundle`.
    `shelves` keeps what late counts need to know of each location, `holds` the reservations by their id.
    `applied` maps the partition of causes to the highest cause applied, and `offset` is the movements offset last applied:
    a movement at or below either is a repeat.
    """

    __pydantic_config__ = STRICT

    sku: str
    locations: dict[str, Balances] = field(default_factory=dict)
    boundary: Balances = field(default_factory=dict)
    tracked: dict[str, str] = field(default_factory=dict)
    tracked_by: dict[str, Balances] = field(default_factory=dict)
    told_by: dict[str, Balances] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    applied: dict[int, tuple[int, int]] = field(default_factory=dict)
    offset: int = -1
    v: int = 1

    def balance(self, location: str, state: str = State.AVAILABLE) -> int:
        """Units at a location in a state."""
        return self.locations.get(location, NOTHING).get(state, 0)

    def on_hand(self, location: str) -> int:
        """Units that are physically there, whatever they are promised to."""
        return on_hand(self.locations.get(location, NOTHING))

    def total(self) -> int:
        """Physical plus boundary: zero, by the law of conservation."""
        return sum(sum(here.values()) for here in self.locations.values()) + sum(self.boundary.values())


def on_hand(here: Balances) -> int:
    """Units in the states that are physically at a location."""
    return sum(units for state, units in here.items() if state.partition("[")[0] in ON_HAND)


def is_repeat(stock: Stock, movement: Movement, offset: int) -> bool:
    """Whether the stock already holds this movement: seen at this offset, or posted again after a crash.

    A request is known by its reservation: the same one again is asked again.
    """
    cause = movement.cause
    if movement.request is not None:
        return offset <= stock.offset
    return offset <= stock.offset or stock.applied.get(cause.partition, (-1, -1)) >= (
        cause.offset,
        cause.index,
    )


class Taken(NamedTuple):
    """The stock after a movement; what the ledger posts by itself because of it, and tells of transactions; and why the
    movement was refused, if it was.
    """

    stock: Stock
    posted: tuple[Movement, ...] = ()
    claims: tuple[Claim, ...] = ()
    refused: str | None = None


def fold(stock: Stock, movement: Movement, offset: int, partition: int = 0) -> Stock:
    """The stock after a movement read at `offset` of its `movements` partition; unchanged for a repeat."""
    return take(stock, movement, offset, partition).stock


def take(stock: Stock, movement: Movement, offset: int, partition: int = 0) -> Taken:
    """One step of the ledger. What it posts is in the stock already; read back from the log, it is a repeat."""
    if is_repeat(stock, movement, offset):
        return Taken(stock)
    cause = movement.cause
    applied = {**stock.applied, cause.partition: (cause.offset, cause.index)}
    tracked, tracked_by = _tracked(stock, movement)
    if movement.counted is not None and (reason := _too_late(stock, movement)):
        passed = replace(stock, applied=applied, offset=offset)
        if movement.voids is None:
            passed = replace(passed, tracked=tracked, tracked_by=tracked_by)
        return Taken(passed, refused=reason)
    book, shelves = Book(stock), dict(stock.shelves)
    posted = _shelved(book, shelves, movement, OWN - partition, offset)
    if posted:
        applied[OWN - partition] = (offset, len(posted) - 1)
    after = Stock(
        sku=stock.sku,
        **book.closed(),
        tracked=tracked,
        tracked_by=tracked_by,
        shelves=shelves,
        holds=stock.holds,
        applied=applied,
        offset=offset,
    )
    return Taken(after, tuple(posted))


def _shelved(
    book: Book, shelves: dict[str, Shelf], movement: Movement, source: int, offset: int
) -> list[Movement]:
    """Posts a movement, and puts it on the shelves. Returns what it changes in what counts come to."""
    came = book.post(movement.legs, movement.counted_by)
    for location, units in (movement.witnessed or NOTHING).items():
        book.count(location, movement.counted_by, units)
    for location, units in came.items():
        shelves[location] = shelves.get(location, EMPTY).move(movement.occurred_at, units)
    posted: list[Movement] = []

    def restate(location: str, count: Count, units: int) -> None:
        if units:
            own = Cause(source, offset, len(posted))
            posted.append(_variance(movement, location, count, units, own))
            book.post(posted[-1].legs, count.channel)

    counted_at = _counted_at(movement)
    for location, count, owed in _counting(shelves, movement, counted_at):
        restate(location, count, owed)
    for location in sorted({*came, *counted_at}):
        due = tuple(shelves[location].variances(book.on_hand(location)))
        for count, variance in due:
            restate(location, count, variance - count.variance)
        shelves[location] = shelves[location].recount([variance for _, variance in due], movement.recorded_at)
        if shelves[location] == EMPTY:
            del shelves[location]
    return posted


class Book:
    """The balances of a stock while one record is taken; what is not touched is shared with it."""

    def __init__(self, stock: Stock) -> None:
        self.locations, self.boundary = dict(stock.locations), dict(stock.boundary)
        self.told_by = dict(stock.told_by)
        self._own: set[str] = set()

    def post(self, moved: Iterable[Leg], counted_by: str) -> dict[str, int]:
        """Posts legs. Returns how many units physically came to each location; what left counts below zero."""
        came: dict[str, int] = {}
        for leg in moved:
            if leg.location in BOUNDARIES:
                _add(self.boundary, leg.location, leg.quantity)
                continue
            self._open(leg.location)
            _add(self.locations[leg.location], leg.state, leg.quantity)
            state = leg.state.partition("[")[0]
            if state == State.AVAILABLE:
                _add(self.told_by[leg.location], counted_by, leg.quantity)
            if leg.location[0] != "@" and state in ON_HAND:
                _add(came, leg.location, leg.quantity)
        return came

    def count(self, location: str, counted_by: str, units: int) -> None:
        """Notes that a platform's own number moved, and no unit did."""
        self._open(location)
        _add(self.told_by[location], counted_by, units)

    def _open(self, location: str) -> None:
        if location not in self._own:
            self._own.add(location)
            self.locations[location] = dict(self.locations.get(location, NOTHING))
            self.told_by[location] = dict(self.told_by.get(location, NOTHING))

    def closed(self) -> dict[str, Any]:
        """The balances as a stock has them: without what is empty."""
        for name in self._own:
            for balances in (self.locations, self.told_by):
                if not balances[name]:
                    del balances[name]
        self._own.clear()
        return {"locations": self.locations, "boundary": self.boundary, "told_by": self.told_by}

    def on_hand(self, location: str) -> int:
        """Units physically at a location."""
        return on_hand(self.locations.get(location, NOTHING))


def _counted_at(movement: Movement) -> list[str]:
    """The shelf a count is about: the place of its legs, which move nothing."""
    if movement.counted is None:
        return []
    return [leg.location for leg in movement.legs if leg.location[0] != "@"]


def _count_of(movement: Movement) -> Count:
    assert movement.counted is not None
    return Count(
        at=movement.occurred_at,
        channel=movement.channel,
        document=movement.document,
        units=movement.counted,
    )


def _too_late(stock: Stock, movement: Movement) -> str | None:
    """Why a count cannot be taken in, or withdrawn: what happened before it may be forgotten already."""
    for location in _counted_at(movement):
        shelf = stock.shelves.get(location, EMPTY)
        if micros(movement.occurred_at) < shelf.horizon(movement.recorded_at):
            return f"counted more than {LATE_COUNT.days} days before the newest movement there"
    return None


def _counting(
    shelves: dict[str, Shelf], movement: Movement, counted_at: Iterable[str]
) -> Iterator[tuple[str, Count, int]]:
    """Puts a count on its shelf. A voided one is taken off, and what had been posted for it is owed back."""
    for location in counted_at:
        count, shelf = _count_of(movement), shelves.get(location, EMPTY)
        if movement.voids is None:
            shelves[location] = shelf.count(count)
        else:
            shelves[location], variance = shelf.uncount(count)
            yield location, count, -variance


def _variance(by: Movement, location: str, count: Count, units: int, cause: Cause) -> Movement:
    """What a count comes to, or what news of the time before it changes in that."""
    itself = by.counted is not None and _count_of(by).order == count.order
    return Movement(
        id=cause.movement_id,
        kind=Kind.STOCK_COUNTED,
        sku=by.sku,
        quantity=units,
        legs=legs(Kind.STOCK_COUNTED, units, Places(location)),
        transaction=by.transaction,
        channel=count.channel,
        document=count.document,
        occurred_at=count.at,
        recorded_at=by.recorded_at,
        cause=cause,
        reason=by.reason if itself else f"restated by {by.id}",
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
