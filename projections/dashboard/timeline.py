"""How a SKU's units went up and down over time, by location. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.postings import Kind

OTHERS = "other places"

LINES_MAX = 6
"""Lines that a chart shows apart; the rest is one."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the places had from an instant on."""

    at: datetime
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Steps, oldest first: the units of each of `places`."""

    places: tuple[str, ...]
    steps: tuple[Step, ...]


def timeline(now: Mapping[str, int], deltas: Sequence[Mapping[str, Any]], most: int = LINES_MAX) -> Timeline:
    """The units over time, from what they are `now` back through what the newest movements changed, newest first. Before anything was
    opened it is not known what was there: nothing is told of that time.
    """
    busy = Counter(row["location"] for row in deltas)
    named = sorted({*now, *busy}, key=lambda place: (-busy[place], -abs(now.get(place, 0)), place))
    apart = sorted(named if len(named) <= most else named[: most - 1])
    places = (*apart, OTHERS) if len(named) > len(apart) else tuple(apart)
    held = Counter(dict.fromkeys(places, 0))
    for name, units in now.items():
        held[name if name in apart else OTHERS] += units
    steps: list[Step] = []
    for at, changes in _moments(deltas):
        steps.append(Step(at, tuple(held[name] for name in places)))
        for name, units in changes:
            held[name if name in apart else OTHERS] -= units
    opened = [row["occurred_at"] for row in deltas if row["kind"] == Kind.STOCK_INITIALISED]
    since = min(opened, default=None)
    told = [step for step in reversed(steps) if since is None or step.at >= since]
    return Timeline(places, tuple(told))


def _moments(deltas: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, list[tuple[str, int]]]]:
    """The changes by instant, newest first."""
    found: dict[datetime, list[tuple[str, int]]] = {}
    for row in deltas:
        found.setdefault(row["occurred_at"], []).append((row["location"], row["units"]))
    return list(found.items())
