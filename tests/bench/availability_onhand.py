"""The API on a loaded table, in a process of its own, as `onhand serve` runs it; it stops when its standard input ends."""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import UTC, datetime

import uvicorn

from projections.pool import open_pool
from projections.server import create_api
from schemas.rules import ChannelRules, Rules
from streams.commands.opened import run

RULES = Rules(version="bench", channels={"web": ChannelRules(), "tills": ChannelRules(publish="locations")})


async def ready() -> str | None:
    return None


async def serving(dsn: str, key: str) -> None:
    pool = await open_pool(dsn)
    api = create_api(
        pool,
        rules=lambda: RULES,
        skews=dict,
        clock=lambda: datetime.now(UTC),
        keys=lambda offered: offered == key,
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
    await server.serve(sockets=[listener])
    await stopping
    await pool.close()


if __name__ == "__main__":
    run(serving(sys.argv[1], sys.argv[2]))
