"""An order of ours that is taken back is closed in NetSuite, line by line, and commits nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.netsuite import connector

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEAL = "order/web/1001"
ORDER = NewOrder(
    transaction=DEAL,
    location="Warehouse",
    placed_at=NOW,
    lines=(Ordered("SHIRT", 2, "19.90"), Ordered("MUG", 1)),
    recipient=Recipient(name="Wilhelmina Roe", street="1 Elm Road"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def made(sandbox):
    return sandbox.books.all("SELECT * FROM \"transaction\" WHERE type = 'SalesOrd'")


def committed(sandbox):
    return sandbox.on_hand("SHIRT", "Warehouse") - sandbox.level("SHIRT", "Warehouse")


async def test_given_an_order_then_taking_it_back_closes_its_lines_and_commits_nothing(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    assert committed(sandbox) == 2
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(created.ref)
    (row,) = made(sandbox)
    assert (row["status"], committed(sandbox)) == ("H", 0)
    lines = sandbox.books.all("SELECT * FROM transactionline WHERE mainline = 'F'")
    assert [line["isclosed"] for line in lines] == ["T", "T"], "closed, and none added"


@pytest.mark.parametrize("status", ["H", "C"])
async def test_given_somebody_ended_it_there_then_it_is_found_to_be(orders, directory, sandbox, status):
    created = await orders.create(ORDER, directory)
    sandbox.end(int(created.ref), at=NOW, status=status)
    assert await orders.cancel(DEAL, "Warehouse", directory) == Cancelled(created.ref, already=True)


@pytest.mark.parametrize("nth", range(1, 9))
async def test_given_any_answer_lost_then_asking_again_closes_it_once(
    orders, client, directory, sandbox, monkeypatch, nth
):
    created = await orders.create(ORDER, directory)
    call, calls = client.call, []

    async def losing(method, path, **more):
        reply = await call(method, path, **more)
        calls.append(method)
        if len(calls) == nth:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(client, "call", losing)
    try:
        await orders.cancel(DEAL, "Warehouse", directory)
    except Unreachable:
        await orders.cancel(DEAL, "Warehouse", directory)
    assert (made(sandbox)[0]["id"], made(sandbox)[0]["status"]) == (int(created.ref), "H")
    assert (calls.count("PATCH"), committed(sandbox)) == (1, 0)


@pytest.mark.parametrize("status", ["A", "C"])
async def test_given_a_fulfilment_was_begun_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, status
):
    created = await orders.create(ORDER, directory)
    begun = sandbox.fulfil(int(created.ref), [("SHIRT", 1)], location="Warehouse", at=NOW, status=status)
    with pytest.raises(Refused, match=rf"carried out in NetSuite \(ItemShip {begun}\)"):
        await orders.cancel(DEAL, "Warehouse", directory)
    assert made(sandbox)[0]["status"] == "B"


async def test_given_an_order_that_netsuite_keeps_then_a_person_is_told_to_close_it(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    monkeypatch.setattr(sandbox.books, "close_line", lambda *_, **__: None)
    with pytest.raises(Refused, match=r"does not close order \d+ .*: close it there"):
        await orders.cancel(DEAL, "Warehouse", directory)


async def test_given_netsuite_asks_to_wait_then_nothing_was_done(orders, directory, sandbox):
    await orders.create(ORDER, directory)
    sandbox.gate.limit = 0
    with pytest.raises(SlowDown):
        await orders.cancel(DEAL, "Warehouse", directory)
    assert made(sandbox)[0]["status"] == "B"


async def test_given_an_order_that_is_wanted_again_then_its_external_id_has_a_number(
    orders, directory, sandbox
):
    await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "Warehouse", directory)
    sandbox.gate.calls.clear()
    await orders.cancel(DEAL, "Warehouse", directory)
    assert "PATCH" not in {method for method, _ in sandbox.gate.calls}, "it is found to be closed"
    await orders.create(ORDER, directory)
    assert [row["externalid"] for row in made(sandbox)] == [f"onhand:{DEAL}", f"onhand:{DEAL};2"]


async def test_given_an_order_that_was_carried_out_in_part_and_closed_then_it_is_not_made_again(
    orders, directory, sandbox
):
    created = await orders.create(ORDER, directory)
    sandbox.fulfil(int(created.ref), [("SHIRT", 1)], location="Warehouse", at=NOW)
    sandbox.end(int(created.ref), at=NOW)
    with pytest.raises(Refused, match=rf"order {created.ref} was carried out in part"):
        await orders.create(ORDER, directory)
    assert len(made(sandbox)) == 1
