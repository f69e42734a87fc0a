"""An order of ours is created once, whatever becomes of the answers, and comes back as part of our deal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Created, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.shipstation import connector

PERSON = Recipient(
    name="Iris Example", street="1 Example Road", city="Springfield", postcode="97475", country="US"
)
ORDER = NewOrder(
    transaction="order/web/5551",
    location="EAST",
    placed_at=datetime(2026, 8, 12, 16, tzinfo=UTC),
    lines=(Ordered("TEE", 2, "9.50"), Ordered("MUG", 1)),
    recipient=PERSON,
)


@pytest.fixture
def api():
    return "v1"


@pytest.fixture
def orders(client):
    return connector.orders(client)


def created(sandbox):
    return sandbox.gate.calls.count(("POST", "/orders/createorder"))


async def test_given_an_order_then_it_ships_from_its_place_and_joins_our_deal(
    orders, directory, sandbox, poll, hub
):
    made = await orders.create(ORDER, directory)
    assert not made.already
    order = sandbox.account.orders[int(made.ref)]
    assert (order.key, order.placed, order.lines) == (
        "onhand:order/web/5551",
        ORDER.placed_at,
        (("TEE", 2), ("MUG", 1)),
    )
    assert sandbox.available("TEE", "EAST") == 48
    (document,), _ = await poll()
    claim = connector.read("parcels", document)
    assert (claim.transaction, claim.joins) == ("order/web/5551", None)
    hub.take(document)
    assert hub.moved("TEE", "EAST") == (-2, 0)


async def test_given_the_same_order_again_then_it_is_found(orders, directory, sandbox):
    first = await orders.create(ORDER, directory)
    assert await orders.create(ORDER, directory) == Created(first.ref, already=True)
    assert created(sandbox) == 1


async def test_given_a_lost_answer_then_asking_again_finds_the_one_order(orders, directory, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    again = await orders.create(ORDER, directory)
    assert (again.already, len(sandbox.account.orders)) == (True, 1)


async def test_given_the_order_was_edited_or_shipped_meanwhile_then_a_repeat_leaves_it_alone(
    orders, directory, sandbox, at
):
    made = await orders.create(ORDER, directory)
    sandbox.edit(int(made.ref), [("TEE", 1)], at=at(10))
    assert (await orders.create(ORDER, directory)).already
    assert sandbox.account.orders[int(made.ref)].lines == (("TEE", 1),)
    sandbox.label(int(made.ref), at=at(11))
    assert (await orders.create(ORDER, directory)).already


async def test_given_another_order_whose_number_begins_alike_then_it_is_another(orders, directory, sandbox):
    await orders.create(replace(ORDER, transaction="order/web/55510"), directory)
    assert not (await orders.create(ORDER, directory)).already


async def test_given_a_store_then_the_order_is_created_in_it(sandbox, settings, secrets, directory):
    client = connector.client(settings.model_copy(update={"order_store": 777}), secrets)
    made = await connector.orders(client).create(ORDER, directory)
    await client.close()
    assert sandbox.account.orders[int(made.ref)].store == 777


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"location": "MOON"}, "0 of ShipStation's Ship-From warehouses are MOON"),
        ({"lines": (Ordered("NONE", 1),)}, "no product NONE"),
        ({"transaction": "order/web/" + "9" * 60}, "longer than 50"),
        ({"lines": (Ordered("TEE", 0),)}, "ShipStation answered 400"),
        ({"recipient": Recipient()}, "name of the recipient"),
    ],
)
async def test_given_an_order_that_cannot_be_created_then_the_reason_can_be_acted_on(
    orders, directory, sandbox, change, reason
):
    with pytest.raises(Refused, match=reason) as told:
        await orders.create(replace(ORDER, **change), directory)
    assert "Iris" not in str(told.value)
    assert not sandbox.account.orders


async def test_given_a_request_to_wait_then_nothing_was_done(orders, directory, sandbox):
    sandbox.gate.allowed["v1"] = 0
    with pytest.raises(SlowDown):
        await orders.create(ORDER, directory)
    assert created(sandbox) == 0
