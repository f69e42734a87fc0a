"""Orders created in Heartland: once, for a customer, open, and known again when they come back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr

from connectors.contract import NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.heartland import connector
from connectors.heartland.client import HeartlandClient
from connectors.heartland.mapping import read
from schemas.claims import Fact

SECRETS = {"token": SecretStr("token")}
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADA = Recipient(
    name="Ada Web",
    email="ada.web@example.com",
    street="1 Main St",
    city="Herndon",
    region="VA",
    postcode="20170",
    country="US",
)
ORDER = NewOrder(
    transaction="order/eu-shop/5551",
    location="Denver",
    placed_at=NOW,
    lines=(Ordered("SHIRT", 2, "7.00"), Ordered("MUG", 1, "3.50")),
    recipient=ADA,
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def held(sandbox):
    return list(sandbox.books.collections["sales/orders"].values())


async def test_given_an_order_then_it_is_open_paid_and_commits_at_its_location(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    (order,) = held(sandbox)
    assert (created.ref, created.already) == (str(order["id"]), False)
    assert (order["status"], order["public_id"]) == ("open", "onhand:order/eu-shop/5551")
    assert (order["total"], order["balance"]) == (17.5, 0)
    assert order["source_location_id"] == sandbox.at("Denver")
    assert sandbox.available("SHIRT", "Denver") == 3
    assert sandbox.on_hand("SHIRT", "Denver") == 5
    lines = sandbox.books.below("sales/orders", order["id"])
    assert {line["ship_from_location_id"] for line in lines} == {sandbox.at("Denver")}
    (payment,) = sandbox.books.below("sales/orders", order["id"], "payments")
    assert (payment["amount"], payment["type"], payment["deposit"]) == (17.5, "CustomPayment", True)
    (customer,) = sandbox.books.collections["customers"].values()
    assert (order["customer_id"], customer["email"]) == (customer["id"], ADA.email)
    assert order["shipping_address_id"] in sandbox.books.collections["addresses"]


async def test_given_an_order_asked_for_twice_then_it_is_found(orders, directory, sandbox):
    first = await orders.create(ORDER, directory)
    again = await orders.create(ORDER, directory)
    assert (again.ref, again.already, len(held(sandbox))) == (first.ref, True, 1)
    assert sandbox.available("SHIRT", "Denver") == 3


@pytest.mark.parametrize("nth", range(1, 11))
async def test_given_any_answer_lost_then_asking_again_leaves_one_order(
    orders, directory, sandbox, monkeypatch, nth
):
    call, calls = orders._api.http.call, []

    async def losing(method, path, **more):
        reply = await call(method, path, **more)
        if method != "GET":
            calls.append(path)
            if len(calls) == nth:
                raise Unreachable("lost")
        return reply

    monkeypatch.setattr(orders._api.http, "call", losing)
    try:
        await orders.create(ORDER, directory)
    except Unreachable:
        await orders.create(ORDER, directory)
    (order,) = held(sandbox)
    assert (order["status"], order["balance"]) == ("open", 0)
    assert len(sandbox.books.below("sales/orders", order["id"])) == 2
    assert len(sandbox.books.below("sales/orders", order["id"], "payments")) == 1
    assert len(sandbox.books.collections["customers"]) == 1
    assert (sandbox.available("SHIRT", "Denver"), sandbox.available("MUG", "Denver")) == (3, 4)


@pytest.mark.parametrize(("balance", "paid"), [(8.4, [8.4]), (0, []), (None, [4.0])])
async def test_given_a_balance_then_it_is_paid_with_its_tax_and_without_one_the_rest_of_the_total(
    orders, sandbox, balance, paid
):
    order = sandbox.books.add("sales/orders", {"status": "pending", "balance": balance})["id"]
    path = f"sales/orders/{order}/payments"
    if balance is None:
        sandbox.books.add(path, {"amount": 3.0})
    await orders._pay(order, Decimal(7))
    made = [row["amount"] for row in sandbox.books.below("sales/orders", order, "payments")]
    assert made[-len(paid) :] == paid if paid else made == []


async def test_given_our_order_comes_back_by_poll_then_it_belongs_to_the_deal(
    orders, directory, client, sandbox
):
    await orders.create(ORDER, directory)
    payloads = [payload async for found, _ in client.poll(None) for payload in found]
    (claim,) = [read("tills", payload) for payload in payloads]
    assert claim.transaction == ORDER.transaction
    ordered = {line.sku: line.quantity for document in claim.documents for line in document.lines}
    assert ordered == {f"item:{sandbox.item('SHIRT')}": 2, f"item:{sandbox.item('MUG')}": 1}
    assert {line.fact for document in claim.documents for line in document.lines} == {Fact.ORDERED}


async def test_given_a_known_customer_then_no_other_is_made(orders, directory, sandbox):
    known = sandbox.books.add("customers", {"email": "Ada.Web@example.com", "first_name": "Ada"})["id"]
    await orders.create(ORDER, directory)
    assert held(sandbox)[0]["customer_id"] == known
    assert len(sandbox.books.collections["customers"]) == 1


async def test_given_no_address_of_the_customer_then_the_channels_own_customer_has_the_order(
    settings, directory, sandbox
):
    known = sandbox.books.add("customers", {"first_name": "Web"})["id"]
    nobody = NewOrder(transaction="t", location="Denver", placed_at=NOW, lines=(Ordered("MUG", 1),))
    for customer, refusal in ((known, None), (None, "no customer_id")):
        client = HeartlandClient(settings.model_copy(update={"customer_id": customer}), SECRETS)
        await_ = connector.orders(client).create(nobody, directory)
        if refusal is None:
            await await_
            assert held(sandbox)[0]["customer_id"] == known
            sandbox.books.collections["sales/orders"].clear()
        else:
            with pytest.raises(Refused, match=refusal):
                await await_
        await client.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"location": "Moon"}, "unknown location Moon"),
        ({"lines": (Ordered("NONE", 1),)}, "unknown SKU NONE"),
        ({"lines": (Ordered("SHIRT", 0),)}, "quantity of SHIRT is not positive"),
        ({"lines": ()}, "no lines"),
        ({"lines": (Ordered("SHIRT", 1, "1"), Ordered("SHIRT", 1, "2"))}, "two prices"),
        ({"lines": (Ordered("SHIRT", 1, "free"),)}, "price is not a number"),
    ],
)
async def test_given_an_order_that_cannot_be_then_it_is_refused_with_a_reason_and_nothing_is_made(
    orders, directory, sandbox, changes, reason
):
    order = NewOrder(
        **{"transaction": "t", "location": "Denver", "placed_at": NOW, "lines": ORDER.lines, **changes}
    )
    with pytest.raises(Refused, match=reason):
        await orders.create(order, directory)
    assert held(sandbox) == []


async def test_given_an_order_that_heartland_keeps_pending_then_it_is_said_and_a_person_can_open_it(
    orders, directory, sandbox, monkeypatch
):
    monkeypatch.setattr("connectors.heartland.sandbox.api.become", lambda *_: None)
    with pytest.raises(Refused, match="pending"):
        await orders.create(ORDER, directory)
    monkeypatch.undo()
    sandbox.become("sales/orders", held(sandbox)[0]["id"], "open", at=NOW)
    assert (await orders.create(ORDER, directory)).already


async def test_given_an_order_that_was_voided_there_and_is_wanted_again_then_it_is_a_new_one(
    orders, directory, sandbox
):
    first = await orders.create(ORDER, directory)
    sandbox.become("sales/orders", held(sandbox)[0]["id"], "void", at=NOW)
    second = await orders.create(ORDER, directory)
    assert (second.already, [str(row["id"]) for row in held(sandbox)]) == (False, [first.ref, second.ref])
    assert {row["public_id"] for row in held(sandbox)} == {f"onhand:{ORDER.transaction}"}


async def test_given_lines_that_somebody_changed_then_the_order_is_not_opened(orders, directory, sandbox):
    sandbox.gate.lose, sandbox.gate.lose_on = 1, "/payments"
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    (order,) = held(sandbox)
    sandbox.books.below("sales/orders", order["id"])[0]["qty"] = 3
    with pytest.raises(Refused, match="other lines"):
        await orders.create(ORDER, directory)


async def test_given_a_request_to_wait_then_nothing_was_done_or_the_outcome_is_unknown(
    orders, directory, sandbox
):
    sandbox.gate.throttle = 1
    with pytest.raises(SlowDown) as wait:
        await orders.create(ORDER, directory)
    assert held(sandbox) == []
    await asyncio.sleep(wait.value.retry_after)
    begin = orders._begin

    async def then_wait(*args):
        found = await begin(*args)
        sandbox.gate.throttle = 1
        return found

    orders._begin = then_wait
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)


async def test_given_an_error_while_a_customer_is_looked_for_then_it_repeats_nothing_of_him(orders, sandbox):
    sandbox.gate.broken = 1
    with pytest.raises(Unreachable) as error:
        await orders._customer(ADA)
    assert not [word for word in ("ada", "Web", "example.com") if word in str(error.value)]
