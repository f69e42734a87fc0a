from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.directory import resolve
from connectors.heartland import connector
from connectors.heartland.client import HeartlandClient
from connectors.heartland.sandbox import HeartlandSandbox
from connectors.heartland.settings import HeartlandSettings
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

SECRETS = {"token": SecretStr("token")}
PLACES = ("Boston", "Denver")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle, fold."""

    def __init__(self, directory):
        self.directory = directory
        self.transactions, self.stock, self.offset = {}, {}, 0

    def take(self, payload):
        claim = resolve(connector.read("tills", payload), self.directory, None, 1_000)
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOW, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + at)
        return posted

    def balance(self, sku, place, state="available"):
        return self.stock[sku].balance(place, state) if sku in self.stock else 0


async def polled(client, cursor=None):
    """The documents of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


@pytest.fixture
async def sandbox() -> AsyncIterator[HeartlandSandbox]:
    double = HeartlandSandbox(token="token", locations=PLACES)
    for sku in ("SHIRT", "MUG", "CAP"):
        double.seed(sku, "Boston", 10)
        double.seed(sku, "Denver", 5)
    double.seed("GIFTCARD", "Boston", 0, tracked=False)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(sandbox: HeartlandSandbox) -> HeartlandSettings:
    return HeartlandSettings(
        platform="heartland",
        subdomain="demo",
        base_url=sandbox.url,
        untracked=("GIFTCARD",),
        station_id=1,
        payment_type_id=100010,
    )


@pytest.fixture
async def client(settings: HeartlandSettings) -> AsyncIterator[HeartlandClient]:
    found = HeartlandClient(settings, SECRETS)
    yield found
    await found.close()


@pytest.fixture
async def hub(client) -> Hub:
    return Hub(await client.directory())


@pytest.fixture
def poll(client, hub):
    """Polls once into the hub, from where the last poll ended."""
    reached = [None]

    async def once():
        payloads, reached[0] = await polled(client, reached[0])
        for payload in payloads:
            hub.take(payload)
        return payloads

    return once
