"""One SKU sold once more: what is on its shelves, what its channels have heard of, and what becomes of each order. `schemas.whatif` has the model."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from schemas.accounts import NETWORK, ON_HAND, UNROUTED, State
from schemas.happened import (
    FOLLOWS,
    IN_PERSON,
    ORDERED,
    Cell,
    Entry,
    History,
    Legs,
    Move,
    is_routing,
    stock_of,
)
from schemas.meters import Meter
from schemas.oversells import may_be_owed
from schemas.postings import Kind
from schemas.routing import HUB
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
        turn = bisect_right(self.turns, instant, key=itemgetter(0)) - 1
        return self.turns[max(0, turn)][1]


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

    @property
    def all(self) -> Tally:
        """Of all channels together."""
        total = Tally()
        for tally in self.by_channel.values():
            total.add(tally)
        return total


class Heard:
    """What a channel that takes orders has heard of, and what its own documents have done that is not in it yet. Of a component its
    platform counts by itself what was sold of it alone: of a bundle it has counted the bundle.
    """

    __slots__ = ("channel", "delay", "meter", "own", "position", "rules")

    def __init__(self, sku: str, channel: str, rules: ChannelRules | None, delay: int) -> None:
        self.channel, self.delay, self.position = channel, delay, 0
        self.own: dict[str, int] = {}
        self.rules = rules
        self.meter = Meter(sku, channel, rules or ChannelRules())

    def rule(self, rules: ChannelRules | None) -> None:
        """Other rules hold; None: the channel has none."""
        self.rules = rules
        self.meter.rule(rules or ChannelRules())

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


@dataclass(slots=True)
class Deal:
    """An order, as far as one SKU knows: what was asked for and sold, and where its units are. `state` is the part of
    `available` that they were taken from. `rerouted` says that its places may be other
    ones than history's; `rejected` are those that would not send it.
    """

    channel: str
    at: int
    state: str
    asked: int = 0
    got: int = 0
    cells: dict[Cell, int] = field(default_factory=dict)
    sent_from: set[str] = field(default_factory=set)
    collected: set[str] = field(default_factory=set)
    rerouted: bool = False
    rejected: set[str] = field(default_factory=set)

    def post(self, legs: Legs) -> None:
        """Its units moved."""
        for cell, units in legs:
            self.cells[cell] = self.cells.get(cell, 0) + units

    @property
    def parcels(self) -> set[str]:
        """The places that its units were, or are to be, sent from. What was collected at a place was no parcel."""
        open_at = {
            name for (name, state), units in self.cells.items() if state == State.COMMITTED and units > 0
        }
        return (open_at | self.sent_from) - self.collected - {UNROUTED}


class World:
    """One SKU on one side, while it is played: what is there, and what each channel has heard of.

    `otherwise` has what movements came to that were not as in history. Each channel is told by so many microseconds later than the log
    knows (`delays`); counted is what was asked for from `since` on.
    """

    def __init__(
        self, sku: str, history: History, side: Side, delays: Mapping[str, int], since: int = 0
    ) -> None:
        self.sku, self.log, self.side, self.since = sku, history.log, side, since
        self.order = history.in_time()
        self.rules = side.turns[0][1]
        self.turn = 0
        self.truth: dict[Cell, int] = {}
        self.tracked: dict[str, int] = {}
        self.deals: dict[str, Deal] = {}
        self.otherwise: dict[int, Legs] = {}
        self.heard = {
            name: Heard(sku, name, self.rules.get(name), delays.get(name, 0)) for name in history.asking
        }
        self.outcome = Outcome()
        self.router: Callable[[World, Entry], Legs] | None = None
        self.seller: Callable[[Entry], int] | None = None

    def played(self) -> Outcome:
        """What came of it. Most of what occurs depends on nobody's order, and is taken here; all else by `step`."""
        log, truth, step, since, heard = self.log, self.truth, self.step, self.since, self.heard
        alone = len(self.side.turns) == 1
        for index in self.order:
            entry = log[index]
            move, channel = entry[2], entry[3]
            if move.depends or not alone or channel in heard:
                step(index, entry)
                continue
            for cell, units in move.cells:
                truth[cell] = truth.get(cell, 0) + units
            if move.tracks:
                self._track(move)
            elif move.act is IN_PERSON and entry[0] >= since:
                self._in_person(move, channel)
        return self.ended()

    def _track(self, move: Move) -> None:
        for name in move.tracks:
            self.tracked[name] = self.tracked.get(name, 0) + move.says

    def ended(self) -> Outcome:
        """What came of it, when everything has occurred."""
        self.outcome.sent = [
            Sent(deal.channel, name, place)
            for name, deal in self.deals.items()
            if deal.got and deal.at >= self.since
            for place in sorted(deal.parcels)
        ]
        return self.outcome

    def step(self, index: int, entry: Entry) -> None:
        """What occurred next."""
        at, _, move, channel, transaction = entry
        if len(self.side.turns) > self.turn + 1 and self.side.turns[self.turn + 1][0] <= at:
            self._rule(at)
        act = move.act
        if act is ORDERED:
            cells = self._ordered(index, entry)
        elif act is FOLLOWS and transaction in self.deals:
            cells = self._followed(index, entry)
        else:
            cells = move.cells
        truth = self.truth
        for cell, units in cells:
            truth[cell] = truth.get(cell, 0) + units
        if move.tracks:
            self._track(move)
        if act is IN_PERSON and at >= self.since:
            self._in_person(move, channel)
        if channel in self.heard and move.bundle is None:
            self.heard[channel].did(cells)

    def _rule(self, at: int) -> None:
        """The rules that hold from now on."""
        self.rules = self.side.at(at)
        self.turn = bisect_right(self.side.turns, at, key=itemgetter(0)) - 1
        for name, heard in self.heard.items():
            heard.rule(self.rules.get(name))

    def tell(self, heard: Heard, at: int, index: int) -> None:
        """Tells a channel all that is due, but nothing that occurs only now."""
        log, due, position = self.log, at - heard.delay, heard.position
        meter, otherwise = heard.meter, self.otherwise
        while position < len(log):
            occurred, known, move, channel, _ = log[position]
            if known > due or (occurred >= at and position >= index):
                break
            cells = otherwise.get(position, move.cells) if otherwise else move.cells
            meter.post(cells)
            if move.tracks:
                meter.track(move.tracks, move.says)
            if channel == heard.channel and move.bundle is None:
                heard.did(cells, -1)
            position += 1
        heard.position = position

    def _ordered(self, index: int, entry: Entry) -> Legs:
        """Somebody orders. What moves."""
        at, _, move, channel, transaction = entry
        assert move.source is not None, "an order takes something"
        heard, wanted = self.heard[channel], move.units
        if move.bundle is not None and self.seller is not None:
            taken = self.seller(entry)
        else:
            self.tell(heard, at, index)
            shown = heard.shows(move.source)
            taken = wanted if shown is None else min(wanted, shown)
        legs = move.legs if taken == wanted else _part(move, taken)
        deal = self.deals.get(transaction)
        if deal is None:
            deal = self.deals[transaction] = Deal(channel, at, move.source[1])
        deal.asked += wanted
        deal.got += taken
        deal.post(legs)
        if at >= self.since:
            self._count(heard, move.source, wanted, taken)
        if taken != wanted:
            self.otherwise[index] = legs
        return legs

    def _count(self, heard: Heard, cell: Cell, wanted: int, taken: int) -> None:
        tally = self.outcome.of(heard.channel)
        there = max(0, self._free(*cell))
        tally.asked += wanted
        tally.sold += taken
        if taken > there and not self._may_be_owed(cell, taken, heard):
            tally.oversold += taken - there
            tally.oversells += 1
        if taken < wanted:
            tally.turned_away += wanted - taken
            by_place = heard.rules is not None and heard.rules.publish != NETWORK
            lies = there if by_place else max(0, self._free(UNROUTED, cell[1]))
            tally.stranded += max(0, min(wanted, lies) - taken)

    def _free(self, location: str, state: str) -> int:
        """Units available at a place; where no place is chosen, at all together less what is promised already."""
        if location != UNROUTED:
            return self.truth.get((location, state), 0)
        places = (self.truth.get((name, state), 0) for name, says in self.tracked.items() if says)
        return self.truth.get((UNROUTED, state), 0) + sum(units for units in places if units > 0)

    def _may_be_owed(self, cell: Cell, taken: int, heard: Heard) -> bool:
        """Whether what is sold beyond what is there is within what the channel may owe."""
        its = heard.rules
        if its is None or not its.sells_beyond:
            return False
        location, state = cell
        after = {**self.truth, cell: self.truth.get(cell, 0) - taken}
        committed = (location, State.COMMITTED.value)
        after[committed] = after.get(committed, 0) + taken
        stock = stock_of(self.sku, after, self.tracked)
        return may_be_owed(stock, NETWORK if location == UNROUTED else location, state, its)

    def _in_person(self, move: Move, channel: str) -> None:
        """Somebody has bought what he held. Where the books had less, they were wrong; where it was promised, that is broken."""
        tally, cell, units = self.outcome.of(channel), move.source, move.units
        tally.asked += units
        tally.sold += units
        tally.in_person += units
        if cell is None or (level := self.truth[cell]) >= 0 or not self.tracked.get(cell[0]):
            return
        over = min(units, -level)
        held = units + sum(self.truth.get((cell[0], state), 0) for state in ON_HAND)
        if held < units:
            tally.unexplained += over
        else:
            tally.oversold += over
            tally.oversells += 1

    def _followed(self, index: int, entry: Entry) -> Legs:
        """Something became of an order, as far as it was sold. What moves."""
        _, _, move, channel, transaction = entry
        deal, legs, source = self.deals[transaction], move.legs, move.source
        if self.router is not None and channel == HUB and is_routing(move):
            legs = self.otherwise[index] = self.router(self, entry)
        elif deal.rerouted and source is not None and source[1] == State.COMMITTED:
            legs = self.otherwise[index] = _elsewhere(deal, move, source)
        elif deal.got < deal.asked:
            has = deal.got if source is None else deal.cells.get(source, 0)
            legs = self.otherwise[index] = _part(move, min(move.units, max(0, has)))
        deal.post(legs)
        left = {name for (name, state), units in legs if state == State.COMMITTED and units < 0}
        if move.kind is Kind.ORDER_SHIPPED:
            deal.sent_from |= left
        elif move.kind is Kind.PICKUP_COLLECTED:
            deal.collected |= left
        elif move.kind is Kind.PICK_REJECTED:
            deal.rejected |= left
        return legs


def _elsewhere(deal: Deal, move: Move, source: Cell) -> Legs:
    """The legs of a movement of an order whose units may lie at other places than they did: there it happens instead."""
    legs: list[tuple[Cell, int]] = []
    left = move.units
    places = sorted(name for name, state in deal.cells if state == State.COMMITTED)
    for name in sorted(places, key=lambda name: name != source[0]):
        units = min(left, deal.cells[name, State.COMMITTED])
        if units > 0:
            left -= units
            legs += [
                ((name if cell[0] == source[0] else cell[0], cell[1]), moved)
                for cell, moved in _part(move, units)
            ]
    return tuple(legs)


def _part(move: Move, units: int) -> Legs:
    """The legs of so many of a movement's units."""
    if not units:
        return ()
    return tuple((cell, moved // move.units * units) for cell, moved in move.legs)
