"""The small HTTP server of a worker: `/metrics`, `/livez`, `/readyz`. It asks for no key, so it listens on this machine alone unless told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from aiohttp import web

from streams.health import Health
from streams.metering import MEDIA, Meters


def application(meters: Meters, health: Health) -> web.Application:
    """The three answers."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=meters.exposition(), headers={"Content-Type": MEDIA})

    async def live(_: web.Request) -> web.Response:
        return _json({"live": True})

    async def ready(_: web.Request) -> web.Response:
        found = health.readiness()
        return _json({"ready": found.reason is None, "checks": found.told}, 503 if found.reason else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", live), web.get("/readyz", ready)])
    return app


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@asynccontextmanager
async def shown(meters: Meters, health: Health, host: str, port: int) -> AsyncIterator[None]:
    """Answers as long as the block runs; at port 0 nobody. Raises `OSError` where somebody else has the port."""
    if not port:
        yield
        return
    runner = web.AppRunner(application(meters, health), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
