"""What a channel shows: the number made of what it has heard of, moved on by its own documents."""

from __future__ import annotations

from schemas.accounts import NETWORK
from schemas.happened import Cell, Legs
from schemas.meters import Meter
from schemas.rules import ChannelRules


class Heard:
    """What a channel that takes orders has heard of, and what its own documents have done that is not in it yet. Of a component its
    platform counts by itself what was sold of it alone: of a bundle it has counted the bundle. `beside` is the same channel under other
    rules, which hears and does the same.
    """

    __slots__ = ("beside", "channel", "delay", "meter", "own", "position", "rules")

    def __init__(self, sku: str, channel: str, rules: ChannelRules | None, delay: int) -> None:
        self.channel, self.delay, self.position = channel, delay, 0
        self.own: dict[str, int] = {}
        self.rules = rules
        self.meter = Meter(sku, channel, rules or ChannelRules())
        self.beside: Heard | None = None

    def rule(self, rules: ChannelRules | None) -> None:
        """Other rules hold; None: the channel has none."""
        self.rules = rules
        self.meter.rule(rules or ChannelRules())

    def hears_with(self, other: Heard) -> None:
        """Another one hears and does the same, from the beginning on."""
        self.beside = other
        self.meter.beside(other.meter)

    def part(self) -> None:
        """What is beside it goes its own way, from where both are."""
        if self.beside is not None:
            self.meter.part()
            self.beside.position, self.beside = self.position, None

    def sells(self, cell: Cell, wanted: int) -> int:
        """How many of the units that somebody orders it sells."""
        shown = self.shows(cell)
        return wanted if shown is None else min(wanted, shown)

    def shows(self, cell: Cell) -> int | None:
        """What it shows to demand that goes to a place; None where nothing of ours bounds it."""
        its = self.rules
        if its is None or its.shadow or cell[1] != self.meter.state:
            return None
        number = self.meter.number(cell[0])
        if number is None:
            return None
        own = sum(self.own.values()) if its.publish == NETWORK else self.own.get(cell[0], 0)
        return max(0, number + own)

    def did(self, cells: Legs, times: int = 1) -> None:
        """The channel's own document moved units, or (-1) they are in the number now."""
        for (location, state), units in cells:
            if state == self.meter.state:
                self.own[location] = self.own.get(location, 0) + times * units
        if self.beside is not None:
            self.beside.did(cells, times)
