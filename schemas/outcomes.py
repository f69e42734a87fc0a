"""What became of a SKU's demand, by channel, and under which rules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from schemas.rules import ChannelRules, Recipe
from schemas.sites import Site


@dataclass(slots=True)
class Tally:
    """What came of a channel's demand, in units; `oversells` counts the sales with something oversold.

    `turned_away` was ordered and not sold, `stranded` the part of it that lay there unsold. `unexplained` was sold in person though the
    books had nothing where the SKU is tracked: no rule changes that, and it is no oversell. `in_person` is part of `asked` and of `sold`.
    """

    asked: int = 0
    sold: int = 0
    in_person: int = 0
    turned_away: int = 0
    stranded: int = 0
    oversold: int = 0
    oversells: int = 0
    unexplained: int = 0

    def ordered(self, wanted: int, taken: int, oversold: int, stranded: int) -> None:
        """One more order."""
        self.asked += wanted
        self.sold += taken
        self.turned_away += wanted - taken
        self.stranded += stranded
        self.oversold += oversold
        self.oversells += oversold > 0

    def add(self, other: Tally) -> None:
        """Adds another's units."""
        self.asked += other.asked
        self.sold += other.sold
        self.in_person += other.in_person
        self.turned_away += other.turned_away
        self.stranded += other.stranded
        self.oversold += other.oversold
        self.oversells += other.oversells
        self.unexplained += other.unexplained


FOREVER = 2**63
"""Later than any instant."""

Ruled = Mapping[str, ChannelRules]
"""The rules of each channel."""


@dataclass(frozen=True, slots=True)
class Side:
    """Which rules hold from when on: instants (microseconds since 1970) ascending; the first rules hold from the beginning. `sites` are
    the locations as an order's places are chosen, `bundles` what each bundle consists of.
    """

    turns: tuple[tuple[int, Ruled], ...]
    sites: tuple[Site, ...] = ()
    bundles: Mapping[str, Recipe] = field(default_factory=dict)

    def at(self, instant: int) -> Ruled:
        """The rules at an instant."""
        return self.turns[max(0, self._passed(instant) - 1)][1]

    def until(self, instant: int) -> int:
        """When they change next."""
        turn = max(1, self._passed(instant))
        return self.turns[turn][0] if turn < len(self.turns) else FOREVER

    def _passed(self, instant: int) -> int:
        if len(self.turns) == 1:
            return int(self.turns[0][0] <= instant)
        return bisect_right(self.turns, instant, key=itemgetter(0))


class Sent(NamedTuple):
    """A parcel, as far as one SKU knows: units of a transaction went, or are to go, from a location."""

    channel: str
    transaction: str
    location: str


@dataclass(slots=True)
class Outcome:
    """What came of one SKU on one side."""

    by_channel: dict[str, Tally] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def of(self, channel: str) -> Tally:
        """What came of a channel's demand."""
        found = self.by_channel.get(channel)
        if found is None:
            found = self.by_channel[channel] = Tally()
        return found

    def copy(self) -> Outcome:
        """The same so far."""
        return Outcome({channel: replace(tally) for channel, tally in self.by_channel.items()})

    @property
    def all(self) -> Tally:
        """Of all channels together."""
        total = Tally()
        for tally in self.by_channel.values():
            total.add(tally)
        return total
