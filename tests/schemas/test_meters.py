"""A number that is kept up movement by movement is the one that the stock makes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import places_of
from schemas.happened import Move, stock_of
from schemas.meters import Meter
from schemas.rules import ChannelRules, LocationRules

PLACES = ("A", "B", "C")
few = st.integers(0, 3)
by_place = st.dictionaries(st.sampled_from(PLACES), few, max_size=2)
by_sku = st.dictionaries(st.sampled_from(("mug", "bowl")), few, max_size=2)


def seldom(value, *others):
    """What hides the sum over places wherever it is drawn: a number that does not depend on it shows no mistake in it."""
    return st.sampled_from((None,) * 5 + (value, *others))


rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "network", "locations")),
    ships_from=st.sampled_from(("A", UNROUTED)),
    locations=st.none() | st.none() | st.lists(st.sampled_from(PLACES), max_size=3).map(tuple),
    safety_stock=few,
    safety_stock_by_location=by_place,
    safety_stock_by_sku=by_sku,
    threshold=st.integers(0, 1),
    share_percent=st.sampled_from((100, 100, 50, 33)),
    cap=seldom(3),
    pool=seldom("trade"),
    safety_percent=seldom(0, 25),
    backorder=seldom(0, 2),
    preorder=seldom(0, 2),
    pickup=st.sampled_from((None, True)),
)
purposes = st.dictionaries(
    st.sampled_from(PLACES),
    st.builds(LocationRules, ships=st.booleans(), pickup=st.booleans(), in_store_buffer=few),
)
placed = st.builds(lambda its, said: its.placed(said), rules, purposes)


steps = st.lists(
    st.tuples(
        st.sampled_from((*PLACES, UNROUTED)),
        st.sampled_from(("available", "available", "available[trade]", "incoming")),
        st.integers(-5, 9),
        st.sampled_from((0, 1, 1, -1)),
    ),
    max_size=16,
)


@given(happened=steps, its=placed, others=placed)
@settings(max_examples=1000, deadline=None)
def test_given_units_that_come_and_go_at_places_that_keep_it_or_no_longer_do_then_the_number_is_the_published_one(
    happened, its, others
):
    meter, balances, kept = Meter("mug", "shop", its), Counter(), Counter()
    for number, (place, state, units, says) in enumerate(happened):
        meter.post((((place, state), units),))
        balances[place, state] += units
        if says > 0 or (says and kept[place]):
            meter.track((place,), says)
            kept[place] += says
        if number == len(happened) // 2:
            meter.rule(others)
        as_published(meter, stock_of("mug", balances, kept))


@pytest.mark.law("L4")
@given(data=st.data(), its=placed, others=placed)
@settings(max_examples=400, deadline=None)
def test_given_any_movements_and_rules_then_the_number_is_the_published_one_after_each(
    data, log, its, others
):
    meter, balances, kept = Meter("mug", "shop", its), Counter(), Counter()
    movements = log.post(data.draw(log.news))
    for number, movement in enumerate(movements):
        move = Move.of(movement.kind, movement.voids, movement.legs)
        cells = tuple((cell_of(name), units) for name, units in move.cells)
        meter.post(cells)
        meter.track(map(place_of, move.tracks), move.says)
        for cell, units in cells:
            balances[cell] += units
        for name in map(place_of, move.tracks):
            kept[name] += move.says
        if number == len(movements) // 2:
            meter.rule(others)
        as_published(meter, stock_of("mug", balances, kept))


@given(happened=steps, its=placed, others=placed, until=st.integers(0, 16))
@settings(max_examples=500, deadline=None)
def test_given_two_meters_side_by_side_then_each_shows_what_it_would_alone_and_goes_on_so_when_they_part(
    happened, its, others, until
):
    pair = [Meter("mug", "shop", rules) for rules in (its, others)]
    alone = [Meter("mug", "shop", rules) for rules in (its, others)]
    pair[0].beside(pair[1])
    for number, (place, state, units, says) in enumerate(happened):
        if number == until:
            pair[0].part()
        for meter in [*pair[: 1 + (number >= until)], *alone]:
            more = units if meter in (pair[0], alone[0]) or number < until else 2 * units
            meter.post((((place, state), more),))
            if says > 0 or meter.tracked.get(place, 0) > 0:
                meter.track((place,), says)
        for meter, single in zip(pair, alone, strict=True):
            if number == len(happened) // 2:
                meter.rule(others)
                single.rule(others)
            assert meter.stock() == single.stock()
            for name in (*PLACES, UNROUTED):
                assert meter.number(name) == single.number(name)


def as_published(meter, stock):
    """Every number is the one that the stock makes."""
    published = places_of(stock, "shop", meter.rules)
    assert meter.stock() == stock
    for place in (*PLACES, UNROUTED):
        assert meter.number(place) == due(meter, published, place)


def place_of(name):
    """The places of the claims, under the names of the rules."""
    return {"WAREHOUSE": "A", "STORE": "B"}.get(name, name)


def cell_of(cell):
    return place_of(cell[0]), cell[1]


def due(meter, published, place):
    """What `availability` says, and of what it publishes no number: nothing bounds an untracked SKU, none is sold elsewhere."""
    tracked = {name for name, says in meter.tracked.items() if says} - {UNROUTED}
    if meter.rules.publish == NETWORK:
        return published[NETWORK].quantity if published else 0 if tracked else None
    if place not in tracked:
        return None
    return published[place].quantity if published and place in published else 0


def test_given_what_came_back_to_no_place_and_nowhere_to_sell_from_then_none_is_for_sale():
    meter = Meter("mug", "shop", ChannelRules(locations=()))
    meter.post((((UNROUTED, "available"), 3),))
    assert meter.number("A") is None
    meter.track(("A",), 1)
    assert meter.number("A") == 0


def test_given_what_said_that_a_place_keeps_it_is_taken_back_then_its_units_no_longer_count():
    meter = Meter("mug", "shop", ChannelRules())
    for name in ("A", "B"):
        meter.post((((name, "available"), 3),))
        meter.track((name,), 1)
    assert meter.number("A") == 6
    meter.track(("B",), 1)
    meter.track(("B",), -1)
    assert meter.number("A") == 6
    meter.track(("B",), -1)
    assert meter.number("A") == 3
    meter.post(((("B", "available"), 5),))
    assert meter.number("A") == 3


def test_given_a_place_that_is_tracked_then_what_comes_and_goes_moves_the_number_of_all_places():
    meter = Meter("mug", "shop", ChannelRules(publish=NETWORK, safety_stock=1))
    meter.track(("A", "B"), 1)
    for place, units, shown in (("A", 5, 4), ("B", 3, 6), ("A", -2, 4), ("B", -9, 2), ("B", 9, 4)):
        meter.post((((place, "available"), units),))
        assert meter.number(UNROUTED) == shown
        assert meter.number(UNROUTED) == places_of(meter.stock(), "shop", meter.rules)[NETWORK].quantity
