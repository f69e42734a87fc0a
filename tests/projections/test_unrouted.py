"""Demand that no place was chosen for, found in the journal."""

from __future__ import annotations

from projections.queries import Queries
from projections.unrouted import demands
from schemas.postings import Kind


async def found(pool, channels=("web",), since=None, waiting=()):
    return await demands(Queries(pool), set(channels), since, waiting)


async def test_given_open_demand_without_a_place_then_it_is_found_with_its_channel(pool, shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    shop.post(Kind.ORDER_PLACED, 2, "@unrouted", channel="web", document="order/1")
    await shop.record_all()
    (one,) = await found(pool)
    assert (one.transaction, one.channel, one.units, one.routed) == ("web/order/1", "web", {"TEE": 2}, 0)
    assert one.recorded_at == shop.journal[1].recorded_at
    assert await found(pool, channels=("trade",)) == []
    reached = await Queries(pool).offsets("movements")
    assert await found(pool, since=reached) == []
    assert len(await found(pool, since=reached, waiting=["web/order/1"])) == 1
    shop.post(Kind.ORDER_PLACED, 3, "@unrouted", channel="web", document="order/2")
    await shop.record_all()
    assert [one.transaction for one in await found(pool, since=reached)] == ["web/order/2"]
    assert len(await found(pool, since=dict.fromkeys(reached, 0))) == 2


async def test_given_demand_of_a_pool_then_it_is_found_with_its_pool(pool, shop):
    shop.post(Kind.ORDER_PLACED, 2, "@unrouted", channel="web", document="order/1", pool="trade")
    shop.post(Kind.ORDER_PLACED, 3, "@unrouted", channel="web", document="order/2")
    await shop.record_all()
    assert {one.transaction: (one.units, one.pool) for one in await found(pool)} == {
        "web/order/1": ({"TEE": 2}, "trade"),
        "web/order/2": ({"TEE": 3}, None),
    }
