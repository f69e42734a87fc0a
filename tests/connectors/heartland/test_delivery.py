"""What happens in the shop arrives by poll, and Onhand's stock becomes Heartland's."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.directory import resolve
from connectors.heartland import connector
from connectors.heartland.client import HeartlandClient
from schemas.claims import Claim, Document, Fact, Line
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEEDED = {"Boston": 10, "Denver": 5}
SECRET = SecretStr("token")


def agrees(sandbox, hub, *skus):
    """Whether available and on hand are ours and Heartland's alike, everywhere."""
    for sku in skus or ("SHIRT", "MUG", "CAP"):
        for place, seeded in SEEDED.items():
            committed = hub.balance(sku, place, "committed")
            assert seeded + hub.balance(sku, place) == sandbox.available(sku, place)
            assert seeded + hub.balance(sku, place) + committed == sandbox.on_hand(sku, place)


def order_at(sandbox, place, lines, **more):
    """A sales order, paid and open."""
    customer = sandbox.books.add("customers", {"email": "a@example.com"})["id"]
    fields = {"station_id": 1, "source_location_id": sandbox.at(place), "customer_id": customer}
    return sandbox.document("sales/orders", lines, at=NOW, status="open", **fields, **more)


def invoice_of(sandbox, place, order, status="complete"):
    fields = {"station_id": 1, "source_location_id": sandbox.at(place), "order_id": order}
    return sandbox.document("sales/invoices", [], at=NOW, status=status, **fields)


async def test_given_sales_returns_exchanges_and_voids_then_our_stock_is_the_platforms(sandbox, hub, poll):
    sandbox.sell("Boston", [("SHIRT", 2), ("GIFTCARD", 1)], at=NOW)
    void = sandbox.sell("Denver", [("SHIRT", 1), ("MUG", -1)], at=NOW)
    sandbox.sell("Denver", [("SHIRT", -1)], at=NOW, type="Return", parent_transaction_id=void)
    sandbox.sell("Boston", [("CAP", 1)], at=NOW, affect_inventory=False)
    sandbox.sell("Boston", [("CAP", 1)], at=NOW, status="")
    await poll()
    agrees(sandbox, hub)
    sandbox.become("sales/tickets", void, "void", at=NOW)
    assert len(await poll()) == 1
    agrees(sandbox, hub)


async def test_given_an_order_then_open_commits_it_and_its_invoice_ships_it(sandbox, hub, poll):
    order = order_at(sandbox, "Boston", [("SHIRT", 3)])
    await poll()
    assert (hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Boston", "committed")) == (-3, 3)
    agrees(sandbox, hub)
    invoice_of(sandbox, "Boston", order)
    await poll()
    assert (hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Boston", "committed")) == (-3, 0)
    agrees(sandbox, hub)


async def test_given_an_invoice_is_voided_then_its_goods_are_committed_again(sandbox, hub, poll):
    order = order_at(sandbox, "Boston", [("SHIRT", 3)])
    invoice = invoice_of(sandbox, "Boston", order)
    await poll()
    sandbox.become("sales/invoices", invoice, "void", at=NOW)
    await poll()
    assert (hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Boston", "committed")) == (-3, 3)
    agrees(sandbox, hub)


async def test_given_an_order_is_voided_then_what_was_not_invoiced_is_free_again(sandbox, hub, poll):
    order = order_at(sandbox, "Boston", [("SHIRT", 3), ("MUG", 1)])
    part = invoice_of(sandbox, "Boston", order, status="")
    for row in sandbox.books.below("sales/invoices", part):
        row["qty"] = 1
    sandbox.become("sales/invoices", part, "complete", at=NOW)
    await poll()
    agrees(sandbox, hub)
    sandbox.become("sales/orders", order, "void", at=NOW)
    await poll()
    assert (hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Boston", "committed")) == (-1, 0)
    agrees(sandbox, hub)


async def test_given_an_order_that_heartland_keeps_pending_then_nothing_is_committed(sandbox, hub, poll):
    order = order_at(sandbox, "Boston", [])
    sandbox.books.collections["sales/orders"][order] |= {"status": "pending", "balance": 7.0}
    sandbox.line("sales/orders", order, "SHIRT", 1, at=NOW, adjusted_unit_price=7.0)
    sandbox.become("sales/orders", order, "open", at=NOW)
    (payload,) = await poll()
    assert payload.body["status"] == "pending"
    assert hub.stock == {}
    agrees(sandbox, hub)


async def test_given_a_purchase_then_receipts_relieve_it_and_closing_gives_up_the_rest(sandbox, hub, poll):
    here = {"receive_at_location_id": sandbox.at("Boston")}
    order = sandbox.document("purchasing/orders", [("SHIRT", 10)], at=NOW, status="open", **here)
    await poll()
    assert hub.balance("SHIRT", "Boston", "incoming") == 10
    for units, status in ((5, "accepted"), (3, "accepted"), (2, "")):  # two at once: no receipt is another's
        sandbox.document(
            "purchasing/receipts", [("SHIRT", units)], at=NOW, status=status, order_id=order, **here
        )
    await poll()
    assert (hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Boston", "incoming")) == (8, 2)
    sandbox.become("purchasing/orders", order, "closed", at=NOW)
    await poll()
    assert hub.balance("SHIRT", "Boston", "incoming") == 0
    agrees(sandbox, hub)


async def test_given_goods_for_a_vendor_then_they_leave_when_the_return_is_complete(sandbox, hub, poll):
    here = {"source_location_id": sandbox.at("Boston")}
    sent = sandbox.document("purchasing/returns", [("SHIRT", 4)], at=NOW, **here)
    await poll()
    assert hub.stock == {}
    sandbox.become("purchasing/returns", sent, "complete", at=NOW)
    await poll()
    agrees(sandbox, hub)


@pytest.mark.parametrize(
    ("then", "boston", "denver", "under_way"),
    [
        ([], -10, 8, 2),
        ([("loss", 2)], -10, 8, 0),
        ([("return", 2)], -8, 8, 0),
        ([("receive", 2)], -10, 10, 0),
        ([("receive", 3)], -11, 11, 0),  # more than was sent: the origin owes it
    ],
)
async def test_given_a_short_transfer_then_it_is_under_way_until_somebody_decides(
    sandbox, hub, poll, then, boston, denver, under_way
):
    ends = {"from_location_id": sandbox.at("Boston"), "to_location_id": sandbox.at("Denver")}
    transfer = sandbox.document("inventory/transfers", [], at=NOW, status="open", **ends)
    sandbox.carry(transfer, "ship", [("SHIRT", 10)], at=NOW)
    sandbox.carry(transfer, "receive", [("SHIRT", 8)], at=NOW)
    await poll()
    assert hub.balance("SHIRT", f"transit:transfer/tills/{transfer}", "in_transit") == 2
    for event, units in then:
        sandbox.carry(transfer, event, [("SHIRT", units)], at=NOW)
    sandbox.become("inventory/transfers", transfer, "complete", at=NOW)
    await poll()
    moved = hub.balance("SHIRT", "Boston"), hub.balance("SHIRT", "Denver")
    assert moved == (boston, denver)
    assert hub.balance("SHIRT", f"transit:transfer/tills/{transfer}", "in_transit") == under_way


async def test_given_adjustments_then_ours_are_no_news_even_after_the_reason_was_renamed(
    sandbox, settings, hub, poll
):
    here = {"location_id": sandbox.at("Boston")}
    sandbox.document(
        "inventory/adjustment_sets", [("MUG", -2)], at=NOW, status="complete", adjustment_reason_id=1, **here
    )
    ours = {"adjustment_reason_id": 3, "description": "onhand:abc", **here}
    sandbox.document("inventory/adjustment_sets", [("SHIRT", 4)], at=NOW, status="complete", **ours)
    payloads = await poll()
    assert [payload.body["ours"] for payload in payloads] == [False, True]
    assert set(hub.stock) == {"MUG"}
    agrees(sandbox, hub, "MUG")
    other = HeartlandClient(settings.model_copy(update={"reason": "Renamed"}), {"token": SECRET})
    again = [payload async for found, _ in other.poll(None) for payload in found]
    assert [payload.body["ours"] for payload in again] == [False, True]
    await other.close()


async def test_given_a_count_then_the_shelf_is_what_was_counted_less_what_was_sold_since(sandbox, hub, poll):
    opened = hub_opening(sandbox, hub)
    assert opened == 10
    count = sandbox.count("Boston", [("SHIRT", 4), ("SHIRT", 2)], at=NOW)
    sandbox.sell("Boston", [("SHIRT", 1)], at=NOW.replace(hour=13))
    await poll()
    assert hub.balance("SHIRT", "Boston") == 9
    sandbox.become("inventory/physical_counts", count, "accepted", at=NOW.replace(hour=15))
    await poll()
    assert hub.balance("SHIRT", "Boston") == 5
    assert sandbox.on_hand("SHIRT", "Boston") == 6  # Heartland forgot the sale


async def test_given_a_full_count_then_what_nobody_counted_is_gone(sandbox, client, hub, poll):
    count = sandbox.count("Boston", [("SHIRT", 4)], at=NOW, scope="full")
    sandbox.become("inventory/physical_counts", count, "accepted", at=NOW)
    (payload,) = await poll()
    claim = resolve(connector.read("tills", payload), hub.directory, None, 1_000)
    (document,) = claim.documents
    assert {line.fact for line in document.lines} == {Fact.COUNTED}
    assert {line.sku: line.quantity for line in document.lines} == {"SHIRT": 4, "MUG": 0, "CAP": 0}
    assert sandbox.on_hand("MUG", "Boston") == 0


async def test_given_a_return_of_our_order_then_it_is_part_of_the_deal(sandbox, hub, poll):
    order = order_at(sandbox, "Boston", [("SHIRT", 2)], public_id="onhand:order/eu/5551")
    invoice = invoice_of(sandbox, "Boston", order)
    back = sandbox.sell("Denver", [("SHIRT", -1)], at=NOW, type="Return", parent_transaction_id=invoice)
    alone = sandbox.sell("Denver", [("SHIRT", -1)], at=NOW, type="Return", parent_transaction_id=back)
    await poll()
    deal = hub.transactions["order/eu/5551"].documents
    assert set(deal) == {f"tills/order/{order}", f"tills/invoice/{invoice}", f"tills/ticket/{back}"}
    assert f"ticket/tills/{alone}" in hub.transactions
    agrees(sandbox, hub, "SHIRT")


async def test_given_a_day_lost_and_shuffled_then_one_poll_makes_our_stock_the_platforms(
    sandbox, client, settings, hub
):
    chance = random.Random(7)
    for number in range(150):
        place, sku = chance.choice(list(SEEDED)), chance.choice(["SHIRT", "MUG", "CAP"])
        kind = number % 10
        if kind == 0:
            order = order_at(sandbox, place, [(sku, 2)])
            if chance.random() < 0.6:
                invoice_of(sandbox, place, order)
            elif chance.random() < 0.5:
                sandbox.become("sales/orders", order, "void", at=NOW)
        elif kind == 1:
            fields = {"location_id": sandbox.at(place), "adjustment_reason_id": 2}
            sandbox.document("inventory/adjustment_sets", [(sku, -1)], at=NOW, status="complete", **fields)
        else:
            ticket = sandbox.sell(place, [(sku, 1), ("MUG", chance.choice([-1, 1]))], at=NOW)
            if chance.random() < 0.2:
                sandbox.become("sales/tickets", ticket, "void", at=NOW)
    seen = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    day = [payload for payload in seen if chance.random() >= 0.02] + chance.choices(seen, k=40)
    chance.shuffle(day)
    for payload in day:
        hub.take(payload)
    other = HeartlandClient(settings, {"token": SECRET})
    async for payloads, _ in other.poll(None):
        for payload in payloads:
            hub.take(payload)
    await other.close()
    agrees(sandbox, hub)
    assert [hub.take(payload) for payload in seen] == [[]] * len(seen)


def hub_opening(sandbox, hub):
    """Opens the stock of a SKU at a place, as an import does."""
    line = Line(fact=Fact.OPENED, sku="SHIRT", quantity=10, at=NOW.replace(hour=1), location="Boston")
    claim = Claim(
        transaction="opening",
        channel="tills",
        topic="import",
        occurred_at=NOW,
        documents=(Document(id="o", version=1, lines=(line,)),),
    )
    _, (movement,) = apply(Transaction(), claim, NOW, Cause(0, 0, 0))
    hub.stock["SHIRT"] = fold(Stock(sku="SHIRT"), movement, 1)
    return hub.balance("SHIRT", "Boston")
