"""What the day's deals add up to by themselves: two dictionaries and six verbs. It knows nothing of claims or movements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

Cell = tuple[str, str]
"""A SKU at a place."""

Lines = Sequence[tuple[str, int]]

NOWHERE = "@unrouted"
"""Where demand is promised that no place has been chosen for."""


class Oracle:
    """`available` may be sold, `on_hand` is physically there; what is on hand and not available is promised. `diary` has what was
    done to each cell: when, what, and how many units.
    """

    def __init__(self, opening: Mapping[Cell, int]) -> None:
        self.available: Counter[Cell] = Counter(opening)
        self.on_hand: Counter[Cell] = Counter(opening)
        self.diary: dict[Cell, list[tuple[str, str, int]]] = defaultdict(list)

    def _note(self, cell: Cell, what: str, units: int) -> None:
        self.diary[cell].append((datetime.now(UTC).isoformat(timespec="milliseconds"), what, units))

    def promise(self, place: str, lines: Iterable[tuple[str, int]]) -> None:
        """Units are somebody's, and still there."""
        for sku, units in lines:
            self.available[sku, place] -= units
            self._note((sku, place), "promised", units)

    def release(self, place: str, lines: Iterable[tuple[str, int]]) -> None:
        """Units were promised, and are free again."""
        for sku, units in lines:
            self.available[sku, place] += units
            self._note((sku, place), "released", units)

    def go(self, place: str, lines: Iterable[tuple[str, int]]) -> None:
        """Units that nobody had been promised leave a place; negative ones come."""
        for sku, units in lines:
            self.available[sku, place] -= units
            self.on_hand[sku, place] -= units
            self._note((sku, place), "gone", units)

    def come(self, place: str, lines: Iterable[tuple[str, int]]) -> None:
        """Units come to a place."""
        self.go(place, [(sku, -units) for sku, units in lines])

    def land(self, place: str, lines: Iterable[tuple[str, int]]) -> None:
        """Units come to a place, and may not be sold: somebody must look at them, or they are damaged."""
        self.come(place, lines)
        self.promise(place, lines)

    def send(self, home: str, place: str, lines: Lines) -> None:
        """Units that were promised at `home` leave from a place."""
        self.release(home, lines)
        self.go(place, lines)

    def count(self, place: str, sku: str, units: int) -> None:
        """So many are there."""
        self._note((sku, place), "counted", units)
        self.come(place, [(sku, units - self.on_hand[sku, place])])
