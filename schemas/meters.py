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
    sold beyond what there is) is made anew. `counted` are the locations in the sum `offered`, `held` is what is held back at each of them
    (None: that depends). Under other rules another meter may stand `beside` it, which is told the same.
    """

    __slots__ = (
        "_beside",
        "_eligible",
        "balances",
        "channel",
        "counted",
        "held",
        "offered",
        "rules",
        "sku",
        "state",
        "tracked",
    )

    def __init__(self, sku: str, channel: str, rules: ChannelRules) -> None:
        self.sku, self.channel = sku, channel
        self.balances: defaultdict[Cell, int] = defaultdict(int)
        self.tracked: dict[str, int] = {}
        self._beside: Meter | None = None
        self.rule(rules)

    def beside(self, other: Meter) -> None:
        """Another meter, that has not been told anything else, is told what this one is told."""
        other.balances, other.tracked = self.balances, self.tracked
        self._beside = other

    def part(self) -> None:
        """Whoever was beside is told by others from now on."""
        other, self._beside = self._beside, None
        if other is not None:
            other.balances, other.tracked = self.balances.copy(), self.tracked.copy()

    def _all(self) -> tuple[Meter, ...]:
        return (self,) if self._beside is None else (self, self._beside)

    def rule(self, rules: ChannelRules) -> None:
        """Other rules hold."""
        self.rules, self.state = rules, pooled(rules.pool)
        self.held = rules.held_everywhere(self.sku)
        self._eligible: set[str] = set()
        self.counted: set[str] = set()
        self.offered = 0
        self.count(name for name, says in self.tracked.items() if says)

    def post(self, cells: Legs) -> None:
        """Units came and went."""
        balances, other = self.balances, self._beside
        meters = (self,) if other is None else (self, other)
        for cell, units in cells:
            name, state = cell
            before = balances[cell]
            balances[cell] = after = before + units
            for meter in meters:
                if state == meter.state and name in meter.counted:
                    held = meter.held
                    if held is None:
                        meter.offered += meter.beyond(name, after) - meter.beyond(name, before)
                    else:
                        meter.offered += (after - held if after > held else 0) - (
                            before - held if before > held else 0
                        )

    def track(self, places: Iterable[str], says: int) -> None:
        """Something says that the SKU is kept at places, or (-1) no longer does."""
        for name in places:
            before = self.tracked.get(name, 0)
            self.tracked[name] = before + says
            if not before:
                for meter in self._all():
                    meter.count((name,))
            elif not before + says:
                for meter in self._all():
                    meter.leave(name)

    def leave(self, name: str) -> None:
        """Nothing says any more that the SKU is kept at a location."""
        self._eligible.discard(name)
        if name in self.counted:
            self.counted.discard(name)
            self.offered -= self.beyond(name, self.balances.get((name, self.state), 0))

    def count(self, places: Iterable[str]) -> None:
        """Adds up what locations offer that the channel may sell from."""
        its = self.rules
        for name in places:
            if name == UNROUTED or (its.locations is not None and name not in its.locations):
                continue
            self._eligible.add(name)
            if not its.leaves_out(name):
                self.counted.add(name)
                self.offered += self.beyond(name, self.balances.get((name, self.state), 0))

    def beyond(self, location: str, level: int) -> int:
        """What of a level at a location is not held back."""
        held = self.held
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
        offered = max(0, self.offered + open_demand - its.threshold) * its.share_percent // 100
        return offered if its.cap is None else min(offered, its.cap)

    def _at(self, location: str) -> int | None:
        its = self.rules
        if location == UNROUTED or not self.tracked.get(location):
            return None
        if its.sells_beyond:
            place = places_of(self.stock(), self.channel, its).get(location)
            return 0 if place is None else place.quantity
        if location not in self.counted:
            return 0
        return self.beyond(location, self.balances.get((location, self.state), 0))

    def stock(self) -> Stock:
        """The balances as a stock."""
        return stock_of(self.sku, self.balances, self.tracked)
