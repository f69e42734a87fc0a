"""How often a caller may ask: a token bucket for each, in this process."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

BURST_SECONDS = 2
"""A bucket holds what may be asked in so many seconds."""

FAILURES = 5.0
"""How many keys that are none an address may offer a second."""

REMEMBERED = 10_000
"""Buckets that are kept. One that was not asked for longest is forgotten, which fills it."""


class Bucket(NamedTuple):
    """What is left, at an instant (seconds on any clock that does not go back)."""

    tokens: float
    at: float


class Taken(NamedTuple):
    """A bucket after somebody asked. `wait` is 0 where one was taken, else in how many seconds one is there."""

    bucket: Bucket
    wait: float


def take(bucket: Bucket | None, rate: float, size: float, now: float) -> Taken:
    """Takes one out of a bucket that fills at `rate` a second up to `size`; one that is not known is full."""
    known = bucket or Bucket(size, now)
    tokens = min(size, known.tokens + max(0.0, now - known.at) * rate)
    if tokens >= 1:
        return Taken(Bucket(tokens - 1, now), 0.0)
    return Taken(Bucket(tokens, now), (1 - tokens) / rate)


@dataclass(slots=True)
class Meter:
    """Buckets by name."""

    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def take(self, name: str, rate: float, size: float) -> Taken:
        """Takes one out of a bucket."""
        taken = take(self._buckets.get(name), rate, size, self.clock())
        self._buckets[name] = taken.bucket
        self._buckets.move_to_end(name)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return taken


@dataclass(frozen=True, slots=True)
class Limits:
    """How often: `rate` requests a second of each key that has no rate of its own, and keys that are none `failures` times a second
    from one address. 0: as often as they like.
    """

    rate: float = 0.0
    failures: float = FAILURES
    meter: Meter = field(default_factory=Meter)


def size_of(rate: float) -> float:
    """How many requests may come at once."""
    return max(1.0, rate * BURST_SECONDS)


def policy(rate: float) -> str:
    """The RateLimit-Policy header (draft-ietf-httpapi-ratelimit-headers): so many in so many seconds."""
    size = size_of(rate)
    return f'"key";q={math.floor(size)};w={math.ceil(size / rate)}'


def standing(bucket: Bucket, rate: float) -> str:
    """The RateLimit header: what is left, and when all is there again."""
    return f'"key";r={math.floor(bucket.tokens)};t={math.ceil((size_of(rate) - bucket.tokens) / rate)}'
