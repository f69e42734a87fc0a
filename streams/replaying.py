"""Goes through the whole log again, into a shadow: nothing is written anywhere. What stock it comes to, and what other rules would have
come to.

One partition of movements is in memory at a time, about 300 bytes for each movement.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median_low
from typing import Any

from schemas.codec import PLACE_KEEPER, Undecodable, decode
from schemas.counts import micros
from schemas.happened import History
from schemas.histories import Histories, Words
from schemas.ledger import Stock
from schemas.outcomes import Ruled, Side
from schemas.receipts import Outcome, Receipt
from schemas.rerouting import together
from schemas.rules import Rules
from schemas.topics import MOVEMENTS, RECEIPTS, Topic
from schemas.whatif import ASSUMPTIONS, Sides
from streams.batches import Batches
from streams.comparing import Comparison
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.supposing import Supposed
from streams.writer import partition_of

RECEIPTS_READ = 20_000
"""The newest receipts of each partition say how long a push takes."""


@dataclass(slots=True)
class Pushes:
    """When platforms took numbers, by channel and SKU: how long after the newest movement in the log was that?"""

    at: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    waits: dict[str, list[int]] = field(default_factory=dict)

    def take(self, receipt: Receipt) -> None:
        """One more."""
        if receipt.outcome is Outcome.PUSHED:
            its = self.at.setdefault(receipt.channel, {})
            its.setdefault(receipt.sku, []).append(micros(receipt.pushed_at))

    def meet(self, histories: Histories) -> None:
        """Compares with the movements of more SKUs."""
        for channel, by_sku in self.at.items():
            for sku in by_sku.keys() & histories.of.keys():
                known = [entry[1] for entry in histories.of[sku].log]
                for pushed_at in by_sku[sku]:
                    if before := bisect_right(known, pushed_at):
                        self.waits.setdefault(channel, []).append(pushed_at - known[before - 1])

    @property
    def enough(self) -> bool:
        """Whether something is known of every channel that was ever told anything."""
        return self.waits.keys() >= self.at.keys()

    def delays(self) -> dict[str, int]:
        """The median of each channel (microseconds)."""
        return {channel: median_low(waits) for channel, waits in sorted(self.waits.items())}


@dataclass(slots=True, kw_only=True)
class Replay:
    """A run through the log as it stands when the run begins. `until` leaves out what was recorded later."""

    batches: Batches
    reader: Reader
    naming: Naming
    partitions: int
    until: datetime | None = None
    movements: int = 0
    unreadable: int = 0
    ends: dict[int, int] = field(default_factory=dict)

    async def histories(self) -> AsyncIterator[Histories]:
        """The histories of all SKUs, one partition after the other. Raises `KafkaError`."""
        topic = self.naming(MOVEMENTS)
        self.ends = await self.reader.ends(topic, range(self.partitions))
        begins = await self.reader.begins(topic, range(self.partitions))
        words = Words()
        for partition, end in self.ends.items():
            found = Histories(None if self.until is None else micros(self.until), words)
            async for values in self.batches.values(topic, partition, begins[partition], end):
                self._take(found, values)
            self.movements += found.seen
            yield found

    def _take(self, found: Histories, values: Sequence[bytes | None]) -> None:
        """Takes all of them in. What is none is counted, and what stands behind it is taken in nevertheless."""
        left = (value for value in values if value != PLACE_KEEPER)
        while True:
            try:
                found.take(left)
            except Undecodable:
                self.unreadable += 1
            else:
                return

    async def pushes(self) -> Pushes:
        """What the newest receipts say of every channel."""
        found = Pushes()
        async for value in self._newest(RECEIPTS, RECEIPTS_READ):
            try:
                found.take(decode(Receipt, value))
            except Undecodable:
                self.unreadable += 1
        return found

    async def _newest(self, topic: Topic, most: int) -> AsyncIterator[bytes | None]:
        name, every = self.naming(topic), range(self.partitions)
        begins = await self.reader.begins(name, every)
        for partition, end in (await self.reader.ends(name, every)).items():
            start = max(begins[partition], end - most)
            async for values in self.batches.values(name, partition, start, end):
                for value in values:
                    if value != PLACE_KEEPER:
                        yield value

    async def folded(self) -> dict[str, Stock]:
        """The stock of every SKU, added up from zero."""
        stocks: dict[str, Stock] = {}
        async for found in self.histories():
            stocks |= {sku: history.stock(sku) for sku, history in found.of.items()}
            found.of.clear()  # before the next is read
        return stocks

    def is_later(self, stock: Stock) -> bool:
        """Whether a stock has moved since the run began."""
        return stock.offset >= self.ends[partition_of(stock.sku.encode(), self.partitions)]

    async def supposing(
        self, settings: Settings, events: Sequence[Rules], what: Supposed, since: datetime | None
    ) -> dict[str, Any]:
        """What history would have been with other rules from an instant on, beside what it was by the same model."""
        began, cpu = time.monotonic(), time.process_time()
        found, pushes = Comparison(), await self.pushes()
        waiting: list[Histories] = []
        linked: dict[str, History] = {}
        sides = compared(events, what, since, settings)
        async for histories in self.histories():
            pushes.meet(histories)
            waiting.append(histories)
            if pushes.enough:
                self._play(found, waiting, replace(sides, delays=pushes.delays()), linked)
        self._play(found, waiting, replace(sides, delays=pushes.delays()), linked)
        for sku, effect in together(linked, replace(sides, delays=pushes.delays())).items():
            found.add(sku, effect)
        return {
            "movements": self.movements,
            "unreadable": self.unreadable,
            "since": since,
            "until": self.until,
            "seconds": round(time.monotonic() - began, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "rules": [rules.version for rules in events],
            "supposed": what.said(),
            "push_ms": {channel: wait / 1_000 for channel, wait in pushes.delays().items()},
            **found.as_json(),
            "assumptions": list(ASSUMPTIONS),
        }

    @staticmethod
    def _play(found: Comparison, waiting: list[Histories], sides: Sides, linked: dict[str, History]) -> None:
        """Plays the SKUs that wait. Those that are played together wait for all others."""
        parts = {sku for side in (sides.before, sides.after) for its in side.bundles.values() for sku in its}
        while waiting:
            histories = waiting.pop().of
            while histories:
                sku, history = histories.popitem()
                if history.linked or sku in parts:
                    linked[sku] = history
                else:
                    found.add(sku, sides.effect(sku, history))


def compared(
    events: Sequence[Rules],
    what: Supposed,
    since: datetime | None,
    settings: Settings,
) -> Sides:
    """The rules as they were, and with what is supposed laid over them from an instant on."""
    start = 0 if since is None else micros(since)
    last = events[-1]
    supposed = what.over(last)
    return Sides(
        before=Side(tuple(turns(events)), settings.ruled(last).sites, last.bundles),
        after=Side(
            tuple(supposed_turns(events, what, start)), settings.ruled(supposed).sites, supposed.bundles
        ),
        since=start,
    )


def turns(events: Sequence[Rules]) -> Iterator[tuple[int, Ruled]]:
    """When the rules changed, and to what, oldest first. The first held from the beginning."""
    for number, rules in enumerate(events):
        yield _made_at(rules) if number else 0, rules.channels


def supposed_turns(events: Sequence[Rules], what: Supposed, since: int) -> Iterator[tuple[int, Ruled]]:
    """The same, with what is supposed laid over all that holds from an instant on."""
    for number, rules in enumerate(events):
        begins = _made_at(rules) if number else 0
        ends = _made_at(events[number + 1]) if number + 1 < len(events) else None
        if begins < since:
            yield begins, rules.channels
        if ends is None or ends > since:
            yield max(begins, since), what.over(rules).channels


def _made_at(rules: Rules) -> int:
    return 0 if rules.at is None else micros(rules.at)
