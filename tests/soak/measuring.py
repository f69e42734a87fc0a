"""What processes hold over time, and whether it stays: pure functions over samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

SLOPE_MAX, LAG_MAX, DRIFT_MAX = 1.0, 1.0, 2.0
"""Percent of memory a minute; seconds, 99 of 100 times; more descriptors, between the first and the last third."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of the installation at a moment: seconds since the beginning, bytes of memory, open descriptors (but of files with data)."""

    at: float
    memory: int
    descriptors: int


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much a value grows in a unit of time: the median over all pairs of points, which a few outliers do not move (Theil 1950,
    Sen 1968).
    """
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] != a[0]]
    return median(slopes) if slopes else 0.0


def percent_a_minute(samples: Sequence[Sample]) -> float:
    """Growth of memory in a minute, in percent of what was held at the median."""
    held = median(sample.memory for sample in samples)
    return slope([(sample.at / 60, float(sample.memory)) for sample in samples]) / held * 100


def drift(samples: Sequence[Sample]) -> float:
    """How many more descriptors are open in the last third than in the first."""
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]
    return median(one.descriptors for one in last) - median(one.descriptors for one in first)


def at(values: Iterable[float], percent: float) -> float:
    """A percentile; without end where there is nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else math.inf


def broken(
    parts: Mapping[str, Sequence[Sample]],
    lags: Sequence[float],
    statuses: Mapping[int, int],
    verified: bool,
    warm: bool = True,
) -> list[str]:
    """The limits that do not hold, in words. Growth counts only where everything is `warm`."""
    found = []
    for name, samples in parts.items():
        if warm and (grows := percent_a_minute(samples)) >= SLOPE_MAX:
            found.append(f"{name}: memory grows by {grows:.2f} % a minute")
        # fewer are connections that nobody needs any more
        if (more := drift(samples)) > DRIFT_MAX:
            found.append(f"{name}: {more:+g} descriptors")
    if (late := at(lags, 99)) >= LAG_MAX:
        found.append(f"lag p99 is {late:.2f} s")
    if refused := {status: count for status, count in statuses.items() if status != 200}:
        found.append(f"not accepted: {refused}")
    if not verified:
        found.append("verify found differences")
    return found
