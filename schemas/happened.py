"""What happened to a SKU, in the order of the log, as far as it matters to whoever plays it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from sys import intern
from typing import Any

from schemas.accounts import BOUNDARIES, TRANSIT_PREFIX, UNROUTED, State
from schemas.counts import micros
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.postings import TRACKING, Kind, Leg
from schemas.routing import HUB

Cell = tuple[str, str]
"""A location and a state."""

Legs = tuple[tuple[Cell, int], ...]
"""Units by cell."""


class Act(IntEnum):
    """What a movement is to somebody who sells. What follows an order happens only as far as there was a sale."""

    GIVEN = 0  # happens whatever is sold: supply, counts, transfers, reservations
    IN_PERSON = 1  # a till sold what the customer held
    ORDERED = 2  # a channel sold by the number that it shows
    FOLLOWS = 3


GIVEN, IN_PERSON, ORDERED, FOLLOWS = Act  # by name it takes as long as the rest of a step

ACTS = {
    Kind.POS_SALE_COMPLETED: Act.IN_PERSON,
    Kind.ORDER_PLACED: Act.ORDERED,
    Kind.ORDER_ROUTED: Act.FOLLOWS,
    Kind.ORDER_REROUTED: Act.FOLLOWS,
    Kind.PICK_REJECTED: Act.FOLLOWS,
    Kind.ORDER_CANCELLED: Act.FOLLOWS,
    Kind.PICKUP_LAPSED: Act.FOLLOWS,
    Kind.ORDER_SHIPPED: Act.FOLLOWS,
    Kind.PICKUP_COLLECTED: Act.FOLLOWS,
    Kind.SHIPMENT_VOIDED: Act.FOLLOWS,
    Kind.RETURN_RECEIVED: Act.FOLLOWS,
    Kind.MOVEMENT_VOIDED: Act.FOLLOWS,
}


@dataclass(frozen=True, slots=True)
class Move:
    """What many movements have in common: kind and legs. `legs` has all of them, `cells` those within the business.

    `source` is the cell that a follow-up takes units of its own order from; of an order it is the cell that it takes what is
    available from. `tracks` lists the places it says the SKU is kept at, or (`says` is -1) no longer says so.
    `depends` says that it is, or follows from, an order. `bundle` is the SKU that was sold, where the units are a component's.
    """

    kind: Kind
    act: Act
    units: int
    legs: Legs
    cells: Legs
    source: Cell | None
    tracks: tuple[str, ...] = ()
    says: int = 1
    depends: bool = False
    bundle: str | None = None

    @classmethod
    def of(cls, kind: Kind, voids: Kind | None, legs: Iterable[Leg], bundle: str | None = None) -> Move:
        """What a movement of these legs moves."""
        moved = tuple((_cell(leg.location, leg.state), leg.quantity) for leg in legs)
        taken = [(cell, units) for cell, units in moved if units < 0]
        act = ACTS.get(kind, GIVEN)
        if act is FOLLOWS:
            taken.sort(key=lambda one: one[0][1].startswith(State.AVAILABLE))
        variance = kind is Kind.STOCK_COUNTED and bool(
            taken
        )  # the ledger's own: the count itself moves nothing
        tracking = (voids or kind) in TRACKING and not variance
        return cls(
            kind=kind,
            act=act,
            units=-taken[0][1] if taken else 0,
            legs=moved,
            cells=tuple(leg for leg in moved if leg[0][0] not in BOUNDARIES),
            source=taken[0][0] if taken else None,
            tracks=tuple(sorted(_places(moved))) if tracking else (),
            says=1 if voids is None else -1,
            depends=act in (ORDERED, FOLLOWS),
            bundle=bundle,
        )


@lru_cache(maxsize=100_000)
def _cell(location: str, state: str) -> Cell:
    """A cell, of plain text and the same one each time: whoever looks for it in balances need not compare its letters."""
    return intern(str(location)), intern(str(state))


def _places(moved: Legs) -> set[str]:
    return {name for (name, _), _ in moved if name not in BOUNDARIES and not name.startswith(TRANSIT_PREFIX)}


Entry = tuple[int, int, Move, str, str, int, int]
"""When a movement occurred, when it was in the log (microseconds since 1970), what it moved, its channel, its transaction (empty
where nothing depends on it), and its cause: the partition, and the position in it (`position`)."""

PARTS = 7
"""Of an entry."""


@dataclass(slots=True)
class History:
    """What happened to one SKU, in the order of the log. What was `told` of it, the parts of one entry after the other, is read when
    somebody asks: by then it is all there, and its entries come to lie side by side in memory.
    """

    told: list[Any] = field(default_factory=list)
    _log: list[Entry] = field(default_factory=list)
    _asking: set[str] = field(default_factory=set)
    _linked: bool = False
    _causes: dict[int, int] = field(default_factory=dict)
    _order: list[int] = field(default_factory=list)

    def add(self, movement: Movement) -> None:
        """Takes in a movement; what neither moves nor opens anything leaves it as it is."""
        move = Move.of(movement.kind, movement.voids, movement.legs, movement.bundle)
        if movement.request is None and (move.legs or move.tracks):
            cause = movement.cause
            self.told.extend(
                (
                    micros(movement.occurred_at),
                    micros(movement.recorded_at),
                    move,
                    movement.channel,
                    movement.transaction if move.depends else "",
                    cause.partition,
                    position(cause.offset, cause.index),
                )
            )

    @property
    def log(self) -> list[Entry]:
        """Each movement once. Nothing is known before what stands before it in the log, and nothing occurs after it is known."""
        if self.told:
            self._read()
        return self._log

    @property
    def asking(self) -> set[str]:
        """The channels that took orders of it."""
        return self._asking if self.log else set()

    @property
    def linked(self) -> bool:
        """Whether any of it concerns other SKUs as well: the hub chose an order's places, or it was of a bundle."""
        return bool(self.log) and self._linked

    def _read(self) -> None:
        log, causes = self._log, self._causes
        known = log[-1][1] if log else 0
        for entry in zip(*[iter(self.told)] * PARTS, strict=True):
            occurred, recorded, move, channel, transaction, source, cause = entry
            if cause <= causes.get(source, -1):
                continue
            causes[source] = cause
            if occurred <= recorded >= known:
                known = recorded
                log.append(entry)
            else:
                known = max(known, recorded)
                log.append((min(occurred, known), known, move, channel, transaction, source, cause))
            if move.depends:
                ordered = move.act is ORDERED
                if ordered:
                    self._asking.add(channel)
                self._linked |= move.bundle is not None if ordered else channel == HUB and is_routing(move)
        self.told.clear()

    def in_time(self) -> list[int]:
        """The places in the log in the order in which everything occurred."""
        log = self.log
        if len(self._order) < len(log):
            self._order = sorted(range(len(log)), key=[entry[0] for entry in log].__getitem__)
        return self._order

    def stock(self, sku: str) -> Stock:
        """The balances and where the SKU is kept, in all."""
        balances: dict[Cell, int] = {}
        tracked: dict[str, int] = {}
        for _, _, move, *_ in self.log:
            for cell, units in move.cells:
                balances[cell] = balances.get(cell, 0) + units
            for name in move.tracks:
                tracked[name] = tracked.get(name, 0) + move.says
        return stock_of(sku, balances, tracked)


def position(offset: int, index: int) -> int:
    """A cause within its partition, as one number that grows as causes do."""
    return offset << 32 | index


def is_routing(move: Move) -> bool:
    """Whether units that were ordered without a place get one. Where the hub says so, it has chosen it."""
    return move.kind is Kind.ORDER_REROUTED and move.source == NOWHERE


NOWHERE = (UNROUTED, State.COMMITTED.value)


def stock_of(sku: str, balances: dict[Cell, int], tracked: dict[str, int]) -> Stock:
    """A stock of these balances, kept at the places that anything still says it is kept at."""
    locations: dict[str, dict[str, int]] = {}
    for (name, state), units in balances.items():
        if units:
            locations.setdefault(name, {})[state] = units
    return Stock(sku=sku, locations=locations, tracked={name: "" for name, says in tracked.items() if says})
