"""What was asked for: the real baskets of a year, dealt to a till and two online channels, as one place would have to serve them.

All stores' baskets are played at one place. The sample is of 2,469 households that bought 155,848 baskets in 457 stores: one
basket per store and day, which no two channels would ever meet in. Products that are not tracked (fuel) or not in the
catalogue are left out, and so are lines of no units.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from selling import MARKET, SHOP, TILL, Ask, deliveries

from streams.trading import Basket

DAY = 86_400
DELIVERED = 8 * 3600
"""Deliveries come at this time of the day (UTC, seconds). Hardly anything is sold then; and it is a tick of every batch, to its favour."""
SPEEDS = {"slow": 1.0, "middling": 5.0, "fast": math.inf}
"""Classes of SKUs: at most so many units a week in the mean of the year, on all channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retailer:
    """How the place is run: goods come every `delivery_days` (of 7: on Thursdays); a SKU's level is what it sells in `cover_days` in the mean of
    the year, at least `least` units; of 100 baskets so many are orders of the web shop and of the marketplace.
    """

    delivery_days: int = 7
    cover_days: float = 14.0
    least: int = 2
    shop_percent: int = 20
    market_percent: int = 10


class Item(NamedTuple):
    """One SKU: its level, its class of speed as an index into `SPEEDS`, and what is asked for, with the deliveries."""

    sku: str
    level: int
    speed: int
    asks: tuple[Ask, ...]


class Wanted(NamedTuple):
    """What was bought of each SKU: (instant, units, basket) in order. `until` is the last basket's instant."""

    baskets: int
    since: int
    until: int
    lines: dict[str, list[tuple[int, int, int]]]


def wanted(baskets: Sequence[Basket], left_out: frozenset[str]) -> Wanted:
    """The baskets by SKU. Baskets come in the order of their instants."""
    lines: dict[str, list[tuple[int, int, int]]] = {}
    for number, basket in enumerate(baskets):
        at = int(basket.at.timestamp())
        for sku, units in _units(basket, left_out).items():
            lines.setdefault(sku, []).append((at, units, number))
    since, until = (int(basket.at.timestamp()) for basket in (baskets[0], baskets[-1]))
    return Wanted(len(baskets), since, until, lines)


def _units(basket: Basket, left_out: frozenset[str]) -> Counter[str]:
    units: Counter[str] = Counter()
    for sku, number in basket.lines:
        if number > 0 and sku not in left_out:
            units[sku] += number
    return units


def dealt(baskets: int, retailer: Retailer, seed: int) -> list[int]:
    """The channel of each basket, by a seeded chance."""
    chance = random.Random(seed)
    weights = retailer.shop_percent, retailer.market_percent
    return chance.choices((SHOP, MARKET, TILL), (*weights, 100 - sum(weights)), k=baskets)


def items(
    all_wanted: Wanted, retailer: Retailer, channels: Sequence[int], first_order: int = 0
) -> Iterator[Item]:
    """What each SKU has to serve. Orders are numbered from `first_order` on."""
    days = max(1.0, (all_wanted.until - all_wanted.since) / DAY)
    for sku, lines in all_wanted.lines.items():
        a_day = sum(units for _, units, _ in lines) / days
        asks = (Ask(at, channels[number], units, first_order + number) for at, units, number in lines)
        full = tuple(deliveries(asks, retailer.delivery_days * DAY, DELIVERED))
        level = max(retailer.least, math.ceil(a_day * retailer.cover_days))
        yield Item(sku, level, _speed(a_day * 7), full)


def _speed(a_week: float) -> int:
    return next(index for index, most in enumerate(SPEEDS.values()) if a_week <= most)
