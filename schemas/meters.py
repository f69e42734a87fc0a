"""A channel's number of one SKU, kept up movement by movement: what `schemas.availability` makes of the stock, without making it anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import places_of
from schemas.happened import Cell, Legs, stock_of
from schemas.ledger import Stock
from schemas.postings import pooled
from schemas.rules import ChannelRules


class Meter:
    """The balances that somebody has heard of, and the number that a channel's rules make of them.

    Where every location adds what it has beyond what is held back, the sum is kept up to date; a number that depends on more (what may be
    sold beyond what there is) is made anew.
    """

    __slots__ = (
        "_counted",
        "_eligible",
        "_held",
        "_offered",
        "balances",
        "channel",
        "rules",
        "sku",
        "state",
        "tracked",
    )

    def __init__(self, sku: str, channel: str, rules: ChannelRules) -> None:
        self.sku, self.channel = sku, channel
        self.balances: dict[Cell, int] = defaultdict(int)
        self.tracked: dict[str, int] = {}
        self.rule(rules)

    def rule(self, rules: ChannelRules) -> None:
        """Other rules hold."""
        self.rules, self.state = rules, pooled(rules.pool)
        self._held = rules.held_everywhere(self.sku)
        self._eligible: set[str] = set()
        self._counted: set[str] = set()
        self._offered = 0
        self._count(name for name, says in self.tracked.items() if says)

    def post(self, cells: Legs) -> None:
        """Units came and went."""
        balances, state, counted, held = self.balances, self.state, self._counted, self._held
        for cell, units in cells:
            before = balances[cell]
            balances[cell] = after = before + units
            if cell[1] == state and cell[0] in counted:
                if held is None:
                    self._offered += self._beyond(cell[0], after) - self._beyond(cell[0], before)
                else:
                    self._offered += (after - held if after > held else 0) - (
                        before - held if before > held else 0
                    )

    def track(self, places: Iterable[str], says: int) -> None:
        """Something says that the SKU is kept at places, or (-1) no longer does."""
        for name in places:
            before = self.tracked.get(name, 0)
            self.tracked[name] = before + says
            if not before:
                self._count((name,))
            elif not before + says:
                self._eligible.discard(name)
                if name in self._counted:
                    self._counted.discard(name)
                    self._offered -= self._beyond(name, self.balances.get((name, self.state), 0))

    def _count(self, places: Iterable[str]) -> None:
        """Adds up what locations offer that the channel may sell from."""
        its = self.rules
        for name in places:
            if name == UNROUTED or (its.locations is not None and name not in its.locations):
                continue
            self._eligible.add(name)
            if not its.leaves_out(name):
                self._counted.add(name)
                self._offered += self._beyond(name, self.balances.get((name, self.state), 0))

    def _beyond(self, location: str, level: int) -> int:
        held = self._held
        if held is None:
            held = self.rules.held_back(self.sku, location, level)
        return level - held if level > held else 0

    def number(self, location: str) -> int | None:
        """What the channel may sell to demand that goes to a location; None where no number is published that could bound it.

        A SKU that is tracked, but at none of the places that the channel may sell from, is not for sale there.
        """
        its = self.rules
        if its.publish != NETWORK:
            return self._at(location)
        if not self._eligible:
            kept = any(says for name, says in self.tracked.items() if name != UNROUTED)
            return 0 if kept else None
        if its.sells_beyond:
            places = places_of(self.stock(), self.channel, its)
            return places[NETWORK].quantity if places else 0
        open_demand = self.balances.get((UNROUTED, self.state), 0)
        offered = max(0, self._offered + open_demand - its.threshold) * its.share_percent // 100
        return offered if its.cap is None else min(offered, its.cap)

    def _at(self, location: str) -> int | None:
        its = self.rules
        if location == UNROUTED or not self.tracked.get(location):
            return None
        if its.sells_beyond:
            place = places_of(self.stock(), self.channel, its).get(location)
            return 0 if place is None else place.quantity
        if location not in self._counted:
            return 0
        return self._beyond(location, self.balances.get((location, self.state), 0))

    def stock(self) -> Stock:
        """The balances as a stock."""
        return stock_of(self.sku, self.balances, self.tracked)
