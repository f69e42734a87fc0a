"""The study: what each delay oversells, and what it costs to hold that down by safety buffers.

Buffers are tried in two ways. One for all SKUs: the smallest that is enough. And one for each class of speed
(`wanted.SPEEDS`): of all that are enough, those that turn away least, chosen with the whole year known, which no retailer can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, product
from typing import Any, NamedTuple

from delaying import Delay
from selling import ONLINE, Tally, sell, together
from wanted import SPEEDS, Item, Retailer, Wanted, dealt, items

MOST_PERCENT = 0.1
"""Online orders with something oversold that a retailer puts up with, of 100."""
BUFFERS = 6
"""What is tried for each class of speed, and more where one for all has to be larger."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class World:
    """All that is played, the same for every delay: the year's baskets, each year with its own seed and SKUs."""

    until: int
    online_orders: int
    years: tuple[tuple[int, tuple[Item, ...]], ...]

    def bearable(self, tally: Tally) -> bool:
        """Whether few enough orders are cut short."""
        return 100 * len(tally.orders) <= MOST_PERCENT * self.online_orders


class Choice(NamedTuple):
    """A buffer for each class of speed, and what comes of them."""

    buffers: tuple[int, ...]
    tally: Tally


class Row(NamedTuple):
    """One delay: what comes of it as it is, with one buffer for all SKUs, and with one for each class of speed."""

    delay: Delay
    plain: Tally
    for_all: Choice
    by_speed: Choice


def world(all_wanted: Wanted, retailer: Retailer, seeds: Sequence[int]) -> World:
    """The year, once for each seed, its baskets dealt to the channels anew."""
    years, online = [], 0
    for index, seed in enumerate(seeds):
        channels = dealt(all_wanted.baskets, retailer, seed)
        online += sum(channel in ONLINE for channel in channels)
        years.append((seed, tuple(items(all_wanted, retailer, channels, index * all_wanted.baskets))))
    return World(all_wanted.until, online, tuple(years))


def play(played: World, delay: Delay, buffer: int) -> list[Tally]:
    """Everything once, at one delay and with one buffer for every SKU: what comes of it in each class of speed."""
    tallies = [Tally() for _ in SPEEDS]
    for seed, skus in played.years:
        for sku, level, speed, asks in skus:
            sell(level, asks, delay.told_at(asks, sku, seed), buffer, played.until, tallies[speed])
    return tallies


@dataclass(slots=True)
class Trials:
    """One delay, played with each buffer that is asked for, once."""

    played: World
    delay: Delay
    say: Say
    tallies: dict[int, list[Tally]] = field(default_factory=dict)

    def by_speed(self, buffer: int) -> list[Tally]:
        """What comes of it in each class of speed."""
        if buffer not in self.tallies:
            self.tallies[buffer] = play(self.played, self.delay, buffer)
            short = len(together(self.tallies[buffer]).orders)
            self.say(
                f"{self.delay.name}, buffer {buffer}: {short} of {self.played.online_orders} orders cut short"
            )
        return self.tallies[buffer]

    def one_for_all(self) -> Choice:
        """The smallest buffer that is enough, tried from none upwards: that a larger one oversells less is no law."""
        tallies = ((buffer, together(self.by_speed(buffer))) for buffer in count())
        buffer, tally = next(one for one in tallies if self.played.bearable(one[1]))
        return Choice((buffer,) * len(SPEEDS), tally)

    def one_each(self, for_all: Choice) -> Choice:
        """Of the buffers that are enough together, those that turn away least. One for all is among them."""
        tried = range(max(BUFFERS, 1 + max(for_all.buffers)))
        found = (
            Choice(buffers, together(self.by_speed(buffer)[speed] for speed, buffer in enumerate(buffers)))
            for buffers in product(tried, repeat=len(SPEEDS))
        )
        enough = (choice for choice in found if self.played.bearable(choice.tally))
        return min(enough, key=lambda choice: (choice.tally.refused, choice.buffers))


def study(played: World, delays: Sequence[Delay], say: Say) -> Iterator[Row]:
    """A row for each delay."""
    for delay in delays:
        trials = Trials(played, delay, say)
        for_all = trials.one_for_all()
        by_speed = trials.one_each(for_all) if any(for_all.buffers) else for_all
        yield Row(delay, together(trials.by_speed(0)), for_all, by_speed)


def figures(played: World, row: Row) -> dict[str, Any]:
    """A row for machines: counts of all years together, and shares in percent of what the name says."""
    none = Choice((0,) * len(SPEEDS), row.plain)
    ways = {"no_buffer": none, "one_buffer": row.for_all, "buffers_by_speed": row.by_speed}
    costs = {name: _cost(played, row.plain, choice) for name, choice in ways.items()}
    return {"delay": row.delay.name, **costs}


def _cost(played: World, plain: Tally, choice: Choice) -> dict[str, Any]:
    tally = choice.tally
    return {
        "buffers": dict(zip(SPEEDS, choice.buffers, strict=True)),
        "oversold_units": tally.oversold,
        "oversold_percent_of_online_units": _percent(tally.oversold, tally.asked_online, 4),
        "orders_cut_short": len(tally.orders),
        "orders_cut_short_percent": _percent(len(tally.orders), played.online_orders, 4),
        "hidden_percent_of_stock": _percent(tally.hidden, tally.shelf, 2),
        "refused_though_there_units": tally.refused,
        "refused_though_there_percent_of_online_units": _percent(tally.refused, tally.asked_online, 2),
        "lost_percent_of_units": _percent(tally.lost, tally.asked, 3),
        "sales_lost_by_it_units": tally.lost - plain.lost,
        "sales_lost_by_it_percent_of_units": _percent(tally.lost - plain.lost, tally.asked, 2),
    }


def _percent(part: int, whole: int, digits: int) -> float:
    return round(100 * part / whole, digits) if whole else 0.0
