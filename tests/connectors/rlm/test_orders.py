"""Orders for the warehouse: sent once, whatever becomes of the answer, and its shipment joins the deal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import NewOrder, Ordered, Recipient
from connectors.errors import Refused, Unreachable
from connectors.rlm import connector
from connectors.rlm.client import RlmClient
from connectors.rlm.folder import LocalFolder
from connectors.rlm.orders import depositor_order
from connectors.rlm.x12 import interchanges
from schemas.accounts import UNROUTED
from schemas.claims import Claim, Document, Fact, Line

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEAL = "order/web/820982911946154508"
ORDER = NewOrder(
    transaction=DEAL,
    location="East",
    placed_at=NOW,
    lines=(Ordered("TEE-S", 3), Ordered("TEE-M", 6)),
    recipient=Recipient(
        name="Ada Canary",
        street="1 Main St*",
        city="Los Angeles",
        region="CA",
        postcode="90001",
        country="US",
    ),
)


@pytest.fixture
def orders(client):
    return connector.orders(client)


def outbox(tmp_path):
    return sorted((tmp_path / "outbox").iterdir())


async def test_given_an_order_then_the_warehouse_gets_a_940_that_says_it(orders, directory, tmp_path):
    created = await orders.create(ORDER, directory)
    assert created == (depositor_order(DEAL), False)
    assert len(created.ref) <= 22, "element 285 has no more room"
    (file,) = outbox(tmp_path)
    (one,) = interchanges(file.read_bytes())[0].groups[0].sets
    assert [list(segment) for segment in one.segments] == [
        ["W05", "N", created.ref],
        ["N1", "ST", "Ada Canary"],
        ["N3", "1 Main St"],
        ["N4", "Los Angeles", "CA", "90001", "US"],
        ["N1", "WH", "", "92", "E01"],
        ["G62", "10", "20261123"],
        ["W66", "PP", "M"],
        ["LX", "1"],
        ["W01", "3", "EA", "", "SK", "TEE-S"],
        ["LX", "2"],
        ["W01", "6", "EA", "", "SK", "TEE-M"],
        ["W76", "9"],
    ]


async def test_given_an_order_twice_then_it_is_sent_once_even_when_it_was_fetched_meanwhile(
    orders, directory, sandbox, tmp_path
):
    first = await orders.create(ORDER, directory)
    assert await orders.create(ORDER, directory) == (first.ref, True)
    assert len(outbox(tmp_path)) == 1
    sandbox.work(NOW)
    assert await orders.create(ORDER, directory) == (first.ref, True)
    assert outbox(tmp_path) == []
    assert sandbox.stock("TEE-S", "E01") == 7


async def test_given_a_recipient_then_nothing_of_him_stays_in_our_own_folders(
    orders, directory, sandbox, tmp_path
):
    await orders.create(ORDER, directory)
    sandbox.work(NOW)
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"Canary" not in kept
    assert b"Main" not in kept


class Losing(LocalFolder):
    """A folder whose answer is lost after the write to a path that begins so was done."""

    lost = ""

    async def write(self, path, content):
        await super().write(path, content)
        if self.lost and path.startswith(self.lost):
            self.lost = ""
            raise Unreachable(path)


@pytest.mark.parametrize("lost", ["deals/", "numbers/", "sent/", "outbox/"])
@pytest.mark.parametrize("fetched", [True, False])
async def test_given_an_answer_that_was_lost_then_asking_again_orders_once(
    settings, directory, sandbox, tmp_path, lost, fetched
):
    folder = Losing(tmp_path)
    folder.lost = lost
    orders = connector.orders(RlmClient(settings, {}, folder))
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    if fetched:
        sandbox.work(NOW)
    assert (await orders.create(ORDER, directory)).ref == depositor_order(DEAL)
    sandbox.work(NOW)
    assert (sandbox.stock("TEE-S", "E01"), sandbox.stock("TEE-M", "E01")) == (7, 0)
    assert sum(b"ST*945*" in raw for raw in sandbox.sent) == 1


async def test_given_a_file_of_which_it_is_not_known_whether_it_was_sent_then_the_same_bytes_are_sent_again(
    settings, directory, sandbox, tmp_path
):
    folder = Losing(tmp_path)
    folder.lost = "outbox/"
    orders = connector.orders(RlmClient(settings, {}, folder))
    with pytest.raises(Unreachable):
        await orders.create(ORDER, directory)
    (first,) = outbox(tmp_path)
    sent = first.read_bytes()
    first.unlink()
    await orders.create(ORDER, directory)
    (again,) = outbox(tmp_path)
    assert again.read_bytes() == sent, "to the partner they are one interchange"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"location": "Moon"}, "no warehouse of the partner is Moon"),
        ({"location": "network"}, "no warehouse of the partner is network"),
        ({"lines": ()}, "needs lines"),
        ({"lines": (Ordered("TEE-S", 0),)}, "needs lines"),
        ({"lines": (Ordered("NEW", 1), Ordered("TEE-S", 1))}, "the partner has no item for: NEW"),
    ],
)
async def test_given_what_the_warehouse_cannot_do_then_the_reason_is_said_and_nothing_is_sent(
    orders, directory, tmp_path, change, reason
):
    wrong = NewOrder(
        **{"transaction": DEAL, "location": "East", "placed_at": NOW, "lines": ORDER.lines, **change}
    )
    with pytest.raises(Refused, match=reason):
        await orders.create(wrong, directory)
    assert outbox(tmp_path) == [] if (tmp_path / "outbox").exists() else True


async def test_given_our_order_then_its_shipment_joins_the_deal_and_what_was_short_is_routed_anew(
    orders, directory, sandbox, client, hub
):
    lines = tuple(
        Line(fact=Fact.ORDERED, sku=line.sku, quantity=line.quantity, at=NOW, location="East")
        for line in ORDER.lines
    )
    document = Document(id="order/1", version=1, lines=lines)
    hub.claim(
        Claim(transaction=DEAL, channel="web", topic="orders/create", occurred_at=NOW, documents=(document,))
    )
    await orders.create(ORDER, directory)
    sandbox.work(NOW)
    await hub.poll(client)
    assert hub.refused == []
    assert hub.balance("TEE-S", "East") == -3
    assert hub.balance("TEE-S", "East", "committed") == 0
    assert hub.balance("TEE-M", "East") == -4, "6 were ordered, 4 were there"
    assert hub.balance("TEE-M", "East", "committed") == 0
    assert hub.balance("TEE-M", "@unrouted", "committed") == 2


async def test_given_a_shipment_that_is_short_then_what_is_missing_can_be_routed_anew_on_the_same_day(
    orders, directory, sandbox, client, hub
):
    asked = Line(fact=Fact.ORDERED, sku="TEE-M", quantity=6, at=NOW, location=UNROUTED)
    placed = Document(id="order/1", version=1, lines=(asked,))
    hub.claim(Claim(transaction=DEAL, channel="web", topic="orders", occurred_at=NOW, documents=(placed,)))

    def route(number: int, units: int, there: str, seconds: int) -> None:
        at = NOW + timedelta(seconds=seconds)
        moved = Line(fact=Fact.REROUTED, sku="TEE-M", quantity=units, at=at, location=UNROUTED, there=there)
        found = Document(id=f"routing/{number}", version=1, lines=(moved,))
        hub.claim(
            Claim(transaction=DEAL, channel="onhand", topic="routing", occurred_at=at, documents=(found,))
        )

    route(1, 6, "East", 20)
    await orders.create(replace(ORDER, lines=(Ordered("TEE-M", 6),)), directory)
    sandbox.work(NOW + timedelta(seconds=40))
    await hub.poll(client)
    assert hub.balance("TEE-M", "East", "committed") == 0
    assert hub.balance("TEE-M", UNROUTED, "committed") == 2
    route(2, 2, "West", 50)
    assert hub.balance("TEE-M", UNROUTED, "committed") == 0
    assert hub.balance("TEE-M", "West", "committed") == 2


async def test_given_a_shipment_of_somebody_elses_order_then_it_is_no_deal_of_ours(client, sandbox, hub):
    await hub.poll(client)
    assert DEAL not in hub.transactions
