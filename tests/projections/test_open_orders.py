from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from projections import commitments
from projections.blocks import Blocks
from schemas.movements import Movement
from schemas.postings import Kind
from schemas.topics import MOVEMENTS

SKUS, PLACES = ("TEE", "MUG"), ("WH", "NYC", "@unrouted")


def told(movement: Movement) -> Movement:
    """The same of another channel and demand class: by its instant, which a void shares with what it voids."""
    minute = int(movement.occurred_at.timestamp()) // 60
    channel, demand = ("web", "tills")[minute % 2], ("retail", "wholesale")[minute // 2 % 2]
    return replace(movement, channel=channel, demand_class=demand)


def busy_orders(shop, after, chance: random.Random, count: int) -> None:
    """Orders of few deals: placed, grown, routed, shipped before they were placed, closed and opened again, and taken back. Many
    at the same instants, told in any order.
    """
    standing: list[Movement] = []
    for _ in range(count):
        sku, here = chance.choice(SKUS), chance.choice(PLACES)
        at = after(minutes=chance.randrange(8))
        more = {"sku": sku, "at": at, "known": after(hours=1), "document": f"order/{chance.randrange(6)}"}
        units = chance.randint(1, 3)
        if standing and chance.random() < 0.3:
            shop.void(standing.pop(chance.randrange(len(standing))), known=after(hours=1))
            continue
        kind = chance.choice(
            [Kind.ORDER_PLACED] * 3
            + [Kind.ORDER_SHIPPED] * 3
            + [Kind.ORDER_CANCELLED, Kind.SHIPMENT_VOIDED, Kind.ORDER_ROUTED, Kind.POS_SALE_COMPLETED]
        )
        there = {"there": "NYC" if here == "WH" else "WH"} if kind is Kind.ORDER_ROUTED else {}
        standing.append(shop.post(kind, units, here, **there, **more))
    shop.journal[:] = map(told, shop.journal)


def open_orders(journal: list[Movement]) -> dict[tuple[str, str, str], tuple]:
    """What is open by the whole journal: units by deal, SKU and location, and of which order that still stands."""
    held: Counter[tuple[str, str, str]] = Counter()
    stands: Counter[tuple] = Counter()
    for movement in journal:
        for leg in movement.legs:
            if leg.state == "committed":
                deal = (movement.transaction, movement.sku)
                held[*deal, leg.location] += leg.quantity
                order = (movement.occurred_at, movement.channel, movement.demand_class)
                stands[deal, leg.location, order] += leg.quantity
    oldest: dict[tuple[str, str], tuple] = {}
    for (deal, _, order), units in stands.items():
        if units > 0:
            oldest[deal] = min(order, oldest.get(deal, order))
    return {cell: (units, *oldest[cell[:2]]) for cell, units in held.items() if units > 0}


async def listed(shop, now, **filters) -> dict[tuple[str, str, str], tuple]:
    rows = (await shop.queries.commitments(now, limit=1_000, **filters)).items
    found = {
        (row["transaction"], row["sku"], row["location"]): (
            *(row["units"], row["since"], row["channel"], row["demand_class"]),
        )
        for row in rows
    }
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("near", [commitments.NEAR, -1], ids=["a little behind", "far behind"])
@pytest.mark.parametrize("seed", range(6))
async def test_given_any_orders_digested_so_far_then_each_is_as_old_as_what_still_stands_of_it(
    shop, after, monkeypatch, seed, near
):
    monkeypatch.setattr(commitments, "NEAR", near)
    chance = random.Random(seed)
    busy_orders(shop, after, chance, 240)
    blocks, seen = Blocks(shop.pool, 8, chance.randint(5, 40)), 0
    while (done := shop.recorded.get(MOVEMENTS.name, 0)) < len(shop.journal):
        await shop.record(MOVEMENTS, shop.journal[done : done + chance.randint(1, 30)])
        for _ in range(chance.choice([0, 0, 1, 3])):
            await blocks.digest()
        expected = open_orders(shop.journal[: shop.recorded[MOVEMENTS.name]])
        assert await listed(shop, after(days=9)) == expected
        sku, place = chance.choice(SKUS), chance.choice(PLACES)
        of_sku = {cell: order for cell, order in expected.items() if cell[1] == sku}
        assert await listed(shop, after(days=9), sku=sku) == of_sku
        there = {cell: order for cell, order in of_sku.items() if cell[2] == place}
        assert await listed(shop, after(days=9), sku=sku, location=place) == there
        seen += len(expected)
    assert seen > 50
    while await blocks.digest():
        pass
    kept = await shop.queries.rows("SELECT * FROM open_units WHERE units > 0")
    assert {
        (row["transaction"], row["sku"], row["location"]): (
            *(row["units"], row["since"], row["channel"], row["demand_class"]),
        )
        for row in kept
    } == open_orders(shop.journal), "what is digested says all of it"


async def test_given_a_closed_order_of_which_a_parcel_comes_back_then_it_is_as_old_as_it_was(shop, after):
    shop.post(Kind.ORDER_PLACED, 4, at=after())
    sent = shop.post(Kind.ORDER_SHIPPED, 4, at=after(days=3))
    await shop.record(MOVEMENTS, shop.journal)
    blocks = Blocks(shop.pool)
    assert await blocks.digest()
    assert await shop.queries.rows("SELECT * FROM open_units") == [], "what is closed is gone"
    shop.void(sent, known=after(days=5))
    await shop.record(MOVEMENTS, shop.journal[-1:])
    for _ in range(2):
        (row,) = (await shop.queries.commitments(after(days=10))).items
        assert (row["units"], row["since"]) == (4, after())
        await blocks.digest()


async def test_given_an_order_that_is_taken_back_elsewhere_then_what_stands_is_as_old_as_itself(shop, after):
    first = shop.post(Kind.ORDER_PLACED, 1, "NYC", at=after())
    shop.post(Kind.ORDER_PLACED, 2, "WH", at=after(days=2))
    await shop.record(MOVEMENTS, shop.journal)
    blocks = Blocks(shop.pool)
    assert await blocks.digest()
    assert {order[1] for order in (await listed(shop, after(days=9))).values()} == {after()}
    shop.void(first, known=after(days=3))
    await shop.record(MOVEMENTS, shop.journal[-1:])
    for _ in range(2):
        found = await listed(shop, after(days=9), location="WH")
        assert found == {("web/order/1", "TEE", "WH"): (2, after(days=2), "web", "retail")}
        await blocks.digest()
