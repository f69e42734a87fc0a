"""An order of ours that is taken back is cancelled in ShipStation, with all its parts, and allocates nothing any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, Created, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.shipstation import connector

DEAL = "order/web/5551"
PLACED = datetime(2026, 8, 12, 16, tzinfo=UTC)
ORDER = NewOrder(
    transaction=DEAL,
    location="EAST",
    placed_at=PLACED,
    lines=(Ordered("TEE", 2, "9.50"), Ordered("MUG", 1)),
    recipient=Recipient(name="Iris Example", street="1 Example Road", country="US"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


def written(sandbox):
    return sandbox.gate.calls.count(("POST", "/orders/createorder"))


def statuses(sandbox):
    return {order.status for order in sandbox.account.orders.values()}


async def test_given_an_order_then_taking_it_back_allocates_nothing_and_changes_nothing_else(
    orders, directory, sandbox
):
    made = await orders.create(ORDER, directory)
    assert sandbox.available("TEE", "EAST") == 48
    assert await orders.cancel(DEAL, "EAST", directory) == Cancelled(made.ref)
    order = sandbox.account.orders[int(made.ref)]
    assert (order.status, order.lines) == ("cancelled", (("TEE", 2), ("MUG", 1)))
    assert sandbox.available("TEE", "EAST") == 50


async def test_given_an_order_that_was_split_then_all_its_parts_are_cancelled(orders, directory, sandbox, at):
    made = await orders.create(ORDER, directory)
    sandbox.split(int(made.ref), [("TEE", 1)], at=at(5))
    assert await orders.cancel(DEAL, "EAST", directory) == Cancelled(made.ref)
    assert (statuses(sandbox), len(sandbox.account.orders)) == ({"cancelled"}, 2)
    assert (sandbox.available("TEE", "EAST"), sandbox.available("MUG", "EAST")) == (50, 50)


async def test_given_a_part_that_was_shipped_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, at
):
    made = await orders.create(ORDER, directory)
    part = sandbox.split(int(made.ref), [("TEE", 1)], at=at(5))
    sandbox.label(part, at=at(6))
    with pytest.raises(Refused, match=f"order {part} is shipped in ShipStation"):
        await orders.cancel(DEAL, "EAST", directory)
    assert sandbox.account.orders[int(made.ref)].status == "awaiting_shipment"


async def test_given_a_label_for_a_part_of_it_then_it_must_be_voided_first(orders, directory, sandbox, at):
    made = await orders.create(ORDER, directory)
    label = sandbox.label(int(made.ref), at=at(6), lines=[("TEE", 1)])
    with pytest.raises(Refused, match=f"has label {label} in ShipStation: void it first"):
        await orders.cancel(DEAL, "EAST", directory)
    sandbox.void(label, at=at(7))
    await orders.cancel(DEAL, "EAST", directory)
    assert (statuses(sandbox), sandbox.available("TEE", "EAST")) == ({"cancelled"}, 50)


async def test_given_an_order_that_was_combined_with_another_then_the_others_goods_stay(
    orders, directory, sandbox, at
):
    made = await orders.create(ORDER, directory)
    other = sandbox.order([("CAP", 1)], at=at(1), place="EAST")
    sandbox.combine(int(made.ref), other, at=at(2))
    with pytest.raises(Refused, match="was combined with others"):
        await orders.cancel(DEAL, "EAST", directory)
    assert sandbox.available("CAP", "EAST") == 49


async def test_given_an_order_that_shipstation_keeps_then_a_person_is_told_to_cancel_it(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    monkeypatch.setattr(sandbox.account, "change", lambda *_, **__: None)
    with pytest.raises(Refused, match=r"does not cancel order \d+: cancel it there") as refusal:
        await orders.cancel(DEAL, "EAST", directory)
    assert "Iris" not in str(refusal.value)


async def test_given_a_request_to_wait_then_nothing_was_done_or_the_outcome_is_unknown(
    orders, client, directory, sandbox, at, monkeypatch
):
    made = await orders.create(ORDER, directory)
    sandbox.split(int(made.ref), [("TEE", 1)], at=at(5))
    v1, posts = client.api.v1, []

    async def waiting(method, path, **more):
        posts.extend([path] if method == "POST" else [])
        if len(posts) == 2:
            raise SlowDown(1)
        return await v1(method, path, **more)

    monkeypatch.setattr(client.api, "v1", waiting)
    with pytest.raises(Unreachable, match="in the middle"):
        await orders.cancel(DEAL, "EAST", directory)
    posts[:] = [""]
    with pytest.raises(SlowDown):
        await orders.cancel(DEAL, "EAST", directory)
    monkeypatch.undo()
    await orders.cancel(DEAL, "EAST", directory)
    assert statuses(sandbox) == {"cancelled"}


async def test_given_an_order_that_is_wanted_again_then_its_number_has_a_number(orders, directory, sandbox):
    for attempt, number in enumerate((f"onhand:{DEAL}", f"onhand:{DEAL};2", f"onhand:{DEAL};3"), start=1):
        made = await orders.create(ORDER, directory)
        order = sandbox.account.orders[int(made.ref)]
        assert (order.key, order.number, len(sandbox.account.orders)) == (number, number, attempt)
        await orders.cancel(DEAL, "EAST", directory)
    assert written(sandbox) == 6
    await orders.cancel(DEAL, "EAST", directory)
    assert written(sandbox) == 6, "it is found to be cancelled"


async def test_given_a_part_of_it_that_stands_then_it_is_not_made_again(orders, directory, sandbox, at):
    made = await orders.create(ORDER, directory)
    part = sandbox.split(int(made.ref), [("TEE", 1)], at=at(5))
    sandbox.cancel(int(made.ref), at=at(6))
    assert await orders.create(ORDER, directory) == Created(str(part), already=True)


async def test_given_no_room_for_the_number_then_it_is_said_and_nothing_is_made(orders, directory, sandbox):
    long = replace(ORDER, transaction="order/web/" + "5" * 33)
    await orders.create(long, directory)
    await orders.cancel(long.transaction, "EAST", directory)
    with pytest.raises(Refused, match=r";2 is longer than 50 characters"):
        await orders.create(long, directory)
    assert len(sandbox.account.orders) == 1
