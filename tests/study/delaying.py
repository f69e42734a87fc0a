"""When the online channels are told what happened: at the ticks of a batch, or so soon after it as a running hub was measured."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from statistics import NormalDist
from typing import Protocol

from selling import Ask

AT_99 = NormalDist().inv_cdf(0.99)
"""How many standard deviations above the middle the 99th percentile lies."""


class Delay(Protocol):
    """How late the numbers are. `name` is for people."""

    @property
    def name(self) -> str: ...

    def told_at(self, asks: Sequence[Ask], sku: str, seed: int) -> Iterator[float]:
        """For each ask the instant (seconds) at which what it left is told; never before an earlier one's."""
        ...


@dataclass(frozen=True, slots=True)
class Ticks:
    """Every so many seconds all numbers are made and told, which itself takes no time. 0: whatever happens is told at once.

    The delay is the wait for the next tick, half of `every` in the mean. What happens at a tick is in it.
    """

    name: str
    every: int

    def told_at(self, asks: Sequence[Ask], sku: str, seed: int) -> Iterator[float]:
        """The tick that follows each ask."""
        for ask in asks:
            yield -(-ask.at // self.every) * self.every if self.every else ask.at


@dataclass(frozen=True, slots=True)
class Measured:
    """As late as a hub was: each change by a seeded chance of its own, and in order.

    Log-normal through the two percentiles that were measured (milliseconds). The sales' instants are whole seconds: what
    is asked for within one second is unseen by each other, however short the delay.
    """

    name: str
    p50: float
    p99: float

    def told_at(self, asks: Sequence[Ask], sku: str, seed: int) -> Iterator[float]:
        """Each ask's instant and its delay, or an earlier ask's where that is later."""
        chance = random.Random(f"{seed}/{sku}")
        middle, spread = log(self.p50 / 1000), log(self.p99 / self.p50) / AT_99
        last = float("-inf")
        for ask in asks:
            last = max(last, ask.at + chance.lognormvariate(middle, spread))
            yield last
