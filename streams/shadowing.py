"""What a platform shows beside what it would be told: what to know of a channel in shadow before it is told anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connectors.directory import Directory
from streams.differences import Cause, Cell, Difference, Known, Listing, Sighting
from streams.reconciling import Reconciling
from streams.writer import NotWritten


class Verdict(StrEnum):
    """How what a platform shows stands to what it would be told."""

    SAME = "same"
    HIGHER = "higher"  # it shows more
    LOWER = "lower"  # it shows less
    UNKNOWN_SKU = "unknown_sku"  # it shows units of something that is kept nowhere
    UNKNOWN_LOCATION = "unknown_location"  # it shows units at a place that is none of ours
    NOT_CARRIED = "not_carried"  # it has no such item
    NOT_TRACKED = "not_tracked"  # it keeps no number of the item at that place, or we keep none


BEYOND = {Cause.UNKNOWN_SKU: Verdict.UNKNOWN_SKU, Cause.UNKNOWN_LOCATION: Verdict.UNKNOWN_LOCATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One number of a SKU at a place: what the platform `shows`, and what it would be `told`; None where one keeps none."""

    sku: str
    place: str
    shows: int | None
    told: int | None
    verdict: Verdict

    @property
    def units(self) -> int:
        """By how many units the two differ; of what is the same, how many it shows."""
        return self.shows or 0 if self.verdict is Verdict.SAME else abs((self.shows or 0) - (self.told or 0))


async def beside(its: Reconciling) -> list[Beside]:
    """Every number of a channel, once the platform's own documents are in the stock. Tells nobody anything.

    What differs in the list of all levels is looked at once more, as a list may count otherwise than a look. An item without a
    level that nobody knows is left out. A sale that happens meanwhile may stand as `lower` until it has come.
    Raises `ConnectorError`, `KafkaError`, `NotWritten`, `DatabaseError`.
    """
    await its.poll()
    if not await its.caught_up():
        raise NotWritten(f"the documents of {its.channel} are not in the stock yet; is `onhand up` running?")
    listing = await its.listing()
    known = await its.known()
    carried = carries(its.directory)
    cells = [
        cell for cell, one in known.items() if carried.get(cell[0]) and listed(listing, cell) != one.wanted
    ]
    looks = await its.looked(sorted(cells), known, listing)
    beyond = await its.heard_of(listing.beyond(known))
    return [*compared(await its.known(), listing, looks, carried), *map(not_ours, beyond)]


def carries(directory: Directory) -> dict[str, bool]:
    """The SKUs that a platform has, and whether it keeps numbers of them."""
    return {item.sku: item.tracked for item in directory.items.values()}


def listed(listing: Listing, cell: Cell) -> int | None:
    """A cell's number in the list of all levels."""
    level = listing.levels.get(cell)
    return None if level is None else level.level


def compared(
    known: Mapping[Cell, Known],
    listing: Listing,
    looks: Mapping[Cell, Sighting],
    carried: Mapping[str, bool],
) -> Iterable[Beside]:
    """Every number that the channel has; a look goes before what is listed."""
    for cell, one in sorted(known.items()):
        shows = looks[cell].shows if cell in looks else listed(listing, cell)
        yield Beside(
            sku=cell[0],
            place=cell[1],
            shows=shows,
            told=one.wanted,
            verdict=verdict(shows, one.wanted, tracked=carried.get(cell[0])),
        )


def verdict(shows: int | None, told: int, *, tracked: bool | None) -> Verdict:
    """How the two stand; `tracked` says whether the platform keeps numbers of the item, None that it has no such item."""
    if tracked is None:
        return Verdict.NOT_CARRIED
    if shows is None or not tracked:
        return Verdict.NOT_TRACKED
    if shows == told:
        return Verdict.SAME
    return Verdict.HIGHER if shows > told else Verdict.LOWER


def not_ours(one: Difference) -> Beside:
    """What the platform has, and we do not."""
    why = BEYOND.get(one.cause, Verdict.NOT_TRACKED)
    return Beside(sku=one.sku, place=one.place, shows=one.shown, told=None, verdict=why)


def summary(rows: Iterable[Beside]) -> dict[str, dict[str, int]]:
    """How many numbers and units each verdict has."""
    found = {one.value: {"numbers": 0, "units": 0} for one in Verdict}
    for row in rows:
        found[row.verdict]["numbers"] += 1
        found[row.verdict]["units"] += row.units
    return found
