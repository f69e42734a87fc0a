"""How fast a worker that starts anew has its table back: `make bench-restore`."""

from __future__ import annotations

import os
import sys

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from schemas.codec import encode
from schemas.ledger import Stock
from schemas.topics import MOVEMENTS, STOCK
from streams.stages import Naming
from streams.tables import OFFSET_HEADER
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

KEYS, PARTITIONS, RULES = int(os.environ.get("ONHAND_KEYS", "1000000")), 4, "bench"


async def ran_before(kafka: str, naming: Naming) -> None:
    """Commits as a worker does that ran under the same rules: changed ones would be published again at the start."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=f"{naming.prefix}onhand", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(naming(MOVEMENTS), p) for p in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, (0, RULES)))
    finally:
        await consumer.stop()


async def test_restore(kafka, prefix, tmp_path, run):
    naming = Naming(prefix)
    await create_topics(kafka, naming, PARTITIONS)
    writer = Writer(kafka, PARTITIONS)
    await writer.start()
    value = encode(
        Stock(
            sku="SKU-0000000",
            locations={"SOHO": {"available": 7, "committed": 1}},
            boundary={"@opening": -10, "@customer": 2},
            tracked={"SOHO": "tills"},
            tracked_by={"SOHO": {"tills": 1}},
            told_by={"SOHO": {"tills": 8, "web": -1}},
            applied={1: (4_711, 0)},
            offset=1,
        )
    )
    try:
        for start in range(0, KEYS, 10_000):
            await writer.write(
                Out(
                    naming(STOCK),
                    key := f"SKU-{number:07d}".encode(),
                    value.replace(b"SKU-0000000", key),
                    ((OFFSET_HEADER, b"1"),),
                    partition_of(key, PARTITIONS),
                )
                for number in range(start, min(KEYS, start + 10_000))
            )
    finally:
        await writer.stop()
    await ran_before(kafka, naming)
    starts = {
        "memory": ("memory", "memory"),
        "rocksdict, empty directory": ("rocksdict", "rocksdict"),
        "rocksdict, restart": ("rocksdict", "rocksdict"),
    }
    table = Table(
        title=f"{KEYS:,} keys of {len(value)} bytes; Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption="from the first record restored to the last; the broker shares the cores",
    )
    for name in ("store", "records read", "keys/s", "of CPU s", "ready after s", "MB"):
        table.add_column(name, justify="left" if name == "store" else "right")
    for name, (store, folder) in starts.items():
        found = run("restore_onhand.py", kafka, prefix, str(PARTITIONS), str(tmp_path / folder), store)
        assert found["keys"] == KEYS
        assert found["read"] >= KEYS or name == "rocksdict, restart"
        rate = f"{found['read'] / found['restoring']:,.0f}" if found["read"] else "-"
        numbers = (f"{found['cpu']:.1f}", f"{found['ready']:.1f}", f"{found['megabytes']:,.0f}")
        table.add_row(name, f"{found['read']:,}", rate, *numbers)
    Console(width=110).print(table)
