"""What a second worker brings, and what partitions cost: `make bench-workers` (ONHAND_MOVEMENTS=100000 ONHAND_PARTITIONS=1,4,8,32).

One worker, then two of another installation, join their group; once it is stable the same movements (`asking_movements.py`: a year of openings,
sales, orders and returns after Zipf) are written into so many partitions, while the workers do not know their rules, without which no ledger begins.
Then they are let go together. What counts is from then to the last record of stock or numbers. Kafka shares the cores, so that of two cores a second worker cannot have all of another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from growth_onhand import left
from rich.console import Console
from rich.table import Table
from scripts import Script

from deploy.kafka import version
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics

MOVEMENTS_MADE = int(os.environ.get("ONHAND_MOVEMENTS", "100000"))
SKUS = max(1, MOVEMENTS_MADE // 5)
PARTITIONS = [int(count) for count in os.environ.get("ONHAND_PARTITIONS", "1,4,8,32").split(",")]
WORKERS, WITHIN, STABLE = (1, 2), 1_800.0, 3.0


async def until_joined(admin: AIOKafkaAdminClient, group: str, scripts: list[Script]) -> None:
    """Waits until all of them are in the group and it has been quiet for a while."""
    began = since = time.monotonic()
    while time.monotonic() - since < STABLE:
        assert time.monotonic() - began < 120, "the workers did not join"
        assert all(script.process.poll() is None for script in scripts), "a worker ended"
        await asyncio.sleep(0.2)
        [answer] = await admin.describe_consumer_groups([group])
        _, _, state, *_, members = answer.groups[0][:6]
        if state != "Stable" or len(members) != len(scripts):
            since = time.monotonic()


async def last_written(reader: Reader, naming: Naming, partitions: int) -> float:
    """When the newest record came, in seconds since the epoch."""
    newest = 0
    for topic in (STOCK, CHANNEL_QUANTITIES):
        ends = await reader.ends(naming(topic), range(partitions))
        found = await reader.at(naming(topic), {p: end - 1 for p, end in ends.items() if end})
        newest = max(newest, *(record.timestamp for record in found.values()))
    return newest / 1_000


async def folded(
    kafka: str, prefix: str, partitions: int, folders: list[Path], write: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Seconds, and seconds of CPU of all workers, each with a folder of its own."""
    naming, reader, admin = Naming(prefix), Reader(kafka), AIOKafkaAdminClient(bootstrap_servers=kafka)
    await reader.start()
    await admin.start()
    await create_topics(kafka, naming, partitions)
    scripts = [Script("workers_onhand.py", kafka, prefix, partitions, one, one.name) for one in folders]
    try:
        await until_joined(admin, f"{prefix}onhand", scripts)
        await write()
        began = time.time()
        for script in scripts:
            script.tell("go")
        ends = await reader.ends(naming(MOVEMENTS), range(partitions))
        while await left(reader, f"{prefix}onhand", naming(MOVEMENTS), ends):
            assert time.time() - began < WITHIN, "not folded in time"
            assert all(script.process.poll() is None for script in scripts), "a worker ended"
            await asyncio.sleep(0.25)
        seconds = await last_written(reader, naming, partitions) - began
        for script in scripts:
            script.tell("end")
        return seconds, sum([json.loads(await script.line())["cpu"] for script in scripts])
    finally:
        for script in scripts:
            script.end()
        await admin.close()
        await reader.stop()


async def test_workers_and_partitions(kafka, prefix, tmp_path, run):
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for partitions in PARTITIONS:
        for workers in WORKERS:
            its = f"{prefix}{partitions}.{workers}."
            made = kafka, its, *map(str, (partitions, MOVEMENTS_MADE, SKUS))
            write = partial(asyncio.to_thread, run, "asking_movements.py", *made, within=WITHIN)
            folders = [tmp_path / f"{partitions}-{workers}" / f"worker-{number}" for number in range(workers)]
            found[partitions, workers] = await folded(kafka, its, partitions, folders, write)
    table = Table(
        title=f"{MOVEMENTS_MADE:,} movements of {SKUS:,} SKUs; Kafka {version()}, {os.cpu_count()} cores",
        caption="events a second, and for each second of the workers' CPU; the broker shares the cores",
    )
    for name in ("partitions", "one worker", "of CPU", "two workers", "of CPU", "two to one"):
        table.add_column(name, justify="right")
    for partitions in PARTITIONS:
        rates = [MOVEMENTS_MADE / one for workers in WORKERS for one in found[partitions, workers]]
        table.add_row(str(partitions), *(f"{rate:,.0f}" for rate in rates), f"{rates[2] / rates[0]:.2f}")
    Console(width=110).print(table)
