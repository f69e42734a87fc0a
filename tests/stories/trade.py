"""Sold to other businesses: from a pool of their own, whatever the shop sells meanwhile."""

from __future__ import annotations

from agreeing import Held
from company import TRADE, now
from telling import Story

from connectors.rlm.orders import depositor_order

SOCKS, POOL = "TRADE-SOCKS", f"available[{TRADE}]"
STOCK = {(SOCKS, "DC"): 620, (SOCKS, "SOHO"): 5, (SOCKS, "HARLEM"): 5}


async def given_500_units_for_a_business_then_they_leave_its_own_pool_and_the_retail_number_stays(
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
    story.held[Held(SOCKS, "DC", POOL)] = 500
    await story.agreed("season/trade", "PoolAllocated")

    order = story.web.order(lines, at=now(), tags=["Trade"])
    deal = f"order/web/{order}"
    story.held |= {Held(SOCKS, "DC", POOL): 0, Held(SOCKS, "DC", "committed"): 500}
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    (placed,) = [
        one
        for one in (await story.hub.queries.movements(sku=SOCKS)).items
        if (one["transaction"], one["kind"]) == (deal, "OrderPlaced")
    ]
    assert {leg["state"] for leg in placed["legs"]} == {POOL, "committed"}

    await story.at_warehouse(deal)
    story.dc.ship(now(), depositor_order(deal))
    story.oracle.on_hand[SOCKS, "DC"] -= 500
    story.held[Held(SOCKS, "DC", "committed")] = 0
    await story.agreed(deal, "OrderShipped")
    await story.shipped_online(order, "DC")


STORIES = (given_500_units_for_a_business_then_they_leave_its_own_pool_and_the_retail_number_stays,)
