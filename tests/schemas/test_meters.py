"""A number that is kept up movement by movement is the one that the stock makes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import places_of
from schemas.happened import Move
from schemas.meters import Meter
from schemas.rules import ChannelRules, LocationRules

PLACES = ("A", "B", "C")
few = st.integers(0, 3)
maybe = st.none() | few
by_place = st.dictionaries(st.sampled_from(PLACES), few, max_size=2)
by_sku = st.dictionaries(st.sampled_from(("mug", "bowl")), few, max_size=2)
rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "locations")),
    ships_from=st.sampled_from(("A", UNROUTED)),
    locations=st.none() | st.lists(st.sampled_from(PLACES), max_size=3).map(tuple),
    safety_stock=few,
    safety_stock_by_location=by_place,
    safety_stock_by_sku=by_sku,
    threshold=few,
    share_percent=st.sampled_from((100, 50, 33, 0)),
    cap=maybe,
    pool=st.sampled_from((None, None, "trade")),
    safety_percent=st.sampled_from((None, 0, 25)),
    backorder=maybe,
    preorder=maybe,
    pickup=st.sampled_from((None, True)),
)
purposes = st.dictionaries(
    st.sampled_from(PLACES),
    st.builds(LocationRules, ships=st.booleans(), pickup=st.booleans(), in_store_buffer=few),
)
placed = st.builds(lambda its, said: its.placed(said), rules, purposes)


@pytest.mark.law("L4")
@given(data=st.data(), its=placed, others=placed)
@settings(max_examples=400, deadline=None)
def test_given_any_movements_and_rules_then_the_number_is_the_published_one_after_each(
    data, log, its, others
):
    meter = Meter("mug", "shop", its)
    movements = log.post(data.draw(log.news))
    for number, movement in enumerate(movements):
        move = Move.of(movement.kind, movement.voids, movement.legs)
        meter.post(tuple((cell_of(name), units) for name, units in move.cells))
        meter.track(map(place_of, move.tracks), move.says)
        if number == len(movements) // 2:
            meter.rule(others)
        published = places_of(meter.stock(), "shop", meter.rules)
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
