"""Bought online, brought back to a store: it lands there, in the state it is in. And exchanged over the counter."""

from __future__ import annotations

from agreeing import Held
from company import now, somebody
from telling import Story

SHOE, WORN, STAINED = "BACK-SHOE", "BACK-WORN", "BACK-STAINED"
SMALL, LARGE = "EXCHANGE-SMALL", "EXCHANGE-LARGE"
STOCK = {
    (sku, place): units
    for sku in (SHOE, WORN, STAINED, SMALL, LARGE)
    for place, units in (("DC", 6), ("SOHO", 2), ("HARLEM", 2))
}


def of(*skus):
    return {cell: units for cell, units in STOCK.items() if cell[0] in skus}


async def sent(company, sku, number):
    """A story whose order was sent from the warehouse: the story, the order, and its deal."""
    story, lines = Story(company, of(sku)), [(sku, 2)]
    order = story.web.order(lines, at=now(), person=somebody("Cy", f"Sender-{number}", number, near="DC"))
    deal = f"order/web/{order}"
    story.oracle.promise("DC", lines)
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    await story.sent_from_warehouse(order, lines)
    return story, order, deal


async def given_goods_as_new_then_the_store_that_took_them_back_sells_them_and_the_refund_adds_none(
    company,
):
    story, order, _ = await sent(company, SHOE, 9301)
    back = [(SHOE, 1)]
    ticket = story.tills.sell("SOHO", [(SHOE, -1)], at=now())
    story.oracle.come("SOHO", back)
    await story.agreed(f"sale/tills/{ticket}", "ReturnReceived")
    story.web.refund(order, back, restock="no_restock", location=None, at=now())
    await story.agreed(f"sale/tills/{ticket}", "ReturnReceived")


async def given_goods_that_must_be_looked_at_then_they_are_there_and_not_for_sale(company):
    story, order, deal = await sent(company, WORN, 9302)
    story.web.give_back(order, [(WORN, 1)], kind="PROCESSING_REQUIRED", location="SOHO", at=now())
    story.oracle.land("SOHO", [(WORN, 1)])
    story.held[Held(WORN, "SOHO", "quality_control")] = 1
    await story.agreed(deal, "ReturnReceived")


async def given_damaged_goods_then_they_are_there_and_not_for_sale(company):
    story, order, deal = await sent(company, STAINED, 9303)
    story.web.give_back(order, [(STAINED, 2)], kind="NOT_RESTOCKED", location="HARLEM", at=now())
    story.oracle.land("HARLEM", [(STAINED, 2)])
    story.held[Held(STAINED, "HARLEM", "damaged")] = 2
    await story.agreed(deal, "ReturnReceived")


async def given_an_exchange_then_one_size_comes_and_the_other_goes_by_one_document(company):
    story = Story(company, of(SMALL, LARGE))
    sold = story.tills.sell("SOHO", [(SMALL, 1)], at=now())
    story.oracle.go("SOHO", [(SMALL, 1)])
    await story.agreed(f"sale/tills/{sold}", "PosSaleCompleted")
    swapped = story.tills.sell("SOHO", [(SMALL, -1), (LARGE, 1)], at=now())
    story.oracle.come("SOHO", [(SMALL, 1)])
    story.oracle.go("SOHO", [(LARGE, 1)])
    await story.agreed(f"sale/tills/{swapped}", "ReturnReceived", "PosSaleCompleted")


STORIES = (
    given_goods_as_new_then_the_store_that_took_them_back_sells_them_and_the_refund_adds_none,
    given_goods_that_must_be_looked_at_then_they_are_there_and_not_for_sale,
    given_damaged_goods_then_they_are_there_and_not_for_sale,
    given_an_exchange_then_one_size_comes_and_the_other_goes_by_one_document,
)
