"""What a count is worth: it holds at its instant, whatever is told later, and in whatever order."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Fact
from schemas.counts import EPOCH, LATE_COUNT, Count, Shelf, micros
from schemas.ledger import Stock, fold, take

HOURS = st.integers(0, 5)
SHELF_LIFE = st.lists(st.tuples(HOURS, st.integers(-4, 4)), max_size=6)
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
