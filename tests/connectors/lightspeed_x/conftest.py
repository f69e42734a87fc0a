from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.contract import Payload
from connectors.directory import Directory, resolve
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.mapping import read
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.lightspeed_x.settings import LightspeedXSettings
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, take
from schemas.movements import Cause
from schemas.settling import Transaction, apply

RECORDED = datetime(2026, 11, 23, 18, tzinfo=UTC)

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


class Book:
    """What Onhand makes of claims, in small: settle and fold. It begins with the stock that the sandbox was seeded with."""

    def __init__(self, directory: Directory, opening: Iterable[tuple[str, str, int]]) -> None:
        self.directory = directory
        self.transactions: dict[str, Transaction] = {}
        self.stock: dict[str, Stock] = {}
        self._offset = 0
        early = datetime(2026, 11, 20, tzinfo=UTC)
        for sku, place, units in opening:
            line = Line(fact=Fact.OPENED, sku=sku, quantity=units, at=early, location=place)
            name = f"opening/{sku}/{place}"
            document = Document(id=name, version=1, lines=(line,))
            self.settle(
                Claim(
                    transaction=name,
                    channel="tills",
                    topic="import",
                    occurred_at=early,
                    documents=(document,),
                )
            )

    def take(self, payloads: Iterable[Payload]) -> Book:
        """Takes documents in, in this order."""
        for payload in payloads:
            said = read("tills", payload)
            assert isinstance(said, Claim)
            self.settle(resolve(said, self.directory, "Mall", 10_000))
        return self

    def settle(self, claim: Claim) -> None:
        """Takes a claim in."""
        self._offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, RECORDED, Cause(0, self._offset, 0))
        self.transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = take(held, movement, self._offset * 1_000 + at).stock

    def of(self, sku: str, place: str) -> dict[str, int]:
        """The balances of a SKU at a place, those that are not zero."""
        return dict(self.stock[sku].locations.get(place, {}))

    def on_hand(self, sku: str, place: str) -> int:
        """Units on the shelf."""
        return self.stock[sku].on_hand(place) if sku in self.stock else 0


@pytest.fixture
async def book(client: LightspeedXClient) -> Callable[[], Book]:
    """Makes books that begin with the sandbox's seed."""
    directory = await client.directory()
    seeded = {"High Street": 10, "Mall": 5}
    opening = [(sku, place, units) for sku in ("SHIRT", "MUG", "CAP") for place, units in seeded.items()]
    return lambda: Book(directory, opening)
