"""How fast a change of the rules is published, by a worker as shipped: of one channel of three every number."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from rich.console import Console

from deploy.kafka import version
from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import encode
from schemas.movements import Cause
from schemas.settling import Transaction, apply
from schemas.topics import MOVEMENTS
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

SKUS, ROUNDS = int(os.environ.get("ONHAND_SKUS", "50000")), int(os.environ.get("ONHAND_ROUNDS", "2"))
PLACES, PARTITIONS = 3, 4
SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def opened() -> list[tuple[bytes, bytes]]:
    """Every SKU's opening stock at its places, settled as in the product; keys and values."""
    made, offsets = [], [0] * PARTITIONS
    for number in range(SKUS):
        sku, at = f"SKU-{number:05d}", SINCE + timedelta(seconds=number)
        lines = tuple(
            Line(fact=Fact.OPENED, sku=sku, quantity=9 + place, at=at, location=f"S{place}")
            for place in range(PLACES)
        )
        documents = (Document(id=f"opening/{sku}", version=1, lines=lines),)
        claim = Claim(
            transaction=f"opening/{sku}", channel="erp", topic="bench", occurred_at=at, documents=documents
        )
        partition = partition_of(claim.transaction.encode(), PARTITIONS)
        cause = Cause(partition, offsets[partition], 0)
        offsets[partition] += 1
        made += [(m.sku.encode(), encode(m)) for m in apply(Transaction(), claim, at, cause)[1]]
    return made


async def test_a_change_of_one_channel_s_rules(kafka, prefix, tmp_path, run):
    made, found, writer = opened(), [], Writer(kafka, PARTITIONS)
    await writer.start()
    try:
        for number in range(ROUNDS):
            naming = Naming(f"{prefix}{number}.")
            await create_topics(kafka, naming, PARTITIONS)
            for start in range(0, len(made), 5_000):
                await writer.write(
                    Out(naming(MOVEMENTS), key, value, ()) for key, value in made[start : start + 5_000]
                )
            profile = os.environ.get("ONHAND_PROFILE")
            asked = [
                kafka,
                naming.prefix,
                str(PARTITIONS),
                str(tmp_path / str(number)),
                *([profile] if profile else []),
            ]
            found.append(run("rules_onhand.py", *asked))
    finally:
        await writer.stop()
    assert all(one["numbers"] == SKUS for one in found), found
    best = min(found, key=lambda one: one["seconds"])
    Console(width=110).print(
        f"{SKUS:,} numbers at {PLACES} places each, best of {ROUNDS}: {SKUS / best['seconds']:,.0f} numbers/s,"
        f" {SKUS / best['cpu']:,.0f} for each second of the worker's CPU; Kafka {version()}, {os.cpu_count()} cores"
    )
