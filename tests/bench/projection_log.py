"""Writes the log that `bench_projection.py` records: `projection_log.py BOOTSTRAP PREFIX PARTITIONS BASKETS`.

The movements are a part of a year of real sales (`replay_lines.py`). The ledger's own stage folds them, here and not in a worker, and what it
says in the end is written: of every SKU its stock, of every channel and SKU its number, once each, as a compacted topic has them. Each topic has
a prefix of its own (PREFIX, its name and a dot), so that it can be recorded alone. Prints how many records each has.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice
from types import SimpleNamespace

from replay_lines import outs, year

from schemas.rules import ChannelRules, Rules
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.stages import Naming, ledger_stage
from streams.tables import OFFSET_HEADER, Cell
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

RULES = Rules(version="bench", channels={"web": ChannelRules(), "tills": ChannelRules(publish="locations")})
TOPICS = (MOVEMENTS, STOCK, CHANNEL_QUANTITIES)
AT_ONCE = 2_000


class Ledger:
    """What the ledger's stage makes of movements: the newest of everything."""

    def __init__(self, partitions: int) -> None:
        self._fold = ledger_stage(Naming(), RULES)
        self._ends: Counter[int] = Counter()
        self._partitions = partitions
        self._cells: dict[bytes, Cell] = {}
        self.stock: dict[bytes, bytes] = {}
        self.numbers: dict[bytes, bytes] = {}

    def take(self, made: Iterable[Out]) -> None:
        chunks = defaultdict(list)
        now = int(time.time() * 1_000)
        for out in made:
            partition = partition_of(out.key, self._partitions)
            record = {"key": out.key, "value": out.value, "timestamp": now, "offset": self._ends[partition]}
            chunks[partition].append(SimpleNamespace(**record, topic=MOVEMENTS.name, partition=partition))
            self._ends[partition] += 1
        for partition, records in chunks.items():
            folding = self._fold(partition, self._cells.get)
            folding.take(records)
            folded = folding.made(len(records) + 1)
            assert folded is not None
            for key, (cell, value, _) in folded.cells.items():
                self._cells[key], self.stock[key] = cell, value
            its = (out for out in folded.outputs if out.topic == CHANNEL_QUANTITIES.name)
            self.numbers.update((out.key, out.value) for out in its)

    def outs(self, stock: str, numbers: str) -> Iterable[Out]:
        for key, value in self.stock.items():
            header = ((OFFSET_HEADER, str(self._cells[key].offset).encode()),)
            yield Out(stock, key, value, header)
        for key, value in self.numbers.items():
            yield Out(numbers, key, value, ())


async def write(writer: Writer, made: Iterable[Out], ledger: Ledger | None = None) -> None:
    made = iter(made)
    while some := list(islice(made, AT_ONCE)):
        await writer.write(some)
        if ledger is not None:
            ledger.take(some)


async def main(bootstrap: str, prefix: str, partitions: int, baskets: int) -> None:
    namings = {topic.name: Naming(f"{prefix}{topic.name}.") for topic in TOPICS}
    for naming in namings.values():
        await create_topics(bootstrap, naming, partitions)
    movements, stock, numbers = (namings[topic.name](topic) for topic in TOPICS)
    writer, ledger = Writer(bootstrap, partitions, timeout=120.0), Ledger(partitions)
    await writer.start()
    try:
        await write(writer, outs(year(baskets)[0], movements, partitions), ledger)
        await write(writer, ledger.outs(stock, numbers))
    finally:
        await writer.stop()
    written = sum(ledger._ends.values()), len(ledger.stock), len(ledger.numbers)
    sys.stdout.write(
        json.dumps({topic.name: count for topic, count in zip(TOPICS, written, strict=True)}) + "\n"
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], *map(int, sys.argv[3:5])))
