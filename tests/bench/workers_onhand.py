"""A ledger worker as shipped that others may share the work with: `workers_onhand.py BOOTSTRAP PREFIX PARTITIONS DATADIR NAME`.

It joins the group and waits for a line on its standard input before its ledger begins. It ends with its standard input, and prints its CPU seconds from
that line on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import structlog
from faust.contrib.asgi import bind_to_running_loop

from schemas.rules import ChannelRules, Rules
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.garbage import collect_seldom
from streams.reader import Reader
from streams.stages import Naming, Ruled
from streams.writer import Writer

RULES = Rules(version="bench", channels={"web": ChannelRules()})


async def main(bootstrap: str, prefix: str, partitions: int, datadir: str, name: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    collect_seldom()
    Path(datadir).mkdir(parents=True, exist_ok=True)
    ruled = Ruled(RULES, known=False)
    writer, reader = Writer(bootstrap, partitions), Reader(bootstrap)
    await writer.start()
    await reader.start()
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=Naming(prefix),
        rules=ruled,
        authority=NOBODY,
        writer=writer,
        reader=reader,
        datadir=datadir,
        instance=name,
    )
    bind_to_running_loop(topology.app)
    topology.app.finalize()
    await topology.app.start()
    await asyncio.to_thread(sys.stdin.readline)
    before = time.process_time()
    ruled.known.set()
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    while not ending.done():
        await topology.begin()
        await asyncio.sleep(0.05 if not topology.ready else 0.5)
    sys.stdout.write(json.dumps({"cpu": time.process_time() - before}) + "\n")
    await topology.app.stop()
    await topology.close()
    await writer.stop()
    await reader.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:6]))
