"""The ledger worker as shipped, in a process of its own; prints when it began its first chunk and when the last was in.

Runs until the group has committed everything: `ledger_onhand.py BOOTSTRAP PREFIX PARTITIONS DATADIR`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from faust.contrib.asgi import bind_to_running_loop

import streams.app
from schemas.rules import ChannelRules, Rules
from schemas.topics import MOVEMENTS
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.reader import Reader
from streams.stages import Naming, ledger_stage
from streams.writer import Writer

RULES = Rules(version="bench", channels={"web": ChannelRules(publish="network")})


@dataclass
class Clock:
    began: float = 0.0
    ended: float = 0.0

    def stage(self, naming: Naming, rules: Rules) -> Any:
        fold = ledger_stage(naming, rules)

        def timed(*chunk: Any) -> Any:
            self.began = self.began or time.perf_counter()
            return fold(*chunk)

        return timed


class Timed(Writer):
    """A writer that notes when its last write was acknowledged."""

    clock: Clock

    async def write(self, outs: Any) -> Any:
        written = await super().write(outs)
        self.clock.ended = time.perf_counter()
        return written


async def main(bootstrap: str, prefix: str, partitions: int, datadir: str) -> None:
    clock, naming = Clock(), Naming(prefix)
    streams.app.ledger_stage = clock.stage
    writer, reader = Timed(bootstrap, partitions), Reader(bootstrap)
    writer.clock = clock
    await writer.start()
    await reader.start()
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=naming,
        rules=RULES,
        authority=NOBODY,
        writer=writer,
        reader=reader,
        datadir=datadir,
    )
    bind_to_running_loop(topology.app)
    topology.app.finalize()
    await topology.app.start()
    ends = await reader.ends(naming(MOVEMENTS), range(partitions))
    while await left(reader, prefix, naming(MOVEMENTS), ends):
        await topology.begin()
        await asyncio.sleep(0.05 if not topology.ready else 0.5)
    sys.stdout.write(json.dumps({"seconds": clock.ended - clock.began, "cpu": time.process_time()}) + "\n")
    await topology.app.stop()
    await writer.stop()
    await reader.stop()


async def left(reader: Reader, prefix: str, topic: str, ends: dict[int, int]) -> bool:
    committed = await reader.committed(f"{prefix}onhand")
    at = {tp.partition: found.offset for tp, found in committed.items() if tp.topic == topic}
    return any(at.get(partition, 0) < end for partition, end in ends.items())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
