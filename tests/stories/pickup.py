"""Bought online, picked up in a store: collected, never collected, and called off at the last moment."""

from __future__ import annotations

from company import now, somebody
from telling import Story

COLLECTED, LAPSED, CALLED_OFF = "PICK-COLLECTED", "PICK-LAPSED", "PICK-CALLED-OFF"
STOCK = {
    (sku, place): units
    for sku in (COLLECTED, LAPSED, CALLED_OFF)
    for place, units in (("DC", 5), ("SOHO", 3), ("HARLEM", 4))
}


class PickUp:
    """A story of one order that is to be picked up in SOHO."""

    def __init__(self, company, sku, first, last, number):
        self.story = Story(company, {cell: units for cell, units in STOCK.items() if cell[0] == sku})
        self.lines, self.name = [(sku, 1)], (first, last)
        self.order = self.story.web.order(
            self.lines, at=now(), routed_to="SOHO", pick_up=True, person=somebody(first, last, number)
        )
        self.deal = f"order/web/{self.order}"

    async def promised(self):
        """The store keeps it for its customer, whose sale is in its till. Nobody else is asked to bring it."""
        self.story.oracle.promise("SOHO", self.lines)
        await self.story.agreed(self.deal, "OrderPlaced", "OrderRerouted")
        assert await self.story.decided(self.deal) == []
        sale = await self.story.at_till("SOHO", self.deal)
        assert (sale["customer"]["first_name"], sale["customer"]["last_name"]) == self.name
        await self.story.carried_out(self.deal, ("SOHO", "tills", "created"))
        return sale

    async def released(self, kind):
        """Nobody comes for it: the store may sell it, and its till has no sale of it any more."""
        self.story.oracle.release("SOHO", self.lines)
        await self.story.agreed(self.deal, kind)
        await self.story.voided_at_till("SOHO", self.deal)
        await self.story.carried_out(self.deal, ("SOHO", "tills", "cancelled"))


async def given_a_pick_up_then_the_store_keeps_it_for_its_customer_at_once_and_hands_it_over(company):
    told = PickUp(company, COLLECTED, "Wilhelmina", "Quennevil", 9201)
    sale = await told.promised()
    told.story.web.prepare(told.order, at=now())
    await told.story.agreed(told.deal)
    told.story.tills.close(sale["id"], at=now())
    told.story.oracle.send("SOHO", "SOHO", told.lines)
    await told.story.agreed(told.deal, "PickupCollected")
    await told.story.shipped_online(told.order, "SOHO")


async def given_nobody_comes_then_the_store_says_so_and_may_sell_it(company):
    told = PickUp(company, LAPSED, "Ossian", "Vantongeren", 9202)
    await told.promised()
    whole = [
        {"fact": fact, "sku": LAPSED, "quantity": 1, "location": "SOHO", "at": now().isoformat()}
        for fact in ("ordered", "pickup_lapsed")
    ]
    await company.say("POST", "movements", {"transaction": told.deal, "lines": whole}, key="never came")
    await told.released("PickupLapsed")
    told.story.web.cancel(told.order, at=now())
    await told.story.agreed(told.deal)


async def given_it_is_called_off_five_minutes_before_it_is_collected_then_the_store_may_sell_it(company):
    told = PickUp(company, CALLED_OFF, "Perpetua", "Lindqvist", 9203)
    await told.promised()
    told.story.web.cancel(told.order, at=now())
    await told.released("OrderCancelled")


STORIES = (
    given_a_pick_up_then_the_store_keeps_it_for_its_customer_at_once_and_hands_it_over,
    given_nobody_comes_then_the_store_says_so_and_may_sell_it,
    given_it_is_called_off_five_minutes_before_it_is_collected_then_the_store_may_sell_it,
)
