"""What happened to each SKU, in the order of the log, as far as a replay needs it: read from the log's bytes without building movements.

A movement as the hub writes it is taken apart by one pattern, ten times as fast as it is validated; whatever that does not match to
the last byte is decoded as usual, so that any client's movement is read, and what is none is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from schemas.codec import decode
from schemas.counts import SECOND, micros
from schemas.happened import IN_PERSON, History, Move
from schemas.movements import Movement

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
KNOWN_INSTANTS = 400_000
FOREVER = 2**63


class Words:
    """What movements have in common, by the bytes that say it: read once for all that are alike."""

    def __init__(self) -> None:
        self.moves: dict[tuple[bytes, bytes], Move] = {}
        self.channels: dict[bytes, str] = {}
        self.instants: dict[bytes, int] = {}

    def move(self, kind: bytes, legs: bytes, value: bytes | None) -> Move:
        """What a movement moves."""
        if len(self.moves) >= KNOWN_MOVES:
            self.moves.clear()
        movement = decode(Movement, value)
        made = self.moves[kind, legs] = Move.of(movement.kind, movement.voids, movement.legs)
        return made

    def channel(self, name: bytes) -> str:
        """A channel's name."""
        return self.channels.setdefault(name, name.decode())

    def instant(self, text: bytes) -> int:
        """The microseconds since 1970."""
        if len(self.instants) >= KNOWN_INSTANTS:
            self.instants.clear()
        found = self.instants[text] = instant_of(text)
        return found


class Histories:
    """The histories of many SKUs. `seen` counts the movements taken in, repeats as well. `words` may be shared by several."""

    def __init__(self, until: int | None = None, words: Words | None = None) -> None:
        self.of: dict[str, History] = {}
        self.seen = 0
        self._until = FOREVER if until is None else until
        self._words = words or Words()
        self._by_bytes: dict[bytes, History] = {}

    def take(self, values: Iterable[bytes | None]) -> None:
        """Takes in movements as they stand in the log, but for what was recorded later than `until`. Raises `Undecodable` at one that is
        none; those before it are taken in.
        """
        words, match, of = self._words, LAYOUT.fullmatch, self._by_bytes
        moves, channels, instants = words.moves, words.channels, words.instants
        until = self._until
        for value in values:
            read = None if value is None else match(value)
            if read is None:
                self._decoded(decode(Movement, value))
                continue
            kind, sku, legs, transaction, channel, occurred, recorded, partition, offset, index = (
                read.groups()
            )
            recorded_at = instants.get(recorded) or words.instant(recorded)
            if recorded_at > until:
                continue
            self.seen += 1
            move = moves.get((kind, legs)) or words.move(kind, legs, value)
            if not move.legs:
                continue
            history = of.get(sku) or self._history_of(sku)
            history.take(
                int(partition),
                int(offset) << 32 | int(index),
                instants.get(occurred) or words.instant(occurred),
                recorded_at,
                move,
                channels.get(channel) or words.channel(channel),
                "" if move.act is IN_PERSON else transaction.decode(),
            )

    def _decoded(self, movement: Movement) -> None:
        if micros(movement.recorded_at) <= self._until:
            self.seen += 1
            self._history(movement.sku).add(movement)

    def _history_of(self, sku: bytes) -> History:
        found = self._by_bytes[sku] = self._history(sku.decode())
        return found

    def _history(self, sku: str) -> History:
        if sku not in self.of:
            self.of[sku] = History()
        return self.of[sku]


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
