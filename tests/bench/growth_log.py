"""Keys that are there already, and sales of any of them: what `bench_growth.py` has a ledger worker restore and then fold.

`growth_log.py keys BOOTSTRAP PREFIX PARTITIONS KEYS` writes a changelog of so many SKUs; `growth_log.py sales BOOTSTRAP PREFIX PARTITIONS KEYS SALES
FIRST GROUP` writes so many sales, of keys drawn uniformly, numbered from FIRST, and commits for GROUP that it has read all before. Prints the
bytes of a key with its value.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import encode
from schemas.ledger import Stock
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.topics import MOVEMENTS, STOCK
from streams.reader import Reader
from streams.stages import Naming
from streams.tables import OFFSET_HEADER
from streams.topics import create_topics
from streams.writer import Out, Writer

RULES, AT_ONCE, SEED, SOLD = "bench", 10_000, 1, 1_000
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
OPENED = Stock(
    sku="SKU-0000000",
    locations={"SOHO": {"available": 999_000, "committed": 1}},
    boundary={"@opening": -1_000_000, "@customer": 999},
    tracked={"SOHO": "tills"},
    tracked_by={"SOHO": {"tills": 1}},
    told_by={"SOHO": {"tills": 8, "web": -1}},
    applied={1: (4_711, 0)},
    offset=-1,
)


def sku(number: int) -> bytes:
    return f"SKU-{number:07d}".encode()


def stocks(topic: str, keys: int) -> Iterator[Out]:
    value = encode(OPENED)
    for number in range(keys):
        key = sku(number)
        yield Out(topic, key, value.replace(sku(0), key), ((OFFSET_HEADER, b"-1"),))


def sales(topic: str, keys: int, count: int, first: int) -> Iterator[Out]:
    chance = random.Random(SEED)
    for number in range(first, first + count):
        key, at, cause = sku(chance.randrange(keys)), SINCE + timedelta(seconds=number), Cause(0, number, 0)
        name = f"sale/tills/{number}"
        made = Movement(
            id=cause.movement_id,
            kind=Kind.POS_SALE_COMPLETED,
            sku=key.decode(),
            quantity=1,
            legs=legs(Kind.POS_SALE_COMPLETED, 1, Places("SOHO")),
            transaction=name,
            channel="tills",
            document=name,
            occurred_at=at,
            recorded_at=at,
            cause=cause,
        )
        yield Out(topic, key, encode(made), ())


async def write(bootstrap: str, partitions: int, made: Iterable[Out]) -> None:
    writer, made = Writer(bootstrap, partitions, timeout=120.0), iter(made)
    await writer.start()
    try:
        while some := list(islice(made, AT_ONCE)):
            await writer.write(some)
    finally:
        await writer.stop()


async def commit(bootstrap: str, group: str, topic: str, partitions: int) -> None:
    """As a worker did that ran under the same rules: under other ones everything would be published again at the start."""
    reader = Reader(bootstrap)
    await reader.start()
    ends = await reader.ends(topic, range(partitions))
    await reader.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        at = {TopicPartition(topic, p): (end, RULES) for p, end in ends.items()}
        consumer.assign(list(at))
        await consumer.commit(at)
    finally:
        await consumer.stop()


async def main(what: str, bootstrap: str, prefix: str, partitions: int, keys: int, *more: str) -> None:
    naming = Naming(prefix)
    if what == "keys":
        await create_topics(bootstrap, naming, partitions)
        await write(bootstrap, partitions, stocks(naming(STOCK), keys))
    else:
        count, first, group = int(more[0]), int(more[1]), more[2]
        await commit(bootstrap, f"{prefix}{group}", naming(MOVEMENTS), partitions)
        await write(bootstrap, partitions, sales(naming(MOVEMENTS), keys, count, first))
    sys.stdout.write(json.dumps({"bytes": len(sku(0)) + len(encode(OPENED))}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], *map(int, sys.argv[4:6]), *sys.argv[6:]))
