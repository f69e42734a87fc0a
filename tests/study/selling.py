"""One stock of a SKU at one place, sold by a till and by online channels that each go by a number of their own. Pure.

The model, all of it:

* A till sells what is on the shelf, at most what is asked for. It needs no number.
* An online channel sells at most its own number. That is what it was told last (what was left, less a safety buffer) less
  what it has sold itself since, never below zero: its own orders it knows at once, everything else when it is told.
* Whatever happens is told to every online channel at the instant that the caller names for it, in order.
* What an online channel sells leaves the shelf at once: slow picking is another subject. What it sells and is not there is
  oversold: the order is cut short, and nothing is sent later.
* A delivery fills the shelf up to the SKU's level.
* Who gets less than was asked for does not come back, and buys nothing else instead.

Nothing is returned, stolen, miscounted or lost on the way: what is oversold here, only the delay did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

DELIVERY, TILL, SHOP, MARKET = -1, 0, 1, 2
ONLINE = (SHOP, MARKET)


class Ask(NamedTuple):
    """`units` asked for on a channel at an instant (whole seconds), as part of an order. A `DELIVERY` asks for nothing."""

    at: int
    channel: int
    units: int = 0
    order: int = -1


@dataclass(slots=True)
class Tally:
    """What came of it, in units; `orders` are those with something oversold. What is played later adds to it.

    `refused` is what online channels turned away though it was on the shelf, `lost` what any channel asked for and did not
    get, oversold units included. `shelf` and `hidden` are unit-seconds: on the shelf, and of these within the buffer.
    """

    asked: int = 0
    asked_online: int = 0
    lost: int = 0
    oversold: int = 0
    refused: int = 0
    shelf: int = 0
    hidden: int = 0
    orders: set[int] = field(default_factory=set)


def together(tallies: Iterable[Tally]) -> Tally:
    """What came of all of them."""
    total = Tally()
    for tally in tallies:
        for name in COUNTED:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.orders |= tally.orders
    return total


COUNTED = [one.name for one in fields(Tally) if one.name != "orders"]


@dataclass(slots=True)
class Numbers:
    """What the online channels go by. `shown` is the last word to them, `untold` what each has sold that is not in it yet."""

    shown: int
    buffer: int
    untold: dict[int, int] = field(default_factory=lambda: dict.fromkeys(ONLINE, 0))
    after: list[tuple[float, int, int, int]] = field(default_factory=list)
    told: int = 0

    def tell(self, at: int) -> None:
        """Tells what is due by an instant."""
        while self.told < len(self.after) and self.after[self.told][0] <= at:
            _, left, channel, taken = self.after[self.told]
            self.shown = left - self.buffer
            if channel in self.untold:
                self.untold[channel] -= taken
            self.told += 1

    def sold(self, told_at: float, left: int, channel: int, taken: int) -> None:
        """A channel has sold something, or goods came: `left` is what remains, and it will be told."""
        if channel in self.untold:
            self.untold[channel] += taken
        self.after.append((told_at, left, channel, taken))

    def of(self, channel: int) -> int:
        """What an online channel may sell now, as far as it knows."""
        return max(0, self.shown - self.untold[channel])


def deliveries(asks: Iterable[Ask], every: int, at: int) -> Iterator[Ask]:
    """The asks with the deliveries among them: at `at`, `at + every`, and so on (seconds), where anything was asked for since
    the last. A delivery comes before what is asked for at the same instant.
    """
    due = None
    for ask in asks:
        if due is not None and due <= ask.at:
            yield Ask(due, DELIVERY)
            due = None
        if due is None:
            due = ask.at + every - (ask.at - at) % every
        yield ask


def sell(
    level: int, asks: Sequence[Ask], told_at: Iterable[float], buffer: int, until: int, tally: Tally
) -> list[int]:
    """Plays one SKU, the shelf full with `level` units at first. Adds to the tally, and returns what each ask got.

    `told_at` is for each ask the instant at which the online channels are told what is left after it, and never falls.
    `shelf` and `hidden` are counted from the first ask to `until`.
    """
    left, got = level, []
    numbers = Numbers(level - buffer, buffer)
    since = asks[0].at if asks else until
    for ask, due in zip(asks, told_at, strict=True):
        numbers.tell(ask.at)
        there = max(0, left)
        _stand(tally, there, buffer, ask.at - since)
        since = ask.at
        if ask.channel == DELIVERY:
            left, taken = level, 0
        else:
            taken = min(ask.units, there if ask.channel == TILL else numbers.of(ask.channel))
            left -= taken
            _count(tally, ask, there, taken)
        numbers.sold(due, left, ask.channel, taken)
        got.append(taken)
    _stand(tally, max(0, left), buffer, until - since)
    return got


def _count(tally: Tally, ask: Ask, there: int, taken: int) -> None:
    over = max(0, taken - there)
    tally.asked += ask.units
    tally.lost += ask.units - taken + over
    if ask.channel == TILL:
        return
    tally.asked_online += ask.units
    tally.oversold += over
    tally.refused += max(0, min(ask.units, there) - taken)
    if over:
        tally.orders.add(ask.order)


def _stand(tally: Tally, there: int, buffer: int, seconds: int) -> None:
    tally.shelf += there * seconds
    tally.hidden += min(there, buffer) * seconds
