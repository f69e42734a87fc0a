"""One SKU sold once more: what is on its shelves, what its channels have heard of, and what becomes of each order. `schemas.whatif` has the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from schemas.accounts import NETWORK, ON_HAND, UNROUTED, State
from schemas.deals import Deal, elsewhere, part
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
from schemas.hearing import Heard
from schemas.outcomes import Outcome, Sent, Side, Tally
from schemas.oversells import may_be_owed
from schemas.postings import Kind
from schemas.routing import HUB


class World:
    """One SKU on one side, while it is played: what is there, and what each channel has heard of.

    `otherwise` has what movements came to that were not as in history. Each channel is told by so many microseconds later than the log
    knows (`delays`); counted is what was asked for from `since` on.

    `other` is the world of other rules. Until an order fares differently there it is the same world, in which all that occurs is played
    once; from then on it is played by itself.
    """

    def __init__(
        self,
        sku: str,
        history: History,
        side: Side,
        delays: Mapping[str, int],
        since: int = 0,
        other: World | None = None,
    ) -> None:
        self.sku, self.log, self.side, self.since = sku, history.log, side, since
        self.order = history.in_time()
        self.rules, self.until = side.at(0), side.until(0)
        self.truth: dict[Cell, int] = defaultdict(int)
        self.tracked: dict[str, int] = defaultdict(int)
        self.deals: dict[str, Deal] = {}
        self.otherwise: dict[int, Legs] = {}
        self.heard = {
            name: Heard(sku, name, self.rules.get(name), delays.get(name, 0)) for name in history.asking
        }
        self.outcome = Outcome()
        self.router: Callable[[World, Entry], Legs] | None = None
        self.seller: Callable[[Entry], int] | None = None
        self.other = other
        if other is not None:
            other.truth, other.tracked, other.outcome = self.truth, self.tracked, self.outcome
            for name, heard in self.heard.items():
                heard.hears_with(other.heard[name])

    def played(self, start: int = 0) -> Outcome:
        """What came of it. Most of what occurs depends on nobody's order, and is taken here; all else by `step`."""
        log, truth, tracked, heard, since = self.log, self.truth, self.tracked, self.heard, self.since
        tallies = self.outcome.by_channel
        order = self.order[start:] if start else self.order
        for index, entry in zip(order, map(log.__getitem__, order), strict=True):
            at, _, move, channel, _, _, _ = entry
            if move.depends or channel in heard:
                self.step(index, entry)
                continue
            short = False
            for cell, units in move.cells:
                truth[cell] = level = truth[cell] + units
                if level < 0:
                    short = True
            if move.tracks:
                for name in move.tracks:
                    tracked[name] += move.says
            elif move.act is IN_PERSON and at >= since:
                tally = tallies.get(channel) or self.outcome.of(channel)
                tally.in_person += move.units
                if short:
                    self._short(move, tally)
        return self.ended()

    def ended(self) -> Outcome:
        """What came of it, when everything has occurred."""
        for tally in self.outcome.by_channel.values():
            tally.asked += tally.in_person
            tally.sold += tally.in_person
        self.outcome.sent = [
            Sent(deal.channel, name, place)
            for name, deal in self.deals.items()
            if deal.got and deal.at >= self.since
            for place in sorted(deal.parcels)
        ]
        return self.outcome

    def step(self, index: int, entry: Entry) -> None:
        """What occurred next."""
        at, _, move, channel, transaction, _, _ = entry
        self.rule(at)
        act = move.act
        if act is ORDERED:
            cells = self._ordered(index, entry)
        elif act is FOLLOWS and transaction in self.deals:
            cells = self._followed(index, entry)
        else:
            cells = move.cells
        truth = self.truth
        for cell, units in cells:
            truth[cell] += units
        for name in move.tracks:
            self.tracked[name] += move.says
        if act is IN_PERSON and at >= self.since:
            tally = self.outcome.of(channel)
            tally.in_person += move.units
            self._short(move, tally)
        if channel in self.heard and move.bundle is None:
            self.heard[channel].did(cells)

    def rule(self, at: int) -> None:
        """The rules that hold from now on."""
        if at >= self.until:
            self.rules, self.until = self.side.at(at), self.side.until(at)
            for name, heard in self.heard.items():
                heard.rule(self.rules.get(name))
        if self.other is not None:
            self.other.rule(at)

    def tell(self, heard: Heard, at: int, index: int) -> None:
        """Tells a channel all that is due, but nothing that occurs only now."""
        log, due, position, otherwise = self.log, at - heard.delay, heard.position, self.otherwise
        post, track, its = heard.meter.post, heard.meter.track, heard.channel
        while position < len(log):
            occurred, known, move, channel, _, _, _ = log[position]
            if known > due or (occurred >= at and position >= index):
                break
            cells = otherwise.get(position, move.cells) if otherwise else move.cells
            post(cells)
            if move.tracks:
                track(move.tracks, move.says)
            if channel == its and move.bundle is None:
                heard.did(cells, -1)
            position += 1
        heard.position = position

    def _ordered(self, index: int, entry: Entry) -> Legs:
        """Somebody orders. What moves."""
        at, _, move, channel, transaction, _, _ = entry
        assert move.source is not None, "an order takes something"
        heard, wanted = self.heard[channel], move.units
        if move.bundle is not None and self.seller is not None:
            taken = self.seller(entry)
        else:
            self.tell(heard, at, index)
            taken = heard.sells(move.source, wanted)
        there = max(0, self._free(*move.source))
        fate = self._fate(heard, move.source, wanted, taken, there)
        if heard.beside is not None:
            its = heard.beside
            would = its.sells(move.source, wanted)
            if would != taken or self._fate(its, move.source, wanted, would, there) != fate:
                self._part(index)
        legs = move.legs if taken == wanted else part(move, taken)
        deal = self.deals.get(transaction)
        if deal is None:
            deal = self.deals[transaction] = Deal(channel, at, move.source[1])
        deal.asked += wanted
        deal.got += taken
        deal.post(legs)
        if at >= self.since:
            self.outcome.of(channel).ordered(wanted, taken, *fate)
        if taken != wanted:
            self.otherwise[index] = legs
        return legs

    def _part(self, index: int) -> None:
        """The other world is another one from a movement on."""
        other, self.other = self.other, None
        assert other is not None
        other.truth, other.tracked = self.truth.copy(), self.tracked.copy()
        other.deals = {name: deal.copy() for name, deal in self.deals.items()}
        other.otherwise, other.outcome = dict(self.otherwise), self.outcome.copy()
        for heard in self.heard.values():
            heard.part()
        other.played(self.order.index(index))

    def _fate(self, heard: Heard, cell: Cell, wanted: int, taken: int, there: int) -> tuple[int, int]:
        """How many units of an order are oversold, and how many stranded, where so many are free."""
        oversold = taken - there if taken > there and not self._may_be_owed(cell, taken, heard) else 0
        if taken == wanted:
            return oversold, 0
        by_place = heard.rules is not None and heard.rules.publish != NETWORK
        lies = there if by_place else max(0, self._free(UNROUTED, cell[1]))
        return oversold, max(0, min(wanted, lies) - taken)

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

    def _short(self, move: Move, tally: Tally) -> None:
        """Somebody has bought what he held. Where the books had less, they were wrong; where it was promised, that is broken."""
        cell, units = move.source, move.units
        if cell is None or (level := self.truth.get(cell, 0)) >= 0 or not self.tracked.get(cell[0]):
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
        _, _, move, channel, transaction, _, _ = entry
        deal, legs, source = self.deals[transaction], move.legs, move.source
        if self.router is not None and channel == HUB and is_routing(move):
            legs = self.otherwise[index] = self.router(self, entry)
        elif deal.rerouted and source is not None and source[1] == State.COMMITTED:
            legs = self.otherwise[index] = elsewhere(deal, move, source)
        elif deal.got < deal.asked:
            has = deal.got if source is None else deal.cells.get(source, 0)
            legs = self.otherwise[index] = part(move, min(move.units, max(0, has)))
        deal.post(legs)
        left = {name for (name, state), units in legs if state == State.COMMITTED and units < 0}
        if move.kind is Kind.ORDER_SHIPPED:
            deal.sent_from |= left
        elif move.kind is Kind.PICKUP_COLLECTED:
            deal.collected |= left
        elif move.kind is Kind.PICK_REJECTED:
            deal.rejected |= left
        return legs
