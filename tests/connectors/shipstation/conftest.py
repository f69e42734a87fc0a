from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.contract import Payload
from connectors.directory import resolve
from connectors.shipstation import ShipStationSettings, connector
from connectors.shipstation.client import ShipStationClient
from connectors.shipstation.sandbox import ShipStationSandbox
from schemas.claims import Claim
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply, sent_on

SECRETS = {
    "api_key": SecretStr("key"),
    "api_secret": SecretStr("secret"),
    "v2_api_key": SecretStr("v2-key"),
    "webhook_secret": SecretStr("hook"),
}
UNLIMITED = {"v1": None, "v2": None}
START = datetime(2026, 8, 12, 16, tzinfo=UTC)


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle (links too), fold."""

    def __init__(self, directory):
        self.directory, self.transactions, self.stock, self.offset = directory, {}, {}, 0

    def take(self, *payloads: Payload):
        for payload in payloads:
            claim = resolve(connector.read("parcels", payload), self.directory, None, 10_000)
            self.claim(claim)

    def claim(self, claim: Claim):
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, START, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for number, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + number)
        for further in sent_on(before, claim):
            self.claim(further)

    def moved(self, sku, place):
        """By how much what is available and what is on hand has changed."""
        held = self.stock.get(sku, Stock(sku=sku))
        return held.balance(place), held.on_hand(place)


@pytest.fixture
def secrets():
    return dict(SECRETS)


@pytest.fixture
def at():
    """An instant so many minutes into the day of the test."""
    return lambda minutes: START + timedelta(minutes=minutes)


@pytest.fixture
def poll(client):
    """One poll: its documents, and the cursor after it."""

    async def once(cursor=None):
        found = []
        async for payloads, after in client.poll(cursor):
            found.extend(payloads)
            cursor = after
        return found, cursor

    return once


@pytest.fixture
async def sandbox() -> AsyncIterator[ShipStationSandbox]:
    double = ShipStationSandbox(
        api_key="key", api_secret="secret", v2_api_key="v2-key", places=("WH", "EAST"), limits=UNLIMITED
    )
    for sku in ("TEE", "MUG", "CAP"):
        double.seed(sku, "WH", 100)
        double.seed(sku, "EAST", 50)
    double.seed("GIFTCARD", "WH", 0, tracked=False)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture(params=["v1", "v2"])
def api(request) -> str:
    return request.param


@pytest.fixture
def settings(sandbox, api) -> ShipStationSettings:
    return ShipStationSettings(platform="shipstation", documents=api, base_url=sandbox.url)


@pytest.fixture
async def client(settings) -> AsyncIterator[ShipStationClient]:
    found = ShipStationClient(settings, SECRETS)
    yield found
    await found.close()


@pytest.fixture
async def directory(client):
    return await client.directory()


@pytest.fixture
def hub(directory) -> Hub:
    return Hub(directory)
