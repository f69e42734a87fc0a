"""How a double of a platform is reached: on real sockets of this machine, and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


async def serve(app: web.Application, port: int) -> tuple[web.AppRunner, str]:
    """Serves on a port of 127.0.0.1 (0: any that is free), and says where that is. The runner's `cleanup` ends it."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    host, bound = runner.addresses[0][:2]
    return runner, f"http://{host}:{bound}"


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; without a body an empty one."""
    raw = b"" if body is None else orjson.dumps(body)
    return web.Response(body=raw, status=status, content_type="application/json", headers=headers)
