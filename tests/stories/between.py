"""What only another place has: moved there, or sold here and sent from there."""

from __future__ import annotations

from agreeing import Held
from company import now
from telling import Story

MOVED, SHORT, AISLE, HEAVY = "MOVE-WHOLE", "MOVE-SHORT", "AISLE-COAT", "AISLE-HEAVY"
STOCK = {
    **{(sku, "SOHO"): 6 for sku in (MOVED, SHORT)},
    **{(sku, place): 1 for sku in (MOVED, SHORT) for place in ("DC", "HARLEM")},
    (AISLE, "DC"): 0,
    (AISLE, "SOHO"): 0,
    (AISLE, "HARLEM"): 3,
    (HEAVY, "DC"): 4,
    (HEAVY, "SOHO"): 1,
    (HEAVY, "HARLEM"): 0,
}


def of(*skus):
    return {cell: units for cell, units in STOCK.items() if cell[0] in skus}


async def given_a_transfer_then_it_is_nowhere_while_it_is_on_its_way_and_what_never_arrives_is_lost(
    company,
):
    for sku, came in ((MOVED, 4), (SHORT, 3)):
        story, lines = Story(company, of(sku)), [(sku, 4)]
        sheet = story.tills.consign("OUTLET", "HARLEM", dict(lines), at=now(), source="SOHO")
        deal = f"consignment/tills/{sheet}"
        story.tills.step(sheet, "SENT", at=now())
        story.oracle.go("SOHO", lines)
        story.held[Held(sku, None, "in_transit")] = 4
        await story.agreed(deal, "TransferShipped")
        story.tills.step(sheet, "RECEIVED", at=now(), received={sku: came})
        story.oracle.come("HARLEM", [(sku, came)])
        story.held[Held(sku, None, "in_transit")] = 0
        await story.agreed(deal, "TransferReceived", *(["TransferShortClosed"] if came < 4 else []))


async def given_a_store_that_has_none_then_it_sells_what_another_sends(company):
    story, lines = Story(company, of(AISLE)), [(AISLE, 1)]
    sale = story.tills.sell(
        "SOHO", lines, at=now(), state="pending", attributes=("delivery",), fulfilled_at="HARLEM"
    )
    deal = f"sale/tills/{sale}"
    story.oracle.promise("HARLEM", lines)
    await story.agreed(deal, "OrderPlaced")
    story.tills.close(sale, at=now())
    story.oracle.send("HARLEM", "HARLEM", lines)
    await story.agreed(deal, "OrderShipped")


async def given_it_is_bought_in_a_store_then_the_warehouse_sends_it_home(company):
    story, lines = Story(company, of(HEAVY)), [(HEAVY, 2)]
    order = story.web.order(lines, at=now(), routed_to="SOHO", till=True)
    deal = f"order/web/{order}"
    story.web.reroute(order, "DC", at=now())
    story.oracle.promise("DC", lines)
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    await story.sent_from_warehouse(order, lines)


STORIES = (
    given_a_transfer_then_it_is_nowhere_while_it_is_on_its_way_and_what_never_arrives_is_lost,
    given_a_store_that_has_none_then_it_sells_what_another_sends,
    given_it_is_bought_in_a_store_then_the_warehouse_sends_it_home,
)
