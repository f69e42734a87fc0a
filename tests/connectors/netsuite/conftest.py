from __future__ import annotations

import pytest
from pydantic import SecretStr

from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.sandbox import NetSuiteSandbox
from connectors.netsuite.settings import NetSuiteSettings

SECRETS = {
    "consumer_key": "integration",
    "consumer_secret": "integration-secret",
    "token_id": "token",
    "token_secret": "token-secret",
    "client_id": "client",
    "certificate_id": "certificate",
    "private_key": "private-key",
}
PLACES = ("Mall", "Warehouse")


def settings_of(**more) -> NetSuiteSettings:
    return NetSuiteSettings(
        platform="netsuite", account="1234567_SB1", adjustment_account="213", customer="1502", **more
    )


def hidden(**more: str) -> dict[str, SecretStr]:
    return {name: SecretStr(value) for name, value in {**SECRETS, **more}.items()}


def stocked(sandbox: NetSuiteSandbox) -> NetSuiteSandbox:
    for sku in ("SHIRT", "MUG", "CAP"):
        sandbox.seed(sku, "Mall", 5)
        sandbox.seed(sku, "Warehouse", 20)
    sandbox.seed("GIFTCARD", "Mall", 0, tracked=False)
    return sandbox


@pytest.fixture
async def open_account():
    """Starts a sandbox with stock, however it is configured."""
    opened = []

    async def start(secrets=None, limit=5, **more) -> NetSuiteSandbox:
        double = stocked(
            NetSuiteSandbox(settings_of(**more), {**SECRETS, **(secrets or {})}, PLACES, limit=limit)
        )
        await double.start()
        opened.append(double)
        return double

    yield start
    for double in opened:
        await double.stop()


@pytest.fixture
async def connect():
    """Makes clients of a sandbox: with other settings, or other secrets."""
    made = []

    def client(sandbox, secrets=None, **more) -> NetSuiteClient:
        found = NetSuiteClient(settings_of(base_url=sandbox.url, **more), hidden(**(secrets or {})))
        made.append(found)
        return found

    yield client
    for found in made:
        await found.close()


@pytest.fixture
async def sandbox(open_account) -> NetSuiteSandbox:
    return await open_account()


@pytest.fixture
def client(sandbox, connect) -> NetSuiteClient:
    return connect(sandbox)
