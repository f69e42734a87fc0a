"""What may be sold beyond what there is, what is held back by a percentage, and which locations count: worked examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import quantity, steps
from schemas.granting import free
from schemas.ledger import Stock
from schemas.reservations import Wanted
from schemas.rules import ChannelRules, LocationRules

PLACES = ("DC", "SOHO")


def stock_of(coming=None, waiting=0, **available):
    cells = {name: {"available": units} for name, units in available.items()}
    for name, units in (coming or {}).items():
        cells.setdefault(name, {})["incoming"] = units
    if waiting:
        cells[UNROUTED] = {"available": -waiting, "committed": waiting}
    return Stock(sku="MUG", locations=cells, tracked=dict.fromkeys(available, ""))


def network(**rules):
    return ChannelRules(**rules)


def by_location(**rules):
    return ChannelRules(publish="locations", **rules)


def offered(stock, rules):
    number = quantity(stock, "web", rules, "")
    assert number is not None
    assert sum(step.amount for step in steps(stock, rules)) == number.quantity
    return number.quantity


def told(stock, rules):
    return [(step.label, step.amount, step.ref) for step in steps(stock, rules)]


def reservable(stock, rules, location=None):
    return free(stock, Wanted(sku="MUG", quantity=1, rules=rules, location=location))


# -- a safety stock in percent


@pytest.mark.parametrize(
    ("there", "percent", "units", "sold"),
    [
        (100, 20, 0, 80),
        (100, 20, 30, 70),
        (100, 20, 5, 80),
        (101, 20, 0, 80),
        (1, 20, 0, 0),
        (0, 20, 0, 0),
        (9, 100, 0, 0),
    ],
)
def test_given_a_safety_stock_in_percent_then_that_share_rounded_up_is_held_or_the_units_where_they_are_more(
    there, percent, units, sold
):
    rules = network(safety_percent=percent, safety_stock=units)
    assert offered(stock_of(DC=there), rules) == sold
    assert offered(stock_of(DC=there), replace(rules, publish="locations")) == sold


def test_given_several_places_then_the_percentage_is_held_at_each_and_the_step_says_which_rule_it_is():
    rules = network(safety_percent=20, safety_stock=3)
    assert told(stock_of(DC=100, SOHO=6), rules) == [
        ("available at DC", 100, "DC"),
        ("safety stock of 20 % at DC", -20, "rule:safety_percent"),
        ("available at SOHO", 6, "SOHO"),
        ("safety stock at SOHO", -3, "rule:safety_stock"),
    ]
    assert offered(stock_of(DC=100, SOHO=6), rules) == 83


def test_given_a_place_below_zero_then_nothing_is_held_there_and_it_eats_no_other_place():
    assert offered(stock_of(DC=-4, SOHO=3), network(safety_percent=20)) == 2
    assert offered(stock_of(DC=-4, SOHO=3), network()) == 3


# -- backorders


def test_given_a_backorder_limit_then_so_much_is_sold_beyond_what_there_is_and_no_more():
    rules = network(backorder=5, ships_from="DC")
    assert [offered(stock_of(DC=level), rules) for level in (3, 1, 0, -1, -4, -5, -9)] == [
        8,
        6,
        5,
        4,
        1,
        0,
        0,
    ]
    assert [offered(stock_of(DC=0, waiting=units), rules) for units in (0, 4, 5, 8)] == [5, 1, 0, 0]


def test_given_a_backorder_limit_that_is_reached_then_the_steps_say_what_was_sold_already():
    assert told(stock_of(DC=-5), network(backorder=5)) == [
        ("available at DC", -5, "DC"),
        ("DC is held at zero", 5, "rule:not_negative"),
        ("backorder", 5, "rule:backorder"),
        ("of that sold already", -5, "rule:owed"),
    ]


def test_given_four_owed_beside_three_that_are_there_then_the_three_are_sold_and_what_is_left_of_the_limit():
    stock = stock_of(DC=-4, SOHO=3)
    assert offered(stock, network(backorder=10)) == 3 + 6
    assert offered(stock, network(backorder=4)) == 3
    assert offered(stock, network(backorder=2)) == 3


def test_given_units_that_are_held_back_then_a_backorder_that_takes_them_is_owed_as_any_other():
    rules = network(backorder=5, safety_stock=2, ships_from="DC")
    stock = stock_of(DC=4)
    for promised, left in ((0, 7), (2, 5), (3, 4), (4, 3), (7, 0), (9, 0)):
        stock.locations["DC"] = {"available": 4 - promised, "committed": promised}
        assert offered(stock, rules) == left
        assert offered(stock_of(DC=4, waiting=promised), rules) == left


def test_given_shelves_that_are_empty_then_what_they_lack_in_safety_stock_takes_no_backorder_away():
    rules = network(backorder=5, safety_stock=2, threshold=10)
    assert offered(stock_of(DC=0, SOHO=1), rules) == 5
    assert offered(stock_of(DC=0, SOHO=1, waiting=3), rules) == 2


def test_given_a_sku_of_its_own_then_its_limit_goes_before_that_of_all_and_none_is_a_limit_too():
    rules = network(backorder=5, backorder_by_sku={"MUG": 0, "TEE": 9})
    assert offered(stock_of(DC=1), rules) == 1
    assert offered(stock_of(DC=1), replace(rules, backorder_by_sku={"TEE": 9})) == 6


def test_given_a_share_and_a_cap_then_backorders_come_on_top_of_the_share_and_under_the_cap():
    stock = stock_of(DC=10)
    assert offered(stock, network(backorder=5, share_percent=50)) == 10
    assert offered(stock, network(backorder=5, share_percent=50, cap=7)) == 7
    assert offered(stock, network(backorder=5, threshold=20)) == 5


def test_given_demand_goes_to_a_place_that_is_none_of_the_channel_s_then_what_it_owes_counts():
    rules = network(backorder=5, locations=("SOHO",), ships_from="DC")
    assert offered(stock_of(DC=-3, SOHO=1), rules) == 3


def test_given_numbers_by_location_then_only_where_demand_without_a_place_goes_more_is_sold_than_there_is():
    rules = by_location(backorder=5, ships_from="DC")
    number = quantity(stock_of(DC=-2, SOHO=3), "web", rules, "")
    assert {name: place.quantity for name, place in number.places.items()} == {"DC": 3, "SOHO": 3}
    assert offered(stock_of(DC=0, SOHO=3), by_location(backorder=5)) == 3


def test_given_a_sku_that_nobody_tracks_then_it_is_not_sold_on_backorder_either():
    assert not quantity(Stock(sku="MUG"), "web", network(backorder=5), "").places


# -- preorders


def test_given_none_on_hand_and_eighty_on_their_way_then_fifty_of_them_are_sold_ahead():
    stock, rules = stock_of(DC=0, coming={"DC": 80}), network(preorder=50)
    assert offered(stock, rules) == 50
    assert told(stock, rules) == [("preorder of 80 on their way", 50, "rule:preorder")]
    assert offered(stock_of(DC=0, waiting=45, coming={"DC": 80}), rules) == 5
    assert offered(stock_of(DC=0, waiting=50, coming={"DC": 80}), rules) == 0


def test_given_fewer_on_their_way_than_may_be_sold_ahead_then_no_more_than_those():
    assert offered(stock_of(DC=0, coming={"DC": 30}), network(preorder=50)) == 30
    assert offered(stock_of(DC=0), network(preorder=50)) == 0
    assert offered(stock_of(DC=0, coming={"DC": 30}), network(preorder=50, preorder_by_sku={"MUG": 7})) == 7


def test_given_the_delivery_arrives_then_what_was_sold_ahead_takes_of_it_and_nothing_is_sold_twice():
    rules = network(preorder=50, ships_from="DC")
    assert offered(stock_of(DC=-20, coming={"DC": 50}), rules) == 30
    assert offered(stock_of(DC=30), rules) == 30


def test_given_preorders_and_backorders_then_both_may_be_owed_together():
    rules = network(preorder=50, backorder=5)
    assert offered(stock_of(DC=0, coming={"DC": 10}), rules) == 15
    assert offered(stock_of(DC=-12, coming={"DC": 10}), rules) == 3


def test_given_a_channel_with_a_pool_then_nobody_knows_whose_the_delivery_will_be():
    assert offered(stock_of(DC=0, coming={"DC": 10}), network(preorder=50, pool="trade")) == 0


# -- what is published can be reserved


@pytest.mark.parametrize("publish", ["network", "locations"])
def test_given_an_allowance_then_it_can_be_reserved_where_the_demand_goes_and_nowhere_else(publish):
    stock = stock_of(DC=0, SOHO=3, coming={"DC": 2})
    rules = ChannelRules(publish=publish, backorder=4, preorder=9, ships_from="DC")
    assert offered(stock, rules) == reservable(stock, rules) == 9
    assert (reservable(stock, rules, "DC"), reservable(stock, rules, "SOHO")) == (6, 3)


def test_given_more_is_promised_without_a_place_than_there_is_then_a_place_allows_that_much_less():
    rules = by_location(backorder=5, ships_from="DC")
    stock = stock_of(DC=0, SOHO=3, waiting=6)
    assert (reservable(stock, rules, "DC"), reservable(stock, rules), reservable(stock, rules, "SOHO")) == (
        2,
        2,
        0,
    )


def test_given_numbers_by_location_then_what_was_held_without_a_place_is_not_held_again():
    assert reservable(stock_of(DC=5), by_location()) == 5
    assert reservable(stock_of(DC=5, waiting=4), by_location()) == 1
    assert reservable(stock_of(DC=5, waiting=4), by_location(safety_stock=2)) == 0


@given(
    st.integers(0, 6),
    st.builds(
        ChannelRules,
        ships_from=st.just("DC"),
        safety_stock=st.integers(0, 2),
        backorder=st.integers(0, 4),
        preorder=st.integers(0, 4),
    ),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from((None, "DC")), st.integers(1, 4)), max_size=9),
)
@settings(max_examples=400, deadline=None)
def test_given_orders_one_after_the_other_then_each_lowers_the_number_by_what_it_takes(
    there, rules, coming, orders
):
    stock = stock_of(coming={"DC": coming}, DC=there)
    number = offered(stock, rules)
    for place, units in orders:
        here = stock.locations.setdefault(place or UNROUTED, {})
        here["available"] = here.get("available", 0) - units
        here["committed"] = here.get("committed", 0) + units
        assert offered(stock, rules) == max(0, number - units)
        number = max(0, number - units)


@pytest.mark.law("L6")
@given(
    st.fixed_dictionaries(dict.fromkeys(PLACES, st.integers(-3, 6))),
    st.builds(
        ChannelRules,
        publish=st.sampled_from(("network", "locations")),
        ships_from=st.sampled_from((UNROUTED, "DC")),
        safety_stock=st.integers(0, 2),
        safety_percent=st.sampled_from((None, 30)),
        backorder=st.integers(0, 4),
        preorder=st.integers(0, 4),
    ),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from((None, *PLACES)), st.integers(1, 4)), max_size=12),
)
@settings(max_examples=400, deadline=None)
def test_given_any_baskets_one_after_the_other_then_no_more_is_owed_than_may_be(
    there, rules, coming, baskets
):
    """Each basket takes what it may, and nobody ever owes more than the rules allow, or than was owed before. Where each location has
    a number of its own, what others owe leaves that of the one with the allowance as it is.
    """
    level, waiting = Counter(there), 0
    short = {place: max(0, -units) for place, units in there.items()}
    owed = sum(short.values())
    before, elsewhere = (owed, 0) if rules.publish == "network" else (short["DC"], short["SOHO"])
    for place, units in baskets:
        stock = stock_of(coming={"DC": coming}, waiting=waiting, **level)
        if reservable(stock, rules, place) < units:
            continue
        if place is None:
            waiting += units
        else:
            level[place] -= units
        owed = sum(max(0, -units) for units in level.values())
        owed += max(0, waiting - sum(max(0, units) for units in level.values()))
    assert owed <= elsewhere + max(before, (rules.backorder or 0) + min(rules.preorder or 0, coming))


# -- what locations are for

SHOWROOM, STORE = LocationRules(ships=False), LocationRules(pickup=True, in_store_buffer=2)
PLACED = {"SHOW": SHOWROOM, "SOHO": STORE}


def test_given_a_place_from_which_nothing_is_shipped_then_the_network_does_not_count_it_unless_it_is_listed():
    stock = stock_of(DC=4, SHOW=5)
    rules = network().placed(PLACED)
    assert offered(stock, rules) == 4
    assert told(stock, rules) == [
        ("available at DC", 4, "DC"),
        ("available at SHOW", 5, "SHOW"),
        ("nothing is shipped from SHOW", -5, "rule:ships"),
    ]
    assert quantity(stock, "web", rules, "").places[NETWORK].level == 4
    assert offered(stock, network(locations=("SHOW", "DC")).placed(PLACED)) == 9


def test_given_a_sku_that_lies_only_where_nothing_is_shipped_then_the_number_is_none_and_not_unknown():
    assert offered(stock_of(SHOW=5), network().placed(PLACED)) == 0


def test_given_what_comes_to_a_place_that_ships_nothing_then_it_is_not_sold_ahead():
    stock = stock_of(DC=0, SHOW=0, coming={"SHOW": 7, "DC": 1})
    assert offered(stock, network(preorder=9).placed(PLACED)) == 1


def test_given_a_place_that_ships_nothing_then_its_units_are_still_held_for_whoever_comes_for_them():
    stock, rules = stock_of(DC=4, SHOW=5), network().placed(PLACED)
    assert (reservable(stock, rules), reservable(stock, rules, "SHOW")) == (4, 5)


def test_given_a_channel_for_pick_up_then_each_store_keeps_its_buffer_and_other_places_offer_nothing():
    stock = stock_of(DC=9, SOHO=5, SHOW=3)
    rules = by_location(pickup=True, safety_stock=1).placed(PLACED)
    places = quantity(stock, "web", rules, "").places
    assert {name: place.quantity for name, place in places.items()} == {"DC": 0, "SHOW": 0, "SOHO": 3}
    assert ("in-store buffer at SOHO", -2, "rule:in_store_buffer") in told(stock, rules)
    assert ("nothing is collected at DC", -9, "rule:pickup") in told(stock, rules)
    assert offered(stock, rules) == 3
    assert [reservable(stock, rules, name) for name in ("DC", "SHOW", "SOHO")] == [0, 0, 3]


def test_given_a_channel_with_numbers_by_location_that_says_nothing_of_pick_up_then_nothing_changes():
    rules = by_location(safety_stock=1)
    assert rules.placed(PLACED) == rules
    assert network().placed({"SOHO": STORE}) == network()
