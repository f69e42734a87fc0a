"""An order of ours that is taken back is told to the warehouse once, and a shipment that came first counts."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from connectors.contract import Cancelled, Created, NewOrder, Ordered
from connectors.errors import Refused, Unreachable
from connectors.rlm import connector
from connectors.rlm.client import RlmClient
from connectors.rlm.folder import LocalFolder
from connectors.rlm.orders import depositor_order
from connectors.rlm.x12 import interchanges
from schemas.claims import Claim, Document, Fact, Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAL = "order/web/820982911946154508"
REF = depositor_order(DEAL)
ORDER = NewOrder(
    transaction=DEAL, location="East", placed_at=NOW, lines=(Ordered("TEE-S", 3), Ordered("TEE-M", 2))
)


@pytest.fixture(autouse=True)
def _waits(sandbox):
    """Orders wait in the warehouse until it is told to ship."""
    sandbox.warehouse.holds = True


@pytest.fixture
def orders(client):
    return connector.orders(client)


def outbox(tmp_path):
    return sorted((tmp_path / "outbox").iterdir())


def web(cancelled: bool) -> Claim:
    """The order as its shop shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(
        Line(fact=fact, sku=line.sku, quantity=line.quantity, at=NOW, location="East")
        for fact in facts
        for line in ORDER.lines
    )
    document = Document(id="order/1", version=1 + cancelled, lines=lines)
    return Claim(
        transaction=DEAL, channel="web", topic="orders/updated", occurred_at=NOW, documents=(document,)
    )


async def test_given_an_order_then_the_warehouse_is_told_that_it_is_taken_back(
    orders, directory, sandbox, tmp_path
):
    await orders.create(ORDER, directory)
    assert await orders.cancel(DEAL, "East", directory) == Cancelled(REF)
    _, file = outbox(tmp_path)
    (one,) = interchanges(file.read_bytes())[0].groups[0].sets
    assert [list(segment) for segment in one.segments] == [
        ["W05", "F", REF],
        ["N1", "WH", "", "92", "E01"],
        ["W76", "0"],
    ]
    sandbox.ship(NOW)
    assert (sandbox.stock("TEE-S", "E01"), sandbox.warehouse.waiting) == (10, {})


class Losing(LocalFolder):
    """A folder whose answer is lost after the write to a path that begins so was done."""

    lost = ""

    async def write(self, path, content):
        await super().write(path, content)
        if self.lost and path.startswith(self.lost):
            self.lost = ""
            raise Unreachable(path)


@pytest.mark.parametrize("lost", ["cancels/", "sent/", "outbox/"])
@pytest.mark.parametrize("fetched", [True, False])
async def test_given_an_answer_that_was_lost_then_asking_again_says_the_same_once(
    settings, directory, sandbox, tmp_path, lost, fetched
):
    folder = Losing(tmp_path)
    orders = connector.orders(RlmClient(settings, {}, folder))
    await orders.create(ORDER, directory)
    sandbox.work(NOW)
    folder.lost = lost
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "East", directory)
    first = [file.read_bytes() for file in outbox(tmp_path)]
    if fetched:
        sandbox.work(NOW)
    await orders.cancel(DEAL, "East", directory)
    if first:
        assert [file.read_bytes() for file in outbox(tmp_path)] == first, (
            "to the partner it is one interchange"
        )
    sandbox.ship(NOW)
    assert sandbox.stock("TEE-S", "E01") == 10
    assert await orders.cancel(DEAL, "East", directory) == Cancelled(REF, already=True)


async def test_given_the_order_itself_may_not_have_been_written_then_it_is_taken_back_all_the_same(
    settings, directory, sandbox, tmp_path
):
    folder = Losing(tmp_path)
    folder.lost = "outbox/"
    orders = connector.orders(RlmClient(settings, {}, folder))
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    assert await orders.cancel(DEAL, "East", directory) == Cancelled(REF)
    sandbox.ship(NOW)
    assert sandbox.stock("TEE-S", "E01") == 10


async def test_given_a_shipment_that_was_told_then_it_is_too_late(
    orders, directory, sandbox, client, hub, tmp_path
):
    await orders.create(ORDER, directory)
    sandbox.ship(NOW)
    await hub.poll(client)
    with pytest.raises(Refused, match=f"has shipped order {REF}"):
        await orders.cancel(DEAL, "East", directory)
    assert not [file for file in outbox(tmp_path) if "cancel" in file.name]


@pytest.mark.parametrize("location", ["Moon", "network"])
async def test_given_no_such_warehouse_then_it_is_said(orders, directory, location):
    with pytest.raises(Refused, match=f"no warehouse of the partner is {location}"):
        await orders.cancel(DEAL, location, directory)


async def test_given_it_was_shipped_before_the_cancellation_was_read_then_in_any_order_it_left_once(
    orders, directory, sandbox, client, hub
):
    await orders.create(ORDER, directory)
    sandbox.ship(NOW)
    await orders.cancel(DEAL, "East", directory)
    sandbox.work(NOW)
    payloads = [payload async for page, _ in client.poll(None) for payload in page]
    told = [web(cancelled=False), web(cancelled=True), *(one for one in payloads if one.topic == "945")]
    for order in permutations([*told, told[-1]]):
        ours = type(hub)(directory)
        for one in order:
            ours.claim(one) if isinstance(one, Claim) else ours.take(one)
        assert ours.balance("TEE-S", "East") == -3
        assert ours.balance("TEE-S", "East", "committed") == 0
    assert sandbox.stock("TEE-S", "E01") == 7


async def test_given_an_order_that_is_wanted_again_then_it_is_another_order_for_the_warehouse(
    orders, directory, sandbox, tmp_path
):
    await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "East", directory)
    sandbox.work(NOW)
    assert await orders.cancel(DEAL, "East", directory) == Cancelled(REF, already=True)
    assert outbox(tmp_path) == [], "nothing more is sent"
    again = await orders.create(ORDER, directory)
    assert again == Created(depositor_order(DEAL, 2))
    sandbox.ship(NOW)
    assert sandbox.stock("TEE-S", "E01") == 7


async def test_given_the_warehouse_shipped_it_although_it_was_taken_back_then_it_is_not_sent_again(
    orders, directory, sandbox, client, hub
):
    await orders.create(ORDER, directory)
    sandbox.ship(NOW)
    await orders.cancel(DEAL, "East", directory)
    await hub.poll(client)
    with pytest.raises(Refused, match=f"has shipped order {REF} although it was taken back"):
        await orders.create(ORDER, directory)


async def test_given_it_was_not_told_yet_that_it_is_taken_back_then_that_comes_first(
    settings, directory, tmp_path
):
    folder = Losing(tmp_path)
    orders = connector.orders(RlmClient(settings, {}, folder))
    await orders.create(ORDER, directory)
    folder.lost = "cancels/"
    with pytest.raises(Unreachable):
        await orders.cancel(DEAL, "East", directory)
    with pytest.raises(Refused, match="take it back again first"):
        await orders.create(ORDER, directory)
    await orders.cancel(DEAL, "East", directory)
    assert (await orders.create(ORDER, directory)).ref == depositor_order(DEAL, 2)


async def test_given_an_order_from_before_its_warehouse_was_noted_then_it_can_be_taken_back(
    orders, directory, tmp_path
):
    await orders.create(ORDER, directory)
    (tmp_path / "places" / REF).unlink()
    assert await orders.cancel(DEAL, "East", directory) == Cancelled(REF)
