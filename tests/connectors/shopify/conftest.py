from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.shopify.client import ShopifyClient
from connectors.shopify.sandbox import ShopifySandbox
from connectors.shopify.settings import ShopifySettings

SHOP = "canary-free.myshopify.com"
SECRETS = {"access_token": SecretStr("token"), "webhook_secret": SecretStr("secret")}
PLACES = {"WH": "Warehouse", "S1": "Store One"}


@pytest.fixture
def settings() -> ShopifySettings:
    return ShopifySettings(platform="shopify", shop=SHOP, publish_location="gid://shopify/Location/1001")


@pytest.fixture
def secrets() -> dict[str, SecretStr]:
    return dict(SECRETS)


@pytest.fixture
def at() -> datetime:
    return datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Awaitable[ShopifySandbox]]]:
    """Starts sandboxes, and stops them after the test."""
    started: list[ShopifySandbox] = []

    async def start(**options: Any) -> ShopifySandbox:
        defaults: dict[str, Any] = {
            "shop": SHOP,
            "access_token": "token",
            "webhook_secret": "secret",
            "locations": PLACES,
            "sells_from": "WH",
        }
        sandbox = ShopifySandbox(**{**defaults, **options})
        await sandbox.start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        await sandbox.stop()


@pytest.fixture
async def shop(make: Callable[..., Awaitable[ShopifySandbox]]) -> ShopifySandbox:
    sandbox = await make()
    for sku, units in (("A", 10), ("B", 5), ("C", 0)):
        sandbox.seed(sku, "WH", units)
    sandbox.seed("A", "S1", 3)
    sandbox.seed("SERVICE", "WH", 0, tracked=False)
    return sandbox


@pytest.fixture
async def connect(settings: ShopifySettings) -> AsyncIterator[Callable[..., ShopifyClient]]:
    """Clients of sandboxes, closed after the test."""
    opened: list[ShopifyClient] = []

    def client(
        sandbox: ShopifySandbox, token: str = "token", secrets: Any = None, **changed: Any
    ) -> ShopifyClient:
        at = settings.model_copy(update={"base_url": sandbox.url, **changed})
        opened.append(ShopifyClient(at, secrets or {**SECRETS, "access_token": SecretStr(token)}))
        return opened[-1]

    yield client
    for one in opened:
        await one.close()
