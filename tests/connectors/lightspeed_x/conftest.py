from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.lightspeed_x.settings import LightspeedXSettings

SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
OUTLETS = ("High Street", "Mall")


@pytest.fixture
async def sandbox() -> AsyncIterator[LightspeedXSandbox]:
    double = LightspeedXSandbox(
        domain_prefix="demo", access_token="token", client_secret="secret", outlets=OUTLETS
    )
    for sku in ("SHIRT", "MUG", "CAP"):
        double.seed(sku, "High Street", 10)
        double.seed(sku, "Mall", 5)
    double.seed("GIFTCARD", "Mall", 0, tracked=False)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(sandbox: LightspeedXSandbox) -> LightspeedXSettings:
    return LightspeedXSettings(platform="lightspeed_x", domain_prefix="demo", base_url=sandbox.url)


@pytest.fixture
async def client(settings: LightspeedXSettings) -> AsyncIterator[LightspeedXClient]:
    found = LightspeedXClient(settings, SECRETS)
    yield found
    await found.close()
