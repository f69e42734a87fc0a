"""The ledger worker on so many keys, in a process of its own: `growth_onhand.py BOOTSTRAP PREFIX PARTITIONS DATADIR STORE GROUP`.

Its table is restored first, while the rules are not known to it, without which the ledger does not begin; then it is looked at what it holds. Then
they are known, and it folds what waits in `movements`. Prints memory before and after, and what the fold took, from the first chunk at
hand to the last acknowledgement.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from faust.contrib.asgi import bind_to_running_loop
from footprint import rss
from growth_log import RULES

import streams.app
from schemas.rules import ChannelRules, Rules
from schemas.topics import MOVEMENTS, STOCK
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.garbage import collect_seldom
from streams.reader import Reader
from streams.stages import Naming, Ruled, ledger_stage
from streams.tables import ChunkTable
from streams.writer import Out, Writer

UNDER = Rules(version=RULES, channels={"web": ChannelRules()})


class Clock:
    """When the first chunk was at hand, and when the last write was acknowledged, by the wall and by this process's CPU."""

    def __init__(self) -> None:
        self.began = self.ended = (0.0, 0.0)
        self.restored = 0

    @staticmethod
    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def stage(self, naming: Naming, rules: Any) -> Any:
        fold = ledger_stage(naming, rules)

        def timed(*chunk: Any) -> Any:
            if not self.began[0]:
                self.began = self.now()
            return fold(*chunk)

        return timed


class Timed(Writer):
    """A writer that notes how much it wrote, and when its last write was acknowledged."""

    clock: Clock
    records = 0

    async def write(self, outs: Iterable[Out]) -> Any:
        outs = list(outs)
        written = await super().write(outs)
        self.clock.ended = self.clock.now()
        self.records += len(outs)
        return written


async def main(bootstrap: str, prefix: str, partitions: int, datadir: str, store: str, group: str) -> None:
    collect_seldom()
    clock, naming, ruled = Clock(), Naming(prefix), Ruled(UNDER, known=False)
    streams.app.ledger_stage = clock.stage  # type: ignore[assignment]
    restoring = ChunkTable.apply_changelog_batch

    def counted(table: ChunkTable, batch: Any) -> None:
        clock.restored += sum(len(event.value) for event in batch)
        restoring(table, batch)

    ChunkTable.apply_changelog_batch = counted  # type: ignore[method-assign]
    writer, reader = Timed(bootstrap, partitions), Reader(bootstrap)
    writer.clock = clock
    await writer.start()
    await reader.start()
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=naming,
        rules=ruled,
        authority=NOBODY,
        writer=writer,
        reader=reader,
        datadir=datadir,
        store=store,
        group=group,
    )
    bind_to_running_loop(topology.app)
    topology.app.finalize()
    keys = sum((await reader.ends(naming(STOCK), range(partitions))).values())
    empty = rss(os.getpid())
    await topology.app.start()
    while clock.restored < keys:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)
    gc.collect()
    held = rss(os.getpid())
    ruled.known.set()
    ends = await reader.ends(naming(MOVEMENTS), range(partitions))
    while await left(reader, prefix + group, naming(MOVEMENTS), ends):
        await topology.begin()
        await asyncio.sleep(0.05 if not topology.ready else 0.5)
    (began, cpu_before), (ended, cpu) = clock.began, clock.ended
    found = {
        "empty": empty,
        "held": held,
        "after": rss(os.getpid()),
        "restored": clock.restored,
        "written": writer.records,
    }
    sys.stdout.write(json.dumps({**found, "seconds": ended - began, "cpu": cpu - cpu_before}) + "\n")
    await topology.app.stop()
    await topology.close()
    await writer.stop()
    await reader.stop()


async def left(reader: Reader, group: str, topic: str, ends: dict[int, int]) -> bool:
    committed = await reader.committed(group)
    at = {tp.partition: found.offset for tp, found in committed.items() if tp.topic == topic}
    return any(at.get(partition, 0) < end for partition, end in ends.items())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:7]))
