"""Movements are the difference between two settled states, and nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from schemas.flows import Flow, balances, movements
from schemas.movements import Cause
from schemas.postings import Kind, Places

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECORDED = datetime(2026, 3, 5, tzinfo=UTC)
CLAIM = Cause(3, 7, 0)


def happened(kind, sku="mug", here="STORE", **more):
    told = ("shop", "order/1", "retail", None)
    return Flow(kind, sku, Places(here), NOON, *told, **more)


SOLD = happened(Kind.POS_SALE_COMPLETED)
OPENED = happened(Kind.STOCK_INITIALISED)
COUNTED = happened(Kind.STOCK_COUNTED)
CONVERTED = happened(Kind.RESERVATION_CONVERTED)


def made(before, after):
    posted = movements(Counter(before), Counter(after), "deal-1", RECORDED, CLAIM)
    return [(one.kind, one.quantity, one.voids) for one in posted]


def test_given_the_same_happened_then_nothing_is_posted():
    assert made({SOLD: 2, OPENED: 5, COUNTED: 3}, {COUNTED: 3, OPENED: 5, SOLD: 2}) == []


def test_given_more_or_fewer_were_sold_then_only_the_difference_is_posted():
    assert made({SOLD: 2}, {SOLD: 5}) == [(Kind.POS_SALE_COMPLETED, 3, None)]
    assert made({SOLD: 5}, {SOLD: 2}) == [(Kind.MOVEMENT_VOIDED, 3, Kind.POS_SALE_COMPLETED)]
    assert made({SOLD: 5}, {}) == [(Kind.MOVEMENT_VOIDED, 5, Kind.POS_SALE_COMPLETED)]


def test_given_another_opening_then_the_first_is_taken_back_whole_and_the_second_posted_whole():
    back = (Kind.MOVEMENT_VOIDED, 5, Kind.STOCK_INITIALISED)
    assert made({OPENED: 5}, {OPENED: 0}) == [back, (Kind.STOCK_INITIALISED, 0, None)]
    assert made({OPENED: 5}, {}) == [back]
    assert made({}, {OPENED: 0}) == [(Kind.STOCK_INITIALISED, 0, None)]


def test_given_a_count_then_it_says_what_was_found_and_moves_nothing_by_itself():
    (counted,) = movements(Counter(), Counter({COUNTED: 7}), "deal-1", RECORDED, CLAIM)
    assert (counted.quantity, counted.counted) == (0, 7)
    assert {leg.quantity for leg in counted.legs} == {0}
    assert {leg.location for leg in counted.legs} == {"@loss", "STORE"}
    (sold,) = movements(Counter(), Counter({SOLD: 7}), "deal-1", RECORDED, CLAIM)
    assert (sold.quantity, sold.counted) == (7, None)


def test_given_units_that_go_the_other_way_then_the_movement_is_of_so_many_less():
    less = happened(Kind.STOCK_ADJUSTED, negative=True)
    (lost,) = movements(Counter(), Counter({less: 4}), "deal-1", RECORDED, CLAIM)
    assert lost.quantity == -4
    assert [(leg.location, leg.quantity) for leg in lost.legs] == [("@loss", 4), ("STORE", -4)]


def test_given_what_the_ledger_posted_itself_then_it_is_not_posted_again_and_counts_in_no_balance():
    assert made({}, {CONVERTED: 2}) == []
    assert made({}, {CONVERTED: 2, SOLD: 1}) == [(Kind.POS_SALE_COMPLETED, 1, None)]
    assert balances({CONVERTED: 2, SOLD: 1}) == balances({SOLD: 1})


def test_given_several_changes_of_one_claim_then_voids_come_first_and_each_is_named_after_its_place():
    posted = movements(
        Counter({happened(Kind.POS_SALE_COMPLETED, "plate"): 1, SOLD: 1}),
        Counter({happened(Kind.POS_SALE_COMPLETED, "bowl"): 1, SOLD: 3}),
        "deal-1",
        RECORDED,
        CLAIM,
    )
    assert [(one.sku, one.voids is not None) for one in posted] == [
        ("plate", True),
        ("mug", False),
        ("bowl", False),
    ]
    assert [one.id for one in posted] == ["3-7-0", "3-7-1", "3-7-2"]
    assert [one.cause for one in posted] == [Cause(3, 7, index) for index in range(3)]


def test_given_a_movement_then_it_carries_whose_news_it_is_and_when_it_was_told():
    told = ("till", "sale/9", "wholesale", "broken")
    one = Flow(Kind.STOCK_DAMAGED, "mug", Places("STORE"), NOON, *told)
    (posted,) = movements(Counter(), Counter({one: 1}), "deal-1", RECORDED, CLAIM)
    assert (posted.channel, posted.document, posted.demand_class, posted.reason) == told
    assert (posted.transaction, posted.occurred_at, posted.recorded_at) == ("deal-1", NOON, RECORDED)


def test_given_goods_between_two_places_then_they_are_on_the_way_under_the_name_of_their_deal():
    sent = Flow(Kind.TRANSFER_SHIPPED, "mug", Places("A", "B"), NOON, "erp", "transfer/1", "retail", None)
    assert balances({sent: 3}, "deal-1") == {
        ("mug", "A", "available"): -3,
        ("mug", "transit:deal-1", "in_transit"): 3,
        ("mug", "@expected", "boundary"): -3,
        ("mug", "B", "incoming"): 3,
    }


def test_given_goods_that_were_expected_then_they_are_expected_no_more():
    came = happened(Kind.GOODS_RECEIVED, expected=True)
    assert balances({came: 3})["mug", "STORE", "incoming"] == -3
    assert ("mug", "STORE", "incoming") not in balances({happened(Kind.GOODS_RECEIVED): 3})
