"""What a count is worth: it holds at its instant, whatever is told later, and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Fact
from schemas.counts import EPOCH, LATE_COUNT, Count, Shelf, micros
from schemas.ledger import Stock, fold, take
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Leg

HOURS = st.integers(0, 5)
SHELF_LIFE = st.lists(st.tuples(HOURS, st.integers(-4, 4)), max_size=6)
UNITS = st.integers(-3, 5)
COUNTS = st.lists(st.tuples(HOURS, st.integers(0, 9)), max_size=3, unique_by=lambda count: count[0])


def posted(deal):
    """What the ledger posts by itself for the deal's movements, and the stock after them."""
    stock, own = Stock(sku="mug"), []
    for offset, movement in enumerate(deal.movements):
        taken = take(stock, movement, offset)
        assert taken.refused is None
        stock = taken.stock
        own.extend(taken.posted)
    return stock, own


def test_given_a_count_then_the_shelf_holds_what_was_counted_and_the_difference_is_a_loss(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("till", "count/1", 1, units(Fact.COUNTED, 7, "STORE", hour=2))
    stock, own = posted(deal)
    assert stock.locations == {"STORE": {"available": 7}}
    assert stock.boundary == {"@opening": -10, "@loss": 3}
    assert [(one.kind.value, one.quantity, one.document) for one in own] == [("StockCounted", -3, "count/1")]
    assert [one.id for one in own] == ["ledger-0-1-0"]
    assert stock.applied == {0: (1, 0), -1: (1, 0)}


def test_given_units_promised_then_a_count_of_what_stands_there_counts_them_too(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 4, "STORE", hour=1))
    deal.tell("till", "count/1", 1, units(Fact.COUNTED, 9, "STORE", hour=2))
    assert posted(deal)[0].locations == {"STORE": {"available": 5, "committed": 4}}


def test_given_the_till_was_offline_when_the_shelf_was_counted_then_its_old_sale_takes_nothing_off(
    deal, units
):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 8, "STORE", hour=3))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=1))
    stock, own = posted(deal)
    assert stock.locations == {"STORE": {"available": 8}}
    assert stock.boundary == {"@opening": -10, "@customer": 2}, "the missing two were sold, not lost"
    assert [one.quantity for one in own] == [-2, 2]
    assert own[1].reason == "restated by 0-2-0"
    assert {one.occurred_at for one in own} == {deal.claims[1].documents[0].lines[0].at}


def test_given_why_a_shelf_was_counted_then_that_is_the_reason_and_late_news_is_the_reason_of_a_correction(
    deal, units
):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 8, "STORE", hour=3, reason="stocktaking"))
    deal.tell("clerk", "count/2", 1, units(Fact.COUNTED, 9, "STORE", hour=2, reason="a complaint"))
    _, own = posted(deal)
    assert [(one.document, one.quantity, one.reason) for one in own] == [
        ("count/1", -2, "stocktaking"),
        ("count/2", -1, "a complaint"),
        ("count/1", 1, "restated by 0-2-0"),
    ]


def test_given_a_count_told_after_later_sales_then_they_still_left(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=5))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 9, "STORE", hour=3))
    assert posted(deal)[0].locations == {"STORE": {"available": 7}}


def test_given_an_old_order_after_a_count_then_its_units_are_promised_all_the_same(deal, units):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 8, "STORE", hour=3))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE", hour=1))
    assert posted(deal)[0].locations == {"STORE": {"available": 6, "committed": 2}}


def test_given_a_count_is_corrected_then_the_correction_holds_at_the_same_instant(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3, "STORE", hour=3))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=4))
    deal.tell("clerk", "count/1", 2, units(Fact.COUNTED, 9, "STORE", hour=3))
    assert posted(deal)[0].locations == {"STORE": {"available": 8}}


def test_given_a_count_is_withdrawn_then_the_shelf_is_as_if_nobody_had_counted(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    uncounted, _ = posted(deal)
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3, "STORE", hour=3))
    deal.tell("clerk", "count/1", 2)
    stock, own = posted(deal)
    assert (stock.locations, stock.boundary) == (uncounted.locations, uncounted.boundary)
    assert [one.quantity for one in own] == [-7, 7]


def test_given_nothing_was_found_then_the_place_is_tracked_and_empty(deal, units):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 0, "STORE"))
    stock, own = posted(deal)
    assert (stock.locations, stock.tracked, own) == ({}, {"STORE": ""}, [])


def test_given_a_count_without_a_shelf_then_it_says_nothing(deal, units):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3))
    assert deal.movements == []


def test_given_what_the_ledger_posted_is_read_back_then_it_is_a_repeat(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("till", "count/1", 1, units(Fact.COUNTED, 7, "STORE", hour=2))
    stock, own = posted(deal)
    for offset, movement in enumerate(own, start=50):
        assert fold(stock, movement, offset) is stock


def test_given_a_count_much_older_than_the_newest_sale_then_it_is_refused_and_nothing_changes(deal, units):
    late = int(LATE_COUNT.total_seconds() // 3600) + 2
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=0))
    (sold,) = deal.movements
    recent = sold.occurred_at + timedelta(hours=late)
    stock = fold(Stock(sku="mug"), sold, 0)
    shelf = stock.shelves["STORE"].move(recent, -1)
    assert micros(sold.occurred_at) < shelf.horizon(recent)
    assert micros(sold.occurred_at) > shelf.horizon(sold.occurred_at), "a clock ahead does not move it"


def told(deal, *occurred):
    """The deal's movements as if each had happened then, and been told at once."""
    return [
        replace(one, occurred_at=at, recorded_at=max(occurred))
        for one, at in zip(deal.movements, occurred, strict=True)
    ]


@pytest.mark.parametrize(("days", "refused"), [(7, False), (8, True)])
@pytest.mark.parametrize("moment", [timedelta(0), timedelta(microseconds=1)])
def test_given_a_count_a_week_older_than_the_newest_sale_then_it_holds_and_a_moment_older_it_is_refused(
    deal, units, days, refused, moment
):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE"))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 9, "STORE", hour=1))
    sold_at = datetime(2026, 3, 9, 12, tzinfo=UTC)
    sold, counted = told(deal, sold_at, sold_at - timedelta(days=days) - moment)
    stock = fold(Stock(sku="mug"), sold, 0)
    taken = take(stock, counted, 1)
    if not (refused or moment):
        assert (taken.refused, taken.stock.balance("STORE")) == (None, 8)
        return
    assert taken.refused == "counted more than 7 days before the newest movement there"
    assert taken.posted == ()
    assert taken.stock == replace(
        stock,
        applied={0: (1, 0)},
        offset=1,
        tracked={"STORE": ""},
        tracked_by={"STORE": {"": 1}},
    ), "that somebody counted there is all that is known"
    assert take(taken.stock, counted, 2).refused is None, "it is refused once"


def test_given_a_count_is_corrected_weeks_later_then_both_halves_are_refused_and_what_was_counted_stands(
    deal, units
):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 9, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=1))
    deal.tell("clerk", "count/1", 2, units(Fact.COUNTED, 7, "STORE"))
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    stock, refused = Stock(sku="mug"), []
    for offset, movement in enumerate(told(deal, noon, noon + timedelta(days=30), noon, noon)):
        taken = take(stock, movement, offset)
        refused.append(taken.refused)
        stock = taken.stock
    late = "counted more than 7 days before the newest movement there"
    assert refused == [None, None, late, late]
    assert stock.locations == {"STORE": {"available": 8}}


def test_given_a_count_is_withdrawn_weeks_later_then_it_is_refused_and_its_place_stays_tracked(deal, units):
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 0, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=1))
    deal.tell("clerk", "count/1", 2)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    counted, sold, withdrawn = told(deal, noon, noon + timedelta(days=30), noon)
    stock = fold(fold(Stock(sku="mug"), counted, 0), sold, 1)
    taken = take(stock, withdrawn, 2)
    assert taken.refused == "counted more than 7 days before the newest movement there"
    assert taken.stock == replace(stock, applied={0: (2, 0)}, offset=2)
    assert taken.stock.tracked == {"STORE": ""}


def test_given_a_recent_count_is_withdrawn_then_the_one_before_it_holds_however_old_that_is():
    day = [EPOCH + timedelta(days=number) for number in range(40)]
    stock = Stock(sku="mug")
    for offset, (now, at, counted, units) in enumerate(
        [(1, 1, True, 9), (30, 30, False, -2), (31, 31, True, 3), (32, 0, False, -4)]
    ):
        stock = fold(stock, told_on(now, day[at], counted, units, offset), offset)
    assert [one.units for one in stock.shelves["STORE"].counts] == [9, 3]
    assert stock.on_hand("STORE") == 3
    stock = fold(stock, told_on(33, day[31], True, 3, 4, withdrawn="document/2"), 4)
    assert stock.on_hand("STORE") == 7, "what left before the older count is told later is in it"


def test_given_the_newest_sale_is_undone_then_what_is_too_late_stays_too_late():
    shelf = Shelf().move(EPOCH + timedelta(days=2), -1).move(EPOCH + timedelta(days=20), -1)
    now, waited = EPOCH + timedelta(days=21), EPOCH + timedelta(days=3)
    kept = shelf.recount([], now)
    assert kept.since == kept.horizon(now) == shelf.horizon(now)
    assert kept.horizon(waited) == kept.since, "whoever tells it late"
    assert kept.move(EPOCH + timedelta(days=20), 1).horizon(now) == kept.since


def test_given_an_instant_then_it_is_known_to_the_microsecond():
    later = timedelta(days=2, hours=1, seconds=1, microseconds=7)
    assert micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert micros(datetime(1970, 1, 1, tzinfo=UTC) + later) == 176_401_000_007


def test_given_sales_at_one_instant_then_the_shelf_keeps_them_as_one_and_nothing_of_what_cancels_out():
    noon, later = EPOCH + timedelta(hours=12), EPOCH + timedelta(hours=13)
    shelf = Shelf().move(later, 5).move(noon, -2).move(noon, -1)
    assert shelf.moved == ((micros(noon), -3), (micros(later), 5))
    assert shelf.move(noon, 3).moved == ((micros(later), 5),)
    assert shelf.move(noon + timedelta(minutes=1), 0) == shelf


def test_given_two_counts_of_one_instant_then_their_documents_decide_and_only_one_is_withdrawn():
    noon = EPOCH + timedelta(hours=12)
    one, other = (
        Count(at=noon, channel="clerk", document=name, units=4, variance=1) for name in ("count/1", "count/2")
    )
    shelf = Shelf().count(other).count(one)
    assert shelf.counts == (one, other)
    assert shelf.uncount(replace(other, variance=0)) == (Shelf(counts=(one,)), 1)
    assert Shelf(counts=(one,)).uncount(other) == (Shelf(counts=(one,)), 0)


def test_given_a_shelf_whose_past_is_too_old_for_any_count_then_only_its_last_count_is_kept_of_it():
    def day(number):
        return EPOCH + timedelta(days=number)

    counts = tuple(Count(at=day(n), channel="clerk", document=f"count/{n}", units=n) for n in (1, 2, 3, 4))
    shelf = Shelf().move(day(2), 4).move(day(3), 1).move(day(10), -1)
    for count in counts:
        shelf = shelf.count(count)
    kept = shelf.recount([0, 0, 0, 0], day(10))
    assert [at for at, _ in kept.moved] == [micros(day(3)), micros(day(10))], (
        "what is a week old may be asked for"
    )
    assert [one.units for one in kept.counts] == [2, 3, 4], "the second holds where the others are withdrawn"
    assert kept.recount([0, 0, 0], day(10)) is kept
    assert [one.units for one in shelf.recount([0, 0, 0, 0], day(8)).counts] == [1, 2, 3, 4], (
        "a clock ahead forgets nothing"
    )


def test_given_old_movements_or_old_counts_then_either_is_forgotten_without_the_other():
    def day(number):
        return EPOCH + timedelta(days=number)

    def counted(number):
        return Count(at=day(number), channel="clerk", document=f"count/{number}", units=1)

    sold = Shelf().move(day(1), -1).move(day(9), -1)
    assert [at for at, _ in sold.recount([], day(9)).moved] == [micros(day(9))]
    old_sales = sold.count(counted(8)).count(counted(9))
    assert old_sales.recount([0, 0], day(9)) == replace(
        old_sales, moved=old_sales.moved[1:], since=micros(day(2))
    )
    old_counts = Shelf().move(day(9), -1).count(counted(0)).count(counted(1)).count(counted(8))
    assert old_counts.recount([0, 0, 0], day(9)) == replace(
        old_counts, counts=old_counts.counts[1:], since=micros(day(2))
    )
    assert Shelf(counts=(counted(1),)).recount([5], day(9)).counts == (replace(counted(1), variance=5),)


def test_given_what_left_after_a_count_that_is_weeks_old_then_it_becomes_one_movement_and_stays_uncounted():
    def day(number):
        return EPOCH + timedelta(days=number)

    shelf = Shelf().count(Count(at=day(2), channel="clerk", document="count/1", units=9))
    for number in (1, 3, 4, 20, 21):
        shelf = shelf.move(day(number), -1)
    kept = shelf.recount([0], day(21))
    assert kept.moved == ((micros(day(4)), -2), (micros(day(20)), -1), (micros(day(21)), -1))
    assert list(kept.variances(9 - 4)) == [(kept.counts[0], 0)]
    assert kept.recount([0], day(21)) is kept


@pytest.mark.law("L2")
@given(
    told=st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(0, 9),
            st.integers(0, 9),
            st.sampled_from(["moved", "counted", "undone"]),
            UNITS,
        ),
        max_size=12,
    )
)
@settings(deadline=None)
def test_given_weeks_of_counts_and_sales_however_late_then_the_shelf_holds_the_newest_count_and_what_came_since(
    told,
):
    """Each is taken in on a day, so many days after it happened, and after it was recorded: it is a count, units that came or left,
    or that a count is withdrawn.
    """
    stock, moved, counts = Stock(sku="mug"), [], {}
    for offset, (day, late, waited, what, units) in enumerate(sorted(told, key=lambda one: one[0])):
        at = EPOCH + timedelta(days=100 + day - late, seconds=offset)
        if what == "undone":
            if not counts:
                continue
            gone = list(counts)[units % len(counts)]
            at, found = counts[gone]
            taken = take(stock, told_on(day - waited, at, True, found, offset, withdrawn=gone), offset)
            if taken.refused is None:
                del counts[gone]
        else:
            counted = what == "counted"
            came = abs(units) if counted else units
            taken = take(stock, told_on(day - waited, at, counted, came, offset), offset)
            if counted and taken.refused is None:
                counts[f"document/{offset}"] = at, came
            if not counted:
                moved.append((at, came))
        stock = taken.stock
        newest, there = max(counts.values(), default=(EPOCH, 0))
        assert stock.on_hand("STORE") == there + sum(units for at, units in moved if at > newest)


def told_on(
    day: int, at: datetime, counted: bool, units: int, offset: int, withdrawn: str | None = None
) -> Movement:
    """A count, or an adjustment, of so many units at an instant, recorded on a day; or that the count of a document is withdrawn."""
    moves = 0 if counted else units
    kind = Kind.STOCK_COUNTED if counted else Kind.STOCK_ADJUSTED
    return Movement(
        id=f"0-{offset}-0",
        kind=kind if withdrawn is None else Kind.MOVEMENT_VOIDED,
        voids=None if withdrawn is None else kind,
        sku="mug",
        quantity=moves,
        legs=(
            Leg(location="@loss", state="boundary", quantity=-moves),
            Leg(location="STORE", state="available", quantity=moves),
        ),
        transaction=f"deal/{offset}",
        channel="till",
        document=withdrawn or f"document/{offset}",
        occurred_at=at,
        recorded_at=EPOCH + timedelta(days=101 + day),
        cause=Cause(0, offset, 0),
        counted=units if counted else None,
    )


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_given_sales_and_counts_in_any_order_then_the_shelf_is_the_same(deal, units, order):
    told = [
        ("sale/1", units(Fact.SOLD, 2, "STORE", hour=1)),
        ("count/1", units(Fact.COUNTED, 9, "STORE", hour=2)),
        ("sale/2", units(Fact.SOLD, 3, "STORE", hour=3)),
        ("count/2", units(Fact.COUNTED, 5, "STORE", hour=4)),
    ]
    for index in order:
        document, line = told[index]
        deal.tell("till", document, 1, line)
    stock, _ = posted(deal)
    assert stock.locations == {"STORE": {"available": 5}}
    assert [(one.units, one.variance) for one in stock.shelves["STORE"].counts] == [(9, 11), (5, -1)]


@given(moved=SHELF_LIFE, counted=COUNTS)
@settings(max_examples=200, deadline=None)
def test_given_any_life_of_a_shelf_then_each_count_makes_it_hold_what_was_counted(moved, counted):
    shelf = Shelf()
    for hour, units in moved:
        shelf = shelf.move(EPOCH + timedelta(hours=hour), units)
    for hour, units in counted:
        at = EPOCH + timedelta(hours=hour)
        shelf = shelf.count(Count(at=at, channel="clerk", document=f"count/{hour}", units=units))
    on_hand = sum(units for _, units in moved)
    due = list(shelf.variances(on_hand))
    for count, _ in due:
        told = micros(count.at)
        before = sum(units for at, units in shelf.moved if at <= told)
        assert before + sum(variance for one, variance in due if one.at <= count.at) == count.units
    settled = shelf.recount([variance for _, variance in due], EPOCH + timedelta(hours=9))
    again = settled.variances(on_hand + sum(variance for _, variance in due))
    assert [variance for _, variance in again] == [variance for _, variance in due], "once and for all"
