"""Nothing is lost and nothing is doubled, whoever is killed: real processes, real signals, real engines."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime

import pytest

from connectors.shopify.sandbox import ShopifySandbox
from schemas.claims import Claim, Document, Fact, Line
from schemas.topics import CLAIMS, STOCK, TRANSACTIONS
from streams.reader import Reader
from streams.rocks import RocksStore
from streams.stages import Naming
from streams.tables import MemoryStore
from streams.topics import create_topics
from streams.writer import Out, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SKUS = [f"SKU-{number}" for number in range(150)]
STORES = ["NORTH", "SOUTH", "EAST"]
SHOP_LOCATION = "Location 1"
OPENING = 1_000


def config(port: int) -> str:
    stores = "\n".join(f"[locations.{store}]" for store in STORES)
    return f"""data = "."

[channels.web]
platform = "shopify"
shop = "crash.myshopify.com"
sandbox = "played by the test"
sandbox_port = {port}
poll_every = 0

[channels.web.rules]
publish = "network"

{stores}
"""


def claim(transaction: str, lines: list[Line], version: int = 1) -> Claim:
    document = Document(id=transaction, version=version, lines=tuple(lines))
    return Claim(
        transaction=transaction, channel="tills", topic="sale.update", occurred_at=NOW, documents=(document,)
    )


def openings() -> list[Claim]:
    return [
        claim(
            f"opening/{sku}",
            [Line(fact=Fact.OPENED, sku=sku, quantity=OPENING, at=NOW, location=store) for store in STORES],
        )
        for sku in SKUS
    ]


def sales(count: int, seed: int) -> tuple[list[Claim], Counter[str]]:
    """Sales of which every fourth is told twice, and what they take of each SKU."""
    chance, taken, told = random.Random(seed), Counter[str](), list[Claim]()
    for number in range(count):
        store = chance.choice(STORES)
        sold = chance.sample(SKUS, 4)
        lines = [Line(fact=Fact.SOLD, sku=sku, quantity=1, at=NOW, location=store) for sku in sold]
        taken.update(sold)
        sale = claim(f"sale/{seed}-{number}", lines)
        told += [sale, sale] if number % 4 == 0 else [sale]
    chance.shuffle(told)
    return told, taken


@pytest.fixture
async def shop(free):
    sandbox = ShopifySandbox(
        shop="crash.myshopify.com",
        access_token="sandbox",
        webhook_secret="sandbox",
        sells_from="gid://shopify/Location/1",
        locations=[],
        restore_rate=1_000,
    )
    for sku in SKUS:
        sandbox.seed(sku, SHOP_LOCATION, 0)
    port = free()
    await sandbox.start(port)
    yield sandbox, port
    await sandbox.stop()


async def in_thread(call, *arguments):
    return await asyncio.to_thread(call, *arguments)


async def right_in_the_end(installation, settings, sandbox, taken):
    verdict = await installation.verdict(settings)
    assert verdict.as_json() | {"checks": {}} == {
        "ok": True,
        "keys": len(SKUS) * len(STORES),
        "differences": [],
        "found": 0,
        "checks": {},
    }
    shown = {sku: sandbox.available(sku, SHOP_LOCATION) for sku in SKUS}
    assert shown == {sku: OPENING * len(STORES) - taken[sku] for sku in SKUS}


async def test_given_worker_broker_and_database_are_killed_then_every_number_is_right(engines_apart, shop):
    sandbox, port = shop
    settings = engines_apart.configure(config(port))
    await engines_apart.append(openings(), settings)
    await in_thread(engines_apart.until_ready, engines_apart.worker())
    total: Counter[str] = Counter()
    for turn, victim in enumerate(["worker", "worker", "kafka", "postgres", "worker"]):
        told, taken = sales(600, turn)
        total += taken
        await engines_apart.append(told, settings)
        await asyncio.sleep(random.Random(turn).random())
        if victim == "worker":
            await in_thread(engines_apart.kill)
        else:
            await in_thread(engines_apart.engines.kill, victim)
            await in_thread(engines_apart.engines.restart, victim)
        process = engines_apart.processes.get("worker-0")
        if process is None or await _ended(process):
            engines_apart.processes.pop("worker-0", None)
            await in_thread(engines_apart.until_ready, engines_apart.worker())
    await right_in_the_end(engines_apart, settings, sandbox, total)


async def test_given_tables_on_disk_then_wherever_the_worker_is_killed_disk_and_tail_are_what_the_changelog_says(
    engines_apart, shop, tmp_path
):
    sandbox, port = shop
    settings = engines_apart.configure(config(port) + '[worker]\nstore = "rocksdict"\n')
    await engines_apart.append(openings(), settings)
    await in_thread(engines_apart.until_ready, engines_apart.worker())
    total: Counter[str] = Counter()
    held = 0
    for turn in range(3):
        told, taken = sales(500, turn)
        total += taken
        await engines_apart.append(told, settings)
        await asyncio.sleep(random.Random(turn).random())
        await in_thread(engines_apart.kill)
        shutil.copytree(settings.data / "faust" / "worker-0", tmp_path / f"{turn}")
        held += await compare(engines_apart, tmp_path / f"{turn}")
        await in_thread(engines_apart.until_ready, engines_apart.worker())
    assert held > len(SKUS), "the disk held nothing"
    await right_in_the_end(engines_apart, settings, sandbox, total)


async def compare(installation, copy) -> int:
    """Compares what a directory holds, and the changelog's tail makes of it, with the whole changelog.

    Returns up to which offsets the directory was restored already, in sum.
    """
    reader, held = Reader(installation.engines.bootstrap), 0
    await reader.start()
    for topic in (STOCK, TRANSACTIONS):
        disk, whole = RocksStore(copy / topic.name), MemoryStore()
        ends = await reader.ends(topic.name, range(4))
        for partition, end in ends.items():
            mark = disk.mark(partition)
            reached = -1 if mark is None else mark.offset
            assert reached < end
            held += reached + 1
            async for records in reader.read(topic.name, partition, 0, end):
                whole.restore(partition, records)
                if rest := [record for record in records if record.offset > reached]:
                    disk.restore(partition, rest)
            assert {key: cell.offset for key, cell in disk.cells_of(partition)} == {
                key: cell.offset for key, cell in whole.cells_of(partition)
            }
            assert dict(disk.cells_of(partition)) == dict(whole.cells_of(partition))
        disk.close()
    await reader.stop()
    return held


async def _ended(process) -> bool:
    """A worker that cannot write ends by itself; whoever supervises it starts it again."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, 4)
        return True
    return False


async def test_given_the_broker_is_away_for_a_while_then_writes_that_wait_for_one_another_arrive(
    engines_apart,
):
    naming = Naming()
    await create_topics(engines_apart.engines.bootstrap, naming, 1)
    writer = Writer(engines_apart.engines.bootstrap, 1)
    await writer.start()
    rows = [Out(naming(CLAIMS), b"key", b"%d" % number, ()) for number in range(6)]
    await writer.write(rows[:1])
    await in_thread(engines_apart.engines.kill, "kafka")
    waiting = [asyncio.create_task(writer.write([row])) for row in rows[1:]]
    await asyncio.sleep(4)
    assert [task for task in waiting if task.done()] == []
    await in_thread(engines_apart.engines.restart, "kafka")
    written = await asyncio.gather(*waiting)
    assert sorted(first for write in written for first, _ in write.values()) == [1, 2, 3, 4, 5]
    await writer.stop()


async def test_given_a_worker_that_was_stopped_and_resumed_then_it_overwrites_nothing(engines_apart, shop):
    sandbox, port = shop
    settings = engines_apart.configure(config(port))
    await engines_apart.append(openings(), settings)
    sleeper = engines_apart.worker("sleeper")
    await in_thread(engines_apart.until_ready, sleeper)
    told, total = sales(600, 1)
    await engines_apart.append(told, settings)
    await asyncio.sleep(0.3)
    sleeper.send_signal(signal.SIGSTOP)
    successor = engines_apart.worker("successor")
    await in_thread(engines_apart.until_ready, successor)
    told, taken = sales(600, 2)
    total += taken
    await engines_apart.append(told, settings)
    await asyncio.sleep(2)
    sleeper.send_signal(signal.SIGCONT)
    told, taken = sales(600, 3)
    total += taken
    await engines_apart.append(told, settings)
    await right_in_the_end(engines_apart, settings, sandbox, total)
