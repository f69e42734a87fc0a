from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from connectors.lightspeed_r.client import LightspeedRClient
from connectors.lightspeed_r.sandbox import LightspeedRSandbox
from connectors.lightspeed_r.settings import LightspeedRSettings

SECRETS = {
    "client_id": SecretStr("client-1"),
    "client_secret": SecretStr("secret-1"),
    "refresh_token": SecretStr("refresh-0"),
}
SHOPS = ("High Street", "Mall")


@pytest.fixture
async def sandbox() -> AsyncIterator[LightspeedRSandbox]:
    plain = {name: secret.get_secret_value() for name, secret in SECRETS.items()}
    double = LightspeedRSandbox(account_id="1001", shops=SHOPS, **plain)
    double.gate.size, double.gate.burst = 1_000_000.0, 1_000_000
    for sku in ("SHIRT", "MUG", "CAP"):
        double.seed(sku, "High Street", 10)
        double.seed(sku, "Mall", 5)
    double.seed("GIFTCARD", "Mall", 0, tracked=False)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(sandbox: LightspeedRSandbox) -> LightspeedRSettings:
    return LightspeedRSettings(
        platform="lightspeed_r", account_id="1001", employee_id="2", sandbox="stock.csv", base_url=sandbox.url
    )


@pytest.fixture
async def client(settings: LightspeedRSettings) -> AsyncIterator[LightspeedRClient]:
    found = LightspeedRClient(settings, SECRETS)
    yield found
    await found.close()
