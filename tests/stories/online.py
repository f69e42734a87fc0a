"""Bought online, and sent from the warehouse."""

from __future__ import annotations

from company import now, somebody
from telling import Story

TEE, BELT = "ONLINE-TEE", "ONLINE-BELT"
STOCK = {
    (sku, place): units for sku in (TEE, BELT) for place, units in (("DC", 10), ("SOHO", 4), ("HARLEM", 4))
}


async def ordered(company, sku, lines, first, last, number):
    """A story whose order the warehouse has to pack: the story, the order, and its deal."""
    story = Story(company, {cell: units for cell, units in STOCK.items() if cell[0] == sku})
    order = story.web.order(lines, at=now(), person=somebody(first, last, number, near="DC"))
    deal = f"order/web/{order}"
    story.oracle.promise("DC", lines)
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    asked = await story.at_warehouse(deal)
    assert f"{first} {last}" in {part for segment in asked for part in segment}
    await story.carried_out(deal, ("DC", "dc", "created"))
    return story, order, deal


async def given_an_online_order_then_the_warehouse_sends_it_and_it_counts_once(company):
    lines = [(TEE, 2)]
    story, order, _ = await ordered(company, TEE, lines, "Ada", "Nearbury", 9001)
    await story.sent_from_warehouse(order, lines)


async def given_it_is_cancelled_before_it_is_packed_then_the_warehouse_need_not_and_may_sell_it(company):
    lines = [(BELT, 3)]
    story, order, deal = await ordered(company, BELT, lines, "Ede", "Farfield", 9002)
    story.web.cancel(order, at=now())
    story.oracle.release("DC", lines)
    await story.agreed(deal, "OrderCancelled")
    await story.taken_back_at_warehouse(deal)
    await story.carried_out(deal, ("DC", "dc", "cancelled"))


STORIES = (
    given_an_online_order_then_the_warehouse_sends_it_and_it_counts_once,
    given_it_is_cancelled_before_it_is_packed_then_the_warehouse_need_not_and_may_sell_it,
)
