"""How far followers of the log are behind, and for how long: pure, from where the log ends and where they stand, look by look."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MARKS = 512
"""Ends that are remembered of a partition: with more, two that follow one another become one, which is as old as the older."""


class Place(NamedTuple):
    """A partition that a stage takes in."""

    stage: str
    topic: str
    partition: int


@dataclass(slots=True)
class Behind:
    """How far behind a follower is. `marks` are where its partition ended and when that was first seen, of what is not taken in yet."""

    end: int = 0
    done: int = 0
    marks: deque[tuple[int, float]] = field(default_factory=deque)

    @property
    def records(self) -> int:
        """Records that are not taken in."""
        return max(0, self.end - self.done)

    def seconds(self, now: float) -> float:
        """For how long the oldest of them has been waiting, as far as was looked."""
        return max(0.0, now - self.marks[0][1]) if self.marks else 0.0

    def saw(self, end: int, done: int, now: float) -> None:
        """Takes a look in."""
        self.end, self.done = end, done
        if end > (self.marks[-1][0] if self.marks else done):
            self.marks.append((end, now))
        while self.marks and self.marks[0][0] <= done:
            self.marks.popleft()
        if len(self.marks) > MARKS:
            pairs = list(self.marks)
            merged = [(later[0], older[1]) for older, later in zip(pairs[::2], pairs[1::2], strict=False)]
            self.marks = deque(merged + pairs[len(merged) * 2 :])


@dataclass(slots=True)
class Lags:
    """All followers. A partition that is not followed any more is forgotten."""

    behind: dict[Place, Behind] = field(default_factory=dict)

    def saw(
        self, ends: Mapping[tuple[str, int], int], done: Mapping[Place, int], now: float, of: frozenset[str]
    ) -> None:
        """Takes a look at some stages in: where the topics end by topic and partition, and where their followers stand."""
        self.behind = {
            place: its for place, its in self.behind.items() if place in done or place.stage not in of
        }
        for place, at in done.items():
            if (end := ends.get((place.topic, place.partition))) is not None:
                self.behind.setdefault(place, Behind()).saw(end, at, now)

    def late(self, stages: frozenset[str], seconds: float, now: float) -> str | None:
        """Who of these stages is behind for longer than so many seconds, the one that is most; None: nobody is."""
        late = [(its.seconds(now), place) for place, its in self.behind.items() if place.stage in stages]
        worst, place = max(late, default=(0.0, None))
        if place is None or worst <= seconds:
            return None
        return (
            f"{place.stage} is {self.behind[place].records} records behind in {place.topic}[{place.partition}],"
            f" the oldest for {worst:.0f} s; at most {seconds:g} s are good"
        )
