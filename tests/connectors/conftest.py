from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from connectors.contract import Connector, Row
from connectors.registry import CONNECTORS
from connectors.sandboxes import sandbox_of

sys.path.insert(0, str(Path(__file__).parent))  # where `golden` and `platforms` are

from platforms import PLATFORMS, STOCK, Platform  # found by the line above


@pytest.fixture(params=sorted(CONNECTORS))
def connector(request) -> Connector:
    return CONNECTORS[request.param]


@pytest.fixture
def platform(connector) -> Platform:
    return PLATFORMS[connector.platform]


@asynccontextmanager
async def doubled(
    connector: Connector, platform: Platform, *, stock: Sequence[Row] = STOCK, **told: Any
) -> AsyncIterator[SimpleNamespace]:
    """A running sandbox with this stock, and a client of it that was `told` more."""
    secrets = {name.rstrip("?"): SecretStr("right") for name in connector.secrets}
    sandbox = sandbox_of(platform.settings, secrets, stock)
    await sandbox.start()
    settings = type(platform.settings)(
        **{**platform.settings.model_dump(exclude_unset=True), **told, "base_url": sandbox.url}
    )
    client = connector.client(settings, secrets)
    try:
        yield SimpleNamespace(
            connector=connector,
            sandbox=sandbox,
            client=client,
            settings=settings,
            secrets=secrets,
            sell=lambda sku, units: platform.sell(sandbox, sku, units),
            level=lambda sku: platform.level(sandbox, sku),
        )
    finally:
        await client.close()
        await sandbox.stop()


@pytest.fixture
async def double(connector, platform):
    """A platform as `PLATFORMS` has it."""
    async with doubled(connector, platform) as found:
        yield found


@pytest.fixture
def platforms() -> Mapping[str, Platform]:
    return PLATFORMS


@pytest.fixture
def doubles():
    """Any platform by its name, with other stock perhaps, and told more in its settings."""
    return lambda name, **more: doubled(CONNECTORS[name], PLATFORMS[name], **more)


@pytest.fixture
async def inbox():
    """A server that takes webhooks: `.url`, and `.got` as (headers, body, what follows the URL)."""
    got: list[tuple[dict[str, str], bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read(), request.match_info["rest"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks/channel{rest:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield SimpleNamespace(url=f"http://{host}:{port}/webhooks/channel", got=got)
    await runner.cleanup()
