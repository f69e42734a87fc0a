"""Plays a day: starts the hub and the platforms, makes the deals, polls once, and asks everybody."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import crossing
import shops
import stores
import supply
from dealing import Deal, Flow, Shelves
from limits import Watch, watched
from network import Scrambler
from ordering import Ordering
from retail import PLACES, SEATS, opening
from running import Hub, running
from seats import configured, sandbox
from truth import Oracle
from verdict import judged

from streams.directories import Directories
from streams.parts import clients_of
from streams.settings import Settings

FLOWS: Sequence[Flow] = (*shops.FLOWS, *stores.FLOWS, *supply.FLOWS, *crossing.FLOWS)

SHARED = 26
"""SKUs of the flows that stay on one platform; each of the others has `OWN` of its own."""
OWN = 2

HOURS = 12
"""The day: its deals begin within so many hours."""

SHOWN_WITHIN = 240.0


@dataclass
class Day:
    """One day. `chance` decides everything but how long things take."""

    transactions: int
    seed: int
    rate: float
    flows: Sequence[Flow]
    mixed: bool
    data: Path
    failed: Counter[str] = field(default_factory=Counter)
    why: dict[str, str] = field(default_factory=dict)
    played: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.hour = self.transactions / self.rate / HOURS
        shared = [f"SKU-{number:02}" for number in range(SHARED)]
        apart = {flow.name: f"{_word(flow)}-" for flow in FLOWS if flow.own}
        self.skus = {
            name: [f"{word}{number}" for number in range(1, OWN + 1)] for name, word in apart.items()
        }
        self.all_skus = [*shared, *(sku for skus in self.skus.values() for sku in skus)]
        self.flow_of = {sku: name for name, skus in self.skus.items() for sku in skus}
        self.skus.update({flow.name: shared for flow in FLOWS if not flow.own})
        if self.mixed:
            self.flow_of = {}
            self.skus = {flow.name: self.all_skus for flow in FLOWS}
        stock = opening(self.all_skus, self.chance)
        self.oracle, self.stock = Oracle(stock), stock
        self.watches: dict[str, Watch] = {}

    def say(self, text: str) -> None:
        """A line of progress."""
        sys.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {text}\n")
        sys.stdout.flush()

    async def run(self) -> dict[str, Any]:
        """Plays the day, and returns what came of it."""
        settings = configured(self.data, SEATS, self.hour)
        sandboxes = self._sandboxes(settings)
        async with running(self.data, SEATS, settings, sandboxes, self.say) as hub:
            await hub.opened(self.say)
            await self._shown(hub)
            clients = clients_of(settings)
            try:
                orders = Ordering(settings, Directories(settings, clients, hub.queries))
                await self._play(sandboxes, orders)
                return await judged(self, hub)
            finally:
                for client in clients.values():
                    await client.close()

    def _sandboxes(self, settings: Settings) -> dict[str, Any]:
        sandboxes = {}
        for number, (name, seat) in enumerate(SEATS.items()):
            made = sandboxes[name] = sandbox(name, seat, settings, self.stock)
            made.emitter = Scrambler(hour=self.hour)
            made.emitter.faults = type(made.emitter.faults)(seed=self.seed * 100 + number)
            self.watches[name] = watched(made)
        return sandboxes

    async def _shown(self, hub: Hub) -> None:
        """Waits until every platform shows the opening stock."""
        if left := await hub.shown(self.oracle, self.all_skus, SHOWN_WITHIN):
            raise RuntimeError(f"the opening stock is not shown: {len(left)} cells, such as {left[0]}")
        self.say(f"every platform shows the opening stock: {len(self.all_skus)} SKUs, {len(PLACES)} places")

    async def _play(self, sandboxes: dict[str, Any], orders: Ordering) -> None:
        self.say(f"{self.transactions} deals at {self.rate:g} a second; an hour is {self.hour:.1f} s")
        shelves, deals, began = Shelves(), set[asyncio.Task[None]](), time.monotonic()
        weights = [flow.weight for flow in self.flows]
        for number in range(self.transactions):
            (flow,) = self.chance.choices(self.flows, weights)
            deal = Deal(
                sandboxes=sandboxes,
                oracle=self.oracle,
                shelves=shelves,
                chance=Random(f"{self.seed}/{number}"),
                skus=self.skus[flow.name],
                hour=self.hour,
                create=orders.create,
            )
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            task = asyncio.create_task(self._deal(flow, deal))
            deals.add(task)
            task.add_done_callback(deals.discard)
            if number % 100 == 99:
                self.say(f"{number + 1} deals begun, {len(deals)} under way")
        while deals:
            await asyncio.wait(set(deals))
        for one in sandboxes.values():
            await one.emitter.drain()
        self.say("the last deal is made, and the last webhook has come")

    async def _deal(self, flow: Flow, deal: Deal) -> None:
        self.played[flow.name] += 1
        try:
            await flow.play(deal)
        except Exception as error:  # noqa: BLE001  # a deal that cannot be played is a finding, and the others go on
            self.failed[flow.name] += 1
            self.why.setdefault(flow.name, f"{type(error).__name__}: {error}")


def _word(flow: Flow) -> str:
    """A short name for the SKUs of a flow: `WEB+LABELS`, with what happens where that is not enough."""
    return flow.name.upper().replace(" ", "").replace(":", ".")[:24]
