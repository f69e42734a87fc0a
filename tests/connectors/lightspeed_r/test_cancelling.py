"""An order of ours that is taken back: its reservations are gone and its goods are back, as long as nobody collected them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Recipient
from connectors.directory import resolve
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_r import connector
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAL = "order/web/1001"
ORDER = NewOrder(
    transaction=DEAL,
    location="Mall",
    placed_at=NOON,
    lines=(Ordered("SHIRT", 2, "12.50"), Ordered("MUG", 1, "4.00")),
    recipient=Recipient(name="Ada Invented", email="ada@example.invalid"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def levels(sandbox):
    return sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")


async def polled(client, cursor=None):
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


def web(cancelled: bool) -> Claim:
    """The order as its shop shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(Line(fact=fact, sku="SHIRT", quantity=2, at=NOON, location="Mall") for fact in facts)
    document = Document(id="order/1001", version=1 + cancelled, lines=lines)
    return Claim(
        transaction=DEAL, channel="web", topic="orders/updated", occurred_at=NOON, documents=(document,)
    )


def settled(claims):
    """The stock of shirts after claims that came in this order."""
    transactions, stock = {}, Stock(sku="SHIRT")
    for offset, claim in enumerate(claims, start=1):
        before = transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOON, Cause(0, offset, 0))
        transactions[claim.transaction] = after
        for at, movement in enumerate(one for one in posted if one.sku == "SHIRT"):
            stock = fold(stock, movement, offset * 1_000 + at)
    return stock.balance("Mall"), stock.balance("Mall", "committed")


async def test_given_an_order_then_taking_it_back_gives_its_goods_back(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    assert levels(sandbox) == (3, 4)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(created.ref)
    assert levels(sandbox) == (5, 5)
    assert sandbox.account.lines == {}


async def test_given_an_order_taken_back_again_or_never_created_then_nothing_of_it_is_there(
    orders, directory, sandbox
):
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(None)
    await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Mall", directory)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(None)
    assert levels(sandbox) == (5, 5)


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_given_a_lost_answer_then_asking_again_gives_everything_back_once(
    orders, client, directory, sandbox, monkeypatch, lost
):
    await orders.create(ORDER, directory)
    call, calls = client.call, []

    async def losing(method, path, **more):
        reply = await call(method, path, **more)
        calls.append(path)
        if len(calls) == lost:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(client, "call", losing)
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "Mall", directory)
    await orders.cancel(DEAL, "Mall", directory)
    assert levels(sandbox) == (5, 5)
    assert [row["reason"] for row in sandbox.account.logs].count("PutBackForTransaction") == 2


async def test_given_an_order_taken_back_then_it_can_be_created_in_another_shop(orders, directory, sandbox):
    await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Mall", directory)
    assert not (await orders.create(replace(ORDER, location="High Street"), directory)).already
    assert levels(sandbox) == (5, 5)
    assert sandbox.level("SHIRT", "High Street") == 8


async def test_given_another_order_and_another_shop_then_they_are_left_alone(orders, directory, sandbox):
    await orders.create(replace(ORDER, transaction="order/web/10012"), directory)
    await orders.create(replace(ORDER, location="High Street"), directory)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(None)
    assert (levels(sandbox), sandbox.level("SHIRT", "High Street")) == ((3, 4), 8)


@pytest.mark.parametrize(("completed", "reason"), [(True, "collected with sale 1"), (False, "open sale 1")])
async def test_given_a_part_that_is_in_a_sale_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, completed, reason
):
    created = await orders.create(ORDER, directory)
    sandbox.collect([int(created.ref.split(",")[0])], at=NOON, completed=completed)
    with pytest.raises(Refused, match=reason):
        await orders.cancel(DEAL, "Mall", directory)
    assert levels(sandbox) == (3, 4)
    assert len(sandbox.account.lines) == 2


async def test_given_its_sale_was_voided_then_it_is_taken_back_already(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    sale = sandbox.collect([int(line) for line in created.ref.split(",")], at=NOON)
    sandbox.void(sale, at=NOON)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(str(sale), already=True)
    assert levels(sandbox) == (5, 5)


async def test_given_a_line_that_r_series_keeps_then_the_reason_says_which(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    laid_away = orders._laid_away

    async def late(*asked):
        found = await laid_away(*asked)
        sandbox.collect([1], at=NOON)
        return found

    monkeypatch.setattr(orders, "_laid_away", late)
    with pytest.raises(Refused, match="does not remove reservation 1: R-Series answered 400"):
        await orders.cancel(DEAL, "Mall", directory)


async def test_given_a_shop_that_is_not_there_then_it_is_said(orders, directory):
    with pytest.raises(Refused, match="unknown location Moon"):
        await orders.cancel(DEAL, "Moon", directory)


async def test_given_a_request_to_wait_between_two_lines_then_the_outcome_is_unknown(
    orders, client, directory, monkeypatch
):
    await orders.create(ORDER, directory)
    call, deleted = client.call, []

    async def waiting(method, path, **more):
        deleted.extend([path] if method == "DELETE" else [])
        if len(deleted) == 2:
            raise SlowDown(1)
        return await call(method, path, **more)

    monkeypatch.setattr(client, "call", waiting)
    with pytest.raises(Unreachable, match="in the middle"):
        await orders.cancel(DEAL, "Mall", directory)


async def test_given_the_shop_and_the_till_take_it_back_then_in_any_order_it_is_given_back_once(
    orders, client, directory, sandbox
):
    def said(payloads):
        return [resolve(connector.read("tills", payload), directory, None, 100) for payload in payloads]

    await orders.create(ORDER, directory)
    held, cursor = await polled(client)
    told = [web(cancelled=False), *said(held)]
    assert settled(told) == (-2, 2)
    await orders.cancel(DEAL, "Mall", directory)
    removed, _ = await polled(client, cursor)
    assert removed
    assert settled([*told, *said(removed)]) == (-2, 2), "who took the order says what it demands"
    told += [web(cancelled=True), *said(removed)]
    for seed in range(50):
        assert settled(random.Random(seed).sample(told, len(told))) == (0, 0)
    assert settled(said([*held, *removed])) == (0, 0), "so it is if nobody else tells of it"
