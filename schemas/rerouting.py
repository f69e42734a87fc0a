"""SKUs that were ordered together, played at the same time: the places of orders that the hub routed are chosen again, and a bundle is sold
as often as the scarcest of its components allows. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from schemas.accounts import UNROUTED, State
from schemas.bundling import Bundles
from schemas.happened import NOWHERE, Entry, History, Legs, is_routing
from schemas.hearing import Heard
from schemas.ledger import Stock
from schemas.outcomes import Outcome, Side
from schemas.postings import pool_named
from schemas.routing import HUB, Demand, route
from schemas.rules import ChannelRules
from schemas.whatif import Effect, Sides
from schemas.worlds import World

Decided = tuple[str, int]
"""A transaction and when it was routed (microseconds since 1970)."""


def together(histories: Mapping[str, History], sides: Sides) -> dict[str, Effect]:
    """What other rules would have come to for SKUs that are linked (`History.linked`), or components of a bundle."""
    before = _Network(histories, sides.before, sides).played()
    after = _Network(histories, sides.after, sides).played()
    return {sku: Effect(before[sku], after[sku]) for sku in histories}


class _Network:
    """Several SKUs on one side, and who chooses the places of their orders."""

    def __init__(self, histories: Mapping[str, History], side: Side, sides: Sides) -> None:
        self.side = side
        self.worlds = {
            sku: World(sku, history, side, sides.delays, sides.since) for sku, history in histories.items()
        }
        self.hub = {sku: Heard(sku, HUB, None, 0) for sku in histories}
        self.asked: dict[Decided, dict[str, int]] = {}
        self.chosen: dict[Decided, dict[str, dict[str, int]]] = {}
        seller = Bundles(self.worlds, side, sides.before.bundles, sides.delays)
        for sku, world in self.worlds.items():
            world.router, world.seller = self.route, seller.sell
            for at, _, move, channel, transaction, _, _ in world.log:
                if channel == HUB and is_routing(move):
                    asked = self.asked.setdefault((transaction, at), {})
                    asked[sku] = asked.get(sku, 0) + move.units

    def played(self) -> dict[str, Outcome]:
        """What came of it, by SKU."""
        steps = [
            (world.log[index][0], number, world, index)
            for world in self.worlds.values()
            for number, index in enumerate(world.order)
        ]
        steps.sort(key=lambda step: step[:2])
        for _, _, world, index in steps:
            world.step(index, world.log[index])
        return {sku: world.ended() for sku, world in self.worlds.items()}

    def route(self, world: World, entry: Entry) -> Legs:
        """What of one SKU goes where, at the first of the movements that said so; the others have nothing left to say."""
        at, _, _, _, transaction, _, _ = entry
        decided = transaction, at
        if decided not in self.chosen:
            self.chosen[decided] = self._choose(transaction, at)
        deal = world.deals[transaction]
        deal.rerouted, state = True, deal.state
        legs: Legs = ()
        for name, units in self.chosen[decided].pop(world.sku, {}).items():
            legs += (
                (NOWHERE, -units),
                ((UNROUTED, state), units),
                ((name, state), -units),
                ((name, State.COMMITTED.value), units),
            )
        return legs

    def _choose(self, transaction: str, at: int) -> dict[str, dict[str, int]]:
        """The places of an order's units, by SKU: of those that were sold and have no place yet."""
        open_units: dict[str, int] = {}
        stocks: dict[str, Stock] = {}
        rejected: dict[str, set[str]] = {}
        channel, rules = "", ChannelRules()
        for sku, asked in self.asked[transaction, at].items():
            world = self.worlds[sku]
            deal = world.deals.get(transaction)
            units = min(asked, deal.cells.get(NOWHERE, 0)) if deal is not None else 0
            if deal is None or units <= 0:
                continue
            open_units[sku], channel = units, deal.channel
            rejected[sku] = deal.rejected
            rules = self.side.at(at).get(channel, ChannelRules())
            rules = replace(rules, pool=pool_named(deal.state))
            heard = self.hub[sku]
            world.tell(heard, at, 0)
            stocks[sku] = heard.meter.stock()
        if not open_units:
            return {}
        demand = Demand(transaction=transaction, channel=channel, units=open_units, rejected=rejected)
        chosen: dict[str, dict[str, int]] = {}
        for parcel in route(demand, stocks, rules, self.side.sites).plan.parcels:
            for sku, units in parcel.lines.items():
                chosen.setdefault(sku, {})[parcel.location] = units
        return chosen
