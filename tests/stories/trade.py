"""Sold to other businesses: from a pool of their own, whatever the shop sells meanwhile."""

from __future__ import annotations

from company import TRADE, now
from telling import Story

SOCKS = "TRADE-SOCKS"
STOCK = {(SOCKS, "DC"): 620, (SOCKS, "SOHO"): 5, (SOCKS, "HARLEM"): 5}


async def pooled(story, place="DC"):
    """What the pool has at a place."""
    stock = await story.hub.queries.stock(SOCKS)
    return stock.locations[place].get(f"available[{TRADE}]", 0)


async def test_given_500_units_for_a_business_then_they_leave_its_own_pool_and_the_retail_number_stays(
    company,
):
    story, lines = Story(company, STOCK), [(SOCKS, 500)]
    aside = {
        "fact": "pool_allocated",
        "sku": SOCKS,
        "quantity": 500,
        "location": "DC",
        "to_pool": TRADE,
        "at": now().isoformat(),
    }
    asked = {"transaction": "season/trade", "lines": [aside]}
    await company.say("POST", "movements", asked, key="set aside for trade")
    story.oracle.promise("DC", lines)
    await story.agreed("season/trade", "PoolAllocated")
    assert await pooled(story) == 500

    order = story.web.order(lines, at=now(), tags=["Trade"])
    deal = f"order/web/{order}"
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    assert await pooled(story) == 0
    (placed,) = [
        one
        for one in (await story.hub.queries.movements(sku=SOCKS)).items
        if (one["transaction"], one["kind"]) == (deal, "OrderPlaced")
    ]
    assert {leg["state"] for leg in placed["legs"]} == {f"available[{TRADE}]", "committed"}

    story.web.fulfil(order, "DC", at=now())
    story.oracle.on_hand[SOCKS, "DC"] -= 500
    await story.agreed(deal, "OrderShipped")
