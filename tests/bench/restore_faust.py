"""The rival: a stock table of Faust that starts on a full changelog, in a process of its own; keys and values are bytes, which is the least work.

`restore_faust.py BOOTSTRAP APP KEYS PARTITIONS FOLDER`; the changelog is that of the table `stock`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import faust
from faust.contrib.asgi import bind_to_running_loop


async def main(bootstrap: str, name: str, keys: int, partitions: int, folder: str) -> None:
    app = faust.App(
        name,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        topic_partitions=partitions,
        web_enabled=False,
    )
    table = app.Table("stock", key_type=bytes, value_type=bytes, partitions=partitions)
    apply, first, last = table.apply_changelog_batch, 0.0, 0.0

    def timed(batch: Any, *serializers: Any) -> None:
        nonlocal first, last
        first = first or time.perf_counter()
        apply(batch, *serializers)
        last = time.perf_counter()

    table.apply_changelog_batch = timed

    @app.agent(app.topic(f"{name}-unused", partitions=partitions))
    async def nothing(stream: Any) -> None:  # a table needs somebody who has its partitions
        async for _ in stream:
            pass

    bind_to_running_loop(app)
    app.finalize()
    await app.start()
    while len(table) < keys:
        await asyncio.sleep(0.05)
    sys.stdout.write(json.dumps({"keys": len(table), "restoring": last - first}) + "\n")
    await app.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
