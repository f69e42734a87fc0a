"""The parts of the dashboard that need no server."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.access import Caller, Role
from projections.dashboard.asof_pages import inside
from projections.dashboard.assets import assets
from projections.dashboard.attempts import ADDRESSES_MAX, Attempts
from projections.dashboard.grid import columns_of, row_of
from projections.dashboard.live import PIECES, WATCHERS_MAX, Hub, TooMany
from projections.dashboard.pages import units
from projections.dashboard.sessions import Sessions
from projections.dashboard.timeline import LINES_MAX, OTHERS, timeline
from projections.dashboard.why_pages import behind, in_short

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = Caller.of("ada", Role.ADMIN)


# -- time


@st.composite
def histories(draw):
    """What moved, newest first, and what is there in the end."""
    places = draw(st.lists(st.sampled_from("ABCDEFGHIJ"), min_size=1, unique=True))
    moved = draw(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from(places), st.integers(-5, 5)), max_size=30)
    )
    moved.sort(reverse=True, key=lambda one: one[0])
    deltas = [
        {
            "occurred_at": NOON + timedelta(minutes=at),
            "location": place,
            "units": many,
            "kind": "PosSaleCompleted",
        }
        for at, place, many in moved
    ]
    return deltas, {place: draw(st.integers(-5, 20)) for place in places}


@given(histories())
def test_given_any_history_then_its_chart_ends_with_what_is_there_and_each_step_is_what_moved(history):
    deltas, now = history
    line = timeline(now, deltas)
    assert len(line.places) <= LINES_MAX
    assert [step.at for step in line.steps] == sorted({row["occurred_at"] for row in deltas})
    if line.steps:
        assert sum(line.steps[-1].units) == sum(now.values())
    for before, after in zip(line.steps, line.steps[1:], strict=False):
        moved = sum(row["units"] for row in deltas if row["occurred_at"] == after.at)
        assert sum(after.units) - sum(before.units) == moved


def test_given_more_places_than_lines_then_the_quiet_ones_are_one_line():
    deltas = [{"occurred_at": NOON, "location": "A", "units": -1, "kind": "PosSaleCompleted"}]
    line = timeline(dict.fromkeys("ABCDEFGH", 1), deltas)
    assert line.places == ("A", "B", "C", "D", "E", OTHERS)
    assert line.steps[-1].units == (1, 1, 1, 1, 1, 3)


# -- the grid


def stock(**locations):
    return {"sku": "TEE", "locations": locations, "tracked": {"SOHO": "", "HARLEM": ""}}


def test_given_a_place_that_never_counted_then_its_cell_is_unknown_and_not_zero():
    row = row_of(stock(SOHO={"available": 3}), ["SOHO", "HARLEM", "BRONX"], {}, (), NOON)
    assert [row.cells[name].available for name in ("SOHO", "HARLEM", "BRONX")] == [3, 0, None]
    assert row.total == 3


def test_given_more_places_than_columns_then_the_rest_is_summed_and_nothing_is_lost():
    held = {f"S{n}": {"available": n, "committed": 1} for n in range(12)}
    row = row_of(
        stock(**held, **{"@unrouted": {"available": -2, "committed": 2}}),
        columns_of([stock(**held)]),
        {},
        (),
        NOON,
    )
    assert sum(cell.available or 0 for cell in row.cells.values()) + row.others.available == row.total == 66
    assert (row.other_places, row.unrouted) == (6, 2)


@pytest.mark.parametrize(
    ("number", "amiss"),
    [({"refused": True}, "refused"), ({"failing_since": NOON}, "stale"), ({"sure": False}, "unsure"),
     ({"sure": False, "told_at": NOON - timedelta(seconds=5)}, ""), ({"sure": None}, ""), ({}, "")],
)  # fmt: skip
def test_given_how_a_platform_took_its_number_then_what_is_amiss_is_said(number, amiss):
    told = {"quantity": 4, "refused": False, "failing_since": None, "sure": True, "told_at": None} | number
    row = row_of(stock(), [], {"web": told}, (), NOON)
    assert (row.offers["web"].quantity, row.offers["web"].amiss) == (4, amiss)


# -- why


NOON_TEXT = NOON.isoformat()


def moved(kind: str, amount: int, **more) -> dict:
    line = {"label": f"{kind} at SOHO, {NOON_TEXT}", "amount": amount, "ref": "movement:1-1-0 order/web/1", "kind": kind, "location": "SOHO",
            "movement": "1-1-0", "transaction": "order/web/1", "channel": "web", "document": "order/1", "claim": "1-1",
            "occurred_at": NOON_TEXT, "recorded_at": NOON_TEXT}  # fmt: skip
    return {**line, **more}


def test_given_the_lines_of_a_number_then_they_are_the_same_sum_in_short():
    told = [
        moved("OrderPlaced", -2, label=f"OrderPlaced at SOHO, {NOON_TEXT}, in GIFT, ambiguous: 1 s from a count", ambiguous=True),
        moved("StockInitialised", 12),
        {"label": "earlier movements at SOHO", "amount": 4, "ref": "movements:SOHO", "location": "SOHO"},
        {"label": "earlier movements at BRONX", "amount": 1, "ref": "movements:BRONX", "location": "BRONX"},
        {"label": "being recorded at SOHO", "amount": -1, "ref": "stock", "location": "SOHO"},
        {"label": "safety stock at SOHO", "amount": -1, "ref": "rule:safety_stock", "location": "SOHO", "rule": "safety_stock"},
        {"label": "capped", "amount": 0, "ref": "rule:cap", "rule": "cap"},
        moved("OrderPlaced", 0, label="oversold at SOHO, to -1: latency", document=None),
    ]  # fmt: skip
    lines = [behind(line) for line in told]
    assert in_short(lines) == [
        ("BRONX, by older movements", 1),
        ("SOHO, by 2 movements and older ones", 14),
        ("being recorded at SOHO", -1),
        ("safety stock at SOHO", -1),
    ]
    assert (lines[0]["said"], lines[0]["more"]) == (
        *("order placed at SOHO", "in GIFT, ambiguous: 1 s from a count"),
    )
    assert (lines[0]["document"], lines[0]["claim"], lines[0]["at"]) == ("order/1", "1-1", NOON)
    assert (lines[1]["more"], lines[1]["oversold"]) == ("", None)
    assert (lines[-1]["moved"], lines[-1]["oversold"]) == (False, "1-1-0")


def test_given_a_bundle_then_its_component_is_named_once():
    line = moved("OrderPlaced", -2, label=f"TEE: OrderPlaced at SOHO, {NOON_TEXT}", sku="TEE")
    assert behind(line)["said"] == "TEE: order placed at SOHO"
    assert in_short([behind(line)]) == [("TEE: SOHO, by 1 movement", -2)]


# -- clocks


def test_given_cells_then_those_of_boundary_accounts_are_left_out():
    cells = {"SOHO": {"available": -2, "committed": 2}, "@customer": {"boundary": 3}}
    assert inside(cells) == {("SOHO", "available"): -2, ("SOHO", "committed"): 2}


# -- sessions and attempts


def test_given_more_sessions_than_are_kept_then_the_one_unused_for_longest_goes():
    sessions = Sessions(most=2)
    first, _ = sessions.open(ADA, "a key", lambda: ADA, NOON)
    second, _ = sessions.open(ADA, "a key", lambda: ADA, NOON)
    assert sessions.find(first, NOON)
    sessions.open(ADA, "a key", lambda: ADA, NOON)
    assert sessions.find(second, NOON) is None
    assert sessions.find(first, NOON)


def test_given_a_caller_whose_role_changed_then_the_session_has_the_new_one():
    sessions, callers = Sessions(), [ADA]
    cookie, session = sessions.open(ADA, "a key", lambda: callers[-1], NOON)
    callers.append(Caller.of("ada", Role.VIEWER))
    found = sessions.find(cookie, NOON)
    assert not found.may("operate")
    assert found.csrf == session.csrf


def test_given_failures_from_everywhere_then_all_wait_and_memory_stays_bounded():
    attempts = Attempts(each=3, every=ADDRESSES_MAX + 50)
    for number in range(ADDRESSES_MAX + 49):
        attempts.failed(f"a{number}", NOON)
    assert attempts.wait("new", NOON) == 0
    assert len(attempts._failed) == ADDRESSES_MAX
    attempts.failed("new", NOON)
    assert attempts.wait("another", NOON) > 0
    assert attempts.wait("another", NOON + timedelta(minutes=6)) == 0


# -- the hub


class Shown:
    """What is recorded, and how often it was looked at."""

    def __init__(self):
        self.marks, self.versions, self.looks, self.away = {"stock": 1}, {"TEE": "1", "MUG": "1"}, 0, False

    async def look(self):
        self.looks += 1
        if self.away:
            raise psycopg.OperationalError("away")
        return dict(self.marks)

    async def versions_of(self, skus):
        return {sku: self.versions[sku] for sku in skus if sku in self.versions}


async def test_given_many_watch_then_one_looks_for_all_and_nobody_looks_when_they_have_left():
    shown = Shown()
    hub = Hub(shown.look, shown.versions_of, every=0.05, most=20)
    async with asyncio.timeout(5):
        stack = [hub.watch(["TEE"]) for _ in range(20)]
        watchers = [await one.__aenter__() for one in stack]
        with pytest.raises(TooMany):
            async with hub.watch():
                pass
        await asyncio.sleep(0.12)
        looks = shown.looks
        assert looks <= 4
        shown.marks["stock"], shown.versions["MUG"] = 2, "2"
        assert [await watchers[0].told(0.2)] == [({"stock"}, set())]
        shown.marks["stock"], shown.versions["TEE"] = 3, "2"
        for watcher in watchers:
            assert "TEE" in (await watcher.told(1))[1]
        for one in stack:
            await one.__aexit__(None, None, None)
        await asyncio.sleep(0.12)
        looks = shown.looks
        await asyncio.sleep(0.2)
        assert shown.looks == looks


async def test_given_a_browser_has_just_come_then_what_changes_at_once_is_told_it_too():
    shown = Shown()
    hub = Hub(shown.look, shown.versions_of, every=0.2)
    async with asyncio.timeout(5), hub.watch(["TEE"]) as first:
        shown.marks["stock"], shown.versions["TEE"] = 2, "2"
        assert await first.told(1) == ({"stock"}, {"TEE"})
        async with hub.watch(["TEE", "MUG"]) as second:  # others have watched for a while, but not this
            shown.marks["stock"], shown.versions["MUG"] = 3, "2"
            assert await second.told(1) == ({"stock"}, {"MUG"})


async def test_given_the_database_is_away_then_what_changed_meanwhile_is_told_when_it_is_back():
    shown = Shown()
    hub = Hub(shown.look, shown.versions_of, every=0.02)
    async with asyncio.timeout(5), hub.watch(["TEE"]) as watcher:
        await asyncio.sleep(0.1)
        shown.away = True
        await asyncio.sleep(0.1)
        shown.marks["stock"], shown.versions["TEE"] = 2, "2"
        shown.away = False
        assert await watcher.told(1) == ({"stock"}, {"TEE"})


async def test_given_all_places_to_watch_are_taken_then_browsers_together_get_no_more_pieces_than_one_server_can_make():
    shown = Shown()
    hub = Hub(shown.look, shown.versions_of, every=0.05, most=WATCHERS_MAX)
    watching = [hub.watch() for _ in range(WATCHERS_MAX)]
    for one in watching:
        await one.__aenter__()
    assert WATCHERS_MAX / hub.pace == PIECES
    for one in watching:
        await one.__aexit__(None, None, None)
    assert hub.pace == 0


# -- words and colours


def lightness(colour: str) -> float:
    """Relative luminance, as WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "back"),
    [("ink", "back"), ("ink", "face"), ("soft", "face"), ("faint", "face"), ("faint", "back"), ("faint", "raised"), ("accent", "face"),
     ("accent", "wash"), ("accent", "back"), ("accent-ink", "accent"), ("good", "good-wash"), ("warn", "warn-wash"), ("bad", "bad-wash"),
     ("bad", "face"), ("warn", "face"), ("good", "face"), ("ink", "bad-wash"), ("accent", "bad-wash")],
)  # fmt: skip
def test_given_either_scheme_then_letters_stand_out_from_what_is_behind_them(scheme, ink, back):
    css = assets()["onhand.css"].body.decode()
    schemes = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in css.split("@media", 2)[:2]]
    front, behind = sorted((lightness(schemes[scheme][name]) for name in (ink, back)), reverse=True)
    assert (front + 0.05) / (behind + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (-3, "\N{MINUS SIGN}3"), (1234567, "1\u202f234\u202f567"), (None, "")]
)
def test_given_units_then_people_can_read_them(number, said):
    assert units(number) == said
