"""A worker that starts on a full changelog, in a process of its own; prints how long until it is ready to take chunks.

`restore_onhand.py BOOTSTRAP PREFIX PARTITIONS DATADIR STORE`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

from faust.contrib.asgi import bind_to_running_loop

from schemas.rules import Rules
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.garbage import collect_seldom
from streams.reader import Reader
from streams.stages import Naming
from streams.tables import ChunkTable
from streams.writer import Writer


async def main(bootstrap: str, prefix: str, partitions: int, datadir: str, store: str) -> None:
    collect_seldom()
    first = last = began_cpu = spent = 0.0
    read = 0
    apply = ChunkTable.apply_changelog_batch

    def timed(table: ChunkTable, batch: Any) -> None:
        nonlocal first, last, began_cpu, spent, read
        first, began_cpu = first or time.perf_counter(), began_cpu or time.process_time()
        read += sum(len(event.value) for event in batch)
        apply(table, batch)
        last, spent = time.perf_counter(), time.process_time() - began_cpu

    ChunkTable.apply_changelog_batch = timed  # type: ignore[method-assign, assignment]
    writer, reader = Writer(bootstrap, partitions), Reader(bootstrap)
    await writer.start()
    await reader.start()
    began = time.perf_counter()
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=Naming(prefix),
        rules=Rules(version="bench"),
        authority=NOBODY,
        writer=writer,
        reader=reader,
        datadir=datadir,
        store=store,
    )
    bind_to_running_loop(topology.app)
    topology.app.finalize()
    await topology.app.start()
    while not topology.ready:
        await asyncio.sleep(0.02)
        await topology.begin()
    ready = time.perf_counter()
    found = {
        "keys": sum(1 for p in range(partitions) for _ in topology.ledger.table.cells_of(p)),
        "read": read,
        "restoring": last - first,
        "cpu": spent,
        "ready": ready - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    await topology.app.stop()
    await topology.close()
    await writer.stop()
    await reader.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:6]))
