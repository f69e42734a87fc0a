"""Which places send what: in as few parcels as possible, or one after the other. Pure, total, and the same for the same question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

WORK = 200_000
"""How many numbers the search for the fewest parcels may look at. A dozen places and a few lines never need so many; beyond, a good
plan at once is worth more to a shopper than the best one later.
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


def plan(
    wanted: Units, limits: Units, gives: Mapping[str, Units], work: int = WORK, *, in_order: bool = False
) -> Plan:
    """The fewest parcels that bring as much of what is wanted as may be sent; of as few those whose places come first.

    `limits` is how many units of each SKU may be sent from all places together, `gives` what each place may send, in the order
    in which places are preferred. Where the search would look at more than `work` numbers the parcels may be more than the fewest.
    With `in_order` each place sends all it has of what is still needed, in however many parcels.
    """
    needs, missing = dict[str, int](), dict[str, int]()
    for sku, units in sorted(wanted.items()):
        may = min(units, limits.get(sku, 0), sum(give.get(sku, 0) for give in gives.values()))
        if may > 0:
            needs[sku] = may
        if may < units:
            missing[sku] = units - may
    useful = {name: has for name, give in gives.items() if (has := _of_these(needs, give))}
    if in_order:
        return Plan(_drawn(needs, useful), missing)
    chosen = _Search(needs, list(useful.values()), work).fewest()
    names = list(useful)
    return Plan(_packed(needs, {names[index]: useful[names[index]] for index in chosen}), missing)


def _of_these(needs: Units, give: Units) -> Units:
    """What a place has of the SKUs that are needed."""
    return {sku: units for sku, units in give.items() if sku in needs and units > 0}


def _drawn(needs: Units, gives: Mapping[str, Units]) -> tuple[Parcel, ...]:
    """Which place sends what where each is asked for all it has before the next one."""
    left, parcels = dict(needs), list[Parcel]()
    for name, give in gives.items():
        if lines := {sku: units for sku in left if (units := min(left[sku], give.get(sku, 0)))}:
            parcels.append(Parcel(name, lines))
            left = {sku: units - lines.get(sku, 0) for sku, units in left.items()}
    return tuple(parcels)


def _packed(needs: Units, chosen: Mapping[str, Units]) -> tuple[Parcel, ...]:
    """Which place sends what. A SKU comes whole from the first place that has all of it, if one has."""
    lines: dict[str, dict[str, int]] = {name: {} for name in chosen}
    for sku, units in needs.items():
        have = {name: give[sku] for name, give in chosen.items() if sku in give}
        whole = [name for name, held in have.items() if held >= units]
        left = units
        for name in whole[:1] or have:
            if taken := min(left, have[name]):
                lines[name][sku] = taken
                left -= taken
    return tuple(Parcel(name, its) for name, its in lines.items())


class _TooLong(Exception):
    """The search has looked at as much as it may."""


class _Search:
    """Looks for the fewest places that have all of it together: sets of one, of two and so on, the preferred ones first.

    What is `left` to find lists only SKUs of which there is something left.
    """

    def __init__(self, needs: Units, gives: Sequence[Units], work: int) -> None:
        self.needs, self.gives, self.work = needs, gives, work
        self.by_sku = {sku: [give.get(sku, 0) for give in gives] for sku in needs}

    def fewest(self) -> list[int]:
        """The places by their numbers, ascending."""
        sizes = range(len(self.gives) + 1)
        try:
            return next(found for size in sizes if (found := self._of(size, 0, self.needs)) is not None)
        except _TooLong:
            return self._greedy()

    def _of(self, size: int, start: int, left: Units) -> list[int] | None:
        """So many of the places from `start` on that have what is left, or None. Raises `_TooLong`."""
        if not left:
            return []
        if not self._within_reach(size, start, left):
            return None
        for place in range(start, len(self.gives)):
            found = self._of(size - 1, place + 1, self._without(left, place))
            if found is not None:
                return [place, *found]
        return None

    def _within_reach(self, size: int, start: int, left: Units) -> bool:
        """Whether of each SKU the largest `size` of the remaining places have what is left: if not, no set of them has."""
        for sku, units in left.items():
            ahead = self.by_sku[sku][start:]
            self.work -= len(ahead)
            if self.work < 0:
                raise _TooLong
            if sum(nlargest(size, ahead)) < units:
                return False
        return True

    def _without(self, left: Units, place: int) -> dict[str, int]:
        """What is left when a place sends what it has."""
        give = self.gives[place]
        return {sku: rest for sku, units in left.items() if (rest := units - give.get(sku, 0)) > 0}

    def _greedy(self) -> list[int]:
        """The place that brings the most, again and again; then those that the others make needless go, the last ones first."""
        left, chosen = self.needs, list[int]()
        rest = dict(enumerate(self.gives))
        while left:
            brings = {
                place: sum(min(left[sku], give[sku]) for sku in left.keys() & give)
                for place, give in rest.items()
            }
            best = max(brings, key=lambda place: (brings[place], -place))
            chosen.append(best)
            left = self._without(left, best)
            del rest[best]
        for place in sorted(chosen, reverse=True):
            others = [one for one in chosen if one != place]
            if all(
                sum(self.by_sku[sku][one] for one in others) >= units for sku, units in self.needs.items()
            ):
                chosen = others
        return sorted(chosen)
