"""What each place may give of a SKU: to a parcel, and to a shopper who comes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import eligible, quantity
from schemas.ledger import Stock
from schemas.postings import pooled
from schemas.rules import ChannelRules, Recipe
from schemas.sites import Site


@dataclass(frozen=True, slots=True)
class Offer:
    """What a channel may sell of one SKU: `limit` units in all, `at` each of its locations at most so many, and `shipped` at most."""

    limit: int
    at: Mapping[str, int]
    shipped: int = 0


def offer(stock: Stock, channel: str, rules: ChannelRules) -> Offer:
    """The channel's number, and what of it each place may give: what is available there beyond what is held back.

    Units may be promised without a place already, so no place gives more than is free in all places together. What is not there yet
    no place gives. A location from which nothing is shipped still gives to those who come for it.
    """
    rules = rules.in_hand()
    shipped = quantity(stock, channel, rules, "")
    number = shipped if rules.closed is None else quantity(stock, channel, rules.anywhere(), "")
    state = pooled(rules.pool)
    everywhere = sum(max(0, stock.balance(name, state)) for name in stock.tracked if name != UNROUTED)
    free = max(0, everywhere + stock.balance(UNROUTED, state))
    at = {name: max(0, min(_beyond_held(stock, rules, name), free)) for name in eligible(stock, rules)}
    return Offer(min(number.quantity, free), at, min(shipped.quantity, free))


def _beyond_held(stock: Stock, rules: ChannelRules, location: str) -> int:
    if rules.publish != NETWORK and rules.leaves_out(location):
        return 0
    level = stock.balance(location, pooled(rules.pool))
    return level - rules.held_back(stock.sku, location, level)


def collectable(stock: Stock, site: Site, rules: ChannelRules, its: Offer | None = None) -> int:
    """How many units a shopper may collect at a store: what is available there beyond its buffer, and with a channel's offer
    no more than that. What is reserved, committed or set aside is not available.
    """
    if not site.pickup or site.location not in stock.tracked:
        return 0
    here = max(0, stock.balance(site.location, pooled(rules.pool)) - site.in_store_buffer)
    return here if its is None else min(here, its.at.get(site.location, 0), its.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a shopper may collect at one store: units by SKU, None where nobody knows, which is not zero."""

    site: Site
    units: Mapping[str, int | None]


def shelves(
    asked: Mapping[str, Recipe],
    stocks: Mapping[str, Stock],
    sites: Sequence[Site],
    channel: tuple[str, ChannelRules] | None = None,
) -> list[Shelf]:
    """What the stores among the sites have of the asked SKUs, each with its components (of one that is no bundle: itself).

    With a channel only its locations, and no more than it may sell.
    """
    name, rules = channel or ("", ChannelRules())
    components = {component for recipe in asked.values() for component in recipe}
    known = {sku: stocks[sku] for sku in components if sku in stocks}
    offers = {sku: offer(stock, name, rules) for sku, stock in known.items()} if channel else {}
    found = []
    for site in sites:
        if not site.pickup or (rules.locations is not None and site.location not in rules.locations):
            continue
        here = {
            sku: collectable(stock, site, rules, offers.get(sku))
            for sku, stock in known.items()
            if site.location in stock.tracked
        }
        units = {
            sku: min(here[one] // each for one, each in recipe.items())
            if recipe.keys() <= here.keys()
            else None
            for sku, recipe in asked.items()
        }
        found.append(Shelf(site=site, units=units))
    return found
