"""What is done to a hub: a table."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`strikes` says what is struck and how often; the words are the methods of `hub.Hub`. Up to `together` strikes fall
    within a few seconds, the next ones when everything is back. `share` is the part of the documents that is played.
    """

    name: str
    strikes: Mapping[str, int]
    workers: int = 1
    together: int = 1
    share: float = 1.0

    def groups(self, chance: random.Random) -> list[list[str]]:
        """All strikes in an order of chance, in groups of those that fall together."""
        left = [what for what, times in self.strikes.items() for _ in range(times)]
        chance.shuffle(left)
        groups: list[list[str]] = []
        while left:
            size = chance.randint(1, self.together)
            groups.append(left[:size])
            left = left[size:]
        return groups


SCENARIOS: Sequence[Scenario] = (
    Scenario(name="worker", strikes={"worker": 20}, together=2),
    Scenario(name="broker", strikes={"broker": 5}),
    Scenario(name="postgres", strikes={"postgres": 5}),
    Scenario(name="all", strikes={"worker": 10, "broker": 3, "postgres": 3}, workers=2, together=3),
    Scenario(name="zombie", strikes={"zombie": 4}, workers=2, share=0.5),
    Scenario(name="storm-2", strikes={"leave": 4, "drop": 4, "guest": 4}, workers=2, together=4, share=0.5),
    Scenario(name="storm-3", strikes={"leave": 4, "drop": 4, "guest": 4}, workers=3, together=4, share=0.5),
    Scenario(name="disk-full", strikes={"disk_full": 3}, share=0.5),
)

STORES = ("memory", "rocksdict")

DELAY, JITTER = 0.15, 0.05
"""One way between worker and broker, in seconds: 300 ms there and back, 200 to 400 with the jitter."""


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario on one store, with or without a slow network."""

    scenario: Scenario
    store: str
    slow: bool

    @property
    def name(self) -> str:
        """What `-k` looks at, such as `broker-memory-slow`."""
        return f"{self.scenario.name}-{self.store}-{'slow' if self.slow else 'fast'}"

    @property
    def delay(self) -> str:
        """The network between worker and broker, in words."""
        return f"{DELAY * 2_000:.0f} ± {JITTER * 2_000:.0f} ms" if self.slow else "none"


RUNS = [Run(*one) for one in product(SCENARIOS, STORES, (False, True))]
