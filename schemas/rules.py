"""How each channel's numbers are made: what an operator decides, as events in the log."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field

from schemas.accounts import UNROUTED
from schemas.claims import STRICT, Instant

WHOLESALE = "wholesale"
"""The demand class of what is sold to other businesses."""

Units = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0, le=100)]

Recipe = Annotated[dict[str, Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1)]
"""A bundle's components, and how many units of each one bundle takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """How one channel's numbers are made. Quantities are units.

    `publish` is `network` (one number for all its locations: available to ship) or `locations` (one number for each:
    available in store). `ships_from` is where demand is committed that the platform gives no location for. `locations`
    lists the eligible ones, None means every tracked one. `safety_stock` is held back at each location, unless
    `safety_stock_by_location` or `safety_stock_by_sku` (which wins) says otherwise. Then `threshold` is taken off the
    sum, `share_percent` of the rest is offered, and never more than `cap`.

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

    def held_back(self, sku: str, location: str) -> int:
        """The safety stock of a SKU at a location for this channel."""
        by_location = self.safety_stock_by_location.get(location, self.safety_stock)
        return self.safety_stock_by_sku.get(sku, by_location)

    def pool_of(self, demand_class: str) -> str | None:
        """The pool that demand of a class is taken from."""
        return self.wholesale_pool or self.pool if demand_class == WHOLESALE else self.pool

    def narrowed(self, sku: str) -> ChannelRules:
        """The rules as far as they are about one SKU."""
        its = {sku: self.safety_stock_by_sku[sku]} if sku in self.safety_stock_by_sku else {}
        return replace(self, safety_stock_by_sku=its)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of all channels, and what each bundle consists of. `version` changes whenever any of them does.

    `edition` counts the changes: of two the higher is newer. `by` is who made them, `at` when. `configured` has a digest of what the configuration file said of each channel then, and of the
    bundles under the name `[bundles]`: where it says something else now, that is newer.
    """

    __pydantic_config__ = STRICT

    version: str
    channels: dict[str, ChannelRules] = field(default_factory=dict)
    bundles: dict[str, Recipe] = field(default_factory=dict)
    edition: int | None = None
    by: str | None = None
    at: Instant | None = None
    configured: dict[str, str] | None = None
    v: int = 1

    def bundles_of(self, component: str) -> list[str]:
        """The bundles that a SKU is in."""
        return sorted(bundle for bundle, recipe in self.bundles.items() if component in recipe)
