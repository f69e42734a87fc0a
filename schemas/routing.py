"""Which places send an order that was taken without one. Pure: the same question has the same answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.accounts import UNROUTED
from schemas.claims import Claim, Document, Fact, Line
from schemas.distances import Point
from schemas.ledger import NOTHING, Stock
from schemas.offers import offer
from schemas.parcels import Parcel, Plan, Units, plan
from schemas.postings import pooled
from schemas.rules import ChannelRules
from schemas.rules import Routing as Policy
from schemas.sites import Site, nearest_first

HUB = "onhand"
"""Who says where an order goes, where no platform does."""
NAMED = 6
"""How many places that were not chosen are named beside one that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Units of one transaction that no place was chosen for, by SKU. `rejected` are places that would not send a SKU of it."""

    transaction: str
    channel: str
    units: Units
    rejected: Mapping[str, Collection[str]]
    routed: int = 0
    """How often parts of it were routed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The parcels of a demand, what could have been sent from where, by SKU, and how it was chosen."""

    plan: Plan
    candidates: Mapping[str, Units]
    policy: Policy | None = None


def route(
    demand: Demand,
    stocks: Mapping[str, Stock],
    rules: ChannelRules,
    sites: Sequence[Site],
    near: Point | None = None,
) -> Routed:
    """The fewest parcels, of as few those from the places that the channel's `locations` name first, then from the nearest; or by another
    policy of its rules (`ChannelRules.routing`), under which each place in that order, or by distance alone, sends what it has.

    What was promised is kept: where a SKU is short, safety stock, threshold, share and cap hold nothing back any more. What no
    place has stays without one.
    """
    ordered = [site for site in nearest_first(sites, near, rules.preferred) if site.ships]
    freely = ChannelRules(
        publish=rules.publish, ships_from=rules.ships_from, locations=rules.locations, pool=rules.pool
    )
    candidates: dict[str, dict[str, int]] = {}
    for sku, units in sorted(demand.units.items()):
        stock = _before(stocks.get(sku) or Stock(sku=sku), units, pooled(rules.pool))
        refusing = demand.rejected.get(sku, frozenset())
        for allowed in (rules, freely):
            its = offer(stock, demand.channel, allowed)
            asked = (site.location for site in ordered if site.location not in refusing)
            gives = {name: count for name in asked if (count := its.at.get(name, 0)) > 0}
            if min(its.shipped, sum(gives.values())) >= units:
                break
        candidates[sku] = gives
    found = plan(
        demand.units,
        demand.units,
        {
            site.location: {sku: gives.get(site.location, 0) for sku, gives in candidates.items()}
            for site in ordered
        },
        in_order=rules.in_order,
    )
    return Routed(plan=found, candidates=candidates, policy=rules.routing)


def _before(stock: Stock, units: int, state: str) -> Stock:
    """The stock as it would be without the demand itself."""
    there = stock.locations.get(UNROUTED, NOTHING)
    freed = {**there, state: there.get(state, 0) + units}
    return replace(stock, locations={**stock.locations, UNROUTED: freed})


def claim(demand: Demand, routed: Routed, at: datetime) -> Claim:
    """What the hub says of a demand that it has routed; each time a document of its own. Those that were not chosen are named.

    It says where the units are until then, as the platforms' own claims do: so it is one matter whether the hub says that an order goes to
    a place or the shop that sent it from there, and no unit of it is routed twice.
    """
    name = f"routing/{demand.transaction}/{demand.routed + 1}"
    lines = tuple(
        Line(
            fact=Fact.REROUTED,
            sku=sku,
            quantity=units,
            at=at,
            location=UNROUTED,
            there=parcel.location,
            reason=_why(routed, parcel, sku),
        )
        for parcel, sku, units in _lines(routed.plan.parcels)
    )
    document = Document(id=name, version=int(at.timestamp() * 1_000), lines=lines)
    return Claim(
        transaction=demand.transaction, channel=HUB, topic="routing", occurred_at=at, documents=(document,)
    )


def _lines(parcels: Sequence[Parcel]) -> Iterator[tuple[Parcel, str, int]]:
    for parcel in parcels:
        for sku, units in parcel.lines.items():
            yield parcel, sku, units


def _why(routed: Routed, parcel: Parcel, sku: str) -> str:
    many = len(routed.plan.parcels)
    others = [f"{name} {units}" for name, units in routed.candidates[sku].items() if name != parcel.location]
    more = "" if len(others) <= NAMED else f" and {len(others) - NAMED} more"
    told = f"; not chosen: {', '.join(others[:NAMED])}{more}" if others else ""
    policy = f"{routed.policy}: " if routed.policy else ""
    return f"{policy}one of {many} parcels{told}" if many > 1 else f"{policy}one parcel{told}"
