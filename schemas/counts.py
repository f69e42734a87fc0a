"""Counts on one shelf: absolute at their instant, so what happened before is in them, whenever it is told.

A count does not commute with movements. What does is the set: all counts and all physical movements of a shelf, by their
instants. From that set follows what each count must add to or take off the shelf, its variance; news of the time before a
count changes the count's variance and not the shelf.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.claims import STRICT, Instant

LATE_COUNT = timedelta(days=7)
"""How much older than the newest physical movement of its shelf a count may be when it is told, corrected or withdrawn. Not
configuration: the log must come to the same stock whoever adds it up."""

CLOCK_SKEW = 2.0
"""Seconds by which a source's clock may be wrong, either way, unless its channel's configuration says otherwise."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
FORGETS = LATE_COUNT // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`units` stood there `at` that instant, says a channel's document; `variance` is what has been posted for it."""

    __pydantic_config__ = STRICT

    at: Instant
    channel: str
    document: str
    units: int
    variance: int = 0

    @property
    def order(self) -> tuple[datetime, str, str, int]:
        """Counts of one shelf in the order in which they hold."""
        return self.at, self.channel, self.document, self.units


class Moved(NamedTuple):
    """So many units came to a shelf (negative: left it) at an instant, in microseconds since 1970."""

    at: int
    units: int


def micros(at: datetime) -> int:
    """An instant in microseconds since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is kept of one SKU at one location so that counts can be told late: recent movements and counts, both by their
    instants, and the count that holds where all recent ones are withdrawn. Of what is older than `since`, in microseconds since
    1970, something has been forgotten.
    """

    __pydantic_config__ = STRICT

    moved: tuple[Moved, ...] = ()
    counts: tuple[Count, ...] = ()
    since: int = 0

    def move(self, at: datetime, units: int) -> Shelf:
        """The shelf after a physical movement; movements of one instant are one."""
        moved, instant = self.moved, micros(at)
        index = last = len(moved)
        if moved and moved[-1].at >= instant:
            index, last = bisect_left(moved, (instant,)), _until(moved, instant)
            units += sum([one.units for one in moved[index:last]])
        between = (Moved(instant, units),) if units else ()
        return Shelf(moved=moved[:index] + between + moved[last:], counts=self.counts, since=self.since)

    def count(self, count: Count) -> Shelf:
        """The shelf after a count."""
        return replace(self, counts=tuple(sorted((*self.counts, count), key=lambda one: one.order)))

    def uncount(self, count: Count) -> tuple[Shelf, int]:
        """The shelf without a count, and the variance that had been posted for it."""
        gone = next((one for one in self.counts if one.order == count.order), None)
        if gone is None:
            return self, 0
        return replace(self, counts=tuple(one for one in self.counts if one is not gone)), gone.variance

    def horizon(self, now: datetime) -> int:
        """The instant from which on a count may be told or withdrawn, where the record at hand is from `now`: a clock that runs
        ahead does not move it, and a record that waited long does not move it back.
        """
        newest = min(self.moved[-1].at, micros(now)) if self.moved else 0
        return max(self.since, newest - FORGETS)

    def variances(self, on_hand: int) -> Iterator[tuple[Count, int]]:
        """Each count and what it must have posted, where `on_hand` is what the shelf holds now, all variances in it."""
        if not self.counts:
            return
        before = on_hand - sum(one.variance for one in self.counts) - sum(one.units for one in self.moved)
        start = 0
        for count in self.counts:
            end = _until(self.moved, micros(count.at))
            before += sum(one.units for one in self.moved[start:end])
            start = end
            yield count, count.units - before
            before = count.units

    def recount(self, due: Sequence[int], now: datetime) -> Shelf:
        """The shelf with those variances posted, and without what no late count and no withdrawal can ask for any more."""
        if not self.counts:
            return self if self._is_recent else self._forgotten(self.horizon(now))
        counts = tuple(
            one if one.variance == variance else replace(one, variance=variance)
            for one, variance in zip(self.counts, due, strict=True)
        )
        horizon = self.horizon(now)
        final = sum(micros(one.at) < horizon for one in counts)
        counts = counts[max(0, final - 1) :]
        moved = self._moved_since(horizon, counts[:1])
        if final > 1 or moved is not self.moved:
            return Shelf(moved=moved, counts=counts, since=horizon)
        return self if counts == self.counts else replace(self, counts=counts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of it."""
        return not (self.moved or self.counts or self.since)

    @property
    def _is_recent(self) -> bool:
        """Whether all that moved is younger than any horizon, whatever the time is."""
        moved = self.moved
        return not moved or moved[0].at >= max(self.since, moved[-1].at - FORGETS)

    def _forgotten(self, horizon: int) -> Shelf:
        """The shelf without what moved before a horizon, where there is no count."""
        moved = self._moved_since(horizon, ())
        return self if moved is self.moved else Shelf(moved=moved, since=horizon)

    def _moved_since(self, horizon: int, first: Sequence[Count]) -> tuple[Moved, ...]:
        """What moved since the horizon. What moved before it and after the first count becomes one movement: no count can come
        between any more, but it is not in that count.
        """
        recent = bisect_left(self.moved, (horizon,))
        uncounted = min(recent, _until(self.moved, micros(first[0].at))) if first else recent
        if not uncounted and recent <= 1:
            return self.moved
        units = sum(one.units for one in self.moved[uncounted:recent])
        between = (Moved(self.moved[recent - 1].at, units),) if units else ()
        return between + self.moved[recent:]


def _until(moved: Sequence[Moved], instant: int) -> int:
    """How many of the movements happened up to an instant, and at it."""
    return bisect_left(moved, (instant + 1,))
