"""How a basket reaches a shopper: collected now, collected later, or shipped. One pure function of stock, rules and places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.distances import Point
from schemas.ledger import Stock
from schemas.offers import collectable, offer
from schemas.parcels import WORK, Parcel, Plan, Units, plan
from schemas.rules import ChannelRules, Recipe
from schemas.sites import Site, nearest_first

NAMED = 20
"""How many stores are named for each way of collecting, unless more are asked for."""

TRANSFERS_WORK = WORK // NAMED
"""How long the fewest transfers to one of so many stores are looked for."""

Way = Literal["pickup_now", "ship", "pickup_later"]


def in_components(lines: Iterable[tuple[str, int]], recipes: Mapping[str, Recipe]) -> dict[str, int]:
    """The units of each SKU that is kept: lines of one SKU are summed, and bundles are what they consist of."""
    summed: dict[str, int] = {}
    for sku, units in lines:
        for component, each in recipes.get(sku, {sku: 1}).items():
            summed[component] = summed.get(component, 0) + units * each
    return summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A store where the whole basket can be collected. `here` is what lies there, `transfers` what must be brought first.

    `ready_in` is after how many hours all of it is ready where it lies; the way of a transfer comes on top.
    """

    site: Site
    here: Units
    transfers: tuple[Parcel, ...] = ()
    ready_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Earliest:
    """The way by which the whole basket is ready first, at which places, and after how many hours."""

    way: Way
    locations: tuple[str, ...]
    ready_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All ways for one basket. `ship` brings as much of it as may be sent, and names what is missing in that."""

    pickup_now: tuple[Collection, ...]
    pickup_later: tuple[Collection, ...]
    ship: Plan
    earliest: Earliest | None

    @property
    def split(self) -> bool:
        """Whether it takes more than one parcel."""
        return len(self.ship.parcels) > 1

    @property
    def free_shipping(self) -> bool:
        """Whether no store can offer it for collection, neither now nor later."""
        return not self.pickup_now and not self.pickup_later


def options(
    wanted: Units,
    stocks: Mapping[str, Stock],
    channel: str,
    rules: ChannelRules,
    sites: Sequence[Site],
    near: Point | None = None,
    named: int = NAMED,
) -> Options:
    """Every way for units of SKUs to reach a shopper. A SKU without a stock is had nowhere.

    Places are preferred in the order of the rules' `locations`, then by distance: stores and parcels from `near`, transfers
    from the store that they go to. At most `named` stores are named for each way of collecting.
    """
    return _Basket(wanted, stocks, channel, rules, sites).options(near, named)


class _Basket:
    """What is wanted, and what each place may give of it."""

    def __init__(
        self,
        wanted: Units,
        stocks: Mapping[str, Stock],
        channel: str,
        rules: ChannelRules,
        sites: Sequence[Site],
    ) -> None:
        self.wanted, self.rules = {sku: units for sku, units in sorted(wanted.items()) if units > 0}, rules
        allowed = None if rules.locations is None else set(rules.locations)
        self.sites = [site for site in sites if allowed is None or site.location in allowed]
        self.ready = {site.location: site.ready_in for site in sites}
        self.stocks = {sku: stocks.get(sku) or Stock(sku=sku) for sku in self.wanted}
        self.offers = {sku: offer(stock, channel, rules) for sku, stock in self.stocks.items()}

    def options(self, near: Point | None, named: int) -> Options:
        ordered = nearest_first(self.sites, near, self.rules.preferred)
        stores = [(site, self._collected(site)) for site in ordered if site.pickup]
        now = [
            Collection(site=site, here=here, ready_in=site.ready_in)
            for site, here in stores
            if here == self.wanted
        ][:named]
        later = list(self._later([one for one in stores if one[1] != self.wanted], named))
        limits = {sku: its.shipped for sku, its in self.offers.items()}
        shipped = plan(self.wanted, limits, self._gives(ordered), in_order=self.rules.in_order)
        ways = list(self._ways(now, later, shipped))
        return Options(
            pickup_now=tuple(now),
            pickup_later=tuple(later),
            ship=shipped,
            earliest=min(ways, key=lambda way: way.ready_in, default=None),
        )

    def _collected(self, site: Site) -> dict[str, int]:
        """What of the basket can be collected at a store now."""
        found = {
            sku: min(units, collectable(self.stocks[sku], site, self.rules, self.offers[sku]))
            for sku, units in self.wanted.items()
        }
        return {sku: units for sku, units in found.items() if units}

    def _gives(self, ordered: Sequence[Site]) -> dict[str, Units]:
        """What each place may send, in the order of the places."""
        return {
            site.location: {sku: its.at.get(site.location, 0) for sku, its in self.offers.items()}
            for site in ordered
            if site.ships
        }

    def _later(self, stores: Sequence[tuple[Site, Units]], named: int) -> Iterator[Collection]:
        """The stores to which the rest can be brought, and from where."""
        if any(self.offers[sku].limit < units for sku, units in self.wanted.items()):
            return
        found = 0
        for store, here in stores:
            rest = {sku: units - here.get(sku, 0) for sku, units in self.wanted.items()}
            rest = {sku: units for sku, units in rest.items() if units}
            others = [site for site in self.sites if site != store]
            gives = self._gives(nearest_first(others, store.point, self.rules.locations))
            brought = plan(rest, rest, gives, TRANSFERS_WORK)
            if brought.missing:
                continue
            sources = [*(parcel.location for parcel in brought.parcels), *([store.location] if here else [])]
            yield Collection(
                site=store, here=here, transfers=brought.parcels, ready_in=self._ready_in(sources)
            )
            found += 1
            if found == named:
                return

    def _ready_in(self, locations: Iterable[str]) -> int:
        return max(self.ready[name] for name in locations)

    def _ways(
        self, now: Sequence[Collection], later: Sequence[Collection], shipped: Plan
    ) -> Iterator[Earliest]:
        """Every way that brings all of it; of two that are ready at once the first counts."""
        for one in now:
            yield Earliest(way="pickup_now", locations=(one.site.location,), ready_in=one.ready_in)
        if shipped.parcels and not shipped.missing:
            sources = tuple(parcel.location for parcel in shipped.parcels)
            yield Earliest(way="ship", locations=sources, ready_in=self._ready_in(sources))
        for one in later:
            sources = tuple(parcel.location for parcel in one.transfers)
            own = (one.site.location,) if one.here else ()
            yield Earliest(way="pickup_later", locations=(*sources, *own), ready_in=one.ready_in)
