"""What happened to each SKU, in the order of the log, as far as a replay needs it: read from the log's bytes without building movements.

A movement as the hub writes it is taken apart by one pattern, ten times as fast as it is validated; whatever that does not match to
the last byte is decoded as usual, so that any client's movement is read, and what is none is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from schemas.accounts import BOUNDARIES, TRANSIT_PREFIX, State
from schemas.codec import decode
from schemas.counts import SECOND, micros
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.postings import TRACKING, Kind, Leg

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
    """

    kind: Kind
    act: Act
    units: int
    legs: Legs
    cells: Legs
    source: Cell | None
    tracks: tuple[str, ...] = ()
    says: int = 1

    @classmethod
    def of(cls, kind: Kind, voids: Kind | None, legs: Iterable[Leg]) -> Move:
        """What a movement of these legs moves."""
        moved = tuple(((leg.location, leg.state), leg.quantity) for leg in legs)
        taken = [(cell, units) for cell, units in moved if units < 0]
        act = ACTS.get(kind, GIVEN)
        if act is FOLLOWS:
            taken.sort(key=lambda one: one[0][1].startswith(State.AVAILABLE))
        tracking = (voids or kind) in TRACKING
        return cls(
            kind=kind,
            act=act,
            units=-taken[0][1] if taken else 0,
            legs=moved,
            cells=tuple(leg for leg in moved if leg[0][0] not in BOUNDARIES),
            source=taken[0][0] if taken else None,
            tracks=tuple(sorted(_places(moved))) if tracking else (),
            says=1 if voids is None else -1,
        )


def _places(moved: Legs) -> set[str]:
    return {name for (name, _), _ in moved if name not in BOUNDARIES and not name.startswith(TRANSIT_PREFIX)}


Entry = tuple[int, int, Move, str, str]
"""When a movement occurred, when it was in the log (microseconds since 1970), what it moved, its channel, and its transaction (empty for
a sale in person, which nothing depends on)."""


@dataclass(slots=True)
class History:
    """What happened to one SKU, in the order of the log, each movement once. `asking` are the channels that took orders of it."""

    log: list[Entry] = field(default_factory=list)
    asking: set[str] = field(default_factory=set)
    causes: dict[int, tuple[int, int]] = field(default_factory=dict)
    known: int = 0

    def add(self, movement: Movement) -> None:
        """Takes in a movement; a repeat, and what neither moves nor opens anything, leaves it as it is."""
        move = Move.of(movement.kind, movement.voids, movement.legs)
        if movement.request is None and (move.legs or move.tracks):
            cause = movement.cause
            self.take(
                cause.partition,
                (cause.offset, cause.index),
                micros(movement.occurred_at),
                micros(movement.recorded_at),
                move,
                movement.channel,
                movement.transaction,
            )

    def take(
        self,
        source: int,
        cause: tuple[int, int],
        occurred: int,
        recorded: int,
        move: Move,
        channel: str,
        transaction: str,
    ) -> None:
        """Takes in what `add` does. Nothing is known before what stands before it in the log, and nothing occurs after it is known."""
        if cause <= self.causes.get(source, FIRST):
            return
        self.causes[source] = cause
        if recorded > self.known:
            self.known = recorded
        else:
            recorded = self.known
        occurred = min(occurred, recorded)
        act = move.act
        if act is ORDERED:
            self.asking.add(channel)
        elif act is IN_PERSON:
            transaction = ""
        self.log.append((occurred, recorded, move, channel, transaction))

    def in_time(self) -> list[int]:
        """The places in the log in the order in which everything occurred."""
        log = self.log
        return sorted(range(len(log)), key=[entry[0] for entry in log].__getitem__)

    def stock(self, sku: str) -> Stock:
        """The balances and where the SKU is kept, in all."""
        balances: dict[Cell, int] = {}
        tracked: dict[str, int] = {}
        for _, _, move, _, _ in self.log:
            for cell, units in move.cells:
                balances[cell] = balances.get(cell, 0) + units
            for name in move.tracks:
                tracked[name] = tracked.get(name, 0) + move.says
        return stock_of(sku, balances, tracked)


FIRST = (-1, -1)


def stock_of(sku: str, balances: dict[Cell, int], tracked: dict[str, int]) -> Stock:
    """A stock of these balances, kept at the places that anything still says it is kept at."""
    locations: dict[str, dict[str, int]] = {}
    for (name, state), units in balances.items():
        if units:
            locations.setdefault(name, {})[state] = units
    return Stock(sku=sku, locations=locations, tracked={name: "" for name, says in tracked.items() if says})


TEXT = rb'"([^"\\]*)"'
LAYOUT = re.compile(
    rb'\{"id":"[^"\\]*","kind":"(\w+)","sku":' + TEXT + rb',"quantity":-?\d+,"legs":(\[[^\]\\]*\])'
    rb',"transaction":' + TEXT + rb',"channel":' + TEXT + rb',"document":"[^"\\]*"'
    rb',"occurred_at":'
    + TEXT
    + rb',"recorded_at":'
    + TEXT
    + rb',"cause":\{"partition":(-?\d+),"offset":(\d+),"index":(\d+)\}'
    rb'(?:,"reason":"[^"\\]*")?,"demand_class":"retail","v":1\}'
)
"""A movement as the hub writes it, without what few have. No text in it contains an escape, so every quote ends one."""

KNOWN_MOVES = 200_000
"""Moves that are remembered by their bytes: a few for each place."""
KNOWN_INSTANTS = 100_000


class Histories:
    """The histories of many SKUs. `seen` counts the movements taken in, repeats as well."""

    def __init__(self, until: int | None = None) -> None:
        self.of: dict[str, History] = {}
        self.seen = 0
        self._until = until
        self._by_bytes: dict[bytes, History] = {}
        self._moves: dict[tuple[bytes, bytes], Move] = {}
        self._channels: dict[bytes, str] = {}
        self._instants: dict[bytes, int] = {}

    def take(self, value: bytes | None) -> None:
        """Takes in a movement as it stands in the log, unless it was recorded later than `until`. Raises `Undecodable`."""
        read = None if value is None else LAYOUT.fullmatch(value)
        if read is None:
            self._decoded(decode(Movement, value))
            return
        kind, sku, legs, transaction, channel, occurred, recorded, partition, offset, index = read.groups()
        recorded_at = self._instants.get(recorded) or self._instant(recorded)
        if self._until is not None and recorded_at > self._until:
            return
        move = self._moves.get((kind, legs))
        if move is None:
            move = self._move(kind, legs, value)
        self.seen += 1
        if not move.legs:
            return
        history = self._by_bytes.get(sku)
        if history is None:
            history = self._by_bytes[sku] = self._history(sku.decode())
        history.take(
            int(partition),
            (int(offset), int(index)),
            self._instants.get(occurred) or self._instant(occurred),
            recorded_at,
            move,
            self._channels.get(channel) or self._channel(channel),
            transaction.decode(),
        )

    def _decoded(self, movement: Movement) -> None:
        if self._until is None or micros(movement.recorded_at) <= self._until:
            self.seen += 1
            self._history(movement.sku).add(movement)

    def _history(self, sku: str) -> History:
        if sku not in self.of:
            self.of[sku] = History()
        return self.of[sku]

    def _move(self, kind: bytes, legs: bytes, value: bytes | None) -> Move:
        """Decoded as any movement, once for those that are alike."""
        if len(self._moves) >= KNOWN_MOVES:
            self._moves.clear()
        movement = decode(Movement, value)
        made = self._moves[kind, legs] = Move.of(movement.kind, movement.voids, movement.legs)
        return made

    def _channel(self, name: bytes) -> str:
        return self._channels.setdefault(name, name.decode())

    def _instant(self, text: bytes) -> int:
        if len(self._instants) >= KNOWN_INSTANTS:
            self._instants.clear()
        found = self._instants[text] = instant_of(text)
        return found


MINUTES: dict[bytes, int] = {}


def instant_of(text: bytes) -> int:
    """The microseconds since 1970 of an instant in ISO 8601."""
    minute, second, rest = text[:16], text[17:19], text[19:]
    if rest[-1:] != b"Z" or (len(rest) > 1 and len(rest) != len(b".123456Z")):
        return micros(datetime.fromisoformat(text.decode()))
    since = MINUTES.get(minute)
    if since is None:
        if len(MINUTES) >= KNOWN_INSTANTS:
            MINUTES.clear()
        since = MINUTES[minute] = micros(datetime.fromisoformat(minute.decode() + "+00:00"))
    return since + int(second) * SECOND + (int(rest[1:7]) if len(rest) > 1 else 0)
