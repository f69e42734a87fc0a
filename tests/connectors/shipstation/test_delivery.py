"""A day played at the sandbox arrives by poll, and Onhand's stock becomes ShipStation's."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from connectors.errors import Refused
from connectors.shipstation import connector
from schemas.claims import Claim, Document, Fact, Line

SEEDED = {"WH": 100, "EAST": 50}
SKUS = ("TEE", "MUG", "CAP")


def play(sandbox, at, api, orders=60):
    """A trading day: orders at two places, edits, splits, cancellations, labels in parts (V2 splits the shipment instead),
    voids, returns, and test labels.
    """
    dice = random.Random(7)
    for number in range(orders):
        lines = [(sku, dice.randint(1, 3)) for sku in SKUS[: dice.randint(1, 3)]]
        order = sandbox.order(lines, at=at(number), place=dice.choice(tuple(SEEDED)))
        what = number % 10
        if what == 0:
            sandbox.cancel(order, at=at(number + 0.2))
        elif what == 1:
            sandbox.edit(order, [("TEE", 2)], at=at(number + 0.2))
        elif what == 2:
            sandbox.split(order, [("TEE", 1)], at=at(number + 0.2))
        elif what == 3:
            sandbox.void(sandbox.label(order, at=at(number + 0.3)), at=at(number + 0.6))
        elif what == 4 and api == "v1":
            sandbox.label(order, at=at(number + 0.3), lines=[("TEE", 1)])
        elif what == 5:
            sandbox.label(order, at=at(number + 0.3))
            sandbox.label(order, at=at(number + 0.4), returns=True)
        elif what == 6:
            sandbox.label(order, at=at(number + 0.3), test=True)
        elif what in (7, 8):
            sandbox.label(order, at=at(number + 0.3))


def agree(hub, sandbox):
    for sku in SKUS:
        for place, seeded in SEEDED.items():
            available, on_hand = hub.moved(sku, place)
            assert seeded + available == sandbox.available(sku, place), (sku, place)
            assert seeded + on_hand == sandbox.on_hand(sku, place), (sku, place)


async def test_given_a_day_then_one_poll_makes_our_stock_shipstations(sandbox, poll, hub, at, api):
    play(sandbox, at, api)
    documents, cursor = await poll()
    hub.take(*documents)
    agree(hub, sandbox)
    assert (await poll(cursor))[0] == []


async def test_given_documents_lost_shuffled_and_repeated_then_a_poll_from_before_heals_them(
    sandbox, poll, hub, at, api, client, settings
):
    play(sandbox, at, api)
    documents, _ = await poll()
    dice = random.Random(3)
    kept = [document for document in documents if dice.random() >= 0.02]
    assert len(kept) < len(documents)
    told = [*kept, *dice.sample(kept, len(kept) // 3)]
    dice.shuffle(told)
    hub.take(*told)
    again = connector.client(settings, client._secrets)
    found = [payload async for payloads, _ in again.poll(None) for payload in payloads]
    await again.close()
    hub.take(*found)
    agree(hub, sandbox)


async def test_given_changes_between_polls_then_each_poll_brings_only_what_changed(sandbox, poll, hub, at):
    first = sandbox.order([("TEE", 2)], at=at(0))
    second = sandbox.order([("MUG", 1)], at=at(1))
    documents, cursor = await poll()
    assert len(documents) == 2
    label = sandbox.label(first, at=at(30))
    more, cursor = await poll(cursor)
    assert len(more) == 2, "the order and its label"
    sandbox.void(label, at=at(24 * 60))
    sandbox.cancel(second, at=at(24 * 60 + 1))
    voids, cursor = await poll(cursor)
    hub.take(*documents, *more, *voids)
    agree(hub, sandbox)
    assert (await poll(cursor))[0] == []


async def test_given_an_order_marked_as_shipped_after_a_part_had_a_label_then_every_unit_leaves_once(
    sandbox, poll, hub, at, api
):
    now = (
        int((datetime.now(UTC) - at(0)).total_seconds() / 60) - 10_000
    )  # a week ago: inside the window of voids
    order = sandbox.order([("TEE", 3), ("MUG", 1)], at=at(now))
    if api == "v1":  # a label of V2 takes all of its shipment
        sandbox.label(order, at=at(now + 1), lines=[("TEE", 2)])
    marked = sandbox.mark_shipped(order, at=at(now + 2))
    other = sandbox.mark_shipped(sandbox.order([("CAP", 1)], at=at(now + 500)), at=at(now + 501))
    documents, cursor = await poll()
    hub.take(*documents)
    agree(hub, sandbox)
    assert hub.moved("TEE", "WH") == (-3, -3)
    sandbox.void(marked, at=at(now + 600))
    sandbox.label(order, at=at(now + 601))
    more, cursor = await poll(cursor)
    hub.take(*more)
    assert hub.moved("TEE", "WH") == (-3, -3), "a label after a voided mark takes no unit twice"
    sandbox.mark_shipped(sandbox.order([("MUG", 1)], at=at(now + 1_500)), at=at(now + 1_501))
    more, cursor = await poll(cursor)
    hub.take(*more)
    sandbox.void(other, at=at(now + 3_000))
    more, cursor = await poll(cursor)
    hub.take(*more)
    agree(hub, sandbox)
    assert (await poll(cursor))[0] == []


async def test_given_a_deal_of_a_shop_then_its_split_parcels_and_the_shop_make_one(
    sandbox, at, settings, api, hub, secrets
):
    store = "12345" if api == "v1" else "se-12345"
    client = connector.client(settings.model_copy(update={"stores": {store: "web"}}), secrets)
    order = sandbox.order([("TEE", 3)], at=at(0), store=12345, key="5551", external="5551", number="1001")
    sandbox.label(sandbox.split(order, [("TEE", 1)], at=at(1)), at=at(2))
    documents = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    await client.close()
    line = Line(fact=Fact.ORDERED, sku="TEE", quantity=3, at=at(0))
    shop = Claim(
        transaction="order/web/5551",
        channel="web",
        topic="orders/create",
        occurred_at=at(0),
        documents=(Document(id="order/5551", version=1, lines=(line,)),),
    )
    hub.take(*documents[:1])
    hub.claim(shop)
    hub.take(*documents[1:])
    (available, on_hand), (unrouted, _) = hub.moved("TEE", "WH"), hub.moved("TEE", "@unrouted")
    assert (available + unrouted, on_hand) == (-3, -1)


async def test_given_orders_that_were_combined_then_only_their_shops_tell_what_left(
    sandbox, poll, hub, at, api
):
    """SS-6. What ShipStation told before stands: both orders are owed until their shops say otherwise."""
    first = sandbox.order([("TEE", 1)], at=at(0))
    second = sandbox.order([("MUG", 2)], at=at(1))
    documents, cursor = await poll()
    hub.take(*documents)
    sandbox.combine(first, second, at=at(30))
    label = sandbox.label(first, at=at(31))
    told, cursor = await poll(cursor)
    sandbox.void(label, at=at(60))
    told += (await poll(cursor))[0]
    assert {document.topic for document in told} == {f"{api}/{'order' if api == 'v1' else 'shipment'}"} | {
        f"{api}/{'shipment' if api == 'v1' else 'label'}"
    }
    for document in told:
        with pytest.raises(Refused, match="combined with other orders"):
            connector.read("parcels", document)
    assert (hub.moved("TEE", "WH"), hub.moved("MUG", "WH")) == ((-1, 0), (-2, 0))


async def test_given_combined_orders_that_were_marked_as_shipped_then_that_is_refused_too(sandbox, poll, at):
    first, second = (sandbox.order([("TEE", 1)], at=at(minute)) for minute in (0, 1))
    sandbox.combine(first, second, at=at(2))
    sandbox.mark_shipped(first, at=at(3))
    told, _ = await poll()
    assert [document.topic.partition("/")[2] for document in told][-1] == "fulfillment"
    for document in told:
        with pytest.raises(Refused, match="combined with other orders"):
            connector.read("parcels", document)
