"""The rival: a bare FastAPI endpoint under uvicorn, started as `onhand serve` starts its own, which reads a webhook's body and answers 202.

Says its port; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
from fastapi import FastAPI, Request

api = FastAPI()


@api.post("/webhooks/{channel}", status_code=202)
async def webhook(channel: str, request: Request) -> dict[str, bool]:
    return {"accepted": bool(await request.body())}


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(api, log_level="warning", access_log=False, lifespan="on", timeout_keep_alive=30)
    )
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    async def until_asked() -> None:
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True

    stopping = asyncio.create_task(until_asked())
    await server.serve(sockets=[listener])
    await stopping


if __name__ == "__main__":
    asyncio.run(main())
