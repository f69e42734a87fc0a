"""Bought online, and sent from a store: which one, why, and what happens when it cannot."""

from __future__ import annotations

from company import now, somebody
from telling import Story

from connectors.rlm.orders import depositor_order

JACKET, SCARF = "ROUTE-JACKET", "ROUTE-SCARF"
NEAREST, BOTH, PREFERRED = "ROUTE-NEAREST", "ROUTE-BOTH", "ROUTE-PREFERRED"
MISSING = "ROUTE-MISSING"


def stocked(sku, **places):
    return {(sku, place): places.get(place, 0) for place in ("DC", "SOHO", "HARLEM")}


STOCK = {
    **stocked(NEAREST, DC=9, SOHO=3, HARLEM=2),
    **stocked(JACKET, DC=5, HARLEM=5),
    **stocked(SCARF, DC=5, SOHO=5),
    **stocked(PREFERRED, DC=4, SOHO=4, HARLEM=4),
    **stocked(BOTH, DC=1, SOHO=2, HARLEM=0),
    **stocked(MISSING, DC=2, SOHO=2),
}


def of(*skus):
    return {cell: units for cell, units in STOCK.items() if cell[0] in skus}


def buyer(number, near):
    return somebody("Bo", f"Shopper-{number}", 9100 + number, near=near)


async def given_an_order_then_the_nearest_store_sends_it_and_after_its_refusal_the_next(company):
    story = Story(company, of(NEAREST))
    lines = [(NEAREST, 1)]
    order = story.web.order(lines, at=now(), person=buyer(1, near="HARLEM"))
    deal = f"order/web/{order}"
    story.oracle.promise("HARLEM", lines)
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    assert set(await story.decided(deal)) == {"one parcel; not chosen: SOHO 3, DC 9"}
    told = await company.ask(f"explain/{NEAREST}", channel="web")
    assert any(line["label"].endswith("not chosen: SOHO 3, DC 9") for line in told["lines"])
    await story.at_till("HARLEM", deal)

    at = now().isoformat()
    rejected = {"fact": "pick_rejected", "sku": NEAREST, "quantity": 1, "location": "HARLEM", "at": at}
    await company.say("POST", "movements", {"transaction": deal, "lines": [rejected]}, key="HARLEM refuses")
    story.oracle.release("HARLEM", lines)
    story.oracle.promise("SOHO", lines)
    await story.agreed(deal, "PickRejected", "OrderRerouted", "OrderRerouted")
    assert (await story.decided(deal))[0] == "one parcel; not chosen: DC 9"
    await story.voided_at_till("HARLEM", deal)
    await story.carried_out(deal, ("HARLEM", "tills", "cancelled"), ("SOHO", "tills", "created"))
    await story.sent_from_store(order, "SOHO", lines)


async def given_two_articles_then_the_place_that_has_both_sends_one_parcel_though_others_are_nearer(
    company,
):
    story = Story(company, of(JACKET, SCARF))
    lines = [(JACKET, 1), (SCARF, 1)]
    order = story.web.order(lines, at=now(), person=buyer(2, near="HARLEM"))
    deal = f"order/web/{order}"
    story.oracle.promise("DC", lines)
    await story.agreed(deal, "OrderPlaced", "OrderPlaced", "OrderRerouted", "OrderRerouted")
    assert set(await story.decided(deal)) == {
        "one parcel; not chosen: HARLEM 5",
        "one parcel; not chosen: SOHO 5",
    }
    await story.sent_from_warehouse(order, lines)


async def given_no_place_has_all_then_it_is_sent_in_the_fewest_parcels(company):
    story = Story(company, of(BOTH))
    order = story.web.order([(BOTH, 3)], at=now(), person=buyer(3, near="SOHO"))
    deal = f"order/web/{order}"
    story.oracle.promise("SOHO", [(BOTH, 2)])
    story.oracle.promise("DC", [(BOTH, 1)])
    await story.agreed(deal, "OrderPlaced", "OrderRerouted", "OrderRerouted")
    await story.sent_from_store(order, "SOHO", [(BOTH, 2)])
    await story.sent_from_warehouse(order, [(BOTH, 1)])


async def given_a_warehouse_that_finds_fewer_than_it_said_then_a_store_sends_the_rest(company):
    story = Story(company, of(MISSING))
    order = story.web.order([(MISSING, 2)], at=now(), person=buyer(5, near="DC"))
    deal = f"order/web/{order}"
    story.oracle.promise("DC", [(MISSING, 2)])
    await story.agreed(deal, "OrderPlaced", "OrderRerouted")
    await story.at_warehouse(deal)
    story.dc.warehouse.stock[MISSING, "DC"] -= 1
    story.dc.ship(now(), depositor_order(deal))
    story.oracle.send("DC", "DC", [(MISSING, 1)])
    story.oracle.release("DC", [(MISSING, 1)])
    story.oracle.promise("SOHO", [(MISSING, 1)])
    await story.agreed(deal, "OrderShipped", "PickRejected", "OrderRerouted")
    await story.shipped_online(order, "DC", [(MISSING, 1)])
    await story.sent_from_store(order, "SOHO", [(MISSING, 1)])


async def given_a_place_that_the_merchandiser_prefers_then_it_sends_before_nearer_ones(company):
    story = Story(company, of(PREFERRED))
    lines = [(PREFERRED, 1)]
    await company.say("PATCH", "rules/web", {"locations": ["SOHO", "DC", "HARLEM"]})
    try:
        order = story.web.order(lines, at=now(), person=buyer(4, near="HARLEM"))
        deal = f"order/web/{order}"
        story.oracle.promise("SOHO", lines)
        await story.agreed(deal, "OrderPlaced", "OrderRerouted")
        assert set(await story.decided(deal)) == {"one parcel; not chosen: DC 4, HARLEM 4"}
    finally:
        await company.say("PATCH", "rules/web", {"locations": None})
    await story.sent_from_store(order, "SOHO", lines)


STORIES = (
    given_an_order_then_the_nearest_store_sends_it_and_after_its_refusal_the_next,
    given_two_articles_then_the_place_that_has_both_sends_one_parcel_though_others_are_nearer,
    given_no_place_has_all_then_it_is_sent_in_the_fewest_parcels,
    given_a_warehouse_that_finds_fewer_than_it_said_then_a_store_sends_the_rest,
)
ALONE = (given_a_place_that_the_merchandiser_prefers_then_it_sends_before_nearer_ones,)
"""While it is told, every order of the shop goes to other places."""
