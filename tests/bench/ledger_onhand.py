"""The ledger worker as shipped, in a process of its own: its settings, its three stages, its laws and its order of writes.

Runs until the group has committed everything: `ledger_onhand.py BOOTSTRAP SOURCE PREFIX PARTITIONS memory|rocksdict FOLDER`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from faust.contrib.asgi import bind_to_running_loop
from ledger_clock import Clock

import streams.app
from schemas.rules import ChannelRules, Rules
from schemas.topics import MOVEMENTS, Topic
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.garbage import collect_seldom
from streams.reader import Reader
from streams.stages import Naming, Ruled, ledger_stage
from streams.writer import Writer

RULES = Rules(version="bench", channels={"web": ChannelRules(publish="network")})


@dataclass(frozen=True, slots=True)
class Shared(Naming):
    """Topics of its own, but the movements that all competitors read."""

    source: str = ""

    def __call__(self, topic: Topic) -> str:
        return self.source if topic is MOVEMENTS else self.prefix + topic.name


def timed(clock: Clock, naming: Naming, rules: Rules | Ruled) -> Any:
    """The ledger's fold, noting its first chunk."""
    fold = ledger_stage(naming, rules)

    def noted(*chunk: Any) -> Any:
        clock.take()
        return fold(*chunk)

    return noted


class Timed(Writer):
    """A writer that notes when its last write was acknowledged."""

    clock: Clock

    async def write(self, outs: Any) -> Any:
        written = await super().write(outs)
        self.clock.acknowledged()
        return written


async def main(bootstrap: str, source: str, prefix: str, partitions: int, store: str, folder: str) -> None:
    collect_seldom()
    clock, naming = Clock(), Shared(prefix, source)
    streams.app.ledger_stage = lambda naming, rules: timed(clock, naming, rules)
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
        datadir=folder,
        store=store,
    )
    bind_to_running_loop(topology.app)
    topology.app.finalize()
    await topology.app.start()
    ends = await reader.ends(source, range(partitions))
    while await left(reader, prefix, source, ends):
        await topology.begin()
        await asyncio.sleep(0.05 if not topology.ready else 0.5)
    clock.tell()
    await topology.app.stop()
    await topology.close()
    await writer.stop()
    await reader.stop()


async def left(reader: Reader, prefix: str, topic: str, ends: dict[int, int]) -> bool:
    committed = await reader.committed(f"{prefix}onhand")
    at = {tp.partition: found.offset for tp, found in committed.items() if tp.topic == topic}
    return any(at.get(partition, 0) < end for partition, end in ends.items())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4]), *sys.argv[5:7]))
