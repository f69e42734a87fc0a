"""What a platform shows beside what it should show: every difference, and its cause. Pure.

A difference is only believed to be somebody's hand when it stood still: found the same twice, with nothing new between from
us or from the platform's documents, no push under way, and no refused document that may be behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from connectors.contract import Level, Seen, Target
from connectors.directory import Directory
from schemas.accounts import NETWORK
from schemas.availability import ChannelQuantity, Place, Shown
from schemas.rules import ChannelRules

Cell = tuple[str, str]
"""A SKU and a place, in our words."""


class Cause(StrEnum):
    """Why a platform shows another number than it should."""

    IN_FLIGHT = "in_flight"  # a push is not answered yet, a document not taken in, or the numbers moved while we looked
    HAND_EDIT = "hand_edit"  # it stood still, and no document explains it
    LATE_DOCUMENT = "late_document"  # a document of the platform had not come; the poll brought it, and it is no difference any more
    REFUSED = "refused"  # the platform does not take our number, `done` says why
    REFUSED_DOCUMENT = "refused_document"  # a document of the platform about this SKU waits as a dead letter
    UNEXPLAINED = "unexplained"  # the platform's own ledger comes to our number, and its level does not
    UNTRACKED = "untracked"  # one of the two keeps no number there
    UNKNOWN_SKU = "unknown_sku"
    UNKNOWN_LOCATION = "unknown_location"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference, in our words where we have them. `expected` and `shown` are None where nobody keeps a number.

    `since` is when the platform's level changed last, where it says so; of what is `unexplained`, when the place was last counted
    or opened. `documents` names those that came late. `done` says what was done about it.
    """

    channel: str
    sku: str
    place: str
    expected: int | None
    shown: int | None
    cause: Cause
    since: datetime | None = None
    documents: tuple[str, ...] = ()
    done: str = ""

    @property
    def healed(self) -> bool:
        """Whether it is none any more."""
        return self.cause is Cause.LATE_DOCUMENT


class Known(NamedTuple):
    """What we know of a cell: our numbers, our last word with the platform, and whether that was answered."""

    place: Place
    wanted: int
    offset: int
    told: Shown | None = None
    sure: bool = True

    @property
    def shows(self) -> int | None:
        """What the platform should show now."""
        return self.place.shows(self.told)

    def differs(self, shown: int | None) -> bool:
        """Whether the platform shows another number than it should, or than it is to be told."""
        return not shown == self.shows == self.wanted

    @property
    def settled(self) -> bool:
        """Whether nothing is under way to the platform."""
        return self.sure and self.shows == self.wanted

    def same(self, other: Known | None) -> bool:
        """Whether nothing is new; what moved the SKU elsewhere does not matter."""
        return other is not None and self == other._replace(offset=self.offset)


def known_of(
    numbers: Iterable[ChannelQuantity],
    told: Mapping[Cell, tuple[int, int, bool]],
    wanted: Callable[[Place], int],
    *,
    sure: bool = True,
) -> dict[Cell, Known]:
    """Every cell that a channel is told, from what PostgreSQL has recorded; `sure` is what holds of those that nobody was told of."""
    found = {}
    for number in numbers:
        for name, place in number.places.items():
            level, own, its = told.get((number.sku, name), (None, 0, sure))
            shown = None if level is None else Shown(level, own)
            found[number.sku, name] = Known(place, wanted(place), number.offset, shown, its)
    return found


class Sighting(NamedTuple):
    """What was found of a cell: `level` by looking at it, `listed` in the list of all levels, where it stood there."""

    level: int | None
    certain: bool = False
    listed: int | None = None

    @property
    def shows(self) -> int | None:
        """What the platform shows. One that made its answer from documents says nothing of its level."""
        return self.listed if self.certain and self.listed is not None else self.level


@dataclass(slots=True)
class Listing:
    """All levels of a platform, as one channel is told them. `levels` has those that are known."""

    directory: Directory
    rules: ChannelRules
    channel: str
    levels: dict[Cell, Level] = field(default_factory=dict)
    strange: dict[tuple[Cause, str], int] = field(default_factory=dict)

    def take(self, level: Level) -> None:
        """Takes a level in. At a place that the channel is not told, only the SKU's name matters."""
        item, name = self.directory.item(level.item), self.directory.locations.get(level.location)
        if item is None:
            self._strange(Cause.UNKNOWN_SKU, level.item, level.level)
        elif self.rules.publish == NETWORK:
            places = self.directory.places
            if name is not None and NETWORK in places and places.get(name) == places[NETWORK]:
                self.levels[item.sku, NETWORK] = level
        elif name is None:
            self._strange(Cause.UNKNOWN_LOCATION, level.location, level.level)
        else:
            self.levels[item.sku, name] = level

    def _strange(self, cause: Cause, reference: str, units: int) -> None:
        if units:
            self.strange[cause, reference] = self.strange.get((cause, reference), 0) + units

    def differing(self, known: Mapping[Cell, Known]) -> list[Cell]:
        """The cells to look at: what is listed with another number than it should be, or is not listed, or is to be told another.

        A list may count otherwise than a look: Magento lists what its own open orders wait for, too. So every such cell is
        looked at, and an edit by exactly these units is found when they have left.
        """
        return sorted(
            cell
            for cell, its in known.items()
            if its.shows is not None and (cell not in self.levels or its.differs(self.levels[cell].level))
        )

    def beyond(self, known: Mapping[Cell, Known]) -> list[Difference]:
        """What the platform has and we do not know: references, and cells in which we keep no number."""
        found = [
            Difference(
                channel=self.channel,
                sku=ref if cause is Cause.UNKNOWN_SKU else "",
                place=ref if cause is Cause.UNKNOWN_LOCATION else "",
                expected=None,
                shown=units,
                cause=cause,
            )
            for (cause, ref), units in sorted(self.strange.items())
        ]
        for (sku, place), level in sorted(self.levels.items()):
            item = self.directory.item(level.item)
            if level.level and (sku, place) not in known and item is not None and item.tracked:
                found.append(
                    Difference(
                        channel=self.channel,
                        sku=sku,
                        place=place,
                        expected=None,
                        shown=level.level,
                        cause=Cause.UNTRACKED,
                        since=level.changed_at,
                    )
                )
        return found

    def sighting(self, cell: Cell, seen: Seen) -> Sighting:
        """A look at a cell, beside what the list says of it."""
        listed = self.levels.get(cell)
        return Sighting(seen.level, seen.certain, None if listed is None else listed.level)


def target_of(cell: Cell, known: Known) -> Target:
    """A cell as a sink looks at it."""
    sku, place = cell
    return Target(
        sku=sku,
        place=place,
        wanted=known.wanted,
        expected=None,
        own=known.place.own,
        offset=known.offset,
        opened=known.place.opened,
    )


def cause_of(
    before: Known, after: Known | None, first: Sighting, second: Sighting, *, caught_up: bool
) -> Cause | None:
    """Why a cell differs, by two looks at it and what we knew at each; None where it does not any more.

    `caught_up` says that all that was in the log after the first look was taken in before the second.
    """
    if after is None or after.shows is None or not after.differs(second.shows):
        return None
    if second.level is None:
        return Cause.UNTRACKED if after.shows else None
    if (
        second.shows == after.shows
        or not caught_up
        or not after.settled
        or not before.same(after)
        or first != second
    ):
        return Cause.IN_FLIGHT
    return Cause.UNEXPLAINED if second.certain else Cause.HAND_EDIT
