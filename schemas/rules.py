"""How each channel's numbers are made: what an operator decides, as events in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.accounts import NETWORK, UNROUTED
from schemas.claims import STRICT, Instant

WHOLESALE = "wholesale"
"""The demand class of what is sold to other businesses."""

Units = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0, le=100)]

Routing = Literal["fewest_parcels", "nearest", "priority"]
"""How the places of an order are chosen."""

BY_SKU = ("safety_stock_by_sku", "backorder_by_sku", "preorder_by_sku")
"""The rules of a channel that are each about one SKU."""

Recipe = Annotated[dict[str, Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1)]
"""A bundle's components, and how many units of each one bundle takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRules:
    """What a location is for: whether parcels leave from there (`ships`), whether goods are collected there (`pickup`), and how many
    units of each SKU stay on its shelf and are not offered for collection (`in_store_buffer`).
    """

    __pydantic_config__ = STRICT

    ships: bool = True
    pickup: bool = False
    in_store_buffer: Units = 0


NOTHING_SAID = LocationRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """How one channel's numbers are made. Quantities are units.

    `publish` is `network` (one number for all its locations: available to ship) or `locations` (one number for each:
    available in store). `ships_from` is where demand is committed that the platform gives no location for. `locations`
    lists the eligible ones, None means every tracked one. `safety_stock` is held back at each location, unless
    `safety_stock_by_location` or `safety_stock_by_sku` (which wins) says otherwise, or `safety_percent` of what is available there,
    rounded up, where that is more. The larger of the two holds, and not their sum: both are there because news comes late, the
    percentage where much is sold, the units for the last pieces. Then `threshold` is taken off the
    sum, `share_percent` of the rest is offered, and never more than `cap`.

    `backorder` units may be sold beyond what there is (of some SKUs `backorder_by_sku`), and `preorder` (`preorder_by_sku`) of those
    that are on their way: `schemas.allowances`. Both come on top of the share, and under the cap.

    A `network` number leaves out locations from which nothing is shipped. With `pickup` the numbers by location are what shoppers may
    collect: none where nothing is collected, and the location's `in_store_buffer` is held back where that is the most. A
    location that `locations` lists is one of the channel's whatever it is for. `closed` are those that ship nothing, and `buffers`
    those where goods are collected, with what stays on the shelf: the hub notes both, of the rules of the locations.

    `routing` is how the hub chooses the places of an order that has none: in the `fewest_parcels`, from the `nearest` places, or by
    `priority`, which is the order of `locations`. None is the first.

    `pool` is the part of `available` that the channel sells from and its demand is taken from, None the common one; its
    demand of the class `wholesale` is taken from `wholesale_pool` where there is one.

    `level` is which balance of a place the channel is told, where its platform is told no `quantity` of ours: what may be sold
    there (`available`, and None), or what is there, promised or not (`on_hand`: stocktakes find no difference then, and a till does
    not see what is promised).

    In `shadow` the channel's numbers are made, published and explained as any other's, and its platform is told none of them: somebody
    else still tells it. `told_since` is when it came out of that; the hub notes it. What was said to the platform before then says
    nothing of what it shows.
    """

    __pydantic_config__ = STRICT

    publish: Literal["network", "locations"] = "network"
    ships_from: str = UNROUTED
    locations: tuple[str, ...] | None = None
    safety_stock: Units = 0
    safety_stock_by_location: dict[str, Units] = field(default_factory=dict)
    safety_stock_by_sku: dict[str, Units] = field(default_factory=dict)
    threshold: Units = 0
    share_percent: Percent = 100
    cap: Units | None = None
    pool: str | None = None
    wholesale_pool: str | None = None
    level: Literal["available", "on_hand"] | None = None
    shadow: bool | None = None
    told_since: Instant | None = None
    safety_percent: Percent | None = None
    backorder: Units | None = None
    backorder_by_sku: dict[str, Units] | None = None
    preorder: Units | None = None
    preorder_by_sku: dict[str, Units] | None = None
    pickup: bool | None = None
    routing: Routing | None = None
    closed: tuple[str, ...] | None = None
    buffers: dict[str, Units] | None = None

    def held_back(self, sku: str, location: str, available: int) -> int:
        """How many of the units available of a SKU at a location are not offered to this channel."""
        if self.safety_percent or self.buffers:
            return max(self.holds(sku, location, available).values())
        by_location = self.safety_stock_by_location.get(location, self.safety_stock)
        return self.safety_stock_by_sku.get(sku, by_location)

    def held_everywhere(self, sku: str) -> int | None:
        """What is held back of a SKU at every location, whatever is there; None where that depends."""
        if self.safety_percent or self.buffers:
            return None
        if self.safety_stock_by_location:
            return self.safety_stock_by_sku.get(sku)
        return self.safety_stock_by_sku.get(sku, self.safety_stock)

    def holds(self, sku: str, location: str, available: int) -> dict[str, int]:
        """What each rule would hold back; the most is held."""
        by_location = self.safety_stock_by_location.get(location, self.safety_stock)
        return {
            "safety_stock": self.safety_stock_by_sku.get(sku, by_location),
            "safety_percent": -(-max(0, available) * (self.safety_percent or 0) // 100),
            "in_store_buffer": (self.buffers or {}).get(location, 0),
        }

    def leaves_out(self, location: str) -> bool:
        """Whether a location's stock does not count in the numbers, because it is not for what the channel does."""
        if self.buffers is not None and location not in self.buffers:
            return True
        return self.closed is not None and location in self.closed

    @property
    def sells_beyond(self) -> bool:
        """Whether more may be sold of anything than there is."""
        return bool(self.backorder or self.backorder_by_sku or self.preorder or self.preorder_by_sku)

    def backorder_of(self, sku: str) -> int:
        """Units of a SKU that may be sold beyond what there is."""
        return (self.backorder_by_sku or {}).get(sku, self.backorder or 0)

    def preorder_of(self, sku: str) -> int:
        """How many of the units of a SKU that are on their way may be sold."""
        return (self.preorder_by_sku or {}).get(sku, self.preorder or 0)

    @property
    def in_order(self) -> bool:
        """Whether each place sends what it has before the next one is asked, in however many parcels."""
        return self.routing in ("nearest", "priority")

    @property
    def preferred(self) -> tuple[str, ...] | None:
        """The places in the order in which they are asked before all others; None: none is."""
        return None if self.routing == "nearest" else self.locations

    def in_hand(self) -> ChannelRules:
        """The rules as far as they are about what there is."""
        if not self.sells_beyond:
            return self
        return replace(self, backorder=None, backorder_by_sku=None, preorder=None, preorder_by_sku=None)

    def anywhere(self) -> ChannelRules:
        """The rules as they would be if parcels left from everywhere."""
        return replace(self, closed=None) if self.closed and self.publish == NETWORK else self

    def placed(self, locations: Mapping[str, LocationRules]) -> ChannelRules:
        """The rules with what follows from those of the locations."""
        listed = self.locations or ()
        if self.publish == NETWORK:
            out = {name for name, its in locations.items() if not its.ships}
            closed, buffers = tuple(sorted(out.difference(listed))) or None, None
        else:
            where = [*(name for name, its in locations.items() if its.pickup), *listed] if self.pickup else ()
            kept = {name: locations.get(name, NOTHING_SAID).in_store_buffer for name in sorted(where)}
            closed, buffers = None, kept if self.pickup else None
        return replace(self, closed=closed, buffers=buffers)

    def pool_of(self, demand_class: str) -> str | None:
        """The pool that demand of a class is taken from."""
        return self.wholesale_pool or self.pool if demand_class == WHOLESALE else self.pool

    def narrowed(self, sku: str) -> ChannelRules:
        """The rules as far as they are about one SKU."""
        said = {name: its for name in BY_SKU if (its := getattr(self, name)) is not None}
        narrow: dict[str, Any] = {name: {sku: its[sku]} if sku in its else {} for name, its in said.items()}
        return replace(self, **narrow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of all channels, what each bundle consists of, and what the locations are for (of which nothing is said, parcels leave
    from there and nothing is collected). `version` changes whenever any of them does.

    `edition` counts the changes: of two the higher is newer. `by` is who made them, `at` when. `configured` has a digest of what the
    configuration file said of each channel then, of the bundles under the name `[bundles]` and of the locations under `[locations]`:
    where it says something else now, that is newer.
    """

    __pydantic_config__ = STRICT

    version: str
    channels: dict[str, ChannelRules] = field(default_factory=dict)
    bundles: dict[str, Recipe] = field(default_factory=dict)
    locations: dict[str, LocationRules] = field(default_factory=dict)
    edition: int | None = None
    by: str | None = None
    at: Instant | None = None
    configured: dict[str, str] | None = None
    v: int = 1

    def bundles_of(self, component: str) -> list[str]:
        """The bundles that a SKU is in."""
        return sorted(bundle for bundle, recipe in self.bundles.items() if component in recipe)
