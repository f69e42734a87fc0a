"""The fold: stock is the sum of the legs of movements, and remembers exactly which movements it is the sum of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

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
    return sum([units for state, units in here.items() if is_on_hand(state)])


@lru_cache(maxsize=1_024)
def is_on_hand(state: str) -> bool:
    """Whether units in a state, of whatever pool, are physically at their location."""
    return state.partition("[")[0] in ON_HAND


@lru_cache(maxsize=1_024)
def is_available(state: str) -> bool:
    """Whether a state is `available`, of whatever pool."""
    return state.partition("[")[0] == State.AVAILABLE


def is_repeat(stock: Stock | Book, movement: Movement, offset: int) -> bool:
    """Whether the stock already holds this movement: seen at this offset, or posted again after a crash.

    A request is known by its reservation: the same one again is asked again.
    """
    if movement.request is not None:
        return offset <= stock.offset
    cause = movement.cause
    return offset <= stock.offset or stock.applied.get(cause.partition, (-1, -1)) >= (
        cause.offset,
        cause.index,
    )


class Answer(NamedTuple):
    """What the ledger posts by itself because of a movement, and tells of transactions; and why the movement was refused, if it was."""

    posted: tuple[Movement, ...] = ()
    claims: tuple[Claim, ...] = ()
    refused: str | None = None


NO_MORE = Answer()


class Taken(NamedTuple):
    """The stock after a movement, and the ledger's answer to it."""

    stock: Stock
    posted: tuple[Movement, ...] = ()
    claims: tuple[Claim, ...] = ()
    refused: str | None = None


def fold(stock: Stock, movement: Movement, offset: int, partition: int = 0) -> Stock:
    """The stock after a movement read at `offset` of its `movements` partition; unchanged for a repeat."""
    return take(stock, movement, offset, partition).stock


def take(stock: Stock, movement: Movement, offset: int, partition: int = 0) -> Taken:
    """One step of the ledger. What it posts is in the stock already; read back from the log, it is a repeat."""
    book = Book(stock)
    answer = book.take(movement, offset, partition)
    return Taken(book.closed(), *(answer or NO_MORE))


class Book:
    """A stock while movements are taken, one after another. What they do not touch is shared with the stock it was."""

    __slots__ = (
        "_kept",
        "_own",
        "applied",
        "boundary",
        "holds",
        "locations",
        "offset",
        "shelves",
        "sku",
        "told_by",
        "tracked",
        "tracked_by",
    )

    def __init__(self, stock: Stock) -> None:
        self._kept: Stock | None = stock
        self._own: set[str] = set()
        self.sku, self.offset = stock.sku, stock.offset
        self.locations, self.boundary, self.told_by = stock.locations, stock.boundary, stock.told_by
        self.tracked, self.tracked_by = stock.tracked, stock.tracked_by
        self.shelves, self.holds, self.applied = stock.shelves, stock.holds, stock.applied

    def take(self, movement: Movement, offset: int, partition: int = 0) -> Answer | None:
        """Takes a movement; None for a repeat, which changes nothing."""
        if is_repeat(self, movement, offset):
            return None
        self.open()
        cause, own = movement.cause, OWN - partition
        late = None if movement.counted is None else self._too_late(movement)
        self.applied[cause.partition] = cause.offset, cause.index
        self.offset = offset
        if late is None or movement.voids is None:
            self.tracked, self.tracked_by = _tracked(self, movement)
        if late is not None:
            return Answer(refused=late)
        posted = self._shelve(movement, own, offset)
        if not posted:
            return NO_MORE
        self.applied[own] = offset, len(posted) - 1
        return Answer(tuple(posted))

    def open(self) -> None:
        """Before anything changes: what a stock was closed with is not the book's own to change."""
        if self._kept is None:
            return
        self._kept = None
        self.locations, self.boundary, self.told_by = (
            dict(self.locations),
            dict(self.boundary),
            dict(self.told_by),
        )
        self.shelves, self.applied = dict(self.shelves), dict(self.applied)

    def closed(self) -> Stock:
        """The stock as it is now, without what is empty. It stays so, whatever is taken after."""
        if self._kept is None:
            for name in self._own:
                for balances in (self.locations, self.told_by):
                    if not balances[name]:
                        del balances[name]
            self._own.clear()
            self._kept = Stock(
                sku=self.sku,
                locations=self.locations,
                boundary=self.boundary,
                tracked=self.tracked,
                tracked_by=self.tracked_by,
                told_by=self.told_by,
                shelves=self.shelves,
                holds=self.holds,
                applied=self.applied,
                offset=self.offset,
            )
        return self._kept

    def balance(self, location: str, state: str = State.AVAILABLE) -> int:
        """Units at a location in a state."""
        return self.locations.get(location, NOTHING).get(state, 0)

    def post(self, moved: Iterable[Leg], counted_by: str) -> dict[str, int]:
        """Posts legs. Returns how many units physically came to each location; what left counts below zero."""
        self.open()
        came: dict[str, int] = {}
        for leg in moved:
            location, state, units = leg.location, leg.state, leg.quantity
            if location in BOUNDARIES:
                _add(self.boundary, location, units)
                continue
            if location not in self._own:
                self._open(location)
            _add(self.locations[location], state, units)
            if is_available(state):
                _add(self.told_by[location], counted_by, units)
            if location[0] != "@" and is_on_hand(state):
                _add(came, location, units)
        return came

    def _count(self, location: str, counted_by: str, units: int) -> None:
        """Notes that a platform's own number moved, and no unit did."""
        self._open(location)
        _add(self.told_by[location], counted_by, units)

    def _open(self, location: str) -> None:
        if location not in self._own:
            self._own.add(location)
            self.locations[location] = dict(self.locations.get(location, NOTHING))
            self.told_by[location] = dict(self.told_by.get(location, NOTHING))

    def _shelve(self, movement: Movement, source: int, offset: int) -> list[Movement]:
        """Posts a movement, and puts it on the shelves. Returns what it changes in what counts come to."""
        shelves, due_at = self.shelves, set(_counted_at(movement))
        came = self.post(movement.legs, movement.counted_by)
        for location, units in (movement.witnessed or NOTHING).items():
            self._count(location, movement.counted_by, units)
        for location, units in came.items():
            shelf = shelves[location] = shelves.get(location, EMPTY).move(movement.occurred_at, units)
            if shelf.counts:
                due_at.add(location)
            elif location not in due_at:
                _keep(shelves, location, shelf.recount((), movement.recorded_at))
        return self._recount(movement, source, offset, due_at) if due_at else []

    def _recount(self, movement: Movement, source: int, offset: int, due_at: set[str]) -> list[Movement]:
        """Posts what a movement changes in what the counts at some locations come to, and takes its own count in."""
        shelves = self.shelves
        posted: list[Movement] = []

        def restate(location: str, count: Count, units: int) -> None:
            if units:
                cause = Cause(source, offset, len(posted))
                posted.append(_variance(movement, location, count, units, cause))
                self.post(posted[-1].legs, count.channel)

        for location, count, owed in _counting(shelves, movement, _counted_at(movement)):
            restate(location, count, owed)
        for location in sorted(due_at):
            shelf = shelves[location]
            due = tuple(shelf.variances(self._on_hand(location))) if shelf.counts else ()
            for count, variance in due:
                restate(location, count, variance - count.variance)
            _keep(shelves, location, shelf.recount([variance for _, variance in due], movement.recorded_at))
        return posted

    def _on_hand(self, location: str) -> int:
        return on_hand(self.locations.get(location, NOTHING))

    def _too_late(self, movement: Movement) -> str | None:
        """Why a count cannot be taken in, or withdrawn: what happened before it may be forgotten already."""
        for location in _counted_at(movement):
            shelf = self.shelves.get(location, EMPTY)
            if micros(movement.occurred_at) < shelf.horizon(movement.recorded_at):
                return f"counted more than {LATE_COUNT.days} days before the newest movement there"
        return None


def _keep(shelves: dict[str, Shelf], location: str, shelf: Shelf) -> None:
    if shelf.is_empty:
        del shelves[location]
    else:
        shelves[location] = shelf


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


def _tracked(stock: Stock | Book, movement: Movement) -> tuple[dict[str, str], dict[str, Balances]]:
    """Where the SKU is tracked, and what says so, after a movement. What is voided says nothing any more."""
    kind = movement.voids or movement.kind
    if kind not in TRACKING:
        return stock.tracked, stock.tracked_by
    tracked, tracked_by = dict(stock.tracked), dict(stock.tracked_by)
    opener = movement.channel if kind is Kind.STOCK_INITIALISED else ""
    for name in sorted({leg.location for leg in movement.legs}):
        if name in BOUNDARIES or name.startswith(TRANSIT_PREFIX):
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
