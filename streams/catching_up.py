"""Whether we have taken in all that is in the log: settled, posted, published and recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from projections.queries import Queries
from schemas.topics import Topic
from streams.reader import Reader
from streams.recorder import RECORDED
from streams.stages import Naming
from streams.verify import SOURCES

ROUNDS = 3
"""A claim may send others on, and these once more (two deals that are one): each round follows what the one before wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchingUp:
    """Waits for what stands in the log when it is asked, however much is written meanwhile."""

    reader: Reader
    queries: Queries
    naming: Naming
    partitions: int

    async def within(self, seconds: float) -> bool:
        """Whether all of it was taken in, within so many seconds. Raises `KafkaError`, `DatabaseError`."""
        deadline = time.monotonic() + seconds
        for _ in range(ROUNDS):
            for topic in SOURCES:
                if not await self._reached(topic, self._committed, deadline):
                    return False
            for topic in RECORDED:
                if not await self._reached(topic, self._recorded, deadline):
                    return False
        return True

    async def _reached(
        self, topic: Topic, at: Callable[[Topic], Awaitable[Mapping[int, int]]], deadline: float
    ) -> bool:
        ends = await self.reader.ends(self.naming(topic), range(self.partitions))
        while True:
            reached = await at(topic)
            if all(reached.get(p, 0) >= end for p, end in ends.items()):
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.2)

    async def _committed(self, topic: Topic) -> Mapping[int, int]:
        found = await self.reader.committed(f"{self.naming.prefix}onhand")
        return {tp.partition: at.offset for tp, at in found.items() if tp.topic == self.naming(topic)}

    async def _recorded(self, topic: Topic) -> Mapping[int, int]:
        return await self.queries.offsets(topic.name)
