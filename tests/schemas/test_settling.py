"""What a shop may rely on when several platforms talk about one deal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED, State
from schemas.claims import Fact
from schemas.movements import Cause
from schemas.postings import POSTINGS, Kind
from schemas.settling import Transaction, apply, settle
from schemas.witnesses import DEMAND, FACTS, LEFT, Authority, Desk

# -- laws


def test_given_any_fact_then_it_is_known_what_it_is_posted_as():
    assert set(FACTS) == set(Fact)
    assert {meaning.kind for meaning in FACTS.values()} <= set(POSTINGS)
    assert all(FACTS[fact].desk is Desk.ORDER for fact in {*DEMAND, *LEFT})


@pytest.mark.law("L2")
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_a_claim_again_then_nothing_is_posted(data, log):
    told = data.draw(log.news)
    once = log.post(told)
    assert log.post([*told, *told]) == once


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_everything_is_taken_back_then_every_account_is_as_before(data, log):
    told = data.draw(log.news)
    emptied = [
        replace(claim, documents=tuple(replace(one, version=9, lines=()) for one in claim.documents))
        for claim in told
    ]
    assert log.book(log.stocks(log.post([*told, *emptied]))) == {}


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_any_claims_then_no_place_owes_a_customer_less_than_nothing(data, log):
    """Demand is routed to where its parcels left, and cancelled where it is open."""
    told = data.draw(log.news)
    for stock in log.stocks(log.post(told)).values():
        for location in stock.locations:
            assert stock.balance(location, State.COMMITTED) >= 0


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_given_any_claims_then_settling_does_not_ask_in_which_order_documents_are_held(data, log):
    held = Transaction()
    for offset, claim in enumerate(data.draw(log.news)):
        held, _ = apply(held, claim, claim.occurred_at, Cause(0, offset, 0))
    backwards = Transaction(documents=dict(reversed(held.documents.items())), offset=held.offset)
    authority = data.draw(log.authorities)
    assert settle(backwards, authority) == settle(held, authority)


@given(data=st.data(), remembers=st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_given_any_claims_then_it_makes_no_difference_how_much_is_remembered_of_the_ones_before(
    data, remembers, log
):
    told, authority = data.draw(log.news), data.draw(log.authorities)
    assert log.post(told, authority, remembers) == log.post(told, authority)


# -- an order's life


def test_given_an_order_then_its_units_are_promised_and_not_gone(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "WAREHOUSE"))
    assert deal.kinds == ["OrderPlaced"]
    assert deal.stock.locations == {"WAREHOUSE": {"available": -3, "committed": 3}}


def test_given_an_order_no_place_was_chosen_for_then_its_demand_is_open_at_unrouted(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3))
    assert deal.stock.locations == {UNROUTED: {"available": -3, "committed": 3}}


def test_given_an_unrouted_order_shipped_from_a_store_then_the_store_has_fewer_and_nothing_is_open(
    deal, units
):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    assert deal.stock.locations == {
        UNROUTED: {"available": -1, "committed": 1},
        "STORE": {"available": -2},
    }
    assert deal.stock.boundary == {"@customer": 2}
    assert sorted(deal.kinds) == ["OrderPlaced", "OrderRouted", "OrderShipped"]


def test_given_a_parcel_we_hear_of_before_its_order_then_it_ends_as_if_told_in_order(deal, units):
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    assert deal.stock.locations == {"STORE": {"available": -2}}
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3))
    assert deal.stock.locations == {
        UNROUTED: {"available": -1, "committed": 1},
        "STORE": {"available": -2},
    }


def test_given_a_cancellation_we_hear_of_before_its_order_then_nothing_is_promised(deal, units):
    deal.tell("shop", "refund/1", 1, units(Fact.CANCELLED, 2))
    assert deal.stock.locations == {}
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2))
    assert deal.stock.locations == {}


def test_given_part_of_an_order_cancelled_then_only_the_rest_is_promised(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "WAREHOUSE"))
    deal.tell(
        "shop",
        "order/1",
        2,
        units(Fact.ORDERED, 5, "WAREHOUSE"),
        units(Fact.CANCELLED, 2, "WAREHOUSE", hour=1),
    )
    assert deal.stock.locations == {"WAREHOUSE": {"available": -3, "committed": 3}}


def test_given_the_rest_is_cancelled_after_a_parcel_left_elsewhere_then_nothing_stays_promised(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "WAREHOUSE"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    deal.tell("shop", "refund/1", 1, units(Fact.CANCELLED, 1, "STORE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -2}}


def test_given_units_cancelled_at_a_place_then_that_place_is_freed_first(deal, units):
    deal.tell(
        "shop",
        "order/1",
        1,
        units(Fact.ORDERED, 2, "STORE"),
        units(Fact.ORDERED, 2, "WAREHOUSE"),
        units(Fact.CANCELLED, 3, "WAREHOUSE", hour=1),
    )
    assert deal.stock.locations == {"STORE": {"available": -1, "committed": 1}}


def test_given_a_parcel_is_voided_then_its_units_are_promised_again(deal, units):
    sent = units(Fact.SHIPPED, 2, "STORE", hour=1)
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    deal.tell("shop", "parcel/1", 1, sent)
    deal.tell("shop", "parcel/1", 2, sent, units(Fact.SHIPMENT_VOIDED, 2, "STORE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -2, "committed": 2}}
    assert deal.stock.boundary == {}


def test_given_a_pickup_collected_then_the_units_left_the_store(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("till", "pickup/1", 1, units(Fact.COLLECTED, 1, "STORE", hour=3))
    assert deal.stock.locations == {"STORE": {"available": -1}}


def test_given_a_refund_first_and_the_goods_later_then_only_the_goods_move_stock(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "WAREHOUSE"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=1))
    sold = deal.stock
    deal.tell("shop", "refund/1", 1)
    assert deal.stock == sold
    deal.tell("till", "return/1", 1, units(Fact.RETURNED, 1, "STORE", hour=4, state=State.DAMAGED))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2}, "STORE": {"damaged": 1}}
    assert deal.stock.boundary == {"@customer": 1}


# -- several platforms, several versions


def test_given_three_platforms_saw_the_same_parcel_then_it_left_once(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    for channel in ("shop", "carrier", "till"):
        deal.tell(channel, "parcel/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    assert deal.stock.boundary == {"@customer": 2}
    assert deal.stock.locations == {"STORE": {"available": -2}}
    assert deal.kinds.count("OrderShipped") - deal.kinds.count("MovementVoided") == 1


def test_given_two_platforms_saw_different_parcels_then_both_left(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=1))
    deal.tell("till", "parcel/1", 1, units(Fact.COLLECTED, 1, "STORE", hour=2))
    assert deal.stock.boundary == {"@customer": 3}
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2}, "STORE": {"available": -1}}


def test_given_an_older_version_arrives_late_then_it_changes_nothing(deal, units):
    deal.tell("shop", "order/1", 2, units(Fact.ORDERED, 1, "STORE"))
    newest = deal.movements
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 9, "STORE"))
    assert deal.movements == newest


def test_given_a_newer_version_then_only_the_difference_is_posted(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("shop", "order/1", 2, units(Fact.ORDERED, 4, "STORE"))
    deal.tell("shop", "order/1", 3, units(Fact.ORDERED, 2, "STORE"))
    assert [(one.kind.value, one.quantity) for one in deal.movements] == [
        ("OrderPlaced", 1),
        ("OrderPlaced", 3),
        ("MovementVoided", 2),
    ]
    assert deal.movements[-1].voids is Kind.ORDER_PLACED


def test_given_two_contents_under_one_version_then_arrival_does_not_decide(deal, units):
    few, many = units(Fact.ORDERED, 1, "STORE"), units(Fact.ORDERED, 2, "STORE")
    deal.tell("shop", "order/1", 1, few)
    deal.tell("shop", "order/1", 1, many)
    one_way = deal.stock
    deal.claims.reverse()
    assert deal.stock.locations == one_way.locations


@pytest.mark.parametrize("hours", [-5, 0, 2])
def test_given_two_contents_under_one_version_then_neither_does_the_time_zone(deal, units, hours):
    early, late = units(Fact.ORDERED, 1, "STORE", hour=1), units(Fact.ORDERED, 2, "STORE", hour=2)
    local = replace(early, at=early.at.astimezone(timezone(timedelta(hours=hours))))
    deal.tell("shop", "order/1", 1, late)
    deal.tell("shop", "order/1", 1, local)
    assert deal.stock.locations == {"STORE": {"available": -2, "committed": 2}}


def test_given_one_document_told_as_retail_and_as_wholesale_then_arrival_does_not_decide(deal, units):
    sent = units(Fact.SHIPPED, 1, "STORE")
    deal.tell("shop", "parcel/1", 1, sent)
    deal.tell("shop", "parcel/1", 1, sent, demand_class="wholesale")
    assert deal.movements[-1].demand_class == "wholesale"
    deal.claims.reverse()
    assert {one.demand_class for one in deal.movements} == {"wholesale"}


def test_given_two_views_of_the_demand_then_the_most_advanced_one_stands_whole(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "WAREHOUSE"), units(Fact.CANCELLED, 1))
    deal.tell("till", "order/9", 1, units(Fact.ORDERED, 3, "STORE"))
    assert {one.channel for one in deal.movements if one.kind is not Kind.MOVEMENT_VOIDED} == {"shop"}
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2, "committed": 2}}


@pytest.mark.parametrize("trusted", ["shop", "till"])
def test_given_equally_advanced_views_then_the_more_trusted_channel_stands(deal, units, trusted):
    deal.authority = Authority(channels=(trusted,))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "WAREHOUSE"))
    deal.tell("till", "order/9", 1, units(Fact.ORDERED, 3, "STORE"))
    assert set(deal.stock.locations) == {"WAREHOUSE" if trusted == "shop" else "STORE"}


# -- beside orders


def test_given_a_sale_at_the_till_is_voided_then_the_shelf_has_it_again(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE"))
    assert deal.stock.locations == {"STORE": {"available": -2}}
    deal.tell("till", "sale/1", 2, units(Fact.SOLD, 2, "STORE"), units(Fact.SALE_VOIDED, 2, "STORE", hour=1))
    assert deal.stock.locations == {}


def test_given_a_platform_opens_below_zero_then_the_debt_is_ours_too(deal, units):
    deal.tell("till", "opening", 1, units(Fact.OPENED_BELOW_ZERO, 4, "STORE"))
    assert deal.stock.balance("STORE") == -4
    assert deal.stock.boundary == {"@opening": 4}
    assert deal.movements[0].quantity == -4


def test_given_a_shortfall_then_it_is_a_loss_with_its_reason(deal, units):
    deal.tell("shop", "adjustment/1", 1, units(Fact.ADJUSTED_DOWN, 2, "STORE", reason="stolen"))
    assert deal.stock.locations == {"STORE": {"available": -2}}
    assert deal.stock.boundary == {"@loss": 2}
    assert deal.movements[0].reason == "stolen"


def test_given_a_wrong_opening_is_put_right_then_the_place_stays_tracked(deal, units):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "opening", 2, units(Fact.OPENED, 0, "STORE"))
    assert deal.stock.tracked == {"STORE": "shop"}
    assert deal.stock.locations == {}


@pytest.mark.parametrize("fact", sorted(fact for fact in Fact if not FACTS[fact].absolute))
def test_given_a_line_of_no_units_then_it_says_nothing(deal, units, fact):
    deal.tell("shop", "order/1", 1, units(fact, 0, "STORE"))
    assert deal.movements == []


def test_given_instants_written_with_different_offsets_then_they_are_one_instant(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    (told,) = deal.claims[0].documents
    (line,) = told.lines
    offset = line.at.astimezone(timezone(timedelta(hours=2)))
    deal.tell("shop", "order/1", 2, replace(line, at=offset))
    assert deal.kinds == ["OrderPlaced"]
