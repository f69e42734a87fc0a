"""The worker as shipped, in a process of its own: its rules change when it has caught up; prints how long it published.

`rules_onhand.py BOOTSTRAP PREFIX PARTITIONS DATADIR [PROFILE]`; with a file to PROFILE to, it says where the time went, and takes longer.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from faust.contrib.asgi import bind_to_running_loop
from ledger_onhand import left

from schemas.rules import ChannelRules
from schemas.ruling import rules_of
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.reader import Reader
from streams.stages import Naming
from streams.writer import Writer

WEB = ChannelRules(safety_stock=1)
CHANNELS = {"web": WEB, "tills": ChannelRules(publish="locations"), "trade": ChannelRules(share_percent=50)}
BEFORE = rules_of(CHANNELS, {})
AFTER = rules_of({**CHANNELS, "web": replace(WEB, safety_stock=2)}, {})


@dataclass
class Timed:
    """When the worker began to publish what a change moved, and when the last of it was in, by the clock and by its own CPU."""

    profile: cProfile.Profile | None
    began: tuple[float, float] | None = None
    ended: tuple[float, float] = (0.0, 0.0)
    numbers: int = 0
    partitions: int = 0

    def of(self, on_stamp: Any) -> Any:
        def again(*asked: Any) -> Iterator[list[Any]]:
            if self.began is None:
                self.began = time.perf_counter(), time.process_time()
                if self.profile is not None:
                    self.profile.enable()
            yield from on_stamp(*asked)
            self.partitions += 1

        return again


class Counting(Writer):
    """A writer that counts what it wrote while the rules changed, and notes when the last was acknowledged."""

    timed: Timed

    async def write(self, outs: Iterable[Any]) -> Any:
        outs = list(outs)
        written = await super().write(outs)
        if self.timed.began is not None and outs:
            self.timed.numbers += len(outs)
            self.timed.ended = time.perf_counter(), time.process_time()
        return written


async def main(
    bootstrap: str, prefix: str, partitions: int, datadir: str, profile: str | None = None
) -> None:
    timed, naming = Timed(cProfile.Profile() if profile else None), Naming(prefix)
    writer, reader = Counting(bootstrap, partitions), Reader(bootstrap)
    writer.timed = timed
    await writer.start()
    await reader.start()
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=naming,
        rules=BEFORE,
        known={BEFORE.version: BEFORE}.get,
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
        await asyncio.sleep(0.1)
    topology.ledger.on_stamp = timed.of(topology.ledger.on_stamp)
    topology.rule(AFTER)
    while timed.partitions < partitions or any(
        one.stamp != AFTER.version for one in topology.ledger.progress.values()
    ):
        await asyncio.sleep(0.05)
    if timed.profile is not None and profile is not None:
        timed.profile.disable()
        timed.profile.dump_stats(profile)
    assert timed.began is not None
    seconds, cpu = (end - start for start, end in zip(timed.began, timed.ended, strict=True))
    published = sum((await reader.ends(naming(CHANNEL_QUANTITIES), range(partitions))).values())
    found = {"seconds": seconds, "cpu": cpu, "numbers": timed.numbers, "published": published}
    sys.stdout.write(json.dumps(found) + "\n")
    await topology.app.stop()
    await writer.stop()
    await reader.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
