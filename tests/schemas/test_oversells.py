"""Every oversell has exactly one cause, and it is the one a shop would name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, State
from schemas.claims import Fact
from schemas.ledger import Stock, take
from schemas.oversells import OversellCause, oversells
from schemas.rules import ChannelRules

RULES = {
    "shop": ChannelRules(),
    "till": ChannelRules(publish="locations"),
    "careful": ChannelRules(safety_stock=9),
}


def found(movements, *, told_after=timedelta(0), rules=RULES):
    """What the movements oversold, each recorded so long after it occurred."""
    stock, oversold = Stock(sku="mug"), []
    for offset, movement in enumerate(movements):
        told = replace(movement, recorded_at=movement.occurred_at + told_after)
        taken = take(stock, told, offset)
        oversold.extend(oversells(stock, taken.stock, told, taken.posted, rules))
        stock = taken.stock
    return [(one.place, one.available, one.cause) for one in oversold]


def test_given_enough_then_nothing_is_oversold(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 5, "STORE", hour=1))
    assert found(deal.movements) == []


def test_given_the_channel_sold_more_than_its_number_then_it_had_not_heard_in_time(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 6, "STORE", hour=1))
    assert found(deal.movements) == [("STORE", -1, OversellCause.LATENCY)]


def test_given_the_channel_s_own_number_allowed_it_then_it_is_the_rule(deal, units):
    deal.tell("erp", "opening/1", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("erp", "opening/2", 1, units(Fact.OPENED, 5, "WAREHOUSE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 7, "STORE", hour=1))
    assert found(deal.movements) == [("STORE", -2, OversellCause.RULE)]


def test_given_nothing_bounds_the_channel_then_it_is_the_rule(deal, units):
    deal.tell("market", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    assert found(deal.movements) == [("STORE", -1, OversellCause.RULE)]


def test_given_the_order_was_told_an_hour_late_then_it_is_the_late_fact(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 6, "STORE", hour=1))
    late = timedelta(hours=1)
    assert found(deal.movements, told_after=late) == [("STORE", -1, OversellCause.LATE_FACT)]


def test_given_the_till_sold_what_the_books_did_not_have_then_the_books_were_wrong(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 1, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=1))
    assert found(deal.movements) == [("STORE", -1, OversellCause.WRONG_COUNT)]


def test_given_a_count_found_fewer_than_were_promised_then_the_books_were_wrong(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3, "STORE", hour=2))
    assert found(deal.movements) == [("STORE", -2, OversellCause.WRONG_COUNT)]


def test_given_somebody_took_promised_units_then_it_is_the_override(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("erp", "note/1", 1, units(Fact.DAMAGED, 1, "STORE", hour=2))
    assert found(deal.movements) == [("STORE", -1, OversellCause.MANUAL_OVERRIDE)]


@pytest.mark.parametrize(
    ("after", "cause"),
    [
        (timedelta(minutes=1), OversellCause.LATENCY),
        (timedelta(minutes=1, microseconds=1), OversellCause.LATE_FACT),
    ],
)
def test_given_news_is_a_minute_old_then_it_is_in_time_and_a_moment_older_it_is_late(
    deal, units, after, cause
):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 6, "STORE", hour=1))
    assert found(deal.movements, told_after=after) == [("STORE", -1, cause)]


def test_given_an_oversell_then_it_says_what_did_it_and_when(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 6, "STORE", hour=1))
    opened, ordered = deal.movements
    before = take(Stock(sku="mug"), opened, 0).stock
    (oversell,) = oversells(before, take(before, ordered, 1).stock, ordered, (), RULES)
    assert (oversell.movement, oversell.kind) == (ordered.id, ordered.kind)
    assert (oversell.sku, oversell.transaction, oversell.channel) == ("mug", "deal-1", "careful")
    assert (oversell.occurred_at, oversell.recorded_at) == (ordered.occurred_at, ordered.recorded_at)


@pytest.mark.parametrize(
    "line",
    [
        {"fact": Fact.ADJUSTED_DOWN},
        {"fact": Fact.DAMAGED},
        {"fact": Fact.SCRAPPED},
        {"fact": Fact.SET_ASIDE, "state": State.SAFETY_STOCK},
        {"fact": Fact.POOL_ALLOCATED, "to_pool": "trade"},
        {"fact": Fact.KIT_COMPONENT_USED},
        {"fact": Fact.KIT_BROKEN},
        {"fact": Fact.VENDOR_RETURNED},
        {"fact": Fact.TRANSFER_SHIPPED, "there": "WAREHOUSE"},
    ],
    ids=lambda line: line["fact"].value,
)
def test_given_somebody_s_decision_took_promised_units_then_it_is_the_override(deal, units, line):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("shop", "note", 1, units(quantity=1, location="STORE", hour=2, **line))
    assert found(deal.movements) == [("STORE", -1, OversellCause.MANUAL_OVERRIDE)]


def test_given_an_opening_is_taken_back_then_it_is_the_override(deal, units):
    deal.tell("shop", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("shop", "opening", 2)
    assert found(deal.movements) == [("STORE", -5, OversellCause.MANUAL_OVERRIDE)]


def test_given_the_till_sold_promised_units_that_were_there_then_the_books_were_right(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 2, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE", hour=1))
    deal.claims[-1] = replace(deal.claims[-1], transaction="deal-2")
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=2))
    assert found(deal.movements) == [("STORE", -2, OversellCause.LATENCY)]


def test_given_exactly_what_the_channel_was_offered_then_it_is_the_rule(deal, units):
    deal.tell("erp", "opening/1", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("erp", "opening/2", 1, units(Fact.OPENED, 5, "WAREHOUSE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 10, "STORE", hour=1))
    assert found(deal.movements) == [("STORE", -5, OversellCause.RULE)]
    deal.claims[-1:] = []
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 11, "STORE", hour=1))
    assert found(deal.movements) == [("STORE", -6, OversellCause.LATENCY)]


def test_given_a_count_found_one_fewer_than_was_promised_then_the_books_were_wrong(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 4, "STORE", hour=2))
    assert found(deal.movements) == [("STORE", -1, OversellCause.WRONG_COUNT)]


def test_given_an_old_sale_that_a_count_has_in_it_then_the_place_below_zero_falls_no_further(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 5, "STORE", hour=1))
    deal.tell("clerk", "count/1", 1, units(Fact.COUNTED, 3, "STORE", hour=4))
    once = found(deal.movements)
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=2))
    deal.claims[-1] = replace(deal.claims[-1], transaction="deal-2")
    assert found(deal.movements) == once == [("STORE", -2, OversellCause.WRONG_COUNT)]


@pytest.mark.parametrize("elsewhere", [0, 3])
def test_given_another_place_is_empty_or_below_zero_then_it_has_nothing_for_the_network_and_takes_nothing(
    deal, units, elsewhere
):
    deal.tell("erp", "opening/1", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("erp", "opening/2", 1, units(Fact.OPENED_BELOW_ZERO, elsewhere, "WAREHOUSE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 7, hour=1))
    assert found(deal.movements)[-1] == (NETWORK, -2, OversellCause.LATENCY)


def test_given_demand_without_a_place_exceeds_all_places_then_the_network_is_oversold(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("careful", "order/1", 1, units(Fact.ORDERED, 6, hour=1))
    assert found(deal.movements) == [(NETWORK, -1, OversellCause.LATENCY)]


def test_given_a_place_below_zero_rises_or_stays_then_that_is_no_oversell(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE"))
    deal.tell("erp", "receipt/1", 1, units(Fact.RECEIVED, 1, "STORE", hour=1))
    assert len(found(deal.movements)) == 1


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_given_any_claims_then_an_oversell_is_told_where_and_only_where_a_place_falls_below_zero(log, data):
    books: dict[str, Stock] = {}
    for offset, movement in enumerate(log.post(data.draw(log.news))):
        before = books.get(movement.sku, Stock(sku=movement.sku))
        taken = take(before, movement, offset)
        told = list(oversells(before, taken.stock, movement, taken.posted, RULES))
        fell = {
            place
            for place in taken.stock.locations
            for state in ("available", "available[trade]")
            if place[0] != "@" and 0 > taken.stock.balance(place, state) < before.balance(place, state)
        }
        assert {one.place for one in told} - {NETWORK} == fell
        assert len({(one.movement, one.place) for one in told}) == len(told)
        books[movement.sku] = taken.stock


# -- what may be owed

OWING = {
    "shop": ChannelRules(backorder=3, ships_from="STORE"),
    "till": ChannelRules(publish="locations", backorder=3, ships_from="STORE"),
}


@pytest.mark.parametrize("channel", ["shop", "till"])
def test_given_backorders_within_the_limit_then_they_are_no_oversell_and_beyond_it_they_are(
    deal, units, channel
):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell(channel, "order/1", 1, units(Fact.ORDERED, 8, "STORE", hour=1))
    assert found(deal.movements, rules=OWING) == []
    deal.tell(channel, "order/1", 2, units(Fact.ORDERED, 9, "STORE", hour=1))
    assert found(deal.movements, rules=OWING) == [("STORE", -4, OversellCause.LATENCY)]


def test_given_a_preorder_within_what_is_on_its_way_then_it_is_no_oversell(deal, units):
    rules = {"shop": ChannelRules(preorder=9)}
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 0, "STORE"))
    deal.tell("erp", "purchase/1", 1, units(Fact.EXPECTED, 4, "STORE", hour=1))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 4, hour=2))
    assert found(deal.movements, rules=rules) == []
    deal.tell("shop", "order/1", 2, units(Fact.ORDERED, 5, hour=2))
    assert found(deal.movements, rules=rules) == [(NETWORK, -5, OversellCause.LATENCY)]


def test_given_backorders_then_wrong_books_and_what_somebody_took_are_oversells_all_the_same(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 1, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 2, "STORE", hour=1))
    assert found(deal.movements, rules=OWING) == [("STORE", -1, OversellCause.WRONG_COUNT)]


def test_given_a_channel_that_may_owe_nothing_then_others_limits_do_not_excuse_it(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("market", "order/1", 1, units(Fact.ORDERED, 6, "STORE", hour=1))
    assert found(deal.movements, rules=OWING) == [("STORE", -1, OversellCause.RULE)]
