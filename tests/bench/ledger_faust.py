"""The rival in Faust as its guide teaches it: one event at a time, records with types, a table in memory.

`ledger_faust.py BOOTSTRAP SOURCE COUNT PARTITIONS TARGET APP FOLDER`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import faust
from faust.contrib.asgi import bind_to_running_loop
from ledger_clock import Clock


class Leg(faust.Record):
    location: str
    state: str
    quantity: int


class Movement(faust.Record):
    legs: list[Leg]


class Stock(faust.Record):
    sku: str
    balances: dict[str, int]


async def main(
    bootstrap: str, source: str, left: int, partitions: int, target: str, name: str, folder: str
) -> None:
    clock, done = Clock(), asyncio.Event()
    app = faust.App(
        name,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        topic_partitions=partitions,
        web_enabled=False,
    )
    movements = app.topic(source, key_type=str, value_type=Movement, partitions=partitions)
    stock = app.topic(target, key_type=str, value_type=Stock, partitions=partitions)
    table = app.Table("stock", default=dict, partitions=partitions)

    @app.agent(movements)
    async def fold(stream: Any) -> None:
        nonlocal left
        async for sku, movement in stream.items():
            clock.take()
            balances = table[sku]
            for leg in movement.legs:
                if leg.location[0] != "@":
                    cell = f"{leg.location}/{leg.state}"
                    balances[cell] = balances.get(cell, 0) + leg.quantity
            table[sku] = balances
            written = await stock.send(key=sku, value=Stock(sku=sku, balances=balances))
            written.add_done_callback(lambda _: clock.acknowledged())
            left -= 1
            if not left:
                done.set()

    bind_to_running_loop(app)
    app.finalize()
    await app.start()
    await done.wait()
    await app.producer.flush()
    clock.acknowledged()
    clock.tell()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:8]))
