"""What a place may give: never more than a reservation would hold there."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.availability import eligible, quantity
from schemas.granting import free
from schemas.ledger import Stock
from schemas.offers import Offer, collectable, offer, shelves
from schemas.reservations import Wanted
from schemas.rules import ChannelRules
from schemas.sites import Site

PLACES = ("A", "B", "C")
levels, held = st.integers(-20, 20), st.integers(0, 5)
stocks = st.builds(
    Stock,
    sku=st.just("mug"),
    locations=st.dictionaries(
        st.sampled_from((*PLACES, UNROUTED)),
        st.fixed_dictionaries(
            {"available": levels}, optional={"committed": held, "available[trade]": held, "incoming": held}
        ),
    ),
    tracked=st.dictionaries(st.sampled_from((*PLACES, UNROUTED)), st.just("")),
)
any_rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "locations")),
    locations=st.none() | st.lists(st.sampled_from(PLACES)).map(tuple),
    safety_stock=held,
    safety_stock_by_location=st.dictionaries(st.sampled_from(PLACES), held),
    safety_stock_by_sku=st.dictionaries(st.sampled_from(("mug", "bowl")), held),
    threshold=held,
    share_percent=st.integers(0, 100),
    cap=st.none() | st.integers(0, 30),
    pool=st.none() | st.just("trade"),
    ships_from=st.sampled_from((UNROUTED, "A")),
    safety_percent=st.sampled_from((0, 0, 20, 100)),
    backorder=held,
    preorder=held,
)
by_place = st.builds(
    replace,
    any_rules,
    publish=st.just("locations"),
    buffers=st.none() | st.dictionaries(st.sampled_from(PLACES), held),
)
in_all = st.builds(replace, any_rules, publish=st.just("network"), closed=st.none() | st.just(("B",)))
placed_rules = by_place | in_all


def stock_of(sku="mug", **available):
    return Stock(
        sku=sku,
        locations={name: {"available": units} for name, units in available.items()},
        tracked=dict.fromkeys(available, ""),
    )


@given(stock=stocks, rules=placed_rules)
@settings(max_examples=400, deadline=None)
def test_given_any_stock_and_rules_then_what_is_offered_is_what_a_reservation_would_hold_and_the_channel_sell(
    stock, rules
):
    found, there = offer(stock, "web", rules), rules.in_hand()
    number = quantity(stock, "web", there, "")
    assert found.at.keys() == set(eligible(stock, rules))
    assert found.shipped <= found.limit
    assert found.shipped <= (number.quantity if number else 0)
    for place, units in found.at.items():
        assert units == free(stock, Wanted(sku="mug", quantity=1, rules=there, location=place))


@given(stock=stocks, rules=placed_rules)
@settings(max_examples=400, deadline=None)
def test_given_any_stock_and_rules_then_what_is_published_can_be_reserved_less_what_is_promised_without_a_place(
    stock, rules
):
    number = quantity(stock, "web", rules, "")
    published = number.quantity if number else 0
    promised = -min(0, stock.balance(UNROUTED, "available[trade]" if rules.pool else "available"))
    can = free(stock, Wanted(sku="mug", quantity=1, rules=rules))
    assert can == (published if rules.publish == "network" else max(0, published - promised))
    if number and rules.publish == "locations" and not promised:
        for name, place in number.places.items():
            assert place.quantity == free(stock, Wanted(sku="mug", quantity=1, rules=rules, location=name))


@given(stock=stocks, rules=placed_rules, buffer=held)
@settings(max_examples=200, deadline=None)
def test_given_a_store_with_a_buffer_then_no_shopper_is_promised_what_it_or_the_channel_keeps_back(
    stock, rules, buffer
):
    its = offer(stock, "web", rules)
    for place in PLACES:
        site = Site(location=place, pickup=True, in_store_buffer=buffer)
        units = collectable(stock, site, rules, its)
        assert 0 <= units <= its.limit
        assert units <= its.at.get(place, 0)
        assert units <= max(
            0, stock.balance(place, "available[trade]" if rules.pool else "available") - buffer
        )


def test_given_a_sku_that_nobody_tracks_then_nothing_is_offered():
    assert offer(Stock(sku="mug", locations={"A": {"available": 9}}), "web", ChannelRules()) == Offer(0, {})


def test_given_demand_without_a_place_then_each_place_offers_no_more_than_is_free_in_all_of_them():
    stock = Stock(
        sku="mug",
        locations={"A": {"available": 5}, "B": {"available": -1}, UNROUTED: {"available": -2}},
        tracked={"A": "", "B": "", "C": ""},
    )
    for publish in ("network", "locations"):
        assert offer(stock, "web", ChannelRules(publish=publish)) == Offer(3, {"A": 3, "B": 0, "C": 0}, 3)
    gone = replace(stock, locations={"A": {"available": 1}, UNROUTED: {"available": -2}})
    assert offer(gone, "web", ChannelRules(publish="locations")) == Offer(0, {"A": 0, "B": 0, "C": 0})


def test_given_no_channel_then_a_store_offers_all_that_is_available_beyond_its_buffer():
    stock, plain = stock_of(A=5, B=-2), ChannelRules()
    assert collectable(stock, Site(location="A", pickup=True, in_store_buffer=2), plain) == 3
    assert collectable(stock, Site(location="A", pickup=True, in_store_buffer=9), plain) == 0
    assert collectable(stock, Site(location="B", pickup=True), plain) == 0
    assert collectable(stock, Site(location="A"), plain) == 0, "nothing is collected there"


def test_given_a_store_that_is_none_of_the_channels_then_nothing_of_the_channel_is_collected_there():
    stock, rules = stock_of(A=5, B=5), ChannelRules(locations=("A",))
    assert collectable(stock, Site(location="B", pickup=True), rules, offer(stock, "web", rules)) == 0


def test_given_all_that_lies_in_stores_is_promised_without_a_place_then_nothing_is_collected():
    promised = Stock(
        sku="mug", locations={"A": {"available": 3}, UNROUTED: {"available": -3}}, tracked={"A": ""}
    )
    its = offer(promised, "web", ChannelRules())
    assert collectable(promised, Site(location="A", pickup=True), ChannelRules(), its) == 0


def test_given_stores_then_each_tells_what_it_has_and_what_nobody_knows_is_not_told_as_none():
    sites = [Site(location=name, pickup=name != "C") for name in PLACES]
    stocks = {"mug": stock_of(A=4, B=1, C=9), "tee": stock_of("tee", A=3)}
    asked = {"mug": {"mug": 1}, "tee": {"tee": 1}, "SET": {"mug": 2, "tee": 1}, "NEW": {"NEW": 1}}
    assert [(shelf.site.location, shelf.units) for shelf in shelves(asked, stocks, sites)] == [
        ("A", {"mug": 4, "tee": 3, "SET": 2, "NEW": None}),
        ("B", {"mug": 1, "tee": None, "SET": None, "NEW": None}),
    ]


def test_given_a_channel_then_only_its_stores_are_told_and_no_more_than_it_may_sell():
    sites = [Site(location=name, pickup=True) for name in PLACES]
    rules = ChannelRules(locations=("A", "B"), safety_stock=1, cap=2)
    found = shelves({"mug": {"mug": 1}}, {"mug": stock_of(A=8, B=1, C=9)}, sites, ("web", rules))
    assert [(shelf.site.location, shelf.units) for shelf in found] == [("A", {"mug": 2}), ("B", {"mug": 0})]
