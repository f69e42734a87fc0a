"""What a platform shows beside what it would be told: every number, and nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Level, Seen
from connectors.directory import Directory, Item
from schemas.availability import Place
from schemas.rules import ChannelRules
from streams.differences import Known, Listing
from streams.reconciling import Reconciling
from streams.shadowing import Beside, Verdict, beside, summary
from streams.writer import NotWritten

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DIRECTORY = Directory(
    items={
        "1": Item("MUG"),
        "2": Item("TEE"),
        "3": Item("CAP"),
        "4": Item("CARD", tracked=False),
        "5": Item("NEW"),
    },
    locations={"a": "SOHO", "b": "HARLEM"},
)


def level(item: str, location: str, units: int) -> Level:
    return Level(item=item, location=location, level=units, version=1, observed_at=NOW)


def known(wanted: int) -> Known:
    return Known(Place(quantity=wanted, level=wanted, own=0), wanted, 1)


class Channel:
    """A comparison whose platform and stock are as a test says; `looks` is what a second look finds."""

    channel = "web"
    directory = DIRECTORY

    def __init__(self, levels, numbers, *, looks=None, kept=(), caught_up=True):
        self.levels, self.numbers, self.looks, self.have = levels, numbers, looks or {}, set(kept)
        self.in_stock, self.polled, self.asked = caught_up, 0, []
        self.heard_of = lambda found: Reconciling.heard_of(self, found)  # type: ignore[arg-type]
        self.queries: Any = self

    async def poll(self):
        self.polled += 1

    async def kept(self, skus):
        return self.have & set(skus)

    async def caught_up(self):
        return self.in_stock

    async def listing(self):
        listing = Listing(DIRECTORY, ChannelRules(publish="locations"), "web")
        for one in self.levels:
            listing.take(one)
        return listing

    async def known(self):
        return {cell: known(wanted) for cell, wanted in self.numbers.items()}

    async def looked(self, cells, _known, listing):
        self.asked += cells
        now = {cell: None if cell not in listing.levels else listing.levels[cell].level for cell in cells}
        return {cell: listing.sighting(cell, Seen((now | self.looks)[cell])) for cell in cells}


async def of(channel: Any) -> dict[tuple[str, str], tuple[int | None, int | None, str]]:
    rows = await beside(channel)
    found = {(row.sku, row.place): (row.shows, row.told, row.verdict.value) for row in rows}
    assert len(found) == len(rows)
    return found


async def test_given_a_channel_in_shadow_then_every_number_stands_beside_what_it_would_be_told():
    levels = [
        *(level("1", "a", 5), level("1", "b", 7), level("2", "a", 2), level("2", "b", 0)),
        *(level("5", "a", 4), level("9", "a", 3), level("1", "z", 6)),
    ]
    numbers = {("MUG", "SOHO"): 5, ("MUG", "HARLEM"): 4, ("TEE", "SOHO"): 9, ("TEE", "HARLEM"): 0}
    numbers |= {("HAT", "SOHO"): 3, ("CAP", "SOHO"): 8, ("CARD", "SOHO"): 2}
    channel = Channel(levels, numbers, kept={"MUG", "TEE"})
    assert await of(channel) == {
        ("MUG", "SOHO"): (5, 5, "same"),
        ("TEE", "HARLEM"): (0, 0, "same"),
        ("MUG", "HARLEM"): (7, 4, "higher"),
        ("TEE", "SOHO"): (2, 9, "lower"),
        ("HAT", "SOHO"): (None, 3, "not_carried"),
        ("CAP", "SOHO"): (None, 8, "not_tracked"),
        ("CARD", "SOHO"): (None, 2, "not_tracked"),
        ("9", ""): (3, None, "unknown_sku"),
        ("NEW", "SOHO"): (4, None, "unknown_sku"),
        ("", "z"): (6, None, "unknown_location"),
    }
    assert channel.polled == 1


async def test_given_units_at_a_place_where_none_are_kept_of_a_sku_that_is_kept_elsewhere_then_it_is_not_tracked():
    channel = Channel([level("1", "b", 7)], {}, kept={"MUG"})
    assert await of(channel) == {("MUG", "HARLEM"): (7, None, "not_tracked")}


async def test_given_a_list_that_counts_otherwise_then_what_differs_is_looked_at_and_nothing_else():
    channel = Channel(
        [level("1", "a", 9), level("2", "a", 3)],
        {("MUG", "SOHO"): 5, ("TEE", "SOHO"): 3},
        looks={("MUG", "SOHO"): 5},
    )
    assert await of(channel) == {("MUG", "SOHO"): (5, 5, "same"), ("TEE", "SOHO"): (3, 3, "same")}
    assert channel.asked == [("MUG", "SOHO")]


async def test_given_documents_that_are_not_in_the_stock_yet_then_nothing_is_compared():
    with pytest.raises(NotWritten, match="onhand up"):
        await beside(Channel([], {}, caught_up=False))


def test_given_rows_then_a_summary_counts_numbers_and_the_units_by_which_they_differ():
    rows = [
        Beside(sku="A", place="P", shows=5, told=5, verdict=Verdict.SAME),
        Beside(sku="B", place="P", shows=7, told=4, verdict=Verdict.HIGHER),
        Beside(sku="C", place="P", shows=0, told=4, verdict=Verdict.LOWER),
        Beside(sku="D", place="P", shows=-2, told=4, verdict=Verdict.LOWER),
        Beside(sku="E", place="P", shows=None, told=3, verdict=Verdict.NOT_CARRIED),
    ]
    found = summary(rows)
    assert found.keys() == {one.value for one in Verdict}
    assert {name: tuple(one.values()) for name, one in found.items() if one["numbers"]} == {
        "same": (1, 5),
        "higher": (1, 3),
        "lower": (2, 10),
        "not_carried": (1, 3),
    }
