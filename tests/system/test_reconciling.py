"""Somebody changes a level in a platform's admin: it is found, and handled as its location's policy says. Real processes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from connectors.magento.api import DOUBLES, NEEDED
from connectors.magento.sandbox import MagentoSandbox
from connectors.magento.settings import MagentoSettings
from connectors.shopify.sandbox import ShopifySandbox
from schemas.claims import Claim, Document, Fact, Line

PLACES = ("SOHO", "HARLEM", "QUEENS")
SKU = "MUG"
OPENING = 20
MOST = 5
"""Units of a line, or of an edit, above which it is taken for a mistake."""

LOCATIONS = """
[locations.SOHO]
hand_edits = "adopt"

[locations.HARLEM]
hand_edits = "correct"

[locations.QUEENS]
"""


def now() -> datetime:
    return datetime.now(UTC)


class Shopify:
    """A shop that tells an order by its webhooks and polls, and a hand edit by its level only."""

    settings = 'platform = "shopify"\nshop = "a.myshopify.com"'

    def __init__(self) -> None:
        self.sandbox = ShopifySandbox(
            shop="a.myshopify.com",
            access_token="sandbox",
            webhook_secret="sandbox",
            sells_from="SOHO",
            locations=PLACES,
            restore_rate=1_000,
        )

    def level(self, place: str) -> int:
        return self.sandbox.available(SKU, place)

    def edit(self, place: str, units: int) -> None:
        shop = self.sandbox.shop
        shop.move(shop.items[SKU], shop.locations[place], now(), available=units)

    def sell(self, place: str, units: int) -> None:
        order = self.sandbox.order([(SKU, units)], at=now(), routed_to=place)
        self.sandbox.fulfil(order, place, at=now())


class Magento:
    """A shop whose source item falls when an order is shipped."""

    settings = 'platform = "magento"\nurl = "http://shop.example.com"'

    def __init__(self) -> None:
        settings = MagentoSettings(platform="magento", url="http://shop.example.com")
        secrets = dict.fromkeys(NEEDED[settings.auth], DOUBLES)
        self.sandbox = MagentoSandbox(settings=settings, secrets=secrets, sources=PLACES)

    def level(self, place: str) -> int:
        return int(self.sandbox.quantity(SKU, place))

    def edit(self, place: str, units: int) -> None:
        self.sandbox.shop.save(SKU, place, self.level(place) + units, 1)

    def sell(self, place: str, units: int) -> None:
        order = self.sandbox.order([(SKU, units)], at=now())
        self.sandbox.ship(order, place, [(SKU, units)], at=now())


class Trade:
    """The platform, and the installation that keeps its stock."""

    def __init__(self, platform, installation, settings) -> None:
        self.platform, self.installation, self.settings = platform, installation, settings

    async def run(self, *arguments: str, code: int | None = 0):
        return await asyncio.to_thread(self.installation.asked, *arguments, code=code)

    async def reconcile(self, code: int | None = None, patience: float = 30):
        how = ("--wait", "1", "--patience", f"{patience}")
        found = await self.run("reconcile", "shop", *how, code=code)
        return {row["place"]: row for row in found["differences"]}

    async def stock(self, place: str) -> int:
        with psycopg.connect(self.installation.engines.dsn) as connection:
            found = connection.execute(
                "SELECT (stock #> ARRAY['locations', %s, 'available'])::int FROM stock", [place]
            )
            return (found.fetchone() or (None,))[0]

    async def until(self, holds) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.2)

    async def until_stock(self, place: str, units: int) -> None:
        async def there() -> bool:
            return await self.stock(place) == units

        await self.until(there)

    async def until_shown(self, place: str, units: int) -> None:
        async def shown() -> bool:
            return self.platform.level(place) == units

        await self.until(shown)

    async def receive(self, place: str, units: int) -> None:
        """A delivery that another application tells of."""
        name = f"delivery/{place}"
        line = Line(fact=Fact.RECEIVED, sku=SKU, quantity=units, at=now(), location=place)
        document = Document(id=name, version=1, lines=(line,))
        claim = Claim(transaction=name, channel="dock", topic="t", occurred_at=now(), documents=(document,))
        await self.installation.append([claim], self.settings)

    async def work(self) -> None:
        """Starts a worker."""
        installation = self.installation
        await asyncio.to_thread(lambda: installation.until_ready(installation.worker()))

    async def differences(self):
        """What `verify` finds wrong once everything has settled."""
        return (await self.installation.verdict(self.settings)).differences

    def receipts(self, place: str) -> list[tuple[str, int, int]]:
        """Outcome, what should have been there, and what was, of every receipt of a place."""
        with psycopg.connect(self.installation.engines.dsn) as connection:
            return connection.execute(
                "SELECT outcome, quantity, level FROM receipts WHERE place = %s ORDER BY pushed_at", [place]
            ).fetchall()


@pytest.fixture(params=[Shopify, Magento], ids=["shopify", "magento"])
async def trade(request, installation, free):
    platform, port = request.param(), free()
    for place in PLACES:
        platform.sandbox.seed(SKU, place, OPENING)
    settings = installation.configure(
        f'data = "."\n[channels.shop]\n{platform.settings}\nsandbox = "played by the test"\nsandbox_port = {port}\n'
        f'poll_every = 0\nquantity_max = {MOST}\n[channels.shop.rules]\npublish = "locations"\n{LOCATIONS}'
    )
    await platform.sandbox.start(port)
    try:
        trade = Trade(platform, installation, settings)
        await trade.work()
        assert (await trade.run("import", "shop"))["opened"] == len(PLACES)
        await trade.until_stock("QUEENS", OPENING)
        yield trade
    finally:
        await asyncio.to_thread(installation.stop)
        await platform.sandbox.stop()


async def test_given_our_own_push_and_orders_on_their_way_then_no_hand_edit_is_invented(trade):
    assert await trade.reconcile(0) == {}
    await trade.receive("SOHO", 5)
    await trade.until_shown("SOHO", OPENING + 5)
    assert await trade.reconcile(0) == {}, "the echo of our own push"

    trade.platform.sell("SOHO", 2)
    await asyncio.sleep(1.5)
    found = (await trade.reconcile(0))["SOHO"]
    assert (found["cause"], found["expected"], found["shown"]) == ("late_document", OPENING + 5, OPENING + 3)
    assert found["documents"], "an order that nobody has told us of has a name"
    assert await trade.reconcile(0) == {}, "it was taken in"
    assert await trade.stock("SOHO") == trade.platform.level("SOHO") == OPENING + 5 - 2

    trade.platform.sell("HARLEM", 3)
    trade.installation.kill()
    found = (await trade.reconcile(1, patience=3))["HARLEM"]
    assert (found["cause"], found["expected"], found["shown"]) == ("in_flight", OPENING, OPENING - 3)
    await trade.work()
    assert await trade.reconcile(0) == {}, "the order was in the log, and is taken in now"
    assert await trade.stock("HARLEM") == trade.platform.level("HARLEM") == OPENING - 3

    trade.platform.sell("SOHO", MOST + 1)
    found = await trade.reconcile(1)
    assert {place: row["cause"] for place, row in found.items()} == {"SOHO": "refused_document"}
    assert await trade.stock("SOHO") == OPENING + 5 - 2
    assert await trade.differences() == []


async def test_given_a_level_is_changed_by_hand_then_it_is_adopted_corrected_or_left_as_its_location_says(
    trade,
):
    platform = trade.platform
    platform.edit("SOHO", 3)
    platform.edit("HARLEM", 4)
    platform.edit("QUEENS", -2)
    platform.sell("SOHO", 1)
    found = await trade.reconcile(1)
    assert {place: (row["cause"], row["done"]) for place, row in found.items()} == {
        "SOHO": ("hand_edit", "adopted as edit/shop/MUG/SOHO/1"),
        "HARLEM": ("hand_edit", f"told {OPENING} again"),
        "QUEENS": ("hand_edit", "left as it is"),
    }
    await trade.until_stock("SOHO", OPENING + 3 - 1)
    await trade.until_shown("HARLEM", OPENING)
    assert set(await trade.reconcile(1)) == {"QUEENS"}
    assert [await trade.stock(place) for place in PLACES] == [OPENING + 2, OPENING, OPENING]
    assert [platform.level(place) for place in PLACES] == [OPENING + 2, OPENING, OPENING - 2]
    assert trade.receipts("HARLEM")[0] == ("overruled", OPENING, OPENING + 4)
    assert trade.receipts("QUEENS")[0] == ("drifted", OPENING, OPENING - 2)

    for turn, units in enumerate(
        (-3, 3, -3), start=2
    ):  # the same change is made again, and found by two at once
        platform.edit("SOHO", units)
        both = await asyncio.gather(trade.reconcile(), trade.reconcile())
        assert [found["SOHO"]["done"] for found in both if "SOHO" in found] == [
            f"adopted as edit/shop/MUG/SOHO/{turn}"
        ]
        await trade.until_stock("SOHO", platform.level("SOHO"))

    platform.edit("SOHO", MOST + 1)
    found = await trade.reconcile(1)
    assert found["SOHO"]["done"] == f"left as it is: more than {MOST} units are taken for a mistake"
    assert await trade.stock("SOHO") == OPENING - 1
    assert await trade.differences() == []
