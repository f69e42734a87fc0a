"""How fast a worker that starts anew has its table back: `make bench-restore`."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from deploy.kafka import version
from schemas.codec import encode
from schemas.ledger import Stock
from schemas.topics import STOCK
from streams.chunks import OFFSET_HEADER
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

KEYS, PARTITIONS = int(os.environ.get("ONHAND_KEYS", "1000000")), 4


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
    found = run("restore_onhand.py", kafka, prefix, str(PARTITIONS), str(tmp_path))
    assert found["keys"] == KEYS
    Console(width=110).print(
        f"{KEYS:,} keys of {len(value)} bytes: {KEYS / found['restoring']:,.0f} keys/s from the first record to the last,"
        f" ready {found['ready']:.1f} s after the start, {found['megabytes']:,.0f} MB;"
        f" Kafka {version()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
