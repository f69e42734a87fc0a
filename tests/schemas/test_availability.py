"""What a channel may sell, as the rules say it, and that every number explains itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import (
    Known,
    Place,
    Shown,
    Standing,
    Step,
    eligible,
    number_at,
    places_of,
    quantity,
    same_numbers,
    steps,
)
from schemas.availability import moved as moved_between
from schemas.codec import Undecodable, decode, encode
from schemas.ledger import Stock
from schemas.rules import ChannelRules

LOCATIONS = ("A", "B", "C")
levels = st.integers(-20, 20)
held = st.integers(0, 5)
stocks = st.builds(
    Stock,
    sku=st.just("mug"),
    locations=st.dictionaries(
        st.sampled_from((*LOCATIONS, UNROUTED)),
        st.fixed_dictionaries(
            {"available": levels}, optional={"committed": held, "available[trade]": held, "incoming": held}
        ),
    ),
    tracked=st.dictionaries(st.sampled_from((*LOCATIONS, UNROUTED)), st.sampled_from(("web", "till", ""))),
    told_by=st.dictionaries(st.sampled_from(LOCATIONS), st.just({"web": 3})),
)
any_rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "locations")),
    ships_from=st.sampled_from((UNROUTED, "A")),
    locations=st.none() | st.lists(st.sampled_from((*LOCATIONS, UNROUTED))).map(tuple),
    safety_stock=held,
    safety_stock_by_location=st.dictionaries(st.sampled_from(LOCATIONS), held),
    safety_stock_by_sku=st.dictionaries(st.sampled_from(("mug", "bowl")), held),
    threshold=held,
    share_percent=st.integers(0, 100),
    cap=st.none() | st.integers(0, 30),
    safety_percent=st.sampled_from((0, 0, 20, 33, 100)),
    backorder=held,
    backorder_by_sku=st.dictionaries(st.sampled_from(("mug", "bowl")), held),
    preorder=held,
    preorder_by_sku=st.dictionaries(st.sampled_from(("mug", "bowl")), held),
    closed=st.none() | st.just(("B",)),
    buffers=st.none() | st.dictionaries(st.sampled_from(LOCATIONS), held),
)


def network(**rules):
    return ChannelRules(publish="network", **rules)


def by_location(**rules):
    return ChannelRules(publish="locations", **rules)


def stock_of(**available):
    return Stock(
        sku="mug",
        locations={name: {"available": units} for name, units in available.items() if units},
        tracked=dict.fromkeys(available, ""),
    )


def offered(stock, rules):
    return quantity(stock, "web", rules, "r1").quantity


# -- laws


@given(stock=stocks, rules=any_rules, moved=st.dictionaries(st.sampled_from((*LOCATIONS, UNROUTED)), levels))
@settings(max_examples=400, deadline=None)
def test_given_the_numbers_of_before_then_those_of_now_are_the_same_as_worked_out_anew(stock, rules, moved):
    before = places_of(stock, "web", rules)
    after = replace(
        stock,
        locations={**stock.locations, **{name: {"available": units} for name, units in moved.items()}},
        told_by={**stock.told_by, **{name: {"web": units} for name, units in moved.items() if units % 2}},
        tracked={**stock.tracked, **{name: "web" for name, units in moved.items() if units % 3}},
    )
    then, now = Standing.of(stock), Standing.of(after)
    places = places_of(after, "web", rules, Known(before, moved_between(after, then)))
    assert before == places_of(stock, "web", rules, Known(places, moved_between(stock, now)))
    assert places == places_of(after, "web", rules)
    assert quantity(after, "web", rules, "r1", places) == quantity(after, "web", rules, "r1")


@given(stock=stocks, name=st.sampled_from(LOCATIONS))
def test_given_a_stock_that_was_read_again_then_only_what_is_another_has_moved(stock, name):
    again = decode(Stock, encode(stock))
    assert moved_between(again, Standing.of(stock)) == set()
    other = replace(again, locations={**again.locations, name: {"available": 99}})
    assert moved_between(other, Standing.of(stock)) == {name}


@given(stock=stocks, rules=any_rules, place=st.sampled_from((*LOCATIONS, NETWORK, "D")))
@settings(max_examples=300, deadline=None)
def test_given_one_place_then_its_number_alone_is_the_one_among_all_of_them(stock, rules, place):
    places = quantity(stock, "web", rules, "r1").places
    assert number_at(stock, "web", rules, place) == places.get(place, places.get(NETWORK))


@pytest.mark.law("L5")
@given(stock=stocks, rules=any_rules)
@settings(max_examples=400, deadline=None)
def test_given_any_stock_and_rules_then_the_steps_sum_to_the_number_in_all_and_at_every_place(stock, rules):
    number = quantity(stock, "web", rules, "r1")
    assert bool(number.places) == bool(eligible(stock, rules))
    explained = list(steps(stock, rules)) if number.places else []
    by_place: Counter[str] = Counter()
    for step in explained:
        by_place[step.place] += step.amount
    assert sum(step.amount for step in explained) == number.quantity
    assert {place: by_place[place] for place in number.places} == {
        name: place.quantity for name, place in number.places.items()
    }
    assert set(by_place) <= set(number.places)
    assert all(step.amount for step in explained)


@given(stock=stocks, rules=any_rules)
@settings(max_examples=200, deadline=None)
def test_given_the_balances_are_shown_apart_then_the_other_steps_are_the_rest(stock, rules):
    without = sum(step.amount for step in steps(stock, rules, available=False))
    shown = sum(stock.balance(location) for location in eligible(stock, rules))
    assert without + shown == sum(step.amount for step in steps(stock, rules))


@given(stock=stocks, rules=any_rules)
@settings(max_examples=200, deadline=None)
def test_given_any_stock_and_rules_then_nobody_is_offered_less_than_nothing(stock, rules):
    number = quantity(stock, "web", rules, "r1")
    assert all(place.quantity >= 0 for place in number.places.values())


@given(stock=stocks, rules=any_rules, location=st.sampled_from(LOCATIONS), deeper=st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_given_a_location_goes_further_below_zero_then_no_number_changes_but_what_may_be_owed(
    stock, rules, location, deeper
):
    def at(level):
        return replace(stock, locations={**stock.locations, location: {"available": level}})

    assert offered(at(-deeper), rules.in_hand()) == offered(at(0), rules.in_hand())
    assert offered(at(-deeper), rules) <= offered(at(0), rules)


@given(stock=stocks, rules=any_rules)
@settings(max_examples=200, deadline=None)
def test_given_an_untracked_place_then_it_is_neither_offered_nor_named(stock, rules):
    number = quantity(stock, "web", rules, "r1")
    tracked = replace(
        stock, locations={name: here for name, here in stock.locations.items() if name in stock.tracked}
    )
    if rules.publish == "locations":
        assert number.places.keys() <= stock.tracked.keys() - {UNROUTED}
        assert offered(tracked, rules) == number.quantity


@given(stock=stocks, rules=any_rules, more=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_given_stricter_rules_then_no_channel_is_offered_more(stock, rules, more):
    number = offered(stock, rules)
    assert offered(stock, replace(rules, threshold=rules.threshold + more)) <= number
    assert offered(stock, replace(rules, share_percent=rules.share_percent // 2)) <= number
    assert offered(stock, replace(rules, cap=max(0, number - more))) <= number
    assert offered(stock, replace(rules, safety_percent=min(100, rules.safety_percent + more))) <= number
    assert offered(stock, replace(rules, closed=LOCATIONS)) <= number
    assert offered(stock, replace(rules, buffers={})) <= number
    assert offered(stock, rules.in_hand()) <= number


# -- policy


def test_given_stock_in_two_places_then_the_network_is_offered_the_sum():
    assert offered(stock_of(A=4, B=3), network()) == 7


def test_given_only_some_places_may_sell_then_the_others_are_left_out():
    assert offered(stock_of(A=4, B=3), network(locations=("B",))) == 3


def test_given_a_place_is_named_twice_then_it_counts_once():
    assert offered(stock_of(A=4), network(locations=("A", "A"))) == 4


def test_given_a_place_below_zero_then_it_eats_no_other_place():
    assert offered(stock_of(A=-4, B=3), network()) == 3


def test_given_safety_stock_then_it_is_held_back_at_each_place_and_the_most_special_rule_wins():
    rules = network(safety_stock=1, safety_stock_by_location={"B": 2})
    assert offered(stock_of(A=4, B=3), rules) == 4
    assert offered(stock_of(A=4, B=3), replace(rules, safety_stock_by_sku={"mug": 3})) == 1


def test_given_threshold_share_and_cap_then_they_apply_in_this_order():
    assert offered(stock_of(A=12), network(threshold=1)) == 11
    assert offered(stock_of(A=12), network(threshold=1, share_percent=50)) == 5
    assert offered(stock_of(A=12), network(threshold=1, share_percent=50, cap=3)) == 3


def test_given_demand_no_place_was_chosen_for_then_the_network_is_offered_less_at_once():
    stock = stock_of(A=5)
    stock.locations[UNROUTED] = {"available": -2, "committed": 2}
    assert offered(stock, network()) == 3
    assert offered(stock, by_location()) == 5


def test_given_a_hundred_units_with_safety_threshold_and_open_demand_then_twenty_are_left_to_sell():
    stock = stock_of(DC=100)
    stock.locations[UNROUTED] = {"available": -50, "committed": 50}
    assert offered(stock, network(safety_stock=20, threshold=10)) == 20


def test_given_goods_came_back_to_nobody_knows_where_then_they_are_counted_once():
    stock = stock_of(A=5)
    stock.locations[UNROUTED] = {"available": 2}
    stock.tracked[UNROUTED] = ""
    assert offered(stock, network()) == 7
    assert set(quantity(stock, "web", by_location(), "r1").places) == {"A"}


def test_given_a_sku_tracked_nowhere_then_its_number_has_no_place_while_one_that_is_sold_out_has():
    stock = Stock(sku="mug", locations={"A": {"available": 5}})
    number = quantity(stock, "web", network(), "r1")
    assert (number.quantity, number.places) == (0, {})
    assert quantity(stock_of(A=0), "web", network(), "r1").places[NETWORK].quantity == 0


@given(stock=stocks, rules=any_rules, fewer=st.sets(st.sampled_from(LOCATIONS)))
@settings(max_examples=300, deadline=None)
def test_given_places_that_a_channel_has_no_more_then_each_is_left_with_zero_and_what_the_platform_did_there(
    stock, rules, fewer
):
    before = quantity(stock, "web", rules, "r1")
    kept = {name: by for name, by in stock.tracked.items() if name not in fewer}
    after = quantity(replace(stock, tracked=kept), "web", rules, "r2")
    assert after.left(before.places) == before.places.keys() - after.places.keys()
    for place in after.left(before.places):
        left = after.at(place)
        assert (left.quantity, left.level, left.own) == (0, 0, before.places[place].own)


def test_given_one_number_for_all_places_or_one_for_each_then_it_stands_for_what_was_told_the_other_way():
    whole, each = (quantity(stock_of(A=3), "web", rules, "r1") for rules in (network(), by_location()))
    assert whole.left({"A", "B"}) == set()
    assert each.left({NETWORK, "A", "B"}) == {"B"}


def test_given_a_channel_told_by_place_then_each_place_has_its_number_level_and_own_part():
    stock = Stock(
        sku="mug",
        locations={"A": {"available": 5}, "B": {"available": -1}},
        tracked={"A": "web", "B": "till"},
        told_by={"A": {"web": 6, "till": -1}, "B": {"till": -1}},
        offset=7,
    )
    number = quantity(stock, "web", by_location(safety_stock=1), "r1")
    assert number.places == {
        "A": Place(quantity=4, level=5, own=6, opened=True),
        "B": Place(quantity=0, level=-1, own=0, opened=False),
    }
    assert (number.quantity, number.offset, number.rules) == (4, 7, "r1")


def test_given_a_channel_told_one_number_then_its_own_part_is_where_its_demand_goes():
    stock = replace(stock_of(A=5, B=2), told_by={"A": {"web": -3}, UNROUTED: {"web": -1}})
    assert quantity(stock, "web", network(ships_from="A"), "r1").places[NETWORK].own == -3
    assert quantity(stock, "web", network(), "r1").places[NETWORK].own == -1


def test_given_what_a_platform_was_told_then_it_shows_that_moved_on_by_its_own_documents():
    place = Place(quantity=4, level=5, own=-3)
    assert place.shows(Shown(level=10, own=-1)) == 8
    assert place.shows(None) is None, "nobody knows what it shows"
    assert replace(place, opened=True).shows(None) == -3, "it counts from its own opening stock"


def test_given_a_number_then_each_step_names_what_it_comes_from():
    stock = stock_of(A=12, B=1)
    stock.locations[UNROUTED] = {"available": -2}
    rules = network(safety_stock=2, threshold=1, share_percent=50, cap=3)
    assert [step[1:] for step in steps(stock, rules)] == [
        (12, "A", NETWORK, "A"),
        (-2, "rule:safety_stock", NETWORK, "A"),
        (1, "B", NETWORK, "B"),
        (-2, "rule:safety_stock", NETWORK, "B"),
        (1, "rule:not_negative", NETWORK, "B"),
        (-2, UNROUTED, NETWORK, None),
        (-1, "rule:threshold", NETWORK, None),
        (-4, "rule:share_percent", NETWORK, None),
    ]
    capped = list(steps(stock, replace(rules, cap=2)))
    assert capped[-1] == Step("cap of 2", -1, "rule:cap", NETWORK)
    short = list(steps(stock, replace(rules, threshold=20)))
    assert short[-1] == Step("never below zero", 12, "rule:not_negative", NETWORK)


@pytest.mark.parametrize("rules", [network(threshold=4), network(cap=4), network(share_percent=100)])
def test_given_a_rule_that_takes_nothing_then_it_is_no_step(rules):
    stock = stock_of(A=4)
    assert all(step.amount for step in steps(stock, rules))
    assert [step.ref for step in steps(stock, rules)] == ["A", *["rule:threshold"] * bool(rules.threshold)]


def test_given_nothing_is_left_then_neither_share_nor_cap_makes_something_of_it():
    for less in (4, 5, 20):
        for rules in (network(threshold=less, share_percent=0), network(threshold=less, cap=0)):
            assert offered(stock_of(A=4), rules) == 0
    assert offered(stock_of(A=4), network(threshold=5)) == 0


def test_given_a_place_below_zero_then_share_and_cap_are_of_what_the_others_have():
    for level in (0, -1, -4):
        assert offered(stock_of(A=level, B=4), network(share_percent=50)) == 2
        assert offered(stock_of(A=level, B=5), network(share_percent=50)) == 2
        assert offered(stock_of(A=level, B=4), network(cap=4)) == 4
    assert offered(stock_of(A=1, B=4), network(safety_stock=2, share_percent=50)) == 1


def test_given_many_units_then_a_share_is_of_a_hundred():
    assert offered(stock_of(A=1_000), network(share_percent=50)) == 500


def test_given_one_number_for_all_places_then_behind_it_stands_what_all_have_less_the_open_demand():
    stock = stock_of(A=5, B=-2)
    stock.locations[UNROUTED] = {"available": -1}
    place = quantity(stock, "web", network(safety_stock=1), "r1").places[NETWORK]
    assert place == Place(quantity=3, level=2, own=0, opened=False)


def test_given_as_many_units_at_other_places_then_there_is_something_to_tell():
    number = quantity(stock_of(A=4, B=3), "web", by_location(), "r1")
    assert not same_numbers(number, quantity(stock_of(A=3, B=4), "web", by_location(), "r1"))


def test_given_only_the_rules_version_or_the_offset_changed_then_there_is_nothing_to_tell():
    number = quantity(stock_of(A=5), "web", network(), "r1")
    assert same_numbers(number, replace(number, rules="r2", offset=9))
    assert not same_numbers(number, quantity(stock_of(A=4), "web", network(), "r1"))
    assert same_numbers(None, None)
    assert not same_numbers(number, None), "nobody knows what was said before"


@pytest.mark.parametrize(
    "rule",
    ["safety_stock", "safety_stock_by_sku.mug", "threshold", "share_percent", "cap"],
)
def test_given_a_rule_below_zero_then_it_is_refused_by_its_name(rule):
    name, _, key = rule.partition(".")
    body = f'{{"{name}": {{"{key}": -1}}}}' if key else f'{{"{name}": -1}}'
    with pytest.raises(Undecodable, match=rule):
        decode(ChannelRules, body.encode())


def test_given_a_share_above_the_whole_then_it_is_refused():
    with pytest.raises(Undecodable, match="share_percent"):
        decode(ChannelRules, b'{"share_percent": 101}')


@pytest.mark.parametrize(("level", "shown"), [("on_hand", 7), ("available", 4)])
@pytest.mark.parametrize("publish", ["network", "locations"])
def test_given_promised_units_then_a_channel_that_is_told_what_is_there_is_told_them_too(
    level, shown, publish
):
    stock = Stock(
        sku="mug",
        locations={"A": {"available": 4, "committed": 2, "reserved": 1, "incoming": 9}},
        tracked={"A": ""},
    )
    number = quantity(stock, "till", ChannelRules(publish=publish, level=level), "r1")
    (place,) = number.places.values()
    assert (place.quantity, place.level) == (4, shown)


def test_given_demand_without_a_place_then_what_is_there_is_there_all_the_same():
    stock = stock_of(A=4, **{UNROUTED: -3})
    there = quantity(stock, "till", network(level="on_hand"), "r1").places[NETWORK]
    assert (there.quantity, there.level) == (1, 4)
