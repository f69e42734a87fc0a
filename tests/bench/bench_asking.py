"""How soon questions are answered beside a long history: `make bench-asking MOVEMENTS=10000000`.

The journal goes through the log: it is written to `movements`, `onhand worker` folds it, `onhand serve` records it and builds its blocks.
Then `onhand serve` is asked open loop, each question at its own moment and timed from that moment on, while the log goes on to grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import orjson
import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from projections.pool import open_pool
from projections.queries import Queries
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.keys import generate
from streams.reader import Reader
from streams.settings import load
from streams.stages import Naming
from streams.system import Child
from streams.writer import Out, Writer

MADE = int(os.environ.get("MOVEMENTS", "300000"))
SKUS = min(200_000, MADE // 5)
RATE, SECONDS, PARTITIONS, GROWS, SEED = 50, float(os.environ.get("ONHAND_SECONDS", "30")), 4, 20, 2
HOURS = 6.0
"""How long the worker and the recorder may take for all of it."""

BEGAN, YEAR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=360)

CONFIG = """
data = "."
[kafka]
address = "{kafka}"
prefix = "{prefix}"
partitions = {partitions}
[postgres]
address = "{dsn}"
[serve]
port = 0
[channels.web]
platform = "rlm"
folder = "web"
poll_every = 0
reconcile_every = 0
[channels.web.rules]
publish = "network"
shadow = true
[channels.tills]
platform = "rlm"
folder = "tills"
poll_every = 0
reconcile_every = 0
[channels.tills.rules]
publish = "locations"
shadow = true
"""
"""Two channels whose platforms are told nothing: what they are told is not what is measured."""

console = Console(width=130)


@dataclass
class Chosen:
    """Which SKUs are asked about: one in ten is one of the ten that move most, the others as they are sold, or any."""

    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    deals: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=lambda: list(accumulate(1 / n for n in range(1, SKUS + 1))))

    def sku(self) -> str:
        kind = self.chance.random()
        if kind < 0.1:
            rank = self.chance.randrange(10)
        elif kind < 0.5:
            rank = bisect(self.weights, self.chance.random() * self.weights[-1])
        else:
            rank = self.chance.randrange(SKUS)
        return f"SKU-{min(rank, SKUS - 1):07d}"

    def instant(self) -> str:
        return (BEGAN + YEAR * self.chance.uniform(SKUS / MADE, 1.0)).isoformat()

    def question(self, path: str, **asked: str | list[str]) -> str:
        return f"/v1/{path}" + (f"?{urlencode(asked, doseq=True)}" if asked else "")


def cases(chosen: Chosen) -> dict[str, tuple[Callable[[], str], float]]:
    """What is asked, and in how many milliseconds 99 of 100 answers must be there."""
    ask, sku, instant = chosen.question, chosen.sku, chosen.instant
    hottest = "SKU-0000000"
    return {
        "stock of one SKU": (lambda: ask(f"stock/{sku()}"), 20.0),
        "availability of one SKU": (lambda: ask("availability", channel="web", sku=sku()), 20.0),
        "availability of 100 SKUs": (
            lambda: ask("availability", channel="tills", sku=[sku() for _ in range(100)]),
            50.0,
        ),
        "explain": (lambda: ask(f"explain/{sku()}", channel="web"), 200.0),
        "stock as of an instant": (lambda: ask(f"stock/{sku()}", at=instant()), 500.0),
        "as it was known": (lambda: ask(f"stock/{sku()}", known_at=instant()), 500.0),
        "as of both clocks": (lambda: ask(f"stock/{sku()}", at=instant(), known_at=instant()), 500.0),
        "the SKU that moves most, as of": (lambda: ask(f"stock/{hottest}", at=instant()), 500.0),
        "late facts": (lambda: ask("late-facts", sku=sku(), at=instant()), 500.0),
        "movements of a SKU": (lambda: ask("movements", sku=sku(), limit="50"), 200.0),
        "movements of all since": (lambda: ask("movements", until=instant(), limit="50"), 200.0),
        "deals": (lambda: ask("transactions", until=instant(), limit="50"), 200.0),
        "a deal": (lambda: ask(f"transactions/{chosen.chance.choice(chosen.deals)}"), 50.0),
        "open orders of a SKU": (lambda: ask("commitments", sku=sku(), limit="50"), 200.0),
        "SKUs of a store": (lambda: ask("skus", location="STORE-03", channel="web", limit="50"), 200.0),
    }


@dataclass
class Took:
    """Milliseconds from the moments at which questions were due to their whole answers; without end where one failed."""

    each: list[float] = field(default_factory=list)
    failed: str | None = None

    def at(self, percent: float) -> float:
        return sorted(self.each)[max(0, math.ceil(len(self.each) * percent / 100) - 1)]


@contextlib.asynccontextmanager
async def running(config: Path, data: Path) -> AsyncIterator[str]:
    """`onhand worker` and `onhand serve`, and the server's address."""
    children = [Child(part, ["--config", str(config)], data / f"{part}.log") for part in ("worker", "serve")]
    tasks = [asyncio.create_task(child.run()) for child in children]
    try:
        for child in children:
            await asyncio.wait_for(child.ready.wait(), 120)
        yield children[1].ready_said.removeprefix("ready ")
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        await asyncio.gather(*tasks)


async def until_recorded(kafka: str, prefix: str, queries: Queries) -> float:
    """Waits until all that is in the log is folded, recorded and in blocks. Returns how long that took in seconds."""
    reader, naming, began = Reader(kafka), Naming(prefix), time.monotonic()
    await reader.start()
    said = 0.0
    try:
        while time.monotonic() - began < HOURS * 3_600:
            lag = {}
            for topic in (MOVEMENTS, STOCK, CHANNEL_QUANTITIES):
                ends = await reader.ends(naming(topic), range(PARTITIONS))
                lag[topic.name] = sum(ends.values()) - sum((await queries.offsets(topic.name)).values())
            ends = await reader.ends(naming(MOVEMENTS), range(PARTITIONS))
            committed = await reader.committed(f"{prefix}onhand")
            at = {tp.partition: o.offset for tp, o in committed.items() if tp.topic == naming(MOVEMENTS)}
            lag["folded"] = sum(ends.values()) - sum(at.values())
            digested = await queries.rows(
                "SELECT coalesce(sum(next_offset), 0)::bigint AS n FROM block_progress"
            )
            lag["blocks"] = sum(ends.values()) - digested[0]["n"]
            if not any(lag.values()):
                return time.monotonic() - began
            if time.monotonic() - said > 30:
                said = time.monotonic()
                console.print(f"{said - began:6.0f} s, still to come: {lag}", highlight=False)
            await asyncio.sleep(1.0)
    finally:
        await reader.stop()
    raise AssertionError(f"not recorded within {HOURS:g} hours: {lag}")


async def growing(kafka: str, prefix: str) -> None:
    """Goes on selling, so many movements a second."""
    writer, chance, naming = Writer(kafka, PARTITIONS), random.Random(3), Naming(prefix)
    await writer.start()
    number = 2 * MADE
    try:
        while True:
            number += 1
            sku, now = f"SKU-{chance.randrange(SKUS):07d}", datetime.now(UTC)
            sold = [
                {"location": "STORE-01", "state": "available", "quantity": -1},
                {"location": "@customer", "state": "boundary", "quantity": 1},
            ]
            made = {
                "id": f"0-{number}-0",
                "kind": "PosSaleCompleted",
                "sku": sku,
                "quantity": 1,
                "legs": sold,
            }
            made |= {"transaction": f"sale/{number}", "channel": "tills", "document": f"sale/{number}"}
            made |= {"occurred_at": now, "recorded_at": now, "demand_class": "retail", "v": 1}
            made |= {"cause": {"partition": 0, "offset": number, "index": 0}}
            await writer.write([Out(naming(MOVEMENTS), sku.encode(), orjson.dumps(made), ())])
            await asyncio.sleep(1 / GROWS)
    finally:
        await writer.stop()


async def open_loop(session: aiohttp.ClientSession, question: Callable[[], str], count: int) -> Took:
    took = Took()

    async def one(path: str, due: float) -> None:
        async with session.get(path) as response:
            body = await response.read()
            answered = response.status == 200
            took.each.append((time.perf_counter() - due) * 1_000 if answered else math.inf)
        if not answered:
            took.failed = took.failed or f"{path}: {body.decode()}"

    began = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            due, path = began + number / RATE, question()
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(path, due))
    return took


@pytest.fixture
def config(tmp_path, kafka, dsn, prefix) -> Path:
    file = tmp_path / "onhand.toml"
    text = CONFIG.format(kafka=kafka, prefix=prefix, partitions=PARTITIONS, dsn=dsn)
    file.write_text(text.replace('data = "."', f'data = "{tmp_path}"'), encoding="utf-8")
    for channel in ("web", "tills"):
        (tmp_path / channel).mkdir()
    return file


async def test_asking(config, tmp_path, kafka, prefix, dsn):
    key = generate(load(config).data).read_text(encoding="utf-8").strip()
    script = str(Path(__file__).parent / "asking_movements.py")
    arguments = [kafka, prefix, str(PARTITIONS), str(MADE), str(SKUS)]
    written = await asyncio.to_thread(
        subprocess.run, [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )
    assert written.returncode == 0, written.stderr[-2_000:]
    console.print(f"{MADE:,} movements of {SKUS:,} SKUs written: {written.stdout.strip()}", highlight=False)
    async with running(config, tmp_path) as address:
        pool = await open_pool(dsn, 2)
        seconds = await until_recorded(kafka, prefix, Queries(pool))
        await pool.close()
        console.print(f"folded, recorded and in blocks in {seconds:.0f} s: {MADE / seconds:,.0f} a second")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        growth = asyncio.create_task(growing(kafka, prefix))
        try:
            await measured(address, key)
        finally:
            growth.cancel()
            await asyncio.gather(growth, return_exceptions=True)


async def measured(address: str, key: str) -> None:
    table = Table(
        title=f"{MADE:,} movements of {SKUS:,} SKUs; {RATE} questions a second, open loop, {SECONDS:g} s each;"
        f" Kafka {version()}, {os.cpu_count()} cores",
        caption=f"milliseconds; worker, recorder, Kafka and PostgreSQL run on the same cores, and {GROWS} movements a second come in",
    )
    for name in ("asked for", "p50", "p99", "worst", "p99 at most"):
        table.add_column(name, justify="left" if name == "asked for" else "right")
    late = []
    async with aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {key}"}) as session:
        chosen = Chosen()
        for _ in range(20):
            async with session.get(
                chosen.question("transactions", until=chosen.instant(), limit="50")
            ) as found:
                chosen.deals += [deal["transaction"] for deal in (await found.json())["items"]]
        for name, (question, limit) in cases(chosen).items():
            await open_loop(session, question, RATE)
            took = await open_loop(session, question, int(RATE * SECONDS))
            table.add_row(name, *(f"{took.at(percent):.1f}" for percent in (50, 99, 100)), f"{limit:g}")
            if took.at(99) > limit or took.failed:
                late.append(f"{name}: p99 {took.at(99):.1f} ms, {took.failed or 'all answered'}")
    console.print(table)
    assert not late, late
