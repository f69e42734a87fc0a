"""An installation on a run's engines, for a benchmark: its commands, its processes, and whether it has caught up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from projections.pool import open_pool
from projections.queries import Queries
from schemas.topics import CHANNEL_QUANTITIES, CLAIMS, MOVEMENTS, STOCK, Topic
from streams.reader import Reader
from streams.stages import Naming
from streams.system import Child
from streams.topics import create_topics

ROOT = Path(__file__).resolve().parents[2]
STAGES, RECORDED = (CLAIMS, MOVEMENTS), (MOVEMENTS, STOCK, CHANNEL_QUANTITIES)


def onhand(config: Path, *arguments: str, within: float = 600.0) -> Any:
    """A command's report for machines; it must end well."""
    command = [sys.executable, "-m", "streams.cli", *arguments, "--config", str(config), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=within)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2_000:]
    return json.loads(done.stdout)


@contextlib.asynccontextmanager
async def running(config: Path, *parts: str, within: float = 120.0) -> AsyncIterator[list[Child]]:
    """Parts of the installation (`serve`, `worker`), started one after the other, each when the one before is ready."""
    children: list[Child] = []
    tasks = []
    try:
        for part in parts:
            children.append(Child(part, ["--config", str(config)], config.parent / f"{part}.log"))
            tasks.append(asyncio.create_task(children[-1].run()))
            await asyncio.wait_for(children[-1].ready.wait(), within)
        yield children
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        await asyncio.gather(*tasks)


def port_of(server: Child) -> int:
    return int(server.ready_said.rpartition(":")[2])


class Progress:
    """How far the stages and the recorder have come."""

    def __init__(self, reader: Reader, queries: Queries, prefix: str, partitions: int) -> None:
        self.reader, self._queries = reader, queries
        self._naming, self._partitions = Naming(prefix), partitions

    async def ends(self, topic: Topic) -> int:
        return sum((await self.reader.ends(self._naming(topic), range(self._partitions))).values())

    async def unfolded(self) -> int:
        """Records that the stages have not committed. Where the log ends is asked afterwards: what a commit stands for is in it by then."""
        committed = await self.reader.committed(f"{self._naming.prefix}onhand")
        ends = [await self.ends(topic) for topic in STAGES]
        names = {self._naming(topic) for topic in STAGES}
        folded: int = sum(o.offset for tp, o in committed.items() if tp.topic in names)
        return sum(ends) - folded

    async def unrecorded(self) -> int:
        """Records that PostgreSQL does not have."""
        left = 0
        for topic in RECORDED:
            left += await self.ends(topic) - sum((await self._queries.offsets(topic.name)).values())
        return left

    async def settled(self, within: float) -> float:
        """Waits until all is folded and recorded. Seconds that this took."""
        began = time.monotonic()
        while left := await self.unfolded() + await self.unrecorded():
            assert time.monotonic() - began < within, f"{left} records were still to come after {within:g} s"
            await asyncio.sleep(0.25)
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def watching(kafka: str, dsn: str, prefix: str, partitions: int) -> AsyncIterator[Progress]:
    """Makes the topics, as a worker does that is first, and watches them."""
    await create_topics(kafka, Naming(prefix), partitions)
    reader, pool = Reader(kafka), await open_pool(dsn, 2)
    await reader.start()
    try:
        yield Progress(reader, Queries(pool), prefix, partitions)
    finally:
        await reader.stop()
        await pool.close()
