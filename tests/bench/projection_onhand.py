"""The recorder as shipped, in a process of its own: `projection_onhand.py BOOTSTRAP PREFIX PARTITIONS DSN TOPIC BLOCKS`.

Records all that a topic has and prints how long that took, from the first question to Kafka to the last commit. With BLOCKS 1 the sums of
blocks are built beside, as in the product, and it is done when they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence

from projections.blocks import Blocks
from projections.pool import migrate, open_pool
from projections.queries import Queries
from projections.recorder import Batch, Recorder
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK
from streams.garbage import collect_seldom
from streams.reader import Reader
from streams.recorder import Recording
from streams.stages import Naming
from streams.writer import Writer

TOPICS = {topic.name: topic for topic in (MOVEMENTS, STOCK, CHANNEL_QUANTITIES)}
DIGESTED = "SELECT coalesce(sum(next_offset), 0)::bigint AS n FROM block_progress"


class Timed(Recorder):
    """A recorder that notes when it last committed, and how much of a transaction there was."""

    ended = 0.0
    transactions = 0

    async def record(self, batches: Sequence[Batch]) -> None:
        await super().record(batches)
        self.ended = time.perf_counter()
        self.transactions += 1


async def main(bootstrap: str, prefix: str, partitions: int, dsn: str, topic: str, blocks: bool) -> None:
    collect_seldom()
    naming = Naming(prefix)
    await migrate(dsn)
    pool, writer, reader = await open_pool(dsn), Writer(bootstrap, partitions), Reader(bootstrap)
    await writer.start()
    await reader.start()
    recorder, queries = Timed(pool), Queries(pool)
    building = Blocks(pool) if blocks else None
    recording = Recording(bootstrap, partitions, naming, recorder, writer, dsn, blocks=building)
    end = sum((await reader.ends(naming(TOPICS[topic]), range(partitions))).values())
    began, cpu = time.perf_counter(), time.process_time()
    task = asyncio.create_task(recording.run())
    while sum((await queries.offsets(topic)).values()) < end:
        await asyncio.sleep(0.1)
    ended, spent = recorder.ended, time.process_time() - cpu
    while blocks and (await queries.rows(DIGESTED))[0]["n"] < end:
        await asyncio.sleep(0.1)
        ended, spent = time.perf_counter(), time.process_time() - cpu
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    found = {"records": end, "seconds": ended - began, "cpu": spent, "transactions": recorder.transactions}
    sys.stdout.write(json.dumps(found) + "\n")
    await pool.close()
    await writer.stop()
    await reader.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:6], sys.argv[6] == "1"))
