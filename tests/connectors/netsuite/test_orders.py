"""Orders are created once, whatever becomes of the answers, and their documents join our deal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Created, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.netsuite import connector

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def new(**more):
    given = {
        "transaction": "order/web/1001",
        "location": "Warehouse",
        "placed_at": NOW,
        "lines": (Ordered("SHIRT", 2, "19.90"), Ordered("MUG", 1)),
        "recipient": Recipient(name="Wilhelmina Roe", street="1 Elm Road", city="Leeds", country="GB"),
    }
    return NewOrder(**{**given, **more})


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def made(sandbox):
    return sandbox.books.all("SELECT * FROM \"transaction\" WHERE type = 'SalesOrd'")


async def test_given_an_order_then_netsuite_commits_its_stock(orders, directory, sandbox):
    created = await orders.create(new(), directory)
    (row,) = made(sandbox)
    assert created == Created(str(row["id"]))
    assert (row["externalid"], row["status"]) == ("onhand:order/web/1001", "B")
    assert (sandbox.level("SHIRT", "Warehouse"), sandbox.on_hand("SHIRT", "Warehouse")) == (18, 20)


async def test_given_an_order_asked_for_again_then_it_is_found(orders, directory, sandbox):
    first = await orders.create(new(), directory)
    assert await orders.create(new(), directory) == Created(first.ref, already=True)
    assert len(made(sandbox)) == 1


async def test_given_a_lost_answer_then_asking_again_finds_the_order(orders, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await orders.create(new(), directory)
    (row,) = made(sandbox)
    assert await orders.create(new(), directory) == Created(str(row["id"]), already=True)


async def test_given_two_at_once_then_one_of_them_makes_it(orders, directory, sandbox, monkeypatch):
    """The second looked before the first was there, and NetSuite refuses its external id."""

    async def blind(_transaction):
        return {}

    first = await orders.create(new(), directory)
    monkeypatch.setattr(orders, "_attempts", blind)
    assert await orders.create(new(), directory) == Created(first.ref, already=True)
    assert len(made(sandbox)) == 1


async def test_given_the_order_comes_back_by_poll_then_it_is_of_our_deal(orders, directory, client):
    await orders.create(new(transaction="order/web/O'Neil"), directory)
    found = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    assert [connector.read("erp", payload).transaction for payload in found] == ["order/web/O'Neil"]
    assert "Roe" not in str(found)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"lines": (Ordered("NONE", 1),)}, "no item NONE"),
        ({"lines": (Ordered("GIFTCARD", 1),)}, "no item GIFTCARD"),
        ({"lines": ()}, "no lines"),
        ({"location": "Moon"}, "no location Moon"),
        ({"lines": (Ordered("SHIRT", 0),)}, "400: quantity is a number other than 0"),
    ],
)
async def test_given_what_netsuite_cannot_carry_out_then_the_reason_can_be_acted_on(
    orders, directory, sandbox, wrong, reason
):
    with pytest.raises(Refused, match=reason):
        await orders.create(new(**wrong), directory)
    assert made(sandbox) == []


async def test_given_netsuite_repeats_whom_an_order_is_for_then_the_reason_does_not(
    orders, directory, sandbox
):
    whom = Recipient(name="Wilhelmina Roe", country="Elbonia")
    with pytest.raises(Refused, match=r"INVALID_CONTENT shippingAddress\.country") as refusal:
        await orders.create(new(recipient=whom), directory)
    assert "Elbonia" not in str(refusal.value)


async def test_given_no_customer_then_it_is_said_what_to_configure(sandbox, connect, directory):
    client = connect(sandbox)
    client.settings.__dict__["customer"] = None
    with pytest.raises(Refused, match="customer is not configured"):
        await connector.orders(client).create(new(), directory)


async def test_given_netsuite_asks_to_wait_then_nothing_was_done(orders, directory, sandbox):
    sandbox.gate.limit = 0
    with pytest.raises(SlowDown):
        await orders.create(new(), directory)
    assert made(sandbox) == []
