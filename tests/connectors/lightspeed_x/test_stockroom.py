"""Consignments and adjustments, played at the sandbox and polled, become the stock that X-Series shows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Target
from connectors.errors import Refused
from connectors.lightspeed_x import connector, feeds
from connectors.lightspeed_x.allowlist import ADJUSTMENT, CONSIGNMENT
from schemas.claims import Fact

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SKUS, OUTLETS = ("SHIRT", "MUG", "CAP"), ("High Street", "Mall")


async def polled(client, cursor=None):
    """The documents of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        found += payloads
        cursor = reached
    return found, cursor


async def test_given_a_supplier_order_then_it_is_expected_until_it_comes_and_the_rest_is_not(
    client, sandbox, book
):
    order = sandbox.consign("SUPPLIER", "Mall", {"SHIRT": 10, "MUG": 4}, at=NOW)
    assert book().take((await polled(client))[0]).of("SHIRT", "Mall") == {"available": 5}
    sandbox.step(order, "SENT", at=NOW + HOUR)
    assert book().take((await polled(client))[0]).of("SHIRT", "Mall") == {"available": 5, "incoming": 10}
    sandbox.step(order, "DISPATCHED", at=NOW + 2 * HOUR, received={"SHIRT": 3})
    assert book().take((await polled(client))[0]).of("SHIRT", "Mall") == {"available": 5, "incoming": 10}
    sandbox.step(order, "RECEIVED", at=NOW + 3 * HOUR, received={"SHIRT": 7, "MUG": 6})
    ours = book().take((await polled(client))[0])
    assert ours.of("SHIRT", "Mall") == {"available": 12}
    assert ours.of("MUG", "Mall") == {"available": 11}
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (12, 11)


async def test_given_a_cancelled_supplier_order_then_nothing_is_expected_any_more(client, sandbox, book):
    order = sandbox.consign("SUPPLIER", "Mall", {"SHIRT": 10}, at=NOW)
    sandbox.step(order, "SENT", at=NOW)
    sent, cursor = await polled(client)
    sandbox.step(order, "CANCELLED", at=NOW + HOUR)
    ours = book().take([*sent, *(await polled(client, cursor))[0]])
    assert ours.of("SHIRT", "Mall") == {"available": 5}


async def test_given_a_transfer_then_it_is_under_way_and_what_does_not_arrive_is_lost(client, sandbox, book):
    transfer = sandbox.consign("OUTLET", "Mall", {"SHIRT": 4}, at=NOW, source="High Street")
    sandbox.step(transfer, "SENT", at=NOW + HOUR)
    sent, cursor = await polled(client)
    ours = book().take(sent)
    assert ours.of("SHIRT", "High Street") == {"available": 6}
    assert ours.of("SHIRT", "Mall") == {"available": 5, "incoming": 4}
    sandbox.step(transfer, "RECEIVED", at=NOW + 2 * HOUR, received={"SHIRT": 3})
    received, _ = await polled(client, cursor)
    for documents in ([*sent, *received], [*received, *sent], received):
        ours = book().take(documents)
        assert ours.of("SHIRT", "High Street") == {"available": 6}
        assert ours.of("SHIRT", "Mall") == {"available": 8}
        assert ours.stock["SHIRT"].boundary["@loss"] == 1
    assert (sandbox.level("SHIRT", "High Street"), sandbox.level("SHIRT", "Mall")) == (6, 8)


async def test_given_a_count_between_sending_and_receiving_then_it_stands(client, sandbox, book):
    transfer = sandbox.consign("OUTLET", "Mall", {"SHIRT": 4}, at=NOW, source="High Street")
    sandbox.step(transfer, "SENT", at=NOW + HOUR)
    first, cursor = await polled(client)
    count(sandbox, "High Street", {"SHIRT": 5}, NOW + 2 * HOUR)
    second, cursor = await polled(client, cursor)
    sandbox.step(transfer, "RECEIVED", at=NOW + 3 * HOUR, received={"SHIRT": 4})
    third, _ = await polled(client, cursor)
    ours = book().take([*third, *first, *second])
    assert ours.on_hand("SHIRT", "High Street") == sandbox.level("SHIRT", "High Street") == 5
    assert ours.on_hand("SHIRT", "Mall") == sandbox.level("SHIRT", "Mall") == 9


def count(sandbox, outlet, counted, at):
    ident = sandbox.consign("STOCKTAKE", outlet, dict.fromkeys(counted, 0), at=at - HOUR)
    for status in ("STOCKTAKE_IN_PROGRESS", "STOCKTAKE_IN_PROGRESS_PROCESSED"):
        sandbox.step(ident, status, at=at - HOUR)
    sandbox.step(ident, "STOCKTAKE_COMPLETE", at=at, received=counted)


async def test_given_a_cancelled_transfer_then_its_goods_are_back(client, sandbox, book):
    transfer = sandbox.consign("OUTLET", "Mall", {"SHIRT": 4}, at=NOW, source="High Street")
    sandbox.step(transfer, "SENT", at=NOW)
    sent, cursor = await polled(client)
    sandbox.step(transfer, "CANCELLED", at=NOW + HOUR)
    cancelled, _ = await polled(client, cursor)
    for documents in ([*sent, *cancelled], [*cancelled, *sent]):
        ours = book().take(documents)
        assert ours.of("SHIRT", "High Street") == {"available": 10}
        assert ours.of("SHIRT", "Mall") == {"available": 5}
    assert sandbox.level("SHIRT", "High Street") == 10


async def test_given_a_return_to_a_supplier_then_its_goods_are_gone_when_it_is_sent(client, sandbox, book):
    back = sandbox.consign("RETURN", "Mall", {"SHIRT": 2}, at=NOW)
    assert book().take((await polled(client))[0]).of("SHIRT", "Mall") == {"available": 5}
    sandbox.step(back, "SENT", at=NOW + HOUR)
    assert book().take((await polled(client))[0]).of("SHIRT", "Mall") == {"available": 3}


async def test_given_a_count_then_a_sale_of_before_that_is_told_later_does_not_lower_it(
    client, sandbox, book
):
    count(sandbox, "Mall", {"SHIRT": 9, "MUG": 0}, NOW)
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW + HOUR, webhook=False)
    documents, _ = await polled(client)
    ours = book().take(documents)
    assert (ours.on_hand("SHIRT", "Mall"), ours.on_hand("MUG", "Mall")) == (8, 0)
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW - HOUR, webhook=False)  # a till that was offline
    late, _ = await polled(client)
    assert ours.take(late).on_hand("SHIRT", "Mall") == 8


async def test_given_adjustments_then_those_of_others_are_told_and_our_own_are_not(client, sandbox, book):
    directory = await client.directory()
    sink = connector.sink(client)
    ours = Target(sku="SHIRT", place="Mall", wanted=9, expected=5, own=0, offset=1)
    await sink.push([ours], directory)
    sandbox.adjust("SHIRT", "Mall", -2, at=NOW, reason="THEFT")
    documents, cursor = await polled(client)
    assert [payload.topic for payload in documents] == [ADJUSTMENT]
    (line,) = connector.read("tills", documents[0]).documents[0].lines
    assert (line.fact, line.quantity, line.reason) == (Fact.ADJUSTED_DOWN, 2, "theft")
    assert book().take(documents).of("SHIRT", "Mall") == {"available": 3}
    assert (await polled(client, cursor))[0] == []


async def test_given_an_adjustment_under_the_custom_reason_of_somebody_else_then_it_is_told(client, sandbox):
    reason = {"name": "Stock robot", "type": "NEGATIVE", "enabled": True}
    path = "/custom_inventory_adjustment_reasons"
    made = (await client.http.call("POST", path, body=reason)).body["data"]["id"]
    row = {"product_id": sandbox.product_id("SHIRT"), "outlet_id": sandbox.outlet_id("Mall")}
    row |= {"quantity": "-1", "reason": "CUSTOM", "custom_inventory_adjustment_reason_id": made}
    await client.http.call("POST", "/stock_adjustments", body={"stock_adjustments": [row]})
    await connector.sink(client).push(
        [Target(sku="MUG", place="Mall", wanted=1, expected=5, own=0, offset=1)], await client.directory()
    )
    (payload,), _ = await polled(client)
    assert payload.body["product_id"] == sandbox.product_id("SHIRT")


async def test_given_only_our_own_adjustments_then_the_cursor_moves_past_them(client, sandbox):
    directory = await client.directory()
    ours = Target(sku="SHIRT", place="Mall", wanted=9, expected=5, own=0, offset=1)
    await connector.sink(client).push([ours], directory)
    _, cursor = await polled(client)
    assert feeds.reached(cursor)["stock_adjustments"] > 0


async def test_given_consignments_with_nothing_to_tell_then_their_products_are_not_read(client, sandbox):
    for _ in range(5):
        sandbox.consign("SUPPLIER", "Mall", {"SHIRT": 1}, at=NOW)
    before = sandbox.gate._used
    documents, _ = await polled(client)
    assert [payload.topic for payload in documents] == [CONSIGNMENT] * 5
    assert sandbox.gate._used - before == 4, "an empty page of each list, and one of consignments"


async def test_given_a_consignment_that_was_deleted_since_it_was_listed_then_the_others_are_told(
    client, sandbox, monkeypatch
):
    gone, there = (sandbox.consign("RETURN", "Mall", {sku: 1}, at=NOW) for sku in ("SHIRT", "MUG"))
    for one in (gone, there):
        sandbox.step(one, "SENT", at=NOW)
    call = client.http.call

    async def late(method, path, **more):
        return await call(method, path.replace(gone, "gone"), **more)

    monkeypatch.setattr(client.http, "call", late)
    documents, _ = await polled(client)
    assert ["products" in payload.body for payload in documents] == [False, True]
    with pytest.raises(Refused, match="products is missing"):
        connector.read("tills", documents[0])


class Day:
    """A day of everything that moves stock, at instants that grow.

    Nothing is counted that is on its way at that moment: of a transfer that was never seen on its way nobody knows whether it
    left before.
    """

    def __init__(self, sandbox, dice):
        self.sandbox, self.dice, self.under_way = sandbox, dice, []

    def play(self):
        dice, doings = (
            self.dice,
            (self.sell, self.sell, self.adjust, self.consign, self.receive, self.promise, self.count),
        )
        for minute in range(120):
            sku, outlet, other = dice.choice(SKUS), *dice.sample(OUTLETS, 2)
            dice.choice(doings)(sku, outlet, other, NOW + timedelta(minutes=minute))
            yield minute

    def sell(self, sku, outlet, _other, at):
        sold = self.sandbox.sell(outlet, [(sku, self.dice.choice((1, 2, -1)))], at=at, webhook=False)
        if self.dice.random() < 0.2:
            self.sandbox.void(sold, at=at)

    def adjust(self, sku, outlet, _other, at):
        self.sandbox.adjust(sku, outlet, self.dice.choice((-1, 2)), at=at, reason="CUSTOM")

    def consign(self, sku, outlet, other, at):
        kind = self.dice.choice(("SUPPLIER", "OUTLET", "RETURN"))
        source = other if kind == "OUTLET" else None
        one = self.sandbox.consign(kind, outlet, {sku: self.dice.randint(1, 4)}, at=at, source=source)
        self.sandbox.step(one, "SENT", at=at)
        if kind != "RETURN":
            self.under_way.append((one, sku))

    def receive(self, _sku, _outlet, _other, at):
        if self.under_way:
            one, its_sku = self.under_way.pop(0)
            self.sandbox.step(one, "RECEIVED", at=at, received={its_sku: self.dice.randint(1, 5)})

    def promise(self, sku, outlet, other, at):
        """A sale to be picked up or sent, which may be handed over in part, or be voided."""
        how = self.dice.choice(("pickup", "delivery"))
        sale = self.sandbox.sell(
            outlet, [(sku, 2)], at=at, webhook=False, state="pending", attributes=(how,), fulfilled_at=other
        )
        if self.dice.random() < 0.7:
            self.sandbox.hand_over(sale, {0: self.dice.randint(1, 2)}, at=at)
        if self.dice.random() < 0.3:
            self.sandbox.void(sale, at=at)

    def count(self, sku, outlet, _other, at):
        if sku not in {moving for _, moving in self.under_way}:
            count(self.sandbox, outlet, {sku: self.dice.randint(0, 9)}, at)


@pytest.mark.parametrize("seed", range(4))
async def test_given_a_day_whose_documents_come_in_any_order_and_some_never_then_one_poll_makes_our_stock_theirs(
    client, sandbox, book, seed
):
    dice = random.Random(seed)
    heard, cursor = [], None
    for minute in Day(sandbox, dice).play():
        if minute % 10 == 9:
            documents, cursor = await polled(client, cursor)
            heard += documents
    kept = [payload for payload in heard if dice.random() > 0.02]
    dice.shuffle(kept)
    documents, _ = await polled(client, None)
    repeated = [*kept, *dice.sample(documents, len(documents)), *kept[:20]]
    ours = book().take(repeated)
    for sku in SKUS:
        for outlet in OUTLETS:
            assert ours.on_hand(sku, outlet) == sandbox.level(sku, outlet), (sku, outlet)
