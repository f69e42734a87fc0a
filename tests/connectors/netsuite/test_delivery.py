"""A day in the sandbox arrives by poll, in whatever order and with whatever is lost, and our stock becomes NetSuite's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Target
from connectors.directory import resolve
from connectors.netsuite import connector
from connectors.netsuite.sandbox.books import Posted
from schemas.accounts import State
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)
SKUS, PLACES = ("SHIRT", "MUG", "CAP"), ("Mall", "Warehouse")
SEEDED = {"Mall": 5, "Warehouse": 20}


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle, fold."""

    def __init__(self, directory):
        self.directory = directory
        self.transactions, self.stock, self.offset = {}, {}, 0

    def take(self, payload):
        claim = resolve(connector.read("erp", payload), self.directory, "Warehouse", 100)
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, MORNING, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for number, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + number)

    def available(self):
        return {
            (sku, place): SEEDED[place] + self.stock.get(sku, Stock(sku=sku)).balance(place)
            for sku in SKUS
            for place in PLACES
        }


def shown(sandbox):
    return {(sku, place): sandbox.level(sku, place) for sku in SKUS for place in PLACES}


def day(sandbox, number):
    """One deal of each kind, in steps that leave something open here and there; what is known after each can be polled."""
    at = MORNING + timedelta(minutes=number)
    later = at + timedelta(hours=1)
    sku, other = SKUS[number % 3], SKUS[(number + 1) % 3]
    sandbox.sell("Mall", [(sku, 1), (other, -1 if number % 4 == 0 else 1)], at=at)
    order = sandbox.order([(sku, 3), (other, 1)], location="Warehouse", at=at)
    picked = sandbox.fulfil(order, [(sku, 2)], location="Warehouse", at=at, status="A")
    edited = sandbox.sell("Mall", [(sku, 2), (other, 1)], at=at)
    yield
    if number % 2:
        sandbox.ship(picked, at=later)
    if number % 5 == 0:
        sandbox.end(order, at=later, status="C" if number % 2 == 0 else "H")
    if number % 3 == 0:
        authorised = sandbox.take_back([(sku, 1)], location="Mall", at=later, source=order)
        sandbox.receive(authorised, [(sku, 1)], location="Mall", at=later)
    yield
    supply = sandbox.purchase([(sku, 6)], location="Warehouse", at=at)
    sandbox.receive(supply, [(sku, 4)], location="Warehouse", at=later)
    moving = sandbox.order_transfer([(other, 3)], origin="Warehouse", destination="Mall", at=at)
    sandbox.fulfil(moving, [(other, 2)], location="Warehouse", at=later)
    if number % 2 == 0:
        sandbox.receive(moving, [(other, 2)], location="Mall", at=later + timedelta(minutes=5))
    sandbox.transfer([(sku, 1)], origin="Warehouse", destination="Mall", at=at)
    sandbox.adjust("Mall", [(sku, -1), (other, 2)], at=at)
    sandbox.adjust("Warehouse", [(sku, 1)], at=at, kind="InvCount")
    sandbox.build("Warehouse", ("CAP", 1), [("SHIRT", 1), ("MUG", 1)], at=at)
    sandbox.edit(edited, sku, -3 if number % 2 else 0, at=later)
    yield


async def payloads_of(client, cursor=None):
    return [payload async for payloads, _ in client.poll(cursor) for payload in payloads]


@pytest.fixture
async def hub(client):
    return Hub(await client.directory())


async def test_given_a_days_trade_then_one_poll_makes_our_stock_netsuites(sandbox, client, hub):
    for number in range(12):
        list(day(sandbox, number))
    for payload in await payloads_of(client):
        hub.take(payload)
    assert hub.available() == shown(sandbox)


async def test_given_goods_under_way_then_they_are_on_no_shelf_and_expected_where_they_go(
    sandbox, client, hub
):
    """NS-6: shipped five, received four."""
    moving = sandbox.order_transfer([("MUG", 5)], origin="Warehouse", destination="Mall", at=MORNING)
    sandbox.fulfil(moving, [("MUG", 5)], location="Warehouse", at=MORNING)
    sandbox.receive(moving, [("MUG", 4)], location="Mall", at=MORNING + timedelta(days=3))
    for payload in await payloads_of(client):
        hub.take(payload)
    mug = hub.stock["MUG"]
    assert (mug.balance("Warehouse"), mug.balance("Mall")) == (-5, 4)
    assert mug.balance("Mall", State.INCOMING) == 1
    assert hub.available() == shown(sandbox)


async def test_given_stock_opened_in_the_middle_of_trade_then_what_follows_keeps_it_right(
    sandbox, connect, hub
):
    """Levels are taken at ten; before that an order was open, a transfer on its way, another not sent yet."""
    ten = MORNING + timedelta(hours=2)
    later = ten + timedelta(hours=1)
    order = sandbox.order([("SHIRT", 2)], location="Mall", at=MORNING)
    billed = sandbox.order([("CAP", 1)], location="Mall", at=MORNING)
    sent = sandbox.order_transfer([("MUG", 5)], origin="Warehouse", destination="Mall", at=MORNING)
    sandbox.fulfil(sent, [("MUG", 5)], location="Warehouse", at=MORNING)
    waiting = sandbox.order_transfer([("CAP", 3)], origin="Warehouse", destination="Mall", at=MORNING)
    sandbox.sell("Mall", [("SHIRT", 1)], at=MORNING)
    opening = shown(sandbox)
    sandbox.fulfil(order, [("SHIRT", 2)], location="Mall", at=later)
    sandbox.books.post("CashSale", [Posted("CAP", "Mall", -1, affecting=True)], at=later, source=billed)
    sandbox.end(billed, at=later, status="G")
    sandbox.books.write('UPDATE transactionline SET isclosed = ? WHERE "transaction" = ?', "T", billed)
    sandbox.receive(sent, [("MUG", 4)], location="Mall", at=later)
    sandbox.fulfil(waiting, [("CAP", 3)], location="Warehouse", at=later)
    sandbox.receive(waiting, [("CAP", 3)], location="Mall", at=later)
    list(day(sandbox, 200))
    for payload in await payloads_of(connect(sandbox, since=ten)):
        hub.take(payload)
    moved = {cell: units - SEEDED[cell[1]] for cell, units in hub.available().items()}
    assert {cell: opening[cell] + moved[cell] for cell in moved} == shown(sandbox)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_given_shuffled_repeated_and_lost_documents_then_one_poll_heals_the_rest(
    sandbox, connect, hub, seed
):
    """2 % of a day's documents are lost on the way; versions of all stages arrive in any order, some of them twice."""
    watching, stages, cursor = connect(sandbox), [], None
    for number in range(12):
        for _ in day(sandbox, number):
            async for payloads, reached in watching.poll(cursor):
                stages += payloads
                cursor = reached
    chance = random.Random(seed)
    sent = [payload for payload in stages if chance.random() > 0.02]
    sent += chance.sample(sent, len(sent) // 5)
    chance.shuffle(sent)
    for payload in sent:
        hub.take(payload)
    for payload in await payloads_of(connect(sandbox)):
        hub.take(payload)
    assert hub.available() == shown(sandbox)


async def test_given_numbers_told_meanwhile_then_the_poll_brings_none_of_them_back(sandbox, client, hub):
    list(day(sandbox, 1))
    before = shown(sandbox)
    told = Target(sku="SHIRT", place="Mall", wanted=9, expected=5, own=0, offset=1)
    await connector.sink(client).push([told], hub.directory)
    for payload in await payloads_of(client):
        hub.take(payload)
    assert hub.available() == before
    assert sandbox.level("SHIRT", "Mall") == before["SHIRT", "Mall"] + 4
