"""An order of ours that is taken back is void in Heartland, and what it had committed is free again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.heartland import connector

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
