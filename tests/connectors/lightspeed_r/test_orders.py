"""Orders against the sandbox: reserved once, whole or not at all, and one deal with what the web shop says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Created, NewOrder, Ordered, Recipient
from connectors.directory import resolve
from connectors.errors import Refused, Unreachable
from connectors.lightspeed_r import connector
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA = Recipient(name="Ada Invented", email="ada@example.invalid", phone="555-0100")


def order(*lines, transaction="order/web/1001", location="Mall", recipient=ADA):
    rows = tuple(Ordered(sku, units, "12.50") for sku, units in lines)
    return NewOrder(
        transaction=transaction, location=location, placed_at=NOON, lines=rows, recipient=recipient
    )


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


async def test_given_an_order_then_its_goods_are_set_aside_for_its_customer(orders, directory, sandbox):
    created = await orders.create(order(("SHIRT", 2), ("MUG", 1)), directory)
    assert created == Created("1,2", already=False)
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (3, 4)
    (customer,) = sandbox.account.customers.values()
    assert (customer["firstName"], customer["lastName"], customer["Contact"]["email"]) == (
        "Ada",
        "Invented",
        "ada@example.invalid",
    )
    assert {line["customerID"] for line in sandbox.account.lines.values()} == {customer["customerID"]}


async def test_given_the_same_order_again_then_it_is_found(orders, client, directory, sandbox):
    await orders.create(order(("SHIRT", 2)), directory)
    assert await connector.orders(client).create(order(("SHIRT", 2)), directory) == Created("1", already=True)
    assert (sandbox.level("SHIRT", "Mall"), len(sandbox.account.customers)) == (3, 1)


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_given_a_lost_answer_at_any_step_then_asking_again_finishes_the_order_once(
    orders, directory, sandbox, lost
):
    sandbox.lose_answers(lost)
    for _ in range(lost):
        with pytest.raises(Unreachable):
            await orders.create(order(("SHIRT", 2), ("MUG", 1)), directory)
    created = await orders.create(order(("SHIRT", 2), ("MUG", 1)), directory)
    assert created.ref == "1,2"
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (3, 4)
    assert (len(sandbox.account.lines), len(sandbox.account.customers)) == (2, 1)


async def test_given_another_order_of_the_customer_then_it_is_another_reservation(orders, directory, sandbox):
    await orders.create(order(("SHIRT", 2)), directory)
    await orders.create(order(("SHIRT", 2), transaction="order/web/1002"), directory)
    assert (sandbox.level("SHIRT", "Mall"), len(sandbox.account.customers)) == (1, 1)


async def test_given_a_deal_that_two_shops_bring_then_each_sets_its_own_part_aside(
    orders, directory, sandbox
):
    await orders.create(order(("SHIRT", 2)), directory)
    there = order(("SHIRT", 1), ("MUG", 1), location="High Street")
    assert await orders.create(there, directory) == Created("2,3", already=False)
    assert await orders.create(there, directory) == Created("2,3", already=True)
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("SHIRT", "High Street")) == (3, 9)


async def test_given_one_sku_on_two_lines_then_it_is_one_reservation(orders, directory, sandbox):
    await orders.create(order(("SHIRT", 2), ("SHIRT", 1)), directory)
    (line,) = sandbox.account.lines.values()
    assert line["unitQuantity"] == 3


async def test_given_too_little_of_one_item_then_nothing_stays_reserved_and_the_reason_says_which(
    orders, directory, sandbox
):
    with pytest.raises(Refused, match=r"cannot reserve 6 of MUG: .*Insufficient inventory"):
        await orders.create(order(("SHIRT", 2), ("MUG", 6)), directory)
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (5, 5)
    assert sandbox.account.lines == {}


async def test_given_what_r_series_does_not_have_then_the_reason_names_all_of_it_and_nobody_was_made(
    orders, directory, sandbox
):
    with pytest.raises(Refused) as refusal:
        await orders.create(order(("NONE", 1), ("SHIRT", 0), location="Moon"), directory)
    assert str(refusal.value) == "unknown SKU NONE; quantity 0 of SHIRT; unknown location Moon"
    assert sandbox.account.customers == {}


async def test_given_nobody_to_hold_it_for_then_it_is_refused_or_held_for_the_configured_customer(
    orders, client, directory, sandbox
):
    unnamed = order(("SHIRT", 1), recipient=Recipient())
    with pytest.raises(Refused, match="no customer_id"):
        await orders.create(unnamed, directory)
    ident = sandbox.customer("Online orders")
    client.settings = client.settings.model_copy(update={"customer_id": str(ident)})
    assert (await orders.create(unnamed, directory)).ref == "1"


async def test_given_a_refusal_then_it_does_not_name_the_customer(orders, directory):
    with pytest.raises(Refused) as refusal:
        await orders.create(order(("SHIRT", 100)), directory)
    assert "Ada" not in str(refusal.value)
    assert "example.invalid" not in str(refusal.value)


async def test_given_the_web_shops_order_and_the_tills_reservation_then_they_are_one_deal(
    orders, client, directory, sandbox
):
    web = Claim(
        transaction="order/web/1001",
        channel="web",
        topic="orders/create",
        occurred_at=NOON,
        documents=(
            Document(
                id="order/1001",
                version=1,
                lines=(Line(fact=Fact.ORDERED, sku="SHIRT", quantity=2, at=NOON, location="Mall"),),
            ),
        ),
    )
    await orders.create(order(("SHIRT", 2)), directory)
    held, cursor = await self_polled(client)
    sandbox.collect([1], at=datetime.now(UTC))
    collected, _ = await self_polled(client, cursor)
    claims = [web, *(resolve(connector.read("tills", p), directory, None, 100) for p in (*held, *collected))]
    for told in (claims, claims[::-1]):
        stock = settled(told)
        assert stock.balance("Mall") == -2, "sold once, whoever tells of it"
        assert sum(stock.balance("Mall", state) for state in ("committed",)) == 0


async def self_polled(client, cursor=None):
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


def settled(claims):
    transactions, stock = {}, Stock(sku="SHIRT")
    for offset, claim in enumerate(claims, start=1):
        before = transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOON, Cause(0, offset, 0))
        transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            stock = fold(stock, movement, offset * 1_000 + at)
    return stock
