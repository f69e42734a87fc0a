"""The API on a loaded table, in a process of its own, as `onhand serve` runs it: it records meanwhile what a trading day brings. It
stops when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
from datetime import UTC, datetime

import uvicorn

from projections.access import Caller, Role
from projections.pool import Pool, open_pool
from projections.recorder import Batch, Recorder
from projections.server import create_api
from projections.service import Readiness
from schemas.availability import ChannelQuantity, Place
from schemas.codec import encode
from schemas.ledger import Stock
from schemas.rules import ChannelRules, Rules
from schemas.topics import CHANNEL_QUANTITIES, STOCK, Topic
from streams.commands.opened import run

RULES = Rules(version="bench", channels={"web": ChannelRules(), "tills": ChannelRules(publish="locations")})


def ready() -> Readiness:
    return Readiness({}, frozenset())


STORES = [f"STORE-{number}" for number in range(1, 13)]
PACE = 0.05


async def recording(pool: Pool, rate: int, skus: int) -> None:
    """Records so many changes a second, each of a SKU's stock and of its number in both channels, as the recorder does."""
    recorder, chance, place = Recorder(pool), random.Random(2), Place(quantity=7, level=9, own=-2)
    cells = {name: {"available": 9, "committed": 1} for name in STORES}
    ends = {STOCK.name: 0, CHANNEL_QUANTITIES.name: 0}

    def batch(topic: Topic, values: list[Stock | ChannelQuantity]) -> Batch:
        start = ends[topic.name]
        ends[topic.name] = end = start + len(values)
        return Batch(topic, 0, [(start + n, 0, encode(value)) for n, value in enumerate(values)], end)

    while True:
        changed = [f"SKU-{chance.randrange(skus):07d}" for _ in range(int(rate * PACE))]
        stocks = [Stock(sku=sku, locations=cells, tracked=dict.fromkeys(STORES, "tills")) for sku in changed]
        numbers = [
            ChannelQuantity(
                channel=channel,
                sku=sku,
                quantity=7,
                places=dict.fromkeys(places, place),
                rules="bench",
                offset=1,
            )
            for sku in changed
            for channel, places in (("web", ["network"]), ("tills", STORES))
        ]
        await recorder.record([batch(STOCK, stocks), batch(CHANNEL_QUANTITIES, numbers)])
        await asyncio.sleep(PACE)


async def serving(dsn: str, key: str, rate: str, skus: str) -> None:
    pool = await open_pool(dsn)
    api = create_api(
        pool,
        rules=lambda: RULES,
        skews=dict,
        clock=lambda: datetime.now(UTC),
        keys=lambda offered: Caller.of("test", Role.ADMIN) if offered == key else None,
        intake=None,  # type: ignore[arg-type]  # nothing is handed in
        ready=ready,
        reserving=None,  # type: ignore[arg-type]  # nothing is held
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(api, log_level="warning", access_log=False, lifespan="on", timeout_keep_alive=30)
    server = uvicorn.Server(config)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    async def until_asked() -> None:
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True

    stopping = asyncio.create_task(until_asked())
    recorded = asyncio.create_task(recording(pool, int(rate), int(skus)))
    await server.serve(sockets=[listener])
    await stopping
    recorded.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await recorded
    await pool.close()


if __name__ == "__main__":
    run(serving(*sys.argv[1:5]))
