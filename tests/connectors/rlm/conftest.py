from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract import Payload
from connectors.directory import overlay, resolve
from connectors.errors import Refused
from connectors.rlm import connector
from connectors.rlm.client import RlmClient
from connectors.rlm.sandbox import RlmSandbox
from connectors.rlm.settings import RlmSettings
from schemas.claims import Claim
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

PLACES = ("E01", "STORE07")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle, fold. `refused` has the reasons of the others."""

    def __init__(self, directory, ships_from="@unrouted"):
        self.directory, self.ships_from = directory, ships_from
        self.transactions, self.stock, self.levels, self.refused = {}, {}, [], []
        self.posted, self.offset = defaultdict(list), 0

    def take(self, payload: Payload) -> None:
        try:
            said = connector.read("depot", payload)
            if not isinstance(said, Claim):
                self.levels.append(said)
                return
            self.claim(resolve(said, self.directory, self.ships_from, 10_000))
        except Refused as refusal:
            self.refused.append(str(refusal))

    def claim(self, claim: Claim) -> None:
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOW, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        self.posted[claim.transaction] += posted
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + at)

    async def poll(self, client) -> int:
        """Takes the inbox in, and gives how many documents there were."""
        taken = 0
        async for payloads, _ in client.poll(None):
            for payload in payloads:
                self.take(payload)
                taken += 1
        return taken

    def balance(self, sku, location, state="available"):
        return self.stock[sku].balance(location, state) if sku in self.stock else 0


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch):
    """No test here pulls the plug, so none waits for the disk."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[RlmSandbox]:
    """A warehouse with two places. It works when a test asks it to: its own watch sleeps."""
    double = RlmSandbox(places=PLACES, folder=tmp_path, every=3_600)
    for sku, units in (("TEE-S", 10), ("TEE-M", 4), ("MUG", 0)):
        double.seed(sku, "E01", units)
    double.seed("TEE-S", "STORE07", 2)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(tmp_path: Path) -> RlmSettings:
    return RlmSettings(
        platform="rlm", folder=tmp_path, quiet=0, locations={"E01": "East", "STORE07": "Store 7"}
    )


@pytest.fixture
def client(settings: RlmSettings) -> RlmClient:
    return RlmClient(settings, {})


@pytest.fixture
async def directory(client, sandbox, settings):
    """The partner's items and places under our names."""
    return overlay(await client.directory(), settings.locations, settings.skus)


@pytest.fixture
def hub(directory) -> Hub:
    return Hub(directory)
