"""The posting table, read as the policy it is: every kind of movement, its legs, and what it does to on hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import BOUNDARIES, ON_HAND, State
from schemas.postings import POSTINGS, SIGNED, TRACKING, Kind, Leg, Places, legs, pooled, reverse

MORE = {
    Kind.STOCK_INITIALISED,
    Kind.GOODS_RECEIVED,
    Kind.SHIPMENT_VOIDED,
    Kind.POS_SALE_VOIDED,
    Kind.RETURN_RECEIVED,
    Kind.TRANSFER_RECEIVED,
    Kind.STOCK_COUNTED,
    Kind.STOCK_ADJUSTED,
    Kind.KIT_ASSEMBLED,
}
LESS = {
    Kind.ORDER_SHIPPED,
    Kind.PICKUP_COLLECTED,
    Kind.POS_SALE_COMPLETED,
    Kind.TRANSFER_SHIPPED,
    Kind.STOCK_SCRAPPED,
    Kind.KIT_BROKEN,
    Kind.VENDOR_RETURN_SHIPPED,
}

kinds = st.sampled_from(Kind)
quantities = st.integers(1, 10**9)
shelf = st.sampled_from((State.AVAILABLE, State.QUALITY_CONTROL, State.DAMAGED, State.RESERVED))
places = st.builds(
    Places,
    here=st.just("A"),
    there=st.just("B"),
    state=shelf,
    transit=st.just("t1"),
    pool=st.just("web"),
    to_pool=st.none() | st.just("trade"),
)


def on_hand(posted: tuple[Leg, ...]) -> int:
    physical = (leg for leg in posted if leg.location not in BOUNDARIES)
    return sum(leg.quantity for leg in physical if leg.state.partition("[")[0] in ON_HAND)


def net(posted: tuple[Leg, ...]) -> Counter[tuple[str, str]]:
    accounts: Counter[tuple[str, str]] = Counter()
    for leg in posted:
        accounts[leg.location, leg.state] += leg.quantity
    return accounts


def test_given_any_kind_of_movement_then_the_table_says_what_it_posts():
    assert set(POSTINGS) == set(Kind)
    assert set(Kind) >= TRACKING | SIGNED


@pytest.mark.law("L1")
@given(kind=kinds, quantity=quantities, where=places, expected=st.integers(0, 10**9))
@settings(max_examples=400, deadline=None)
def test_given_any_movement_then_its_legs_sum_to_zero(kind, quantity, where, expected):
    posted = legs(kind, quantity, where, expected)
    assert sum(leg.quantity for leg in posted) == 0
    assert all(leg.quantity for leg in posted)


@given(kind=st.sampled_from(sorted(SIGNED)), quantity=quantities, where=places)
@settings(max_examples=50, deadline=None)
def test_given_a_kind_that_goes_both_ways_then_a_negative_quantity_is_its_reverse(kind, quantity, where):
    assert legs(kind, -quantity, where) == reverse(legs(kind, quantity, where))
    assert not any(net(legs(kind, 0, where)).values())


@given(kind=st.sampled_from(sorted(set(Kind) - SIGNED)), quantity=st.integers(-10, 0), where=places)
@settings(max_examples=50, deadline=None)
def test_given_a_kind_that_goes_one_way_then_nothing_and_less_are_refused(kind, quantity, where):
    with pytest.raises(ValueError, match="positive"):
        legs(kind, quantity, where)


@given(kind=kinds, quantity=quantities, where=places)
@settings(max_examples=200, deadline=None)
def test_given_a_movement_is_voided_then_every_account_is_as_before(kind, quantity, where):
    posted = legs(kind, quantity, where)
    assert not any(net(posted + reverse(posted)).values())
    assert reverse(reverse(posted)) == posted


@given(kind=kinds, quantity=quantities, where=places)
@settings(max_examples=200, deadline=None)
def test_given_any_movement_then_on_hand_changes_as_the_table_promises(kind, quantity, where):
    change = quantity if kind in MORE else -quantity if kind in LESS else 0
    assert on_hand(legs(kind, quantity, where)) == change


@given(quantity=quantities, expected=st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_given_a_delivery_then_what_was_expected_of_it_is_expected_no_more(quantity, expected):
    accounts = net(legs(Kind.GOODS_RECEIVED, quantity, Places("A"), expected))
    assert accounts["A", "available"] == quantity
    assert -accounts["A", "incoming"] == accounts["@expected", "boundary"] == min(quantity, expected)


def test_given_goods_in_transit_then_they_are_on_no_shelf():
    posted = legs(Kind.TRANSFER_SHIPPED, 2, Places("A", "B", transit="t1"))
    assert net(posted) == {
        ("A", "available"): -2,
        ("transit:t1", "in_transit"): 2,
        ("@expected", "boundary"): -2,
        ("B", "incoming"): 2,
    }


def test_given_units_ring_fenced_for_a_pool_then_the_common_pool_has_fewer():
    assert net(legs(Kind.POOL_ALLOCATED, 5, Places("A", to_pool="trade"))) == {
        ("A", "available"): -5,
        ("A", "available[trade]"): 5,
    }
    assert pooled(None) == "available"


def test_given_a_place_is_missing_then_the_posting_says_which():
    with pytest.raises(ValueError, match="second location"):
        legs(Kind.ORDER_ROUTED, 1, Places("A"))
    with pytest.raises(ValueError, match="transfer's id"):
        legs(Kind.TRANSFER_SHIPPED, 1, Places("A", "B"))


def test_given_money_is_refunded_then_no_stock_moves():
    assert legs(Kind.REFUND_ISSUED, 3, Places("A")) == ()
