"""An order of ours that is taken back is closed in NetSuite, line by line, and commits nothing any more."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Recipient
from connectors.directory import resolve
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.netsuite import connector
from schemas.claims import Claim, Document, Fact, Line
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEAL = "order/web/1001"
ORDER = NewOrder(
    transaction=DEAL,
    location="Warehouse",
    placed_at=NOW,
    lines=(Ordered("SHIRT", 2, "19.90"), Ordered("MUG", 1)),
    recipient=Recipient(name="Wilhelmina Roe", street="1 Elm Road"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def made(sandbox):
    return sandbox.books.all("SELECT * FROM \"transaction\" WHERE type = 'SalesOrd'")


def committed(sandbox):
    return sandbox.on_hand("SHIRT", "Warehouse") - sandbox.level("SHIRT", "Warehouse")


async def polled(client):
    return [payload async for payloads, _ in client.poll(None) for payload in payloads]


async def test_given_an_order_then_taking_it_back_closes_its_lines_and_commits_nothing(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    assert committed(sandbox) == 2
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(created.ref)
    (row,) = made(sandbox)
    assert (row["status"], committed(sandbox)) == ("H", 0)
    lines = sandbox.books.all("SELECT * FROM transactionline WHERE mainline = 'F'")
    assert [line["isclosed"] for line in lines] == ["T", "T"], "closed, and none added"


async def test_given_an_order_taken_back_again_then_it_is_found_to_be_and_not_created_again(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Warehouse", directory)
    sandbox.gate.calls.clear()
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(created.ref, already=True)
    assert "PATCH" not in {method for method, _ in sandbox.gate.calls}
    with pytest.raises(Refused, match="was closed in NetSuite"):
        await orders.create(ORDER, directory)
    assert len(made(sandbox)) == 1


@pytest.mark.parametrize("status", ["H", "C"])
async def test_given_somebody_ended_it_there_then_it_is_found_to_be(orders, directory, sandbox, status):
    created = await orders.create(ORDER, directory)
    sandbox.end(int(created.ref), at=NOW, status=status)
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(created.ref, already=True)


async def test_given_an_order_that_was_never_created_then_nothing_is_done(orders, directory, sandbox):
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(None)
    assert made(sandbox) == []


@pytest.mark.parametrize("nth", range(1, 9))
async def test_given_any_answer_lost_then_asking_again_closes_it_once(
    orders, client, directory, sandbox, monkeypatch, nth
):
    created = await orders.create(ORDER, directory)
    call, calls = client.call, []

    async def losing(method, path, **more):
        reply = await call(method, path, **more)
        calls.append(method)
        if len(calls) == nth:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(client, "call", losing)
    try:
        await orders.cancel(DEAL, "Warehouse", directory)
    except Unreachable:
        await orders.cancel(DEAL, "Warehouse", directory)
    assert (made(sandbox)[0]["id"], made(sandbox)[0]["status"]) == (int(created.ref), "H")
    assert (calls.count("PATCH"), committed(sandbox)) == (1, 0)


@pytest.mark.parametrize("status", ["A", "C"])
async def test_given_a_fulfilment_was_begun_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, status
):
    created = await orders.create(ORDER, directory)
    begun = sandbox.fulfil(int(created.ref), [("SHIRT", 1)], location="Warehouse", at=NOW, status=status)
    with pytest.raises(Refused, match=rf"carried out in NetSuite \(ItemShip {begun}\)"):
        await orders.cancel(DEAL, "Warehouse", directory)
    assert made(sandbox)[0]["status"] == "B"


async def test_given_an_order_that_netsuite_keeps_then_a_person_is_told_to_close_it(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    monkeypatch.setattr(sandbox.books, "close_line", lambda *_, **__: None)
    with pytest.raises(Refused, match=r"does not close order \d+ .*: close it there"):
        await orders.cancel(DEAL, "Warehouse", directory)


async def test_given_a_location_that_is_not_there_then_it_is_said(orders, directory):
    with pytest.raises(Refused, match="no location Moon"):
        await orders.cancel(DEAL, "Moon", directory)


async def test_given_netsuite_asks_to_wait_then_nothing_was_done(orders, directory, sandbox):
    await orders.create(ORDER, directory)
    sandbox.gate.limit = 0
    with pytest.raises(SlowDown):
        await orders.cancel(DEAL, "Warehouse", directory)
    assert made(sandbox)[0]["status"] == "B"


def web(cancelled: bool) -> Claim:
    """The order as its shop shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(
        Line(fact=fact, sku=line.sku, quantity=line.quantity, at=NOW, location="Warehouse")
        for fact in facts
        for line in ORDER.lines
    )
    document = Document(id="order/1001", version=1 + cancelled, lines=lines)
    return Claim(
        transaction=DEAL, channel="web", topic="orders/updated", occurred_at=NOW, documents=(document,)
    )


def settled(directory, told):
    """Available and committed shirts after all this, in this order."""
    deal, net = Transaction(), {"available": 0, "committed": 0}
    for offset, one in enumerate(told):
        claim = one if isinstance(one, Claim) else resolve(connector.read("erp", one), directory, None, 100)
        deal, posted = apply(deal, claim, NOW, Cause(0, offset, 0))
        for movement in posted:
            for leg in movement.legs if movement.sku == "SHIRT" else ():
                if leg.location == "Warehouse":
                    net[leg.state] += leg.quantity
    return net["available"], net["committed"]


async def test_given_the_shop_and_netsuite_take_it_back_then_in_any_order_it_is_given_back_once(
    orders, client, directory
):
    await orders.create(ORDER, directory)
    first = await polled(client)
    told = [web(cancelled=False), *first]
    assert settled(directory, told) == (-2, 2)
    await orders.cancel(DEAL, "Warehouse", directory)
    then = await polled(client)
    assert settled(directory, [*told, *then]) == (-2, 2), "who took the order says what it demands"
    told += [web(cancelled=True), *then, *first]
    for seed in range(50):
        assert settled(directory, random.Random(seed).sample(told, len(told))) == (0, 0)
    assert settled(directory, [*first, *then, *then]) == (0, 0), "so it is if nobody else tells of it"
    assert settled(directory, [*then, *first]) == (0, 0), "created and closed within one second"
