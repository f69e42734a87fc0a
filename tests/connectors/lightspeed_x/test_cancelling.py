"""An order of ours that is taken back is voided at its outlet: once, and only as long as nothing was handed over."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Payload
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_x import connector
from connectors.lightspeed_x.allowlist import SALE, cut
from connectors.lightspeed_x.sandbox import webhooks
from schemas.claims import Claim, Document, Fact, Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENT = json.loads((Path(__file__).parent / "samples" / "x_series_2026_07.json").read_text())
DEAL = "order/shop/1001"
ORDER = NewOrder(
    transaction=DEAL, location="Mall", placed_at=NOW, lines=(Ordered("SHIRT", 2), Ordered("MUG", 1))
)


@pytest.fixture
async def orders(settings, client):
    client.settings = settings.model_copy(update={"author_id": "c0ffee00-0000-4000-8000-00000000000a"})
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def calls(monkeypatch, client, lose: int = 0):
    """What is sent from now on, as method and body; the answer to the n-th is lost."""
    made, call = [], client.http.call

    async def noted(method, path, *, body=None, query=None):
        made.append((method, body))
        reply = await call(method, path, body=body, query=query)
        if len(made) == lose:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(client.http, "call", noted)
    return made


def web(cancelled: bool) -> Claim:
    """The order as its shop shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(
        Line(fact=fact, sku=line.sku, quantity=line.quantity, at=NOW, location="Mall")
        for fact in facts
        for line in ORDER.lines
    )
    document = Document(id="order/1001", version=1 + cancelled, lines=lines)
    return Claim(
        transaction=DEAL, channel="shop", topic="orders/updated", occurred_at=NOW, documents=(document,)
    )


async def polled(client):
    return [payload async for payloads, _ in client.poll(None) for payload in payloads]


def hooked(sandbox, sale):
    found = sandbox._retailer.find(sale)
    return Payload(SALE, cut(SALE, webhooks.sale(sandbox._retailer, found.number)))


async def test_given_an_order_then_taking_it_back_voids_its_sale_as_documented(
    orders, client, directory, sandbox, monkeypatch
):
    created = await orders.create(ORDER, directory)
    made = calls(monkeypatch, client)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(created.ref)
    sale = sandbox._retailer.find(created.ref)
    assert (sale.state, sale.attributes, sandbox.level("SHIRT", "Mall")) == ("voided", ("pickup",), 5)
    (body,) = [body for method, body in made if method == "PUT"]
    schema = {"$defs": DOCUMENT["$defs"], "$ref": "#/$defs/SaleRequest"}
    check = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [str(fault) for fault in check.iter_errors(body)] == []
    assert [row["quantity"] for row in body["line_items"]] == [2.0, 1.0]


async def test_given_an_order_taken_back_again_then_it_is_found_to_be(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Mall", directory)
    version = sandbox._retailer.sold.versions[0]
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(created.ref, already=True)
    assert sandbox._retailer.sold.versions[0] == version, "nothing was written"


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_given_a_lost_answer_then_asking_again_leaves_one_voided_sale(
    orders, client, directory, sandbox, monkeypatch, lost
):
    created = await orders.create(ORDER, directory)
    made = calls(monkeypatch, client, lost)
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "Mall", directory)
    assert (await orders.cancel(DEAL, "Mall", directory)).ref == created.ref
    assert sandbox._retailer.find(created.ref).state == "voided"
    assert [method for method, _ in made].count("PUT") == 1


async def test_given_a_rejected_pick_then_the_order_is_created_at_another_outlet_and_leaves_from_there(
    orders, client, directory, sandbox, book
):
    first = await orders.create(ORDER, directory)
    elsewhere = replace(ORDER, location="High Street")
    assert await orders.cancel(DEAL, "High Street", directory) == Cancelled(None), "it is not there"
    await orders.cancel(DEAL, "Mall", directory)
    second = await orders.create(elsewhere, directory)
    assert (second.already, (await orders.create(elsewhere, directory)).ref) == (False, second.ref)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(first.ref, already=True)
    assert sandbox._retailer.find(second.ref).state == "pending"
    ours = book()
    ours.settle(web(cancelled=False))
    sandbox.close(second.ref, at=NOW)
    ours.take(await polled(client))
    assert (ours.of("SHIRT", "Mall"), ours.of("SHIRT", "High Street")) == ({"available": 5}, {"available": 8})
    with pytest.raises(Refused, match="take the goods back"):
        await orders.cancel(DEAL, "High Street", directory)


@pytest.mark.parametrize(
    ("handed", "reason"),
    [({0: 1}, "were handed over"), ({0: 2, 1: 1}, "closed in X-Series: take the goods back")],
)
async def test_given_goods_that_were_handed_over_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, handed, reason
):
    created = await orders.create(ORDER, directory)
    sandbox.hand_over(created.ref, handed, at=NOW)
    before = sandbox.level("SHIRT", "Mall")
    with pytest.raises(Refused, match=reason):
        await orders.cancel(DEAL, "Mall", directory)
    assert sandbox._retailer.find(created.ref).state != "voided"
    assert sandbox.level("SHIRT", "Mall") == before < 5


async def test_given_a_sale_that_x_series_keeps_then_a_person_is_told_to_void_it(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    monkeypatch.setattr(sandbox._retailer, "change", lambda *_: None)
    with pytest.raises(Refused, match=r"does not void sale 1 \(200\): void it there"):
        await orders.cancel(DEAL, "Mall", directory)


async def test_given_somebody_voids_it_meanwhile_then_it_is_found_to_be(
    orders, client, directory, sandbox, monkeypatch
):
    created = await orders.create(ORDER, directory)
    call = client.http.call

    async def late(method, path, **more):
        if method == "PUT":
            sandbox.void(created.ref, at=NOW)
        return await call(method, path, **more)

    monkeypatch.setattr(client.http, "call", late)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(created.ref, already=True)


async def test_given_a_used_up_limit_then_it_waits_and_nothing_was_done(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    sandbox.gate._allowance = sandbox.gate._used
    with pytest.raises(SlowDown):
        await orders.cancel(DEAL, "Mall", directory)
    assert sandbox._retailer.find(created.ref).state == "pending"


async def test_given_the_shop_and_the_till_take_it_back_then_in_any_order_it_is_given_back_once(
    orders, client, directory, sandbox, book
):
    created = await orders.create(ORDER, directory)
    told = [web(cancelled=False), *await polled(client), hooked(sandbox, created.ref)]
    ours = book()
    for one in told:
        ours.settle(one) if isinstance(one, Claim) else ours.take([one])
    assert ours.of("SHIRT", "Mall") == {"available": 3, "committed": 2}
    await orders.cancel(DEAL, "Mall", directory)
    told += [web(cancelled=True), *await polled(client), hooked(sandbox, created.ref)]
    for order in itertools.permutations(told):
        ours = book()
        for one in order:
            ours.settle(one) if isinstance(one, Claim) else ours.take([one])
        assert ours.of("SHIRT", "Mall") == {"available": 5}
        assert ours.of("MUG", "Mall") == {"available": 5}
    assert sandbox.level("SHIRT", "Mall") == 5
