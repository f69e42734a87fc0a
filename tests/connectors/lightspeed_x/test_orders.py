"""Orders of ours become pick-up sales at an outlet: once each, and part of the deal that they belong to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import SecretStr

from connectors.contract import NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_x import connector
from connectors.lightspeed_x.client import LightspeedXClient
from schemas.claims import Claim, Document, Fact, Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENT = json.loads((Path(__file__).parent / "samples" / "x_series_2026_07.json").read_text())
AUTHOR = "c0ffee00-0000-4000-8000-00000000000a"
PAYMENT = "c0ffee00-0000-4000-8000-00000000000b"
WHO = Recipient(name="Canary Customer", email="canary@example.com", phone="555-0100", country="US")
ORDER = NewOrder(
    transaction="order/shop/1001",
    location="Mall",
    placed_at=NOW,
    lines=(Ordered("SHIRT", 2, "9.50"), Ordered("MUG", 1, "4.00")),
    recipient=WHO,
)


@pytest.fixture
async def orders(settings, client):
    settings = settings.model_copy(update={"author_id": AUTHOR, "payment_type": PAYMENT})
    client.settings = settings
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def sent(monkeypatch, client) -> list[tuple[str, str, dict]]:
    """What is sent from now on, as method, path and body."""
    calls, call = [], client.http.call

    async def noted(method, path, *, body=None, query=None):
        calls.append((method, path, body))
        return await call(method, path, body=body, query=query)

    monkeypatch.setattr(client.http, "call", noted)
    return calls


def faults_of(kind, body) -> list[str]:
    schema = {"$defs": DOCUMENT["$defs"], "$ref": f"#/$defs/{kind}"}
    check = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return [str(fault) for fault in check.iter_errors(body)]


async def test_given_an_order_then_it_is_a_pickup_of_its_customer_as_documented(
    orders, client, directory, sandbox, monkeypatch
):
    calls = sent(monkeypatch, client)
    created = await orders.create(ORDER, directory)
    bodies = {path: body for method, path, body in calls if method == "POST"}
    assert faults_of("SaleRequest", bodies["/sales"]) == []
    assert faults_of("CustomerRequest", bodies["/customers"]) == []
    assert bodies["/sales"]["payments"][0]["amount"] == 23.0
    sale = sandbox._retailer.find(created.ref)
    assert (sale.state, sale.attributes) == ("pending", ("pickup",))
    assert sale.source == ("onhand:order/shop/1001", "onhand")
    assert bodies["/sales"]["customer_id"] == sandbox._api.desk.customers[0]["id"]
    (shown,) = sandbox.sales_of("onhand:order/shop/1001")
    assert (shown["id"], shown["outlet"], shown["state"]) == (created.ref, "Mall", "pending")
    assert shown["customer"]["customer_code"] == sandbox._api.desk.customers[0]["customer_code"]
    ((row,),) = [rows async for rows in client.pages("/sales")]
    assert row["customer_id"] == bodies["/sales"]["customer_id"]
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_an_order_asked_for_again_then_there_is_still_one_sale_and_one_customer(
    orders, directory, sandbox
):
    first = await orders.create(ORDER, directory)
    again = await orders.create(replace(ORDER, placed_at=NOW.replace(hour=13)), directory)
    assert (again.ref, first.already, again.already) == (first.ref, False, True)
    assert (len(sandbox._retailer.sales), len(sandbox._api.desk.customers)) == (1, 1)


async def test_given_a_lost_answer_then_the_order_is_found(orders, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    created = await orders.create(ORDER, directory)
    assert created.already
    assert len(sandbox._retailer.sales) == 1


async def test_given_two_workers_at_once_then_the_slower_one_finds_the_sale(
    orders, client, directory, sandbox, monkeypatch
):
    first = await orders.create(ORDER, directory)

    async def late(_transaction):
        return []

    monkeypatch.setattr(orders, "_sales", late)
    again = await orders.create(ORDER, directory)
    assert (again.ref, again.already, len(sandbox._retailer.sales)) == (first.ref, True, 1)


async def test_given_a_deal_that_two_outlets_bring_then_each_has_its_own_sale(orders, directory, sandbox):
    here = replace(ORDER, lines=ORDER.lines[:1])
    there = replace(ORDER, location="High Street", lines=ORDER.lines[1:])
    first, second = await orders.create(here, directory), await orders.create(there, directory)
    assert (first.already, second.already, first.ref == second.ref) == (False, False, False)
    for order, ref in ((here, first.ref), (there, second.ref)):
        again = await orders.create(order, directory)
        assert (again.ref, again.already) == (ref, True)
    assert (await orders.cancel(ORDER.transaction, "High Street", directory)).ref == second.ref
    assert [sandbox._retailer.find(ref).state for ref in (first.ref, second.ref)] == ["pending", "voided"]


async def test_given_our_pickup_then_its_documents_join_the_deal_and_its_goods_leave_once(
    orders, client, directory, sandbox, book
):
    ours = book()
    line = Line(fact=Fact.ORDERED, sku="SHIRT", quantity=2, at=NOW)
    mug = Line(fact=Fact.ORDERED, sku="MUG", quantity=1, at=NOW)
    ours.settle(
        Claim(
            transaction=ORDER.transaction,
            channel="shop",
            topic="orders/create",
            occurred_at=NOW,
            documents=(Document(id="order/1001", version=1, lines=(line, mug)),),
        )
    )
    created = await orders.create(ORDER, directory)
    ours.take([payload async for payloads, _ in client.poll(None) for payload in payloads])
    assert ours.stock["SHIRT"].balance("@unrouted", "committed") == 2
    sandbox.close(created.ref, at=NOW.replace(hour=15))
    ours.take([payload async for payloads, _ in client.poll(None) for payload in payloads])
    assert list(ours.transactions)[-1] == ORDER.transaction
    assert ours.of("SHIRT", "Mall") == {"available": 3}
    assert ours.stock["SHIRT"].balance("@unrouted", "committed") == 0
    assert sandbox.level("SHIRT", "Mall") == 3


async def test_given_nobody_named_then_no_customer_is_made(orders, directory, sandbox):
    await orders.create(replace(ORDER, recipient=Recipient()), directory)
    assert sandbox._api.desk.customers == []


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, location="Moon"), "no outlet Moon"),
        (replace(ORDER, lines=(Ordered("NONE", 1),)), "no single product NONE"),
        (replace(ORDER, lines=(Ordered("SHIRT", 0),)), "quantity of SHIRT is 0"),
        (replace(ORDER, lines=(Ordered("SHIRT", 1, "free"),)), "price"),
        (replace(ORDER, lines=(Ordered("SHIRT", 1, "-1"),)), "price"),
        (replace(ORDER, lines=(Ordered("SHIRT", 1, "NaN"),)), "price"),
    ],
)
async def test_given_an_order_that_cannot_be_then_the_reason_says_why_and_names_nobody(
    orders, directory, sandbox, order, reason
):
    with pytest.raises(Refused, match=reason) as refused:
        await orders.create(order, directory)
    assert "anary" not in str(refused.value)
    assert sandbox._retailer.sales == []
    assert sandbox._api.desk.customers == []


async def test_given_no_author_or_no_tax_then_the_reason_names_the_setting(
    orders, client, settings, directory
):
    client.settings = settings
    with pytest.raises(Refused, match="author_id is not set"):
        await orders.create(ORDER, directory)
    client.settings = settings.model_copy(update={"author_id": AUTHOR, "tax_name": "VAT"})
    with pytest.raises(Refused, match="set tax_name"):
        await orders.create(ORDER, directory)


async def test_given_a_used_up_limit_then_it_waits_and_nothing_was_sold(orders, directory, sandbox):
    sandbox.gate._allowance = sandbox.gate._used
    with pytest.raises(SlowDown):
        await orders.create(ORDER, directory)
    assert sandbox._retailer.sales == []


async def test_given_a_wrong_token_then_nothing_is_sold(client, orders, directory, sandbox):
    wrong = {name: SecretStr("wrong") for name in ("access_token", "client_secret")}
    stranger = LightspeedXClient(client.settings, wrong)
    with pytest.raises(Unreachable, match="401"):
        await connector.orders(stranger).create(ORDER, directory)
    await stranger.close()
    assert sandbox._retailer.sales == []
