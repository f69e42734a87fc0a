"""A day played at the sandbox arrives by poll, and Onhand's stock becomes the platform's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Payload
from connectors.directory import resolve
from connectors.lightspeed_r import connector
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

SHOPS, SKUS = ("High Street", "Mall"), ("SHIRT", "MUG", "CAP")
SEEDED = {"High Street": 10, "Mall": 5}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle, fold."""

    def __init__(self, directory):
        self.directory = directory
        self.transactions, self.stock, self.offset = {}, {}, 0

    def take(self, payload: Payload):
        claim = resolve(connector.read("tills", payload), self.directory, None, 1_000)
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOON, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + at)

    def level(self, sku, shop):
        return SEEDED[shop] + (self.stock[sku].balance(shop) if sku in self.stock else 0)


async def polled(client, cursor=None):
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


class Day:
    """A shopkeeper's day, one deed after another, a minute apart."""

    def __init__(self, sandbox, seed):
        self.sandbox, self.dice, self.now = sandbox, random.Random(seed), NOON
        self.sales, self.held, self.sent = [], [], []

    def deed(self, *, removes: bool):
        self.now += timedelta(minutes=1)
        shop, sku, units = self.dice.choice(SHOPS), self.dice.choice(SKUS), self.dice.randint(1, 3)
        deeds = [self.sell, self.sell, self.bring_back, self.exchange, self.void, self.hold, self.collect]
        deeds += [self.send, self.get, self.buy, self.adjust, *([self.let_go] if removes else [])]
        self.dice.choice(deeds)(shop, sku, units)

    def sell(self, shop, sku, units):
        self.sales.append(self.sandbox.sell(shop, [(sku, units)], at=self.now))

    def bring_back(self, shop, sku, units):
        self.sandbox.sell(shop, [(sku, -units)], at=self.now)

    def exchange(self, shop, sku, units):
        self.sandbox.sell(shop, [(sku, -1), (self.dice.choice(SKUS), units)], at=self.now)

    def void(self, *_):
        if self.sales:
            self.sandbox.void(self.sales.pop(), at=self.now)

    def hold(self, shop, sku, units):
        self.held.append(self.sandbox.lay_away(shop, sku, units, at=self.now))

    def collect(self, *_):
        if self.held:
            self.sales.append(self.sandbox.collect([self.held.pop(0)], at=self.now))

    def let_go(self, *_):
        if self.held:
            self.sandbox.let_go(self.held.pop(), at=self.now)

    def send(self, shop, sku, units):
        there = SHOPS[shop == SHOPS[0]]
        self.sent.append((self.sandbox.transfer(shop, there, {sku: units}, at=self.now), sku, units))

    def get(self, *_):
        if self.sent:
            ident, sku, units = self.sent.pop()
            self.sandbox.receive(ident, {sku: self.dice.randint(0, units)}, at=self.now)

    def buy(self, shop, sku, units):
        order = self.sandbox.order(shop, {sku: units}, at=self.now)
        if self.dice.random() < 0.5:
            self.sandbox.check_in(order, {sku: self.dice.randint(0, units)}, at=self.now, complete=True)

    def adjust(self, shop, sku, units):
        change = self.dice.choice([-units, units])
        self.sandbox.adjust(shop, sku, change, at=self.now, reason="ManualQuantityAdjustment")


@pytest.mark.parametrize("seed", range(2))
async def test_given_a_day_polled_as_it_goes_then_our_stock_is_the_platforms(sandbox, client, seed):
    day, hub, cursor = Day(sandbox, seed), Hub(await client.directory()), None
    for number in range(200):
        day.deed(removes=True)
        if number % 20 == 19:
            payloads, cursor = await polled(client, cursor)
            for payload in payloads:
                hub.take(payload)
            assert {(sku, shop): hub.level(sku, shop) for sku in SKUS for shop in SHOPS} == {
                (sku, shop): sandbox.level(sku, shop) for sku in SKUS for shop in SHOPS
            }


@pytest.mark.parametrize("seed", range(2))
async def test_given_shuffled_repeated_and_lost_documents_then_one_poll_makes_our_stock_the_platforms(
    sandbox, client, seed
):
    day = Day(sandbox, seed)
    for _ in range(100):
        day.deed(removes=True)
    told, cursor = await polled(client)
    for number in range(150):
        day.deed(removes=False)
        if number % 5 == 4:
            payloads, cursor = await polled(client, cursor)
            told += payloads
    dice = random.Random(seed)
    kept = [payload for payload in told if dice.random() > 0.02]
    assert len(kept) < len(told)
    kept += dice.sample(kept, len(kept) // 3)
    dice.shuffle(kept)
    hub = Hub(await client.directory())
    for payload in kept:
        hub.take(payload)
    for payload in (await polled(client))[0]:
        hub.take(payload)
    for sku in SKUS:
        for shop in SHOPS:
            assert hub.level(sku, shop) == sandbox.level(sku, shop)
