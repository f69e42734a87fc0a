"""How soon an order is known: `make bench-latency` (ONHAND_RATES=100,500,1000,2000 ONHAND_SECONDS=30).

Signed order webhooks of two lines each reach `onhand serve` over HTTP at fixed moments, so many a second (open loop), and everything is
timed from the moment at which an order was due, so that a slow answer cannot hide the orders that had to wait for it. Timed are: the answer
to the webhook; when all its movements can be read in PostgreSQL (`latency_watch.py`); and when the platform of another channel is told the
numbers that follow (a call arrives at its sandbox, `latency_platforms.py`). That channel is a Shopify shop whose cost bucket is so large
that it is never felt: at Shopify's own limit of a call or two a second nothing of the hub's own delay would be seen. Sender, platforms and
watch are processes of their own on the same cores.

It ends with `onhand verify`. Where 1,000 a second come for 30 s or more, the promised figures must be there; else they are only said.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from footprint import cpu
from installed import Progress, onhand, port_of, running, watching
from latency_times import Journal, Steps, Took, timed
from rich.console import Console
from rich.table import Table
from scripts import Script
from shop_orders import PLACE

from deploy.kafka import version
from deploy.processes import free_port
from streams.keys import generate
from streams.settings import load
from streams.system import Child

RATES = [int(rate) for rate in os.environ.get("ONHAND_RATES", "100,500,1000,2000").split(",")]
SECONDS, WHOLE = float(os.environ.get("ONHAND_SECONDS", "30")), 30.0
SKUS, PARTITIONS, PACE = int(os.environ.get("ONHAND_SKUS", "10000")), 4, 0.005
WARM_UP, DRAIN = (50, 4.0), 300.0
PROMISED_AT, MOST = 1_000, {"readable": 150.0, "called": 500.0}
CONFIG = """
data = "{data}"
[kafka]
address = "{kafka}"
prefix = "{prefix}"
partitions = {partitions}
[postgres]
address = "{dsn}"
[serve]
port = 0
[locations.{place}]
"""
CHANNEL = """
[channels.{name}]
platform = "shopify"
shop = "{name}.myshopify.com"
sandbox = "played by the bench"
sandbox_port = {port}
poll_every = 0
reconcile_every = 0
[channels.{name}.rules]
publish = "locations"
ships_from = "{place}"
"""
PROCESSES = "server", "worker", "both platforms", "sender"
console = Console(width=130)


@dataclass
class Installation:
    """What is measured."""

    config: Path
    journal: Journal
    children: list[Child]
    progress: Progress
    sender: Script
    platforms: Script

    async def calls(self) -> dict[str, list[tuple[int, float]]]:
        """What the told platform was told since the last time."""
        file = self.config.parent / "arrived.json"
        await self.platforms.told(str(file), "written")
        found: dict[str, list[tuple[int, float]]] = json.loads(file.read_text())
        return found

    async def until_told(self, sold: set[str]) -> dict[str, list[tuple[int, float]]]:
        """What it was told, once it shows what is there of all that was sold; or until nobody waits any longer."""
        arrived: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for _ in range(int(DRAIN)):
            for sku, levels in (await self.calls()).items():
                arrived[sku] += levels
            if all(sku in arrived and arrived[sku][-1][0] == self.journal.left(sku) for sku in sold):
                break
            await asyncio.sleep(1.0)
        return arrived

    async def play(self, rate: int, seconds: float) -> tuple[dict[str, Took], str]:
        folder = self.config.parent
        sent, steps = folder / "sent.json", folder / "steps.json"
        await self.sender.told(f"{port_of(self.children[0])} {rate} {seconds} {sent}", "made")
        watch = Script("latency_watch.py", self.journal.dsn, steps, PACE)
        await watch.says("ready")
        costs = self.cpu()
        try:
            await self.sender.told("go", "sent")
            drained = await self.progress.settled(DRAIN)
        finally:
            watch.end()
        costs = [
            (after - before) / (rate * seconds) * 1_000
            for before, after in zip(costs, self.cpu(), strict=True)
        ]
        deals = self.journal.news()
        arrived = await self.until_told({sku for rows in deals.values() for _, _, sku, _ in rows})
        took = timed(json.loads(sent.read_text()), deals, Steps(json.loads(steps.read_text())), arrived)
        refused = sum(math.isinf(one) for one in took["accepted"].each)
        spent = ", ".join(f"{name} {cost:.2f}" for name, cost in zip(PROCESSES, costs, strict=True))
        return (
            took,
            f"{refused} not accepted; settled {drained:.1f} s after the last answer; CPU ms an order: {spent}",
        )

    def cpu(self) -> list[float]:
        """Seconds of CPU so far, of each of `PROCESSES`."""
        children = [child.process.pid for child in self.children if child.process is not None]
        return [cpu(pid) for pid in (*children, self.platforms.process.pid, self.sender.process.pid)]


@pytest.fixture
def config(tmp_path, kafka, dsn, prefix) -> Path:
    file = tmp_path / "onhand.toml"
    where = {"data": tmp_path, "kafka": kafka, "prefix": prefix, "partitions": PARTITIONS, "dsn": dsn}
    channels = [CHANNEL.format(name=name, port=free_port(), place=PLACE) for name in ("web", "other")]
    file.write_text(CONFIG.format(**where, place=PLACE) + "".join(channels), encoding="utf-8")
    generate(load(file).data)
    return file


@pytest.fixture
def scripts(config) -> Iterator[tuple[Script, Script]]:
    ports = {name: channel.sandbox_port for name, channel in load(config).channels.items()}
    platforms = Script("latency_platforms.py", SKUS, "web", ports["web"], "other", ports["other"])
    sender = Script("latency_sender.py", "web", SKUS)
    try:
        yield sender, platforms
    finally:
        sender.end()
        platforms.end()


async def until_open(dsn: str) -> None:
    """Waits until the other channel's platform is known to show the opening stock of every SKU."""
    for _ in range(int(DRAIN)):
        with psycopg.connect(dsn) as connection:
            told = connection.execute("SELECT count(*) FROM told WHERE channel = 'other' AND sure").fetchone()
        if told == (SKUS,):
            return
        await asyncio.sleep(1.0)
    raise AssertionError(f"the opening stock was not told: {told}")


async def test_latency(config, scripts, kafka, dsn, prefix):
    sender, platforms = scripts
    await asyncio.gather(sender.says("ready"), platforms.says("ready"))
    async with (
        watching(kafka, dsn, prefix, PARTITIONS) as progress,
        running(config, "serve", "worker") as children,
    ):
        await asyncio.to_thread(onhand, config, "import", "web")
        await until_open(dsn)
        installation = Installation(config, Journal(dsn, PARTITIONS), children, progress, sender, platforms)
        await installation.play(*WARM_UP)
        late = []
        for rate in RATES:
            took, said = await installation.play(rate, SECONDS)
            show(rate, took, said)
            if rate == PROMISED_AT:
                late = [verdict(name, took[name].at(99), most) for name, most in MOST.items()]
        found = await asyncio.to_thread(onhand, config, "verify", "--wait", "120")
        assert found["ok"], found["differences"][:5]
        console.print(f"verify: ok, {found['keys']:,} keys, {found['checks']}", highlight=False)
    assert not any(late) or SECONDS < WHOLE, late


def verdict(name: str, p99: float, most: float) -> str | None:
    said = f"{name}: p99 {p99:,.1f} ms at {PROMISED_AT:,} a second, at most {most:g}"
    console.print(f"{said}: {'reached' if p99 <= most else 'not reached'}", highlight=False)
    return None if p99 <= most else said


def show(rate: int, took: dict[str, Took], said: str) -> None:
    table = Table(
        title=f"{rate:,} orders of two lines a second for {SECONDS:g} s, {SKUS:,} SKUs; Kafka {version()}, {os.cpu_count()} cores",
        caption=f"milliseconds, from the moment at which an order was due; readable as seen every {PACE * 1000:g} ms; {said}",
    )
    for name in ("", "p50", "p99", "p99.9", "worst"):
        table.add_column(name, justify="left" if not name else "right")
    for name, its in took.items():
        table.add_row(name, *its.shown())
    console.print(table)
