"""A day at the warehouse, lost, repeated and out of order: our stock becomes the warehouse's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import NewOrder, Ordered, Payload
from connectors.rlm import connector
from connectors.rlm.allowlist import cut
from connectors.rlm.partner import opened
from connectors.rlm.x12 import Address, written

SKUS, PLACES = ("TEE-S", "TEE-M", "MUG"), {"E01": "East", "STORE07": "Store 7"}
SEEDED = {("TEE-S", "E01"): 10, ("TEE-M", "E01"): 4, ("TEE-S", "STORE07"): 2}
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


async def trade(sandbox, client, directory):
    """Orders, goods on their way, adjustments, transfers and sales."""
    orders = connector.orders(client)
    for number in range(60):
        at = NOW + timedelta(minutes=number)
        sku, place = SKUS[number % 3], ("E01", "STORE07")[number % 2]
        if number % 5 == 0:
            origin = "F01" if number % 2 else "STORE07"
            body = [
                ("W06", "N", f"ASN-{number}", f"{at:%Y%m%d}"),
                ("N1", "SF", "", "92", origin),
                ("N1", "WH", "", "92", "E01"),
                ("W04", str(number % 7 + 1), "EA", "", "SK", sku),
            ]
            await client.mailbox.send(await client.mailbox.number(), "943", at, [body])
        elif number % 5 == 1:
            sandbox.adjust(
                place, [(sku, number % 4 - 2), ("TEE-S", 1)], at=at, reason=("AA", "AH")[number % 2]
            )
        elif number % 5 == 2:
            sandbox.sell(place, [(sku, 1)], at=at)
        else:
            lines = (Ordered(sku, number % 3 + 1), Ordered("TEE-S", 1))
            await orders.create(
                NewOrder(
                    transaction=f"order/web/{number}", location=PLACES[place], placed_at=at, lines=lines
                ),
                directory,
            )
        sandbox.work(at)


def physical(hub):
    return {
        (sku, place): hub.stock[sku].on_hand(place)
        for sku in SKUS
        for place in PLACES.values()
        if sku in hub.stock
    }


async def read_all(client):
    """Every document of the inbox, as if the process died before any was put away."""
    found = []
    for name in await client.ready():
        for document in opened(client.settings, name, await client.folder.read(f"inbox/{name}")):
            await client._recognise(document)
            found.append(Payload(document["set"], cut(document["set"], document)))
    return found


async def test_given_a_days_documents_in_order_then_our_stock_moved_as_the_warehouses(
    sandbox, client, directory, hub
):
    await trade(sandbox, client, directory)
    assert await hub.poll(client) > 60
    assert hub.refused == []
    moved = physical(hub)
    for (sku, place), units in moved.items():
        code = next(code for code, name in PLACES.items() if name == place)
        transferred = sent_by_the_store(sku) if code == "STORE07" else 0
        assert units == sandbox.stock(sku, code) - SEEDED.get((sku, code), 0) - transferred, (sku, place)
    assert all(stock.total() == 0 for stock in hub.stock.values())


def sent_by_the_store(sku):
    """What the notices say that the store sent, of which the store's own system (none of this partner's) would tell."""
    return sum(number % 7 + 1 for number in range(0, 60, 10) if SKUS[number % 3] == sku)


@pytest.mark.parametrize("seed", range(5))
async def test_given_lost_repeated_and_shuffled_documents_then_one_poll_makes_the_same_stock(
    sandbox, client, directory, hub, seed
):
    await trade(sandbox, client, directory)
    documents = await read_all(client)
    chance = random.Random(seed)
    lost = set(chance.sample(range(len(documents)), max(1, len(documents) // 50)))
    some = [one for number, one in enumerate(documents) if number not in lost]
    some += chance.sample(some, len(some) // 4)
    chance.shuffle(some)
    for one in some:
        hub.take(one)
    await hub.poll(client)
    clean = type(hub)(directory)
    for one in documents:
        clean.take(one)
    assert hub.refused == []
    assert physical(hub) == physical(clean)
    assert {sku: one.locations for sku, one in hub.stock.items()} == {
        sku: one.locations for sku, one in clean.stock.items()
    }


async def test_given_every_file_once_more_under_another_name_then_nothing_moves(
    sandbox, client, directory, hub
):
    await trade(sandbox, client, directory)
    await hub.poll(client)
    before = {sku: one.locations for sku, one in hub.stock.items()}
    for number in range(len(sandbox.sent)):
        sandbox.resend(number=number)
        sandbox.truncate(number=number)
    await hub.poll(client)
    assert {sku: one.locations for sku, one in hub.stock.items()} == before
    assert len(list((sandbox.root / "bad").glob("*.reason"))) == len(sandbox.sent)


async def test_given_a_receipt_before_its_notice_then_nothing_stays_expected(sandbox, client, directory, hub):
    body = [
        ("W06", "N", "ASN-1", "20261123"),
        ("N1", "SF", "", "92", "F01"),
        ("N1", "WH", "", "92", "E01"),
        ("W04", "12", "EA", "", "SK", "TEE-S"),
    ]
    name = await client.mailbox.send(1, "943", NOW, [body])
    (sandbox.root / "inbox" / f"zz-{name}").write_bytes((sandbox.root / "outbox" / name).read_bytes())
    sandbox.work(NOW)
    await hub.poll(client)
    assert (hub.balance("TEE-S", "East"), hub.balance("TEE-S", "East", "incoming")) == (12, 0)


async def test_given_a_retailers_order_and_its_shipment_then_the_demand_is_met_and_not_doubled(
    sandbox, client, directory, hub
):
    number = sandbox.sell("E01", [("TEE-S", 3)], at=NOW)
    await hub.poll(client)
    assert hub.balance("TEE-S", "@unrouted", "committed") == 3
    body = [
        ("W06", "F", "W-77", "20261124", "BOL9", "", number),
        ("N1", "WH", "", "92", "E01"),
        ("W12", "CC", "3", "3", "0", "EA", "", "SK", "TEE-S"),
    ]
    content = written(Address("ZZ", "PARTNER"), Address("ZZ", "ONHAND"), 900, NOW, "945", [body])
    (sandbox.root / "inbox/zz.edi").write_bytes(content)
    await hub.poll(client)
    assert hub.balance("TEE-S", "@unrouted", "committed") == 0
    assert (hub.balance("TEE-S", "East"), hub.balance("TEE-S", "East", "committed")) == (-3, 0)
