"""What `bench_latency.py` makes of what was sent, recorded and told: when each order was readable, and when another platform heard of it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import psycopg
from shop_orders import OPENING


@dataclass
class Took:
    """Milliseconds; without end where it did not happen."""

    each: list[float] = field(default_factory=list)

    def at(self, percent: float) -> float:
        return sorted(self.each)[max(0, math.ceil(len(self.each) * percent / 100) - 1)]

    def add(self, since: float, until: float) -> None:
        self.each.append((until - since) * 1_000)

    def shown(self) -> list[str]:
        return [f"{one:,.1f}" if math.isfinite(one := self.at(p)) else "-" for p in (50, 99, 99.9, 100)]


@dataclass
class Journal:
    """What the recorder has of orders: the newest rows since the last look, and how many of each SKU there were before."""

    dsn: str
    partitions: int
    reached: dict[int, int] = field(default_factory=dict)
    sold: Counter[str] = field(default_factory=Counter)

    def news(self) -> dict[str, list[tuple[int, int, str, int]]]:
        """By order: partition and offset of each of its movements, its SKU, and the level that must come of it."""
        found = defaultdict(list)
        with psycopg.connect(self.dsn) as connection:
            for partition in range(self.partitions):
                rows = connection.execute(
                    "SELECT transaction, sku, log_offset FROM movements WHERE partition = %s AND log_offset > %s"
                    " AND kind = 'OrderPlaced' ORDER BY log_offset",
                    [partition, self.reached.get(partition, -1)],
                ).fetchall()
                for deal, sku, offset in rows:
                    self.sold[sku] += 1
                    self.reached[partition] = offset
                    found[deal].append((partition, offset, sku, self.left(sku)))
        return found

    def left(self, sku: str) -> int:
        """What the platforms must show of a SKU by now."""
        return OPENING - self.sold[sku]


class Steps:
    """When the recorder was seen to have passed an offset."""

    def __init__(self, seen: list[tuple[int, int, float]]) -> None:
        self._ends, self._times = defaultdict(list), defaultdict(list)
        for partition, end, at in seen:
            self._ends[partition].append(end)
            self._times[partition].append(at)

    def passed(self, partition: int, offset: int) -> float:
        at = bisect_left(self._ends[partition], offset + 1)
        return self._times[partition][at] if at < len(self._times[partition]) else math.inf


def shown_at(arrived: list[tuple[int, float]], level: int) -> float:
    """When a platform was told a level, or one that follows it: it falls with every order."""
    return next((at for told, at in arrived if told <= level), math.inf)


def timed(
    sent: list[list[float]],
    deals: dict[str, list[tuple[int, int, str, int]]],
    steps: Steps,
    arrived: dict[str, list[tuple[int, float]]],
) -> dict[str, Took]:
    took: dict[str, Took] = defaultdict(Took)
    for number, due, asked, ended, status in sent:
        accepted = ended if status // 100 == 2 else math.inf
        rows = deals.get(f"order/web/{number:.0f}", [])
        assert rows or math.isinf(accepted), f"order {number} was accepted and is not recorded"
        readable = max((steps.passed(p, o) for p, o, _, _ in rows), default=math.inf)
        called = max((shown_at(arrived.get(sku, []), level) for _, _, sku, level in rows), default=math.inf)
        took["sender's own lateness"].add(due, asked)
        for name, at in {"accepted": accepted, "readable": readable, "called": called}.items():
            took[name].add(due, at)
        if math.isfinite(accepted):
            took["readable, since accepted"].add(accepted, max(accepted, readable))
            took["called, since accepted"].add(accepted, max(accepted, called))
    return took
