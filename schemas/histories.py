"""What happened to each SKU, in the order of the log, as far as a replay needs it: read from the log's bytes without building movements.

A movement as the hub writes it is taken apart by one pattern, ten times as fast as it is validated; whatever that does not match to
the last byte is decoded as usual, so that any client's movement is read, and what is none is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from schemas.codec import decode
from schemas.counts import micros
from schemas.happened import History, Move
from schemas.movements import Movement
from schemas.outcomes import FOREVER

TEXT = rb'"([^"]*+)"'
LAYOUT = re.compile(
    rb'\{"id":"[^"]*+","kind":' + TEXT + rb',"sku":' + TEXT + rb',"quantity":-?\d+,"legs":(\[[^\]]*+\])'
    rb',"transaction":' + TEXT + rb',"channel":' + TEXT + rb',"document":"[^"]*+"'
    rb',"occurred_at":"([^"]*+","recorded_at":"[^"]*+)"'
    rb',"cause":\{"partition":(-?\d+),"offset":(\d+),"index":(\d+)\}'
    rb'(?:,"reason":"[^"]*+")?,"demand_class":"retail","v":1\}'
)
"""A movement as the hub writes it, without what few have, and where no text contains an escape: then every quote ends one."""

KNOWN = 400_000
"""Words that are remembered by their bytes: a few for each place, and the instants of some days."""

Word = TypeVar("Word")


class Known(dict[bytes, Word]):
    """What bytes say, read once for all that are alike."""

    def __init__(self, read: Callable[[bytes], Word]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: bytes) -> Word:
        if len(self) >= KNOWN:
            self.clear()
        found = self[text] = self._read(text)
        return found


class Words:
    """What movements have in common."""

    def __init__(self) -> None:
        self.moves: Known[dict[bytes, Move]] = Known(lambda _: {})
        self.channels = Known(bytes.decode)
        self.spans = Known(span_of)
        self.numbers = Known(int)

    def move(self, kind: bytes, legs: bytes, value: bytes | None) -> Move:
        """What a movement moves."""
        movement, alike = decode(Movement, value), self.moves[kind]
        if len(alike) >= KNOWN:
            alike.clear()
        made = alike[legs] = Move.of(movement.kind, movement.voids, movement.legs)
        return made


class Histories:
    """The histories of many SKUs. `seen` counts the movements taken in, repeats as well. `words` may be shared by several."""

    def __init__(self, until: int | None = None, words: Words | None = None) -> None:
        self.of: dict[str, History] = {}
        self.seen = 0
        self._until = FOREVER if until is None else until
        self._words = words or Words()
        of = self.of  # and not `self`: what refers to itself stays where nobody collects it
        self._told = Known(lambda sku: _history(of, sku.decode()).told)

    def take(self, values: Iterable[bytes | None]) -> None:
        """Takes in movements as they stand in the log, but for what was recorded later than `until`. Raises `Undecodable` at one that is
        none; those before it are taken in.
        """
        words, match, told, until = self._words, LAYOUT.fullmatch, self._told, self._until
        moves, channels, spans, numbers = words.moves, words.channels, words.spans, words.numbers
        seen = 0
        try:
            for value in values:
                read = None if value is None or b"\\" in value else match(value)
                if read is None:
                    self._decoded(decode(Movement, value))
                    continue
                kind, sku, legs, transaction, channel, span, partition, offset, index = read.groups()
                try:
                    occurred_at, recorded_at = spans[span]
                    if recorded_at > until:
                        continue
                    move = moves[kind].get(legs) or words.move(kind, legs, value)
                    if move.legs:
                        deal = transaction.decode() if move.depends else ""
                        cause = int(offset) << 32 | numbers[index]
                        entry = (
                            occurred_at,
                            recorded_at,
                            move,
                            channels[channel],
                            deal,
                            numbers[partition],
                            cause,
                        )
                        told[sku].extend(entry)
                except (ValueError, TypeError):  # in a writing of its own, or no instant, or no text
                    self._decoded(decode(Movement, value))
                else:
                    seen += 1
        finally:
            self.seen += seen

    def _decoded(self, movement: Movement) -> None:
        if micros(movement.recorded_at) <= self._until:
            self.seen += 1
            _history(self.of, movement.sku).add(movement)


def _history(of: dict[str, History], sku: str) -> History:
    if sku not in of:
        of[sku] = History()
    return of[sku]


def instant_of(text: bytes) -> int:
    """The microseconds since 1970 of an instant in ISO 8601. Raises `ValueError` or `TypeError` for what is none, or has no zone."""
    return micros(datetime.fromisoformat(text.decode()))


def span_of(text: bytes) -> tuple[int, int]:
    """When something occurred and when it was recorded, as it stands in a movement. Raises as `instant_of` does."""
    occurred, _, recorded = text.partition(b'","recorded_at":"')
    return instant_of(occurred), instant_of(recorded)
