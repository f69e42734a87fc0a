"""An order of ours that is taken back is void in Heartland, and what it had committed is free again."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Recipient
from connectors.directory import resolve
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.heartland import connector
from schemas.claims import Claim, Document, Fact, Line
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAL = "order/eu-shop/5551"
ORDER = NewOrder(
    transaction=DEAL,
    location="Denver",
    placed_at=NOW,
    lines=(Ordered("SHIRT", 2, "7.00"), Ordered("MUG", 1, "3.50")),
    recipient=Recipient(name="Ada Web", email="ada.web@example.com"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def status(sandbox):
    (order,) = sandbox.books.collections["sales/orders"].values()
    return order["status"]


def invoice(sandbox, ref, status):
    fields = {"order_id": int(ref), "station_id": 1, "source_location_id": sandbox.at("Denver")}
    return sandbox.document("sales/invoices", (), at=NOW, status=status, type="Invoice", **fields)


async def polled(client, cursor=None):
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


def losing(monkeypatch, orders, nth):
    """The answer to the n-th request from now on is lost, after it was carried out."""
    call, calls = orders._api.http.call, []

    async def lost(method, path, **more):
        reply = await call(method, path, **more)
        calls.append((method, path))
        if len(calls) == nth:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(orders._api.http, "call", lost)
    return calls


async def test_given_an_order_then_taking_it_back_frees_what_it_had_committed(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    assert sandbox.available("SHIRT", "Denver") == 3
    assert await orders.cancel(DEAL, "Denver", directory) == Cancelled(created.ref)
    assert (status(sandbox), sandbox.available("SHIRT", "Denver")) == ("void", 5)
    assert sandbox.on_hand("SHIRT", "Denver") == 5


async def test_given_an_order_taken_back_again_then_it_is_found_to_be_and_not_created_again(
    orders, directory, sandbox, monkeypatch
):
    created = await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Denver", directory)
    calls = losing(monkeypatch, orders, 0)
    assert await orders.cancel(DEAL, "Denver", directory) == Cancelled(created.ref, already=True)
    assert {method for method, _ in calls} == {"GET"}
    with pytest.raises(Refused, match="was voided in Heartland"):
        await orders.create(ORDER, directory)


async def test_given_a_rejected_pick_then_the_order_is_created_at_another_location(
    orders, directory, sandbox
):
    first = await orders.create(ORDER, directory)
    assert await orders.cancel(DEAL, "Boston", directory) == Cancelled(None), "it is not there"
    await orders.cancel(DEAL, "Denver", directory)
    elsewhere = replace(ORDER, location="Boston")
    second = await orders.create(elsewhere, directory)
    assert (second.already, (await orders.create(elsewhere, directory)).ref) == (False, second.ref)
    assert await orders.cancel(DEAL, "Denver", directory) == Cancelled(first.ref, already=True)
    assert (sandbox.available("SHIRT", "Denver"), sandbox.available("SHIRT", "Boston")) == (5, 8)
    assert await orders.cancel(DEAL, "Boston", directory) == Cancelled(second.ref)
    assert await orders.cancel(DEAL, "Denver", directory) == Cancelled(first.ref, already=True)


async def test_given_an_order_that_was_never_created_then_nothing_is_done(orders, directory, sandbox):
    assert await orders.cancel(DEAL, "Denver", directory) == Cancelled(None)
    assert not sandbox.books.collections["sales/orders"]


@pytest.mark.parametrize("nth", range(1, 7))
async def test_given_any_answer_lost_then_asking_again_frees_it_once(
    orders, directory, sandbox, monkeypatch, nth
):
    created = await orders.create(ORDER, directory)
    made = invoice(sandbox, created.ref, "")
    losing(monkeypatch, orders, nth)
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "Denver", directory)
    assert (await orders.cancel(DEAL, "Denver", directory)).ref == created.ref
    assert (status(sandbox), sandbox.available("SHIRT", "Denver")) == ("void", 5)
    assert sandbox.books.collections["sales/invoices"][made]["status"] == "void"


async def test_given_an_order_that_heartland_kept_pending_then_it_is_voided_too(
    orders, directory, sandbox, monkeypatch
):
    monkeypatch.setattr("connectors.heartland.sandbox.api.become", lambda *_: None)
    with pytest.raises(Refused, match="pending"):
        await orders.create(ORDER, directory)
    monkeypatch.undo()
    await orders.cancel(DEAL, "Denver", directory)
    assert (status(sandbox), sandbox.available("SHIRT", "Denver")) == ("void", 5)


async def test_given_an_order_that_was_handed_over_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    other, made = invoice(sandbox, created.ref, ""), invoice(sandbox, created.ref, "complete")
    with pytest.raises(Refused, match=f"invoice {made}"):
        await orders.cancel(DEAL, "Denver", directory)
    assert (status(sandbox), sandbox.on_hand("SHIRT", "Denver")) == ("open", 3)
    assert sandbox.books.collections["sales/invoices"][other]["status"] == "pending"
    sandbox.become("sales/orders", int(created.ref), "closed", at=NOW)
    with pytest.raises(Refused, match="is closed in Heartland"):
        await orders.cancel(DEAL, "Denver", directory)


async def test_given_an_order_that_heartland_keeps_then_a_person_is_told_to_void_it(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    monkeypatch.setattr("connectors.heartland.sandbox.api.become", lambda *_: None)
    with pytest.raises(
        Refused, match=r"keeps sales/orders/\d+ as it is \(Heartland answered 200\): void it there"
    ):
        await orders.cancel(DEAL, "Denver", directory)


async def test_given_a_location_that_is_not_there_then_it_is_said(orders, directory):
    with pytest.raises(Refused, match="unknown location Moon"):
        await orders.cancel(DEAL, "Moon", directory)


async def test_given_a_request_to_wait_then_nothing_was_done_or_the_outcome_is_unknown(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    invoice(sandbox, created.ref, "")
    change = orders._api.change

    async def then_wait(path, body):
        if path.startswith("sales/orders"):
            raise SlowDown(1)
        return await change(path, body)

    orders._api.change = then_wait
    with pytest.raises(Unreachable, match="in the middle"):
        await orders.cancel(DEAL, "Denver", directory)
    with pytest.raises(SlowDown):
        await orders.cancel(DEAL, "Denver", directory)
    assert status(sandbox) == "open"


def web(cancelled: bool) -> Claim:
    """The order as its shop shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(
        Line(fact=fact, sku=line.sku, quantity=line.quantity, at=NOW, location="Denver")
        for fact in facts
        for line in ORDER.lines
    )
    document = Document(id="order/5551", version=1 + cancelled, lines=lines)
    return Claim(
        transaction=DEAL, channel="eu-shop", topic="orders/updated", occurred_at=NOW, documents=(document,)
    )


def settled(directory, told):
    """Available and committed shirts after all this, in this order."""
    deal, net = Transaction(), {"available": 0, "committed": 0}
    for offset, one in enumerate(told):
        claim = one if isinstance(one, Claim) else resolved(one, directory)
        deal, posted = apply(deal, claim, NOW, Cause(0, offset, 0))
        for movement in posted:
            for leg in movement.legs if movement.sku == "SHIRT" else ():
                if leg.location == "Denver":
                    net[leg.state] += leg.quantity
    return net["available"], net["committed"]


def resolved(payload, directory):
    return resolve(connector.read("tills", payload), directory, None, 1_000)


async def test_given_the_shop_and_the_till_take_it_back_then_in_any_order_it_is_given_back_once(
    orders, client, directory
):
    await orders.create(ORDER, directory)
    first, cursor = await polled(client)
    told = [web(cancelled=False), *first]
    assert settled(directory, told) == (-2, 2)
    await orders.cancel(DEAL, "Denver", directory)
    then, _ = await polled(client, cursor)
    assert then
    assert settled(directory, [*told, *then]) == (-2, 2), "who took the order says what it demands"
    told += [web(cancelled=True), *then, *first]
    for seed in range(50):
        assert settled(directory, random.Random(seed).sample(told, len(told))) == (0, 0)
    assert settled(directory, [*first, *then, *then]) == (0, 0), "so it is if nobody else tells of it"
