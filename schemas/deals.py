"""One order, as far as one SKU knows, and what of its movements happens where less was sold, or where its units lie elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.accounts import UNROUTED, State
from schemas.happened import Cell, Legs, Move


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

    def copy(self) -> Deal:
        """The same deal, to which other things may happen."""
        return Deal(
            self.channel,
            self.at,
            self.state,
            self.asked,
            self.got,
            dict(self.cells),
            set(self.sent_from),
            set(self.collected),
            self.rerouted,
            set(self.rejected),
        )

    @property
    def parcels(self) -> set[str]:
        """The places that its units were, or are to be, sent from. What was collected at a place was no parcel."""
        open_at = {
            name for (name, state), units in self.cells.items() if state == State.COMMITTED and units > 0
        }
        return (open_at | self.sent_from) - self.collected - {UNROUTED}


def elsewhere(deal: Deal, move: Move, source: Cell) -> Legs:
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
                for cell, moved in part(move, units)
            ]
    return tuple(legs)


def part(move: Move, units: int) -> Legs:
    """The legs of so many of a movement's units."""
    if not units:
        return ()
    return tuple((cell, moved // move.units * units) for cell, moved in move.legs)
