"""Plays a day: starts the hub and the platforms, makes the deals, polls once, and asks everybody."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import crossing
import shops
import stores
import supply
from comparing import ledger, platforms
from dealing import Deal, Flow, Shelves
from limits import Watch, watched
from network import Scrambler
from oracle import Oracle
from retail import PLACES, SEATS, configured, opening, sandbox

from connectors.contract import Created, NewOrder
from connectors.errors import SlowDown, Unreachable
from deploy.engines import Engines
from projections.pool import open_pool
from projections.queries import Queries
from streams.directories import Directories
from streams.parts import clients_of
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.system import System
from streams.verify import Verifier

FLOWS: Sequence[Flow] = (*shops.FLOWS, *stores.FLOWS, *supply.FLOWS, *crossing.FLOWS)

SHARED = 26
"""SKUs of the flows that stay on one platform; each of the others has `OWN` of its own."""
OWN = 2

SHARING = "flows that share their SKUs"

HOURS = 12
"""The day: its deals begin within so many hours."""

SETTLES_WITHIN = 240.0


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
        async with AsyncExitStack() as stack:
            self.say("starting the engines")
            engines = Engines(self.data / "engines")
            await asyncio.to_thread(engines.start)
            stack.push_async_callback(asyncio.to_thread, engines.stop)
            settings = configured(self.data, self.hour)
            sandboxes = await self._sandboxes(settings)
            system = System(
                settings, self.data / "onhand.toml", self.say, engines=engines, sandboxes=sandboxes
            )
            stack.push_async_callback(system.stop)
            await system.start()
            pool, reader = await open_pool(engines.dsn, 2), Reader(engines.bootstrap)
            stack.push_async_callback(pool.close)
            await reader.start()
            stack.push_async_callback(reader.stop)
            queries = Queries(pool)
            for channel, seat in SEATS.items():
                if seat.keeps:
                    self.say(f"import {channel}: {(await self._onhand('import', channel))['opened']} cells")
            verifier = _verifier(settings, reader, queries)
            await self._shown(sandboxes)
            clients = clients_of(settings)
            for client in clients.values():
                stack.push_async_callback(client.close)
            orders = Ordering(settings, Directories(settings, clients, queries))
            await self._play(sandboxes, orders)
            return await self._judged(sandboxes, queries, verifier)

    async def _sandboxes(self, settings: Settings) -> dict[str, Any]:
        sandboxes = {}
        for number, name in enumerate(SEATS):
            made = sandboxes[name] = sandbox(name, settings, self.stock)
            made.emitter = Scrambler(hour=self.hour)
            made.emitter.faults = type(made.emitter.faults)(seed=self.seed * 100 + number)
            self.watches[name] = watched(made)
            await made.start(settings.channels[name].sandbox_port)
        return sandboxes

    async def _onhand(self, *arguments: str) -> Any:
        """A command, as a person runs it."""
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "streams.cli", *arguments, "--json"],
            *["--config", str(self.data / "onhand.toml")],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"onhand {' '.join(arguments)}: {err.decode()[-2_000:]}")
        return json.loads(out)

    async def _shown(self, sandboxes: dict[str, Any]) -> None:
        """Waits until every platform shows the opening stock."""
        deadline = time.monotonic() + SETTLES_WITHIN
        while left := list(platforms(self.oracle, sandboxes, self.all_skus)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the opening stock is not shown: {len(left)} cells, such as {left[0]}")
            await asyncio.sleep(0.5)
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

    async def _judged(
        self, sandboxes: dict[str, Any], queries: Queries, verifier: Verifier
    ) -> dict[str, Any]:
        for channel in SEATS:
            polled = await self._polled(channel)
            self.say(f"poll {channel}: {polled} documents")
        late = await verifier.settled(SETTLES_WITHIN)
        self.say("settled" if late is None else f"not settled: {late}")
        for _ in range(40):
            shown = list(platforms(self.oracle, sandboxes, self.all_skus))
            if not shown:
                break
            await asyncio.sleep(0.5)
        report = await verifier.run()
        written = list(ledger(self.oracle, [stock async for stock in queries.all_stock()]))
        movements = {
            f"{one.sku}/{one.place}": {
                "movements": (await queries.movements(sku=one.sku, location=one.place, limit=500)).items,
                "diary": self.oracle.diary[one.sku, one.place],
            }
            for one in written[:5]
        }
        letters = (await queries.dead_letters(limit=100)).items
        return {
            "transactions": self.transactions,
            "seed": self.seed,
            "played": dict(self.played.most_common()),
            "failed": {name: [times, self.why[name]] for name, times in self.failed.items()},
            "webhooks": {
                name: [one.emitter.sent, one.emitter.swallowed, one.emitter.repeated, one.emitter.refused]
                for name, one in sandboxes.items()
            },
            "limits": {
                name: {"asked": watch.asked, "reached": watch.reached, "broken": watch.broken}
                for name, watch in self.watches.items()
            },
            "late": late,
            "verify": report.as_json(),
            "dead_letters": [
                f"{one['channel']} {one['topic']} {one['ref']}: {one['reason']}" for one in letters
            ],
            "differences": [
                {**one._asdict(), "flow": self.flow_of.get(one.sku, SHARING)} for one in (*written, *shown)
            ],
            "written": movements,
            "cells": len(self.all_skus) * len(PLACES),
            "seconds": round(time.monotonic() - self.began, 1),
        }

    async def _polled(self, channel: str) -> int:
        """One poll. If it is asked to wait, because the polls of the day have used a limit up, it is made again after that."""
        while True:
            try:
                return int((await self._onhand("poll", channel))["documents"])
            except RuntimeError as error:
                said = str(error).strip().splitlines()[-1][:150]
                self.say(said)
                wait = re.search(r"asks to wait (\d+) s", said)
                await asyncio.sleep(float(wait[1]) + 1.0 if wait else 5.0)


class Ordering:
    """The hub's hand that creates orders in platforms."""

    def __init__(self, settings: Settings, directories: Directories) -> None:
        self._settings, self._directories = settings, directories

    async def create(self, channel: str, order: NewOrder) -> Created:
        """Creates an order, asking again as long as a platform wants to be asked again."""
        await self._directories.known(channel)
        make = self._settings.connector(channel).orders
        assert make is not None
        orders = make(self._directories.clients[channel])
        while True:
            try:
                return await orders.create(order, self._directories.of(channel))
            except SlowDown as wait:
                await asyncio.sleep(wait.retry_after)
            except Unreachable:
                await asyncio.sleep(1.0)


def _verifier(settings: Settings, reader: Reader, queries: Queries) -> Verifier:
    return Verifier(
        reader=reader,
        queries=queries,
        naming=Naming(settings.kafka.prefix),
        partitions=settings.kafka.partitions,
        rules=settings.rules,
        authority=settings.witnesses,
        group=f"{settings.kafka.prefix}onhand",
        tells={name: settings.connector(name).tells for name in settings.channels},
    )


def _word(flow: Flow) -> str:
    """A short name for the SKUs of a flow: `WEB+LABELS`, with what happens where that is not enough."""
    return flow.name.upper().replace(" ", "").replace(":", ".")[:24]
