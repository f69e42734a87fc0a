"""Bought online, and sent from the warehouse."""

from __future__ import annotations

from company import now, somebody
from telling import Story

TEE = "ONLINE-TEE"
STOCK = {(TEE, "DC"): 10, (TEE, "SOHO"): 4, (TEE, "HARLEM"): 4}


async def test_given_an_online_order_then_the_warehouse_sends_it_and_it_counts_once(company):
    story = Story(company, STOCK)
    lines = [(TEE, 2)]
    order = story.web.order(lines, at=now(), person=somebody("Ada", "Nearby", 9001, near="DC"))
    deal = f"order/web/{order}"
    story.oracle.promise("DC", lines)
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")

    story.web.fulfil(order, "DC", at=now())
    story.oracle.send("DC", "DC", lines)
    await story.agreed(deal, "OrderShipped")
