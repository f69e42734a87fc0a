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
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from footprint import cpu
from installed import Progress, onhand, port_of, running, watching
from rich.console import Console
from rich.table import Table
from scripts import Script
from shop_orders import OPENING, PLACE

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
console = Console(width=130)


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
    reached: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), -1))
    sold: Counter[str] = field(default_factory=Counter)

    def news(self) -> dict[str, list[tuple[int, int, str, int]]]:
        """By order: partition and offset of each of its movements, its SKU, and the level that must come of it."""
        found = defaultdict(list)
        with psycopg.connect(self.dsn) as connection:
            for partition, after in self.reached.items():
                rows = connection.execute(
                    "SELECT transaction, sku, log_offset FROM movements WHERE partition = %s AND log_offset > %s"
                    " AND kind = 'OrderPlaced' ORDER BY log_offset",
                    [partition, after],
                ).fetchall()
                for deal, sku, offset in rows:
                    self.sold[sku] += 1
                    self.reached[partition] = offset
                    found[deal].append((partition, offset, sku, OPENING - self.sold[sku]))
        return found


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

    async def until_told(self) -> dict[str, list[tuple[int, float]]]:
        """What it was told, once it shows what is there; or what it was told until nobody waits any longer."""
        arrived: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for _ in range(int(DRAIN)):
            for sku, levels in (await self.calls()).items():
                arrived[sku] += levels
            if all(levels[-1][0] == OPENING - self.journal.sold[sku] for sku, levels in arrived.items()):
                break
            await asyncio.sleep(1.0)
        return arrived

    async def play(self, rate: int, seconds: float) -> tuple[dict[str, Took], str]:
        folder = self.config.parent
        sent, steps = folder / "sent.json", folder / "steps.json"
        await self.sender.told(f"{port_of(self.children[0])} {rate} {seconds} {sent}", "made")
        watch = Script("latency_watch.py", self.journal.dsn, steps, PACE)
        await watch.says("ready")
        before = [cpu(child.process.pid) for child in self.children if child.process]
        await self.sender.told("go", "sent")
        used = [
            cpu(child.process.pid) - b
            for child, b in zip(self.children, before, strict=True)
            if child.process
        ]
        drained = await self.progress.settled(DRAIN)
        watch.end()
        deals = self.journal.news()
        arrived = await self.until_told()
        took = timed(json.loads(sent.read_text()), deals, Steps(json.loads(steps.read_text())), arrived)
        refused = sum(math.isinf(one) for one in took["accepted"].each)
        server, worker = (f"{one / seconds * 100:.0f} %" for one in used)
        return (
            took,
            f"{refused} not accepted; settled {drained:.1f} s after the last answer; of a core: server {server}, worker {worker}",
        )


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
        installation = Installation(config, Journal(dsn), children, progress, sender, platforms)
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
