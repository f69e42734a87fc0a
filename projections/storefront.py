"""The routes for shop front-ends: which stores have it, and how a basket reaches a shopper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from projections.baskets import (
    REFUSALS,
    Basket,
    EarliestWay,
    FulfilmentOptions,
    Line,
    MissingLine,
    Parcel,
    PickupLater,
    PickupNow,
    Store,
    StoreLine,
    StoresFound,
    StoresQuery,
    StoresWanted,
)
from projections.document import refuses
from projections.near import located, whereabouts
from projections.queries import Queries
from schemas import parcels
from schemas.distances import Point
from schemas.fulfilment import Collection, Options, in_components, options
from schemas.offers import Shelf, shelves
from schemas.rules import ChannelRules, Recipe
from schemas.sites import Site, nearest_first


@dataclass(frozen=True, slots=True)
class Storefront:
    """What the answers are made from: `rules` are a channel's (it raises `Problem` for one that is not configured), `recipes`
    the bundles', and `sites` the places that keep stock.
    """

    queries: Queries
    rules: Callable[[str], ChannelRules]
    recipes: Callable[[], Mapping[str, Recipe]]
    sites: Callable[[], Sequence[Site]]

    async def stores(self, wanted: StoresWanted) -> StoresFound:
        """What the stores have. Raises `Problem`."""
        channel = None if wanted.channel is None else (wanted.channel, self.rules(wanted.channel))
        recipes = self.recipes()
        asked = {sku: recipes.get(sku, {sku: 1}) for sku in wanted.sku}
        sites, point = await self._around(wanted)
        stocks = await self.queries.stocks({one for recipe in asked.values() for one in recipe})
        found = shelves(asked, stocks, nearest_first(sites, point), channel)
        stores = [_store(shelf, wanted.quantity, point) for shelf in found]
        shown = [store for store in stores if store.has_all or not wanted.in_stock]
        return StoresFound(items=shown[: wanted.limit])

    async def options(self, basket: Basket) -> FulfilmentOptions:
        """Every way for a basket. Raises `Problem`."""
        rules, recipes = self.rules(basket.channel), self.recipes()
        wanted = in_components(((line.sku, line.quantity) for line in basket.lines), recipes)
        sites, point = await self._around(basket)
        stocks = await self.queries.stocks(wanted)
        found = await asyncio.to_thread(  # a long basket takes its time, and product pages do not wait for it
            options, wanted, stocks, basket.channel, rules, sites, point, basket.limit
        )
        return _Telling(basket, found, {site.location: site for site in sites}, point, recipes).all()

    async def _around(self, asked: StoresWanted | Basket) -> tuple[list[Site], Point | None]:
        """The sites, and where the shopper is, None where that was not said."""
        sites = await located(self.queries, self.sites())
        if asked.near is None:
            return sites, None
        return sites, await whereabouts(self.queries, asked.near, asked.country, sites)


def routes(storefront: Storefront) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.get("/stores", responses=refuses(*REFUSALS))
    async def list_stores(wanted: StoresQuery) -> StoresFound:
        """The stores where a shopper can collect, with what each has of each SKU (of a bundle, what its components allow): the
        nearest first, without `near` by name.
        """
        return await storefront.stores(wanted)

    @router.post("/fulfilment-options", responses=refuses(*REFUSALS))
    async def find_fulfilment_options(basket: Basket) -> FulfilmentOptions:
        """Where a basket can be collected now, where once the rest has been brought there, and how it is shipped: in the fewest
        parcels, then as the channel lists its locations, then from nearby, unless the channel's `routing` is another. Nothing is
        held by this: a reservation does that.
        """
        return await storefront.options(basket)

    return router


def _away(site: Site, point: Point | None) -> float | None:
    away = site.away(point)
    return None if away is None else round(away, 1)


def _store(shelf: Shelf, quantity: int, point: Point | None) -> Store:
    site = shelf.site
    return Store(
        location=site.location,
        title=site.title,
        postcode=site.postcode,
        country=site.country,
        distance_km=_away(site, point),
        ready_in_hours=site.ready_in,
        has_all=all((units or 0) >= quantity for units in shelf.units.values()),
        skus=[
            StoreLine(sku=sku, available=units or 0, tracked=units is not None)
            for sku, units in shelf.units.items()
        ],
    )


def _lines(units: parcels.Units) -> list[Line]:
    return [Line(sku=sku, quantity=count) for sku, count in units.items()]


@dataclass(frozen=True, slots=True)
class _Telling:
    """A basket's answer, as it is told."""

    basket: Basket
    found: Options
    sites: Mapping[str, Site]
    point: Point | None
    recipes: Mapping[str, Recipe]

    def all(self) -> FulfilmentOptions:
        found, way = self.found, self.found.earliest
        return FulfilmentOptions(
            channel=self.basket.channel,
            pickup_now=[self._now(one) for one in found.pickup_now],
            pickup_later=[self._later(one) for one in found.pickup_later],
            ship=[self._parcel(parcel, self.point) for parcel in found.ship.parcels],
            split=found.split,
            free_shipping=found.free_shipping,
            unavailable=[
                MissingLine(sku=sku, missing=units, wanted_as=self._wanted_as(sku))
                for sku, units in found.ship.missing.items()
            ],
            earliest=None
            if way is None
            else EarliestWay(way=way.way, locations=list(way.locations), ready_in_hours=way.ready_in),
        )

    def _now(self, one: Collection) -> PickupNow:
        return PickupNow(
            location=one.site.location,
            title=one.site.title,
            distance_km=_away(one.site, self.point),
            ready_in_hours=one.ready_in,
        )

    def _later(self, one: Collection) -> PickupLater:
        transfers = [self._parcel(parcel, one.site.point) for parcel in one.transfers]
        return PickupLater(
            location=one.site.location,
            title=one.site.title,
            distance_km=_away(one.site, self.point),
            ready_in_hours=one.ready_in,
            here=_lines(one.here),
            transfers=transfers,
        )

    def _parcel(self, parcel: parcels.Parcel, to: Point | None) -> Parcel:
        site = self.sites[parcel.location]
        return Parcel(
            location=site.location,
            title=site.title,
            distance_km=_away(site, to),
            lines=_lines(parcel.lines),
        )

    def _wanted_as(self, sku: str) -> list[str]:
        """The asked lines that a missing SKU is part of."""
        asked = dict.fromkeys(line.sku for line in self.basket.lines)
        return [name for name in asked if sku in self.recipes.get(name, {name: 1})]
