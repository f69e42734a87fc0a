"""How fast a worker that starts anew has its table back, beside a stock table of Faust with the same records: `make bench-restore`
(ONHAND_KEYS=1000000,3000000).

Faust gets the first of them, as many as it restores in some seconds. With a million keys the ratio must be there; with fewer it is only said.
"""

from __future__ import annotations

import os
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
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

KEYS = [int(keys) for keys in os.environ.get("ONHAND_KEYS", "1000000,3000000").split(",")]
FAUSTS, WHOLE, PARTITIONS, RULES, LEAST, WITHIN = 200_000, 1_000_000, 4, "bench", 20, 600.0
STATE = encode(
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


async def fill(kafka: str, topic: str, keys: int) -> None:
    """Writes a state of so many keys."""
    writer = Writer(kafka, PARTITIONS, timeout=120.0)
    await writer.start()
    try:
        for start in range(0, keys, 10_000):
            await writer.write(state(topic, number) for number in range(start, min(keys, start + 10_000)))
    finally:
        await writer.stop()


def state(topic: str, number: int) -> Out:
    key = f"SKU-{number:07d}".encode()
    value, headers = STATE.replace(b"SKU-0000000", key), ((OFFSET_HEADER, b"1"),)
    return Out(topic, key, value, headers, partition_of(key, PARTITIONS))


async def fausts(kafka: str, name: str, keys: int) -> None:
    """The changelog of a table of Faust."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        config = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(f"{name}-stock-changelog", PARTITIONS, 1, topic_configs=config)])
    finally:
        await admin.close()
    await fill(kafka, f"{name}-stock-changelog", keys)


@pytest.mark.parametrize("keys", KEYS)
async def test_restore(kafka, prefix, tmp_path, run, keys):
    naming, rival, few = Naming(prefix), f"{prefix}faust", min(keys, FAUSTS)
    await create_topics(kafka, naming, PARTITIONS)
    await fill(kafka, naming(STOCK), keys)
    await fausts(kafka, rival, few)
    await ran_before(kafka, naming)
    starts = {
        "memory": ("memory", "memory"),
        "rocksdict, empty directory": ("rocksdict", "rocksdict"),
        "rocksdict, restart": ("rocksdict", "rocksdict"),
    }
    table = Table(
        title=f"{keys:,} keys of {len(STATE)} bytes; Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption="from the first record restored to the last; the broker shares the cores",
    )
    for name in ("store", "records read", "keys/s", "of CPU s", "ready after s", "MB"):
        table.add_column(name, justify="left" if name == "store" else "right")
    rates = {}
    for name, (store, folder) in starts.items():
        arguments = kafka, prefix, str(PARTITIONS), str(tmp_path / folder), store
        found = run("restore_onhand.py", *arguments, within=WITHIN)
        assert found["keys"] == keys
        assert found["read"] >= keys or name == "rocksdict, restart"
        rates[name] = found["read"] / found["restoring"] if found["read"] else 0.0
        numbers = (f"{found['cpu']:.1f}", f"{found['ready']:.1f}", f"{found['megabytes']:,.0f}")
        table.add_row(name, f"{found['read']:,}", f"{rates[name]:,.0f}" if found["read"] else "-", *numbers)
    arguments = kafka, rival, str(few), str(PARTITIONS), str(tmp_path / "faust")
    found = run("restore_faust.py", *arguments, within=WITHIN)
    assert found["keys"] == few
    its = few / found["restoring"]
    table.add_row("stock Faust, memory", f"{few:,}", f"{its:,.0f}", "-", "-", "-")
    console, ratio = Console(width=110), rates["memory"] / its
    console.print(table)
    verdict = "reached" if ratio >= LEAST else "not reached"
    console.print(f"{ratio:,.0f} x stock Faust, at least {LEAST}: {verdict}", highlight=False)
    assert ratio >= LEAST or keys < WHOLE
