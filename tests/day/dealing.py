"""One deal of the day, whatever its flow: what it is about, when its next step is, and who may touch a shelf."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from truth import Cell, Lines, Oracle

from connectors.contract import Created, NewOrder, Ordered

STEP_MIN = 1.2
"""Seconds between two steps of a deal at least: several platforms write instants in whole seconds, and take of two versions
of a document the one of the later second.
"""

STILL = 2.5
"""Seconds before and after a count in which nobody touches the shelf. Whoever counts while others sell gets a number that no
clock of whole seconds can place: the hub calls such movements `ambiguous`, and so would we.
"""


class Flow(NamedTuple):
    """A kind of deal. `weight` is how often it happens, compared with others. One that crosses platforms has SKUs of its own,
    so that what goes wrong in it is known by the SKU.
    """

    name: str
    weight: int
    play: Callable[[Deal], Awaitable[None]]
    own: bool = False


@dataclass(slots=True)
class Shelves:
    """Who is counting, and what had better not be counted now.

    X-Series dates what was sent, and what was parked, by the last change of the document: the hub, which sees the whole only
    later, takes a transfer that was sent before a count for one that was sent when it was received, and a parked sale that was
    voided for one that had been closed first. Between the two instants nobody counts here; a shop that does must poll in
    between.
    """

    counted: set[Cell] = field(default_factory=set)
    undated: Counter[Cell] = field(default_factory=Counter)
    touched: dict[Cell, float] = field(default_factory=lambda: defaultdict(float))

    async def free(self, place: str, lines: Lines) -> None:
        """Waits until nobody counts these shelves. The caller touches them before it waits for anything else."""
        cells = {(sku, place) for sku, _ in lines}
        while cells & self.counted:
            await asyncio.sleep(0.1)
        self.touched.update(dict.fromkeys(cells, time.monotonic()))

    def undate(self, place: str, lines: Lines, number: int = 1) -> None:
        """Something begins on these shelves (-1: is over) that no count should fall into."""
        for sku, _ in lines:
            self.undated[sku, place] += number

    @asynccontextmanager
    async def counting(self, cell: Cell) -> AsyncIterator[None]:
        """Inside, nobody else touches the shelf, and nobody did just before."""
        while cell in self.counted or self.undated[cell]:
            await asyncio.sleep(0.1)
        self.counted.add(cell)
        try:
            await asyncio.sleep(max(0.0, self.touched[cell] + STILL - time.monotonic()))
            yield
            await asyncio.sleep(STILL)
        finally:
            self.counted.discard(cell)


@dataclass(slots=True, kw_only=True)
class Deal:
    """A deal while it is made. `sandboxes` are the platforms by channel, `create` has the hub create an order in one."""

    sandboxes: Mapping[str, Any]
    oracle: Oracle
    shelves: Shelves
    chance: Random
    skus: Sequence[str]
    hour: float
    create: Callable[[str, NewOrder], Awaitable[Created]]

    @property
    def now(self) -> datetime:
        """The instant of what happens now."""
        return datetime.now(UTC)

    def lines(self, most: int = 3) -> list[tuple[str, int]]:
        """One to three units each of up to so many SKUs."""
        chosen = self.chance.sample(self.skus, self.chance.randint(1, min(most, len(self.skus))))
        return [(sku, self.chance.randint(1, 3)) for sku in chosen]

    def some(self, *words: str) -> str:
        """One of them."""
        return self.chance.choice(words)

    async def later(self) -> None:
        """Until the next step."""
        await asyncio.sleep(self.chance.uniform(STEP_MIN, max(STEP_MIN * 2, self.hour)))

    async def order(self, channel: str, transaction: str, place: str, lines: Lines) -> Created:
        """Has the hub create an order for a deal in a platform."""
        asked = tuple(Ordered(sku, units) for sku, units in lines)
        return await self.create(
            channel, NewOrder(transaction=transaction, location=place, placed_at=self.now, lines=asked)
        )


def split(lines: Lines) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Two parts of the units: one of each SKU, and the rest."""
    return [(sku, 1) for sku, _ in lines], [(sku, units - 1) for sku, units in lines if units > 1]
