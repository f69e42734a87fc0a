"""What a channel may sell: one pure function of stock and rules, used for publishing, answering and explaining."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from schemas.accounts import NETWORK, UNROUTED
from schemas.allowances import Allowance, allowance
from schemas.claims import STRICT
from schemas.ledger import NOTHING, Balances, Stock
from schemas.movements import counted_for
from schemas.postings import pooled
from schemas.rules import ChannelRules

ON_HAND = "on_hand"


class Shown(NamedTuple):
    """What a platform showed at our last word with it, and the part its own documents had in that."""

    level: int
    own: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One number at one place of a channel.

    `quantity` is what may be sold there, `level` the plain balance behind it (`ChannelRules.level`; may be negative), and
    `own` what the channel's own documents did to the platform's number at this place: it has counted those by itself. The number of
    the network stands where the channel's demand goes (`ChannelRules.ships_from`): what its documents say of other
    locations changes the platform's number there, not this one. `opened` says that `own`
    includes the opening stock, so that a platform that was never told anything shows exactly `own`.
    """

    __pydantic_config__ = STRICT

    quantity: int
    level: int
    own: int
    opened: bool = False

    def shows(self, told: Shown | None) -> int | None:
        """What the platform shows now: our last word with it, moved on by its own documents since. None: not known."""
        if told is None:
            return self.own if self.opened else None
        return told.level + self.own - told.own


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelQuantity:
    """What one channel may sell of one SKU: in all, and by place (a location, or `network`). No place: the SKU is tracked at none of
    the channel's locations, and it may sell nothing.

    `offset` is the offset in `stock` it was computed from, `rules` the version of the rules. `elsewhere` is `Place.own` where the
    channel has no number, None where that is nothing anywhere.
    """

    __pydantic_config__ = STRICT

    channel: str
    sku: str
    quantity: int
    places: dict[str, Place]
    rules: str
    offset: int
    elsewhere: dict[str, int] | None = None
    v: int = 1

    def at(self, place: str) -> Place:
        """The number at a place. Where the channel has none it may sell nothing."""
        own = 0 if self.elsewhere is None else self.elsewhere.get(place, 0)
        return self.places.get(place) or Place(quantity=0, level=0, own=own)

    def left(self, told: Iterable[str]) -> set[str]:
        """Those of the places a platform was told of that the channel has no more, while it would go on to sell what it was told. The
        number of the network stands for all places, and all places for that of the network.
        """
        if NETWORK in self.places:
            return set()
        return set(told) - self.places.keys() - ({NETWORK} if self.places else set())


class Step(NamedTuple):
    """One step of the way to a number. `place` is the place of the channel's numbers where it applies, `ref` the location or rule it
    comes from, and `location` the one that it is about, None where it is about all of them together.
    """

    label: str
    amount: int
    ref: str
    place: str
    location: str | None = None


def steps(stock: Stock, rules: ChannelRules, *, available: bool = True) -> Iterator[Step]:
    """Every step from the balances to the channel's number; their amounts sum to it exactly.

    With `available=False` the balances themselves are left out, for a caller that shows the movements behind them.
    """
    offered, where = 0, eligible(stock, rules)
    for location in where:
        place = NETWORK if rules.publish == NETWORK else location
        level = stock.balance(location, pooled(rules.pool))
        if available and level:
            yield Step(f"available at {location}", level, location, place, location)
        if rules.leaves_out(location):
            if level:
                rule, what = ("ships", "shipped from") if place == NETWORK else ("pickup", "collected at")
                yield Step(f"nothing is {what} {location}", -level, f"rule:{rule}", place, location)
            continue
        rule, held = max(rules.holds(stock.sku, location, level).items(), key=itemgetter(1))
        if held:
            label = HELD[rule].format(rules.safety_percent, location)
            yield Step(label, -held, f"rule:{rule}", place, location)
        if level < held:
            yield Step(f"{location} is held at zero", held - level, "rule:not_negative", place, location)
        offered += max(0, level - held)
        if place != NETWORK:
            yield from _beyond_steps(allowance(stock, rules, where, place), place)
    if rules.publish == NETWORK:
        yield from _network_steps(stock, offered, where, rules)


HELD = {
    "safety_stock": "safety stock at {1}",
    "safety_percent": "safety stock of {0} % at {1}",
    "in_store_buffer": "in-store buffer at {1}",
}


def _network_steps(stock: Stock, total: int, where: tuple[str, ...], rules: ChannelRules) -> Iterator[Step]:
    """From the sum over locations to what is offered: open demand, threshold, share, what may be sold beyond, cap."""
    unrouted = -stock.balance(UNROUTED, pooled(rules.pool))
    if unrouted:
        yield Step("ordered, no location yet", -unrouted, UNROUTED, NETWORK)
    if rules.threshold:
        yield Step("threshold", -rules.threshold, "rule:threshold", NETWORK)
    total -= unrouted + rules.threshold
    if total < 0:
        yield Step("never below zero", -total, "rule:not_negative", NETWORK)
        total = 0
    offered = total * rules.share_percent // 100
    if offered != total:
        yield Step(f"share of {rules.share_percent} %", offered - total, "rule:share_percent", NETWORK)
    beyond = allowance(stock, rules, where, NETWORK)
    yield from _beyond_steps(beyond, NETWORK)
    offered += beyond.left
    if rules.cap is not None and offered > rules.cap:
        yield Step(f"cap of {rules.cap}", rules.cap - offered, "rule:cap", NETWORK)


def _beyond_steps(beyond: Allowance, place: str) -> Iterator[Step]:
    """What may be sold beyond what there is."""
    where = None if place == NETWORK else place
    if beyond.preorder:
        label = f"preorder of {beyond.expected} on their way"
        yield Step(label, beyond.preorder, "rule:preorder", place, where)
    if beyond.backorder:
        yield Step("backorder", beyond.backorder, "rule:backorder", place, where)
    if beyond.used:
        yield Step("of that sold already", -beyond.used, "rule:owed", place, where)


def eligible(stock: Stock, rules: ChannelRules) -> tuple[str, ...]:
    """The locations whose stock the channel may sell: allowed by the rules, and tracked. Each counts once.

    `@unrouted` is none of them, even where goods came back to nobody knows where: it is open demand, counted for itself.
    """
    tracked = stock.tracked
    if rules.locations is None:
        return tuple(sorted(tracked if UNROUTED not in tracked else tracked.keys() - {UNROUTED}))
    return tuple(name for name in dict.fromkeys(rules.locations) if name in tracked and name != UNROUTED)


class Known(NamedTuple):
    """The numbers by place of a channel, under the same rules, at another moment; and the places that have `moved` between."""

    places: dict[str, Place]
    moved: set[str]


def quantity(
    stock: Stock,
    channel: str,
    rules: ChannelRules,
    version: str,
    places: dict[str, Place] | None = None,
    bundle: str | None = None,
) -> ChannelQuantity:
    """The channel's numbers for one SKU; `places` are those of `places_of`, if they are at hand.

    Of a component of a `bundle`, `Place.own` is what the channel's documents of the bundle caused.
    """
    if places is None:
        places = places_of(stock, channel, rules, bundle=bundle)
    return ChannelQuantity(
        channel=channel,
        sku=stock.sku,
        quantity=sum([place.quantity for place in places.values()]),
        places=places,
        rules=version,
        offset=stock.offset,
        elsewhere=_elsewhere(stock, rules, places, counted_for(channel, bundle)) or None,
    )


def _elsewhere(stock: Stock, rules: ChannelRules, places: dict[str, Place], counted: str) -> dict[str, int]:
    if rules.publish == NETWORK:
        own = 0 if places else stock.told_by.get(rules.ships_from, NOTHING).get(counted, 0)
        return {NETWORK: own} if own else {}
    return {
        name: own for name, by in stock.told_by.items() if name not in places and (own := by.get(counted, 0))
    }


def places_of(
    stock: Stock,
    channel: str,
    rules: ChannelRules,
    known: Known | None = None,
    bundle: str | None = None,
) -> dict[str, Place]:
    """The numbers by place. Of what is `known`, the places that have not moved since are taken over."""
    where = eligible(stock, rules)
    if not where:
        return {}
    if rules.publish == NETWORK:
        return {NETWORK: _network(stock, channel, rules, where, bundle)}
    before = {} if known is None else known.places
    state, counted = pooled(rules.pool), counted_for(channel, bundle)
    return {
        location: before[location]
        if known is not None and location in before and location not in known.moved
        else _at(stock, channel, rules, location, state, counted)
        for location in where
    }


def number_at(stock: Stock, channel: str, rules: ChannelRules, place: str) -> Place | None:
    """The channel's number that stands for a place: of the place, or of the network; None where it has none."""
    where = eligible(stock, rules)
    if where and rules.publish == NETWORK:
        return _network(stock, channel, rules, where, None)
    if place not in where:
        return None
    return _at(stock, channel, rules, place, pooled(rules.pool), counted_for(channel))


def _network(
    stock: Stock, channel: str, rules: ChannelRules, where: tuple[str, ...], bundle: str | None
) -> Place:
    """The number for all locations together: what the steps come to."""
    sku, state, cells = stock.sku, pooled(rules.pool), stock.locations
    same = rules.held_everywhere(sku)
    offered = there = 0
    if rules.closed is not None or rules.buffers is not None:
        counted = tuple(name for name in where if not rules.leaves_out(name))
    else:
        counted = where
    for location in counted:
        level = cells.get(location, NOTHING).get(state, 0)
        there += level
        held = rules.held_back(sku, location, level) if same is None else same
        if level > held:
            offered += level - held
    open_demand = cells.get(UNROUTED, NOTHING).get(state, 0)
    offered = max(0, offered + open_demand - rules.threshold) * rules.share_percent // 100
    if rules.sells_beyond:
        offered += allowance(stock, rules, where, NETWORK).left
    return Place(
        quantity=offered if rules.cap is None else min(offered, rules.cap),
        level=sum(map(stock.on_hand, counted)) if rules.level == ON_HAND else there + open_demand,
        own=stock.told_by.get(rules.ships_from, NOTHING).get(counted_for(channel, bundle), 0),
    )


class Standing(NamedTuple):
    """What of a stock its numbers follow from, as it was at an `offset`. Whoever remembers numbers keeps this: a stock keeps alive what
    stands on its shelves, which is a week of movements.
    """

    offset: int
    tracked: dict[str, str]
    locations: dict[str, Balances]
    told_by: dict[str, Balances]

    @classmethod
    def of(cls, stock: Stock) -> Standing:
        """That of a stock."""
        return cls(stock.offset, stock.tracked, stock.locations, stock.told_by)


def moved(one: Stock, other: Standing) -> set[str]:
    """The places that are not alike in two moments of a SKU; a fold shares with the stock before it whatever it did not touch."""
    places = set() if one.tracked is other.tracked else _unlike(one.tracked, other.tracked)
    return places.union(_unlike(one.locations, other.locations), _unlike(one.told_by, other.told_by))


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    unlike = {name for name, its in one.items() if (was := other.get(name)) is not its and was != its}
    return unlike | (other.keys() - one.keys())


def _at(stock: Stock, channel: str, rules: ChannelRules, location: str, state: str, counted: str) -> Place:
    """The number at one location: what the steps come to there."""
    available = stock.locations.get(location, NOTHING).get(state, 0)
    offered = max(0, available - rules.held_back(stock.sku, location, available))
    if location == rules.ships_from:
        offered += allowance(stock, rules, (location,), location).left
    if rules.leaves_out(location):
        offered = 0
    return Place(
        quantity=offered,
        level=stock.on_hand(location) if rules.level == ON_HAND else available,
        own=stock.told_by.get(location, NOTHING).get(counted, 0),
        opened=stock.tracked.get(location) == channel,
    )


def same_numbers(one: ChannelQuantity | None, other: ChannelQuantity | None) -> bool:
    """Whether two quantities would tell the platform the same thing, whatever they were computed from. None: it is not known which."""
    if one is None or other is None:
        return one is other
    return one.quantity == other.quantity and one.places == other.places
