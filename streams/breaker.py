"""How long a platform that fails is left alone, and which number is to blame: the pure part of a channel's circuit breaker."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

STRIKES = 5
"""How often a number fails alone, while others can be told, before it is left alone itself."""
FIRST_WAIT, WAIT_MAX, DOUBLINGS = 1.0, 30.0, 5
"""Seconds after a failure: after the first, and at most; and how many doublings lie between."""


class Verdict(NamedTuple):
    """What to do after a failure: wait so many seconds; whether what failed alone is given up."""

    wait: float
    given_up: bool = False


class Strikes(NamedTuple):
    """How often something failed alone, and how many calls had worked when it last did."""

    times: int
    worked: int


@dataclass(slots=True)
class Breaker:
    """One channel's.

    Calls that fail become smaller, down to one number. From there on the wait doubles with every failure, until a call works again.
    A number that fails alone gets a strike, if anything was told since its last one, and with `STRIKES` of them it is given up: while
    nothing at all can be told, nothing is to blame.
    """

    failures: int = 0  # of single numbers, in a row
    worked: int = 0
    strikes: dict[Hashable, Strikes] = field(default_factory=dict)

    def success(self, told: Iterable[Hashable]) -> None:
        """A call that was answered for these numbers."""
        self.worked += 1
        self.failures = 0
        if self.strikes:
            for one in told:
                self.strikes.pop(one, None)

    def failure(self, alone: Hashable | None = None) -> Verdict:
        """A call that failed. `alone` is the number it was about, if only one."""
        if alone is None:
            return Verdict(FIRST_WAIT)
        wait = min(WAIT_MAX, FIRST_WAIT * 2 ** min(DOUBLINGS, self.failures))
        self.failures += 1
        held = self.strikes.get(alone, Strikes(0, -1))
        if self.worked > held.worked:
            held = self.strikes[alone] = Strikes(held.times + 1, self.worked)
        if held.times < STRIKES:
            return Verdict(wait)
        del self.strikes[alone]
        return Verdict(wait, given_up=True)
