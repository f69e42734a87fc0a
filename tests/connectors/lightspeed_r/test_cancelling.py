"""An order of ours that is taken back: its reservations are gone and its goods are back, as long as nobody collected them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Cancelled, Created, NewOrder, Ordered, Recipient
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_r import connector

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAL = "order/web/1001"
ORDER = NewOrder(
    transaction=DEAL,
    location="Mall",
    placed_at=NOON,
    lines=(Ordered("SHIRT", 2, "12.50"), Ordered("MUG", 1, "4.00")),
    recipient=Recipient(name="Ada Invented", email="ada@example.invalid"),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


@pytest.fixture
async def directory(client):
    return await client.directory()


def levels(sandbox):
    return sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")


async def test_given_an_order_then_taking_it_back_gives_its_goods_back(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    assert levels(sandbox) == (3, 4)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(created.ref)
    assert levels(sandbox) == (5, 5)
    assert sandbox.account.lines == {}


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_given_a_lost_answer_then_asking_again_gives_everything_back_once(
    orders, client, directory, sandbox, monkeypatch, lost
):
    await orders.create(ORDER, directory)
    call, calls = client.call, []

    async def losing(method, path, **more):
        reply = await call(method, path, **more)
        calls.append(path)
        if len(calls) == lost:
            raise Unreachable("lost")
        return reply

    monkeypatch.setattr(client, "call", losing)
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "Mall", directory)
    await orders.cancel(DEAL, "Mall", directory)
    assert levels(sandbox) == (5, 5)
    assert [row["reason"] for row in sandbox.account.logs].count("PutBackForTransaction") == 2


@pytest.mark.parametrize(("completed", "reason"), [(True, "collected with sale 1"), (False, "open sale 1")])
async def test_given_a_part_that_is_in_a_sale_then_it_is_too_late_and_nothing_changes(
    orders, directory, sandbox, completed, reason
):
    created = await orders.create(ORDER, directory)
    sandbox.collect([int(created.ref.split(",")[0])], at=NOON, completed=completed)
    with pytest.raises(Refused, match=reason):
        await orders.cancel(DEAL, "Mall", directory)
    assert levels(sandbox) == (3, 4)
    assert len(sandbox.account.lines) == 2


async def test_given_its_sale_was_voided_then_it_is_taken_back_already(orders, directory, sandbox):
    created = await orders.create(ORDER, directory)
    sale = sandbox.collect([int(line) for line in created.ref.split(",")], at=NOON)
    sandbox.void(sale, at=NOON)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(str(sale), already=True)
    assert levels(sandbox) == (5, 5)
    again = await orders.create(ORDER, directory)
    assert (again.already, levels(sandbox)) == (False, (3, 4))
    assert await orders.create(ORDER, directory) == Created(again.ref, already=True)
    assert await orders.cancel(DEAL, "Mall", directory) == Cancelled(again.ref)


async def test_given_a_line_that_r_series_keeps_then_the_reason_says_which(
    orders, directory, sandbox, monkeypatch
):
    await orders.create(ORDER, directory)
    laid_away = orders._laid_away

    async def late(*asked):
        found = await laid_away(*asked)
        sandbox.collect([1], at=NOON)
        return found

    monkeypatch.setattr(orders, "_laid_away", late)
    with pytest.raises(Refused, match="does not remove reservation 1: R-Series answered 400"):
        await orders.cancel(DEAL, "Mall", directory)


async def test_given_a_request_to_wait_between_two_lines_then_the_outcome_is_unknown(
    orders, client, directory, monkeypatch
):
    await orders.create(ORDER, directory)
    call, deleted = client.call, []

    async def waiting(method, path, **more):
        deleted.extend([path] if method == "DELETE" else [])
        if len(deleted) == 2:
            raise SlowDown(1)
        return await call(method, path, **more)

    monkeypatch.setattr(client, "call", waiting)
    with pytest.raises(Unreachable, match="in the middle"):
        await orders.cancel(DEAL, "Mall", directory)
