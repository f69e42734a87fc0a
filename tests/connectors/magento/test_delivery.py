"""A day of trade at the sandbox arrives by poll, and Onhand's stock becomes the shop's."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from connectors.contract import Seen, Target
from connectors.directory import resolve
from connectors.magento import connector
from connectors.magento.client import MagentoClient
from schemas.availability import Shown, quantity
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.rules import ChannelRules
from schemas.settling import Transaction, apply

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SKUS, SOURCES = ("TEE", "MUG"), ("WH", "STORE")


class Hub:
    """What Onhand does with payloads, in small: read, resolve, settle, fold."""

    def __init__(self, directory, rules):
        self.directory, self.rules = directory, rules
        self.transactions, self.stock, self.offset = {}, {}, 0

    def open(self, levels):
        """The opening stock, as an import takes it in."""
        at = levels[0].observed_at
        lines = tuple(
            Line(fact=Fact.OPENED, sku=one.item, quantity=one.level, at=at, location=one.location)
            for one in levels
        )
        documents = (Document(id="opening", version=1, lines=lines),)
        self.post(
            Claim(transaction="opening", channel="shop", topic="import", occurred_at=at, documents=documents)
        )

    def take(self, payload):
        claim = connector.read("shop", payload)
        self.post(resolve(claim, self.directory, self.rules.ships_from, 100))

    def post(self, claim):
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOW, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + at)

    def targets(self):
        """What the channel's sink would be asked for, as one that was never told anything."""
        for sku in SKUS:
            number = quantity(self.stock[sku], "shop", self.rules, "1")
            for name, place in number.places.items():
                yield (
                    place,
                    Target(
                        sku=sku,
                        place=name,
                        wanted=place.quantity,
                        expected=None,
                        own=place.own,
                        offset=1,
                        opened=True,
                    ),
                )


def trade(sandbox, clock, chance, number):
    """One customer's order, and what becomes of it."""
    sku, units = chance.choice(SKUS), chance.randint(1, 3)
    pickup = "STORE" if number % 9 == 0 else None
    at = clock.later(seconds=chance.randint(0, 20))
    order = sandbox.order([(sku, units)], at=at, configurable=number % 3 == 0, pickup=pickup)
    fate = chance.choice(("open", "ship", "part", "cancel", "refund", "return", "edit"))
    source = pickup or chance.choice(SOURCES)
    at = clock.later(seconds=chance.randint(0, 20))
    if fate in ("ship", "return"):
        sandbox.ship(order, source, [(sku, units)], at=at, touches=number % 2 == 0)
    if fate == "part":
        sandbox.ship(order, source, [(sku, 1)], at=at)
    if fate in ("cancel", "part"):
        sandbox.cancel(order, at=clock.later(seconds=1))
    if fate in ("refund", "return"):
        sandbox.refund(order, [(sku, 1)], at=clock.later(seconds=1), to_stock=True)
    if fate == "edit":
        sandbox.edit(order, [(sku, units)], at=at)


async def polled(client, cursor):
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("ships_from", ["@unrouted", "WH"])
async def test_given_a_day_shuffled_repeated_and_with_losses_then_a_last_poll_makes_our_stock_the_shops(
    sandbox, settings, secrets, clock, seed, ships_from
):
    chance = random.Random(seed)
    for sku in SKUS:
        for source in SOURCES:
            sandbox.seed(sku, source, 200)
    rules = ChannelRules(publish="locations", ships_from=ships_from)
    told = {"base_url": sandbox.url, "page_size": 7, "refunds_restock": True, "rules": rules}
    client = MagentoClient(settings.model_copy(update=told), secrets)
    directory = await client.directory()
    levels = [one for page in [rows async for rows in client.levels()] for one in page if one.item in SKUS]
    seen, cursor = [], None
    for number in range(80):
        trade(sandbox, clock, chance, number)
        if number % 10 == 0:
            found, cursor = await polled(client, cursor)
            seen += found
    heard = [payload for payload in [*seen, *seen[::3]] if chance.random() > 0.02]
    chance.shuffle(heard)
    clock.later(minutes=10)
    last, _ = await polled(client, None)
    for payloads in ([*heard, *last], [*last, *heard]):
        hub = Hub(directory, rules)
        hub.open(levels)
        for payload in payloads:
            hub.take(payload)
        for sku in SKUS:
            stock = hub.stock[sku]
            there = {name: stock.on_hand(name) for name in SOURCES}
            assert there == {name: sandbox.quantity(sku, name) for name in SOURCES}
            available = sum(stock.balance(name) for name in (*SOURCES, "@unrouted"))
            assert available == sandbox.shop.salable(sku)
        places, targets = zip(*hub.targets(), strict=True)
        shown = await connector.sink(client).look(targets, directory)
        assert shown == [Seen(place.own) for place in places]
    await client.close()


async def test_given_a_sale_elsewhere_then_magento_is_told_so_many_less_and_its_own_orders_change_nothing(
    sandbox, client, clock
):
    rules = ChannelRules(publish="locations")
    hub = Hub(await client.directory(), rules)
    hub.open([one for page in [rows async for rows in client.levels()] for one in page])
    order = sandbox.order([("TEE", 4)], at=NOW)
    clock.later(minutes=1)
    for payload in (await polled(client, None))[0]:
        hub.take(payload)
    sold = Line(fact=Fact.SOLD, sku="TEE", quantity=3, at=NOW, location="WH")
    documents = (Document(id="sale/1", version=1, lines=(sold,)),)
    hub.post(Claim(transaction="sale/1", channel="till", topic="sale", occurred_at=NOW, documents=documents))
    (place, target), *_ = [
        found for found in hub.targets() if found[1].place == "WH" and found[1].sku == "TEE"
    ]
    assert (place.shows(None), target.wanted) == (10, 7)
    known = Target(sku="TEE", place="WH", wanted=7, expected=10, own=place.own, offset=1)
    await connector.sink(client).push([known], hub.directory)
    assert (sandbox.quantity("TEE", "WH"), sandbox.shop.salable("TEE")) == (7, 8)
    sandbox.ship(order, "WH", [("TEE", 4)], at=clock.later(minutes=1))
    clock.later(minutes=1)
    for payload in (await polled(client, None))[0]:
        hub.take(payload)
    (place, _), *_ = [found for found in hub.targets() if found[1].place == "WH" and found[1].sku == "TEE"]
    assert place.quantity == sandbox.quantity("TEE", "WH") == 3
    assert hub.stock["TEE"].on_hand("WH") == 3


async def test_given_a_shipping_tool_that_tells_of_a_parcel_first_then_magentos_shipment_mends_the_number(
    sandbox, client, clock
):
    rules = ChannelRules(publish="locations")
    hub = Hub(await client.directory(), rules)
    hub.open([one for page in [rows async for rows in client.levels()] for one in page])
    sink, order = connector.sink(client), sandbox.order([("TEE", 4)], at=NOW)
    clock.later(minutes=1)
    seen, cursor = await polled(client, None)
    for payload in seen:
        hub.take(payload)
    left = Line(fact=Fact.SHIPPED, sku="TEE", quantity=4, at=clock.now, location="WH")
    documents = (Document(id="label/1", version=1, lines=(left,)),)
    deal = f"order/shop/{order}"
    hub.post(
        Claim(transaction=deal, channel="tool", topic="ship", occurred_at=clock.now, documents=documents)
    )

    async def tell(told):
        """What the channel's sink does with the newest number, and what it remembers of it."""
        place = quantity(hub.stock["TEE"], "shop", rules, "1").places["WH"]
        expected = place.shows(told)
        due = Target(sku="TEE", place="WH", wanted=place.quantity, expected=expected, own=place.own, offset=1)
        (answer,) = await sink.push([due], hub.directory)
        return Shown(answer.level, place.own)

    told = await tell(None)
    assert sandbox.quantity("TEE", "WH") == 6  # while four are reserved: too low by these for a while
    sandbox.ship(order, "WH", [("TEE", 4)], at=clock.later(minutes=1))
    clock.later(minutes=1)
    for payload in (await polled(client, cursor))[0]:
        hub.take(payload)
    await tell(told)
    assert (sandbox.quantity("TEE", "WH"), sandbox.shop.salable("TEE")) == (6, 11)
    assert hub.stock["TEE"].on_hand("WH") == 6
