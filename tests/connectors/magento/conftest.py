from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.magento.client import MagentoClient
from connectors.magento.sandbox import MagentoSandbox
from connectors.magento.settings import MagentoSettings

NAMES = (
    "consumer_key",
    "consumer_secret",
    "access_token",
    "access_token_secret",
    "client_id",
    "client_secret",
)
SECRETS = {name: SecretStr(f"the {name}/+") for name in NAMES}
PLAIN = {name: secret.get_secret_value() for name, secret in SECRETS.items()}
SOURCES = ("WH", "STORE")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    """Magento's clock, as a test sets it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def later(self, **more: float) -> datetime:
        self.now += timedelta(**more)
        return self.now


@pytest.fixture
def secrets() -> dict[str, SecretStr]:
    return dict(SECRETS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> MagentoSettings:
    return MagentoSettings(platform="magento", url="https://shop.example.com")


@pytest.fixture
async def sandbox(settings: MagentoSettings, clock: Clock) -> AsyncIterator[MagentoSandbox]:
    double = MagentoSandbox(settings=settings, secrets=PLAIN, sources=SOURCES, clock=clock)
    for sku in ("TEE", "MUG", "CAP"):
        double.seed(sku, "WH", 10)
        double.seed(sku, "STORE", 5)
    double.seed("EBOOK", "WH", 0, tracked=False)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def client(settings: MagentoSettings, sandbox: MagentoSandbox) -> AsyncIterator[MagentoClient]:
    found = MagentoClient(settings.model_copy(update={"base_url": sandbox.url}), SECRETS)
    yield found
    await found.close()
