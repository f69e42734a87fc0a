"""How far a hub is behind its log, and how soon after a strike it is back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError

from projections.pool import DatabaseError
from projections.queries import Queries
from schemas.topics import CLAIMS, MOVEMENTS, STOCK
from streams.reader import Reader

Offsets = dict[int, int]

PATIENCE = 180.0
"""Seconds after which a hub that does not come back is given up."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the log ends, what the workers' group has committed, and what PostgreSQL has recorded, by topic."""

    ends: dict[str, Offsets]
    committed: dict[str, Offsets]
    recorded: dict[str, Offsets]

    @property
    def lag(self) -> int:
        """Records that are not through yet, at any stage."""
        return sum(
            end - done.get(name, {}).get(p, 0)
            for done, topics in ((self.committed, (CLAIMS, MOVEMENTS)), (self.recorded, (MOVEMENTS, STOCK)))
            for name in (topic.name for topic in topics)
            for p, end in self.ends[name].items()
        )


@dataclass
class Lag:
    """Looks at a hub from outside. `recoveries` are the seconds from each strike until the hub was back: until all that the
    log held at the strike had become movements, these stock, and both rows in PostgreSQL. A strike that falls before that
    starts the count anew.
    """

    reader: Reader
    queries: Queries
    partitions: int
    position: Position | None = None
    recoveries: list[float] = field(default_factory=list)
    _struck_at: float = 0.0
    _watching: set[asyncio.Task[None]] = field(default_factory=set)

    async def look(self) -> None:
        """Sees where everything stands; nothing new while the broker or PostgreSQL does not answer."""
        partitions = range(self.partitions)
        with contextlib.suppress(KafkaError, *DatabaseError, OSError, TimeoutError):
            async with asyncio.timeout(3.0):
                committed: dict[str, Offsets] = {}
                for tp, found in (await self.reader.committed("onhand")).items():
                    committed.setdefault(tp.topic, {})[tp.partition] = found.offset
                recorded = {one.name: await self.queries.offsets(one.name) for one in (MOVEMENTS, STOCK)}
                ends = {
                    one.name: await self.reader.ends(one.name, partitions)
                    for one in (CLAIMS, MOVEMENTS, STOCK)
                }
                self.position = Position(ends, committed, recorded)

    async def keep_looking(self) -> None:
        """Looks a few times a second, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(0.3)

    def struck(self) -> None:
        """Begins to measure: something is done to the hub now."""
        self._struck_at = time.monotonic()
        task = asyncio.create_task(self._watch(self.position))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def through(self) -> None:
        """Returns when nothing is under way."""
        await self.look()
        await self._until(lambda now: not now.lag)

    async def recovered(self) -> None:
        """Returns when the hub is back from every strike, or given up."""
        while self._watching:
            await asyncio.gather(*self._watching)

    async def _watch(self, then: Position | None) -> None:
        assert then is not None
        with contextlib.suppress(TimeoutError):  # then the time itself says that it did not come back
            async with asyncio.timeout(PATIENCE):
                claims = then.ends[CLAIMS.name]
                then = await self._until(lambda now: _reached(now.committed, CLAIMS.name, claims))
                movements = then.ends[MOVEMENTS.name]
                then = await self._until(lambda now: _reached(now.committed, MOVEMENTS.name, movements))
                stock = then.ends[STOCK.name]
                await self._until(lambda now: _reached(now.recorded, MOVEMENTS.name, movements))
                await self._until(lambda now: _reached(now.recorded, STOCK.name, stock))
        self.recoveries.append(time.monotonic() - self._struck_at)

    async def _until(self, holds: Callable[[Position], bool]) -> Position:
        while self.position is None or not holds(self.position):
            await asyncio.sleep(0.05)
        return self.position


def _reached(at: dict[str, Offsets], topic: str, ends: Offsets) -> bool:
    return all(at.get(topic, {}).get(p, 0) >= end for p, end in ends.items())
