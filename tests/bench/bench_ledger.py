"""How fast the ledger worker is, beside a plain loop that promises nothing: `make bench-smoke`."""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, datetime, timedelta

import orjson
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import decode, encode
from schemas.ledger import Stock
from schemas.movements import Cause
from schemas.settling import Transaction, apply
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

MOVEMENTS_MADE, SKUS, PARTITIONS, ROUNDS, SEED = 100_000, 20_000, 4, 2, 1
SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def movements() -> list[tuple[bytes, bytes]]:
    """Opening stock of every SKU, then sales of random ones, settled as in the product; keys and values."""
    chance, made = random.Random(SEED), []
    offsets = [0] * PARTITIONS
    for number in range(MOVEMENTS_MADE):
        opening = number < SKUS
        sku = f"SKU-{number if opening else chance.randrange(SKUS):05d}"
        name = f"{'opening' if opening else 'sale'}/tills/{number}"
        at = SINCE + timedelta(seconds=number)
        line = Line(
            fact=Fact.OPENED if opening else Fact.SOLD,
            sku=sku,
            quantity=100 if opening else chance.randint(1, 3),
            at=at,
            location=f"S{number % 10}" if opening else f"S{chance.randrange(10)}",
        )
        claim = Claim(
            transaction=name,
            channel="tills",
            topic="bench",
            occurred_at=at,
            documents=(Document(id=name, version=1, lines=(line,)),),
        )
        partition = partition_of(name.encode(), PARTITIONS)
        cause = Cause(partition, offsets[partition], 0)
        offsets[partition] += 1
        made += [(m.sku.encode(), encode(m)) for m in apply(Transaction(), claim, at, cause)[1]]
    return made


async def newest(reader: Reader, topic: str) -> dict[bytes, bytes]:
    return {r.key: r.value async for some in reader.whole(topic, PARTITIONS) for r in some}


async def test_ledger_beside_a_plain_loop(kafka, prefix, tmp_path, run):
    made = movements()
    timed: dict[str, list[dict[str, float]]] = {"onhand": [], "plain": []}
    writer, reader = Writer(kafka, PARTITIONS), Reader(kafka)
    await writer.start()
    await reader.start()
    try:
        for number in range(ROUNDS):
            naming, plain = Naming(f"{prefix}{number}."), Naming(f"{prefix}{number}.plain.")
            await create_topics(kafka, naming, PARTITIONS)
            await create_topics(kafka, plain, PARTITIONS)
            for start in range(0, len(made), 5_000):
                await writer.write(
                    Out(naming(MOVEMENTS), key, value, ()) for key, value in made[start : start + 5_000]
                )
            data = str(tmp_path / str(number))
            timed["onhand"].append(run("ledger_onhand.py", kafka, naming.prefix, str(PARTITIONS), data))
            target = plain(CHANNEL_QUANTITIES)
            timed["plain"].append(run("ledger_plain.py", kafka, naming(MOVEMENTS), target, str(PARTITIONS)))
            ours = {
                key: {
                    f"{location}/{state}": units
                    for location, states in decode(Stock, value).locations.items()
                    for state, units in states.items()
                    if units
                }
                for key, value in (await newest(reader, naming(STOCK))).items()
            }
            theirs = {
                key: {cell: units for cell, units in orjson.loads(value)["balances"].items() if units}
                for key, value in (await newest(reader, target)).items()
            }
            assert len(ours) == SKUS
            assert ours == theirs
            assert len(await newest(reader, naming(CHANNEL_QUANTITIES))) == SKUS
    finally:
        await writer.stop()
        await reader.stop()
    show(len(made), timed)


def show(count: int, timed: dict[str, list[dict[str, float]]]) -> None:
    best = {name: min(rounds, key=lambda one: one["seconds"]) for name, rounds in timed.items()}
    table = Table(
        title=f"{count:,} movements over {SKUS:,} SKUs, best of {ROUNDS}; Kafka {version()},"
        f" {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        caption="from the first chunk at hand to the last acknowledgement; the broker shares the cores",
    )
    for name in ("worker", "guarantees", "movements/s", "ratio"):
        table.add_column(name, justify="left" if name in {"worker", "guarantees"} else "right")
    rivals = {
        "onhand": ("Onhand's ledger", "laws, changelog, crash order"),
        "plain": ("plain aiokafka loop", "none"),
    }
    for name, labels in rivals.items():
        ratio = best["plain"]["seconds"] / best[name]["seconds"]
        table.add_row(*labels, f"{count / best[name]['seconds']:,.0f}", f"{ratio:.2f}")
    Console(width=110).print(table)
