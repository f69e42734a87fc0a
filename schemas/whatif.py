"""What history would have been under other rules: one SKU sold again, with the numbers that its channels would have shown. Pure.

The model, all of it, for both sides alike (`ASSUMPTIONS` says it to whoever reads a report):

* Demand is what history shows: each order is asked for again, at its instant. What nobody could order then is in no log.
* An order gets at most what its channel shows then: the number made of the news that had come to the log by then, a push's delay
  earlier, moved on by what the channel's own documents did since. Where no number of ours bounds a channel, it gets all.
* A till's sale happens: the customer held the goods.
* What follows an order (shipment, cancellation, return) happens as far as there was a sale; all else happens as it did.
* What is sold and is not there is oversold; what is turned away though it lies there is stranded.

So with the rules that held, both sides are the same to the unit; and the side that is as it was may itself turn something away that was sold:
how much of history the model explains is part of what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.happened import History
from schemas.movements import Movement
from schemas.outcomes import Outcome, Side
from schemas.rules import Rules
from schemas.ruling import touched
from schemas.worlds import World

ASSUMPTIONS = (
    "demand is what history shows: orders, at their instants; what could not be ordered then left no trace, so looser rules win no sales",
    "an order gets at most what its channel shows, in part where that is less; who is turned away does not come back or buy something else",
    "a channel shows the number made of what was in the log by then, the push's delay earlier, moved on by its own documents since",
    "news comes as late as it did: recorded_at less occurred_at of each movement; a push takes the median of the channel's receipts",
    "a channel that is told nothing (in shadow, without rules, of an untracked SKU, of another pool) sells as it did",
    "sales in person, supply, counts, transfers and reservations happen as they did",
    "a shipment, cancellation or return happens as far as its order was sold; a unit sold beyond what is there is oversold",
    "an order that the hub has routed is routed again by its channel's rules and what was in the log by then; the shopper's address is in no log",
    "of a bundle a channel shows as many as its numbers of the components allow; other recipes change what it shows, and not what was ordered",
)


class Effect(NamedTuple):
    """One SKU on both sides."""

    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is compared: the rules as they were, and other ones. Each channel is told by so many microseconds later than the log knows
    (`delays`). Counted is what was asked for from `since` on; before that both sides should have the same rules.
    """

    before: Side
    after: Side
    delays: Mapping[str, int] = field(default_factory=dict)
    since: int = 0
    _concerned: dict[str, frozenset[str] | None] = field(default_factory=dict, init=False)

    def effect(self, sku: str, history: History) -> Effect:
        """What the other rules would have come to for one SKU."""
        other = None
        if any(self._concerns(channel, sku) for channel in history.asking):
            other = World(sku, history, self.after, self.delays, self.since)
        before = World(sku, history, self.before, self.delays, self.since, other).played()
        return Effect(before, before if other is None else other.outcome)

    def _concerns(self, channel: str, sku: str) -> bool:
        """Whether a channel's orders of a SKU may fare differently on the two sides."""
        if channel not in self._concerned:
            self._concerned[channel] = self._differs(channel)
        skus = self._concerned[channel]
        return skus is None or sku in skus

    def _differs(self, channel: str) -> frozenset[str] | None:
        """The SKUs for which a channel's rules ever differ; None: any."""
        found: frozenset[str] = frozenset()
        for at, _ in (*self.before.turns, *self.after.turns):
            was, would = self.before.at(at).get(channel), self.after.at(at).get(channel)
            if was == would:
                continue
            skus = None if was is None or would is None or was.shadow != would.shadow else touched(was, would)
            if skus is None:
                return None
            found |= skus
        return found


def effect(
    sku: str,
    movements: Iterable[Movement],
    before: Rules,
    after: Rules,
    delays: Mapping[str, int] | None = None,
) -> Effect:
    """What other rules would have come to for one SKU, of its movements in the order of the log, had they held all the time.

    `delays` is by how many microseconds each channel is told later than the log knows.
    """
    sides = Sides(
        before=Side(((0, before.channels),)), after=Side(((0, after.channels),)), delays=delays or {}
    )
    return sides.effect(sku, history_of(movements))


def history_of(movements: Iterable[Movement]) -> History:
    """The history of one SKU, of its movements in the order of the log."""
    history = History()
    for movement in movements:
        history.add(movement)
    return history
