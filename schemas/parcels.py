"""Which places send what, in as few parcels as possible. Pure, total, and the same for the same question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

WORK = 200_000
"""How many numbers the search for the fewest parcels may look at. With up to a dozen places it never needs so many; beyond, a
good plan at once is worth more to a shopper than the best one later.
"""

Units = Mapping[str, int]
"""Units by SKU."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one place sends: units by SKU, none of them zero."""

    location: str
    lines: dict[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """The parcels in the order of their places, and the units of each SKU that nobody may send."""

    parcels: tuple[Parcel, ...]
    missing: dict[str, int] = field(default_factory=dict)


def plan(wanted: Units, limits: Units, gives: Mapping[str, Units], work: int = WORK) -> Plan:
    """The fewest parcels that bring as much of what is wanted as may be sent; of as few those whose places come first.

    `limits` is how many units of each SKU may be sent from all places together, `gives` what each place may send, in the order
    in which places are preferred. Where the search would look at more than `work` numbers the parcels may be more than the fewest.
    """
    needs = {
        sku: min(units, limits.get(sku, 0), sum(give.get(sku, 0) for give in gives.values()))
        for sku, units in sorted(wanted.items())
    }
    missing = {sku: wanted[sku] - units for sku, units in needs.items() if units < wanted[sku]}
    needs = {sku: units for sku, units in needs.items() if units > 0}
    useful = [(name, give) for name, give in gives.items() if any(give.get(sku, 0) > 0 for sku in needs)]
    chosen = _Search(needs, [give for _, give in useful], work).fewest()
    return Plan(_packed(needs, [useful[index] for index in chosen]), missing)


def _packed(needs: Units, chosen: Sequence[tuple[str, Units]]) -> tuple[Parcel, ...]:
    """Which place sends what. A SKU comes whole from the first place that has all of it, if one has."""
    lines: dict[str, dict[str, int]] = {name: {} for name, _ in chosen}
    for sku, units in needs.items():
        whole = [(name, give) for name, give in chosen if give.get(sku, 0) >= units]
        left = units
        for name, give in whole or chosen:
            if (taken := min(left, give.get(sku, 0))) > 0:
                lines[name][sku] = taken
                left -= taken
    return tuple(Parcel(name, its) for name, its in lines.items() if its)


class _Search:
    """Looks for the fewest places that have all of it together: sets of one, of two and so on, the preferred ones first."""

    def __init__(self, needs: Units, gives: Sequence[Units], work: int) -> None:
        scarce = sorted(needs, key=lambda sku: (sum(give.get(sku, 0) > 0 for give in gives), sku))
        self.needs = [needs[sku] for sku in scarce]  # what few have fails first
        self.gives = [[give.get(sku, 0) for give in gives] for sku in scarce]
        self.places, self.work = len(gives), work

    def fewest(self) -> list[int]:
        """The places by their numbers, ascending."""
        for size in range(self.places + 1):
            found = self._of(size, 0, self.needs)
            if found is not None:
                return found
            if self.work <= 0:
                break
        return self._greedy()

    def _of(self, size: int, start: int, left: list[int]) -> list[int] | None:
        """So many of the places from `start` on that have what is left. None: there are none, or the work is used up."""
        if not self._within_reach(size, start, left):
            return None
        if size == 0:
            return []
        for place in range(start, self.places - size + 1):
            after = [units - give[place] for units, give in zip(left, self.gives, strict=True)]
            found = self._of(size - 1, place + 1, after)
            if found is not None:
                return [place, *found]
            if self.work <= 0:
                return None
        return None

    def _within_reach(self, size: int, start: int, left: list[int]) -> bool:
        """Whether for each SKU the largest `size` of the remaining places have what is left: if not, no set of them has."""
        for units, give in zip(left, self.gives, strict=True):
            if units > 0:
                self.work -= self.places - start
                if sum(nlargest(size, give[start:])) < units:
                    return False
        return True

    def _greedy(self) -> list[int]:
        """The place that brings the most, again and again; then those that the others make needless go, the last ones first."""
        left, chosen = list(self.needs), list[int]()
        while any(units > 0 for units in left):
            brings = [
                sum(min(max(units, 0), give[place]) for units, give in zip(left, self.gives, strict=True))
                for place in range(self.places)
            ]
            best = max(set(range(self.places)) - set(chosen), key=lambda place: (brings[place], -place))
            chosen.append(best)
            left = [units - give[best] for units, give in zip(left, self.gives, strict=True)]
        for place in sorted(chosen, reverse=True):
            others = [one for one in chosen if one != place]
            if all(
                sum(give[one] for one in others) >= units
                for units, give in zip(self.needs, self.gives, strict=True)
            ):
                chosen = others
        return sorted(chosen)
