"""The parcels of a plan: never more than there is, never more than it takes."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.parcels import Parcel, plan

SKUS, PLACES = ("bowl", "mug", "tee"), ("A", "B", "C", "D")
units = st.integers(0, 6)
by_sku = st.dictionaries(st.sampled_from(SKUS), units)
all_gives = st.dictionaries(st.sampled_from(PLACES), by_sku, max_size=4)
wants = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 9), min_size=1)


def sent(found, sku):
    return sum(parcel.lines.get(sku, 0) for parcel in found.parcels)


def fewest_by_trying_all(needs, gives):
    """The first of the smallest sets of places that have it all, looked for among all sets."""
    names = list(gives)
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            if all(sum(gives[name].get(sku, 0) for name in chosen) >= need for sku, need in needs.items()):
                return list(chosen)
    raise AssertionError(needs)


@given(wanted=wants, limits=by_sku, gives=all_gives, work=st.sampled_from((0, 20, 10_000)))
@settings(max_examples=500, deadline=None)
def test_given_any_places_then_a_plan_sends_what_may_be_sent_and_names_what_is_missing(
    wanted, limits, gives, work
):
    found = plan(wanted, limits, gives, work)
    for parcel in found.parcels:
        assert parcel.lines
        for sku, taken in parcel.lines.items():
            assert 0 < taken <= gives[parcel.location].get(sku, 0)
    for sku, asked in wanted.items():
        may = min(asked, limits.get(sku, 0), sum(give.get(sku, 0) for give in gives.values()))
        assert sent(found, sku) == may
        assert found.missing.get(sku, 0) == asked - may
    assert found.missing.keys() <= wanted.keys()
    assert 0 not in found.missing.values()
    assert {sku for parcel in found.parcels for sku in parcel.lines} <= wanted.keys()


@given(wanted=wants, limits=by_sku, gives=all_gives)
@settings(max_examples=500, deadline=None)
def test_given_any_places_then_the_parcels_are_the_fewest_and_of_the_places_that_come_first(
    wanted, limits, gives
):
    found = plan(wanted, limits, gives)
    needs = {sku: sent(found, sku) for sku in wanted}
    assert [parcel.location for parcel in found.parcels] == fewest_by_trying_all(needs, gives)


@given(
    wanted=wants,
    gives=st.dictionaries(st.integers(0, 60).map(str), by_sku, max_size=60),
)
@settings(max_examples=100, deadline=None)
def test_given_no_time_for_the_search_then_no_parcel_of_the_plan_is_needless(wanted, gives):
    found = plan(wanted, wanted, gives, 0)
    for one in found.parcels:
        others = [gives[parcel.location] for parcel in found.parcels if parcel != one]
        assert any(sum(give.get(sku, 0) for give in others) < sent(found, sku) for sku in wanted)


def test_given_one_place_that_has_all_and_nearer_ones_that_have_parts_then_one_parcel_leaves_it():
    gives = {"NEAR": {"tee": 1}, "NEXT": {"mug": 1}, "FAR": {"tee": 1, "mug": 1}}
    wanted = {"tee": 1, "mug": 1}
    assert plan(wanted, wanted, gives).parcels == (Parcel("FAR", wanted),)


def test_given_the_place_with_the_most_is_no_help_to_the_rest_then_it_stays_out():
    gives = {
        "MOST": {"tee": 2, "mug": 2, "bowl": 2},
        "LEFT": {"tee": 3, "mug": 1},
        "RIGHT": {"mug": 2, "bowl": 3},
    }
    wanted = {"tee": 3, "mug": 3, "bowl": 3}
    for work in (0, 100_000):
        assert [parcel.location for parcel in plan(wanted, wanted, gives, work).parcels] == ["LEFT", "RIGHT"]


def test_given_a_place_has_none_of_a_torn_line_then_its_parcel_does_not_mention_it():
    gives = {"A": {"tee": 2, "mug": 1}, "B": {"tee": 2, "mug": 0}, "C": {"tee": 0, "bowl": 1}}
    wanted = {"tee": 4, "mug": 1, "bowl": 1}
    assert [parcel.lines for parcel in plan(wanted, wanted, gives).parcels] == [
        {"mug": 1, "tee": 2},
        {"tee": 2},
        {"bowl": 1},
    ]


def one_each(*skus):
    return dict.fromkeys(skus, 1)


TEMPTING = {
    "MANY": one_each("b", "c", "d", "f", "g"),
    "SOME": one_each("a", "e"),
    "LAST": one_each("h"),
    "LEFT": one_each(*"abcd"),
    "RIGHT": one_each(*"efgh"),
}


def places(wanted, gives, **more):
    return [parcel.location for parcel in plan(wanted, wanted, gives, **more).parcels]


def test_given_the_place_with_the_most_leads_to_three_parcels_then_the_two_are_found_while_there_is_time():
    assert places(one_each(*"abcdefgh"), TEMPTING) == ["LEFT", "RIGHT"]
    assert places(one_each(*"abcdefgh"), TEMPTING, work=0) == ["MANY", "SOME", "LAST"]


@pytest.mark.parametrize("work", [0, 100_000])
@pytest.mark.parametrize(
    ("units", "senders"),
    [(1, "A"), (2, "A"), (3, "D"), (4, "AD"), (5, "AD"), (6, "ABD"), (7, "ABCD"), (9, "ABCD")],
)
def test_given_places_in_their_order_then_of_equally_few_the_first_send(units, senders, work):
    gives = {name: {"tee": held} for name, held in zip("ABCD", (2, 1, 1, 3), strict=True)}
    assert places({"tee": units}, gives, work=work) == list(senders)


def test_given_sets_of_places_that_only_look_sufficient_then_the_search_for_the_fewest_ends_in_time():
    gives = {f"S{n:02d}": {("tee", "mug")[n % 2]: 1} for n in range(60)}
    assert len(places({"tee": 20, "mug": 20}, gives)) == 40


def test_given_two_parcels_then_a_line_that_one_of_them_can_hold_is_not_torn():
    gives = {"A": {"tee": 2, "mug": 1}, "B": {"tee": 3}}
    assert plan({"tee": 3, "mug": 1}, {"tee": 3, "mug": 1}, gives).parcels == (
        Parcel("A", {"mug": 1}),
        Parcel("B", {"tee": 3}),
    )


def test_given_hundreds_of_places_that_have_a_piece_each_then_the_plan_is_there_at_once():
    gives = {f"S{n:03d}": {"tee": 1, "mug": n % 2, "bowl": n % 3} for n in range(600)}
    wanted = {"tee": 500, "mug": 250, "bowl": 590}
    found = plan(wanted, wanted, gives)
    assert {sku: sent(found, sku) for sku in wanted} == wanted
    assert len(found.parcels) <= 600


def test_given_places_in_an_order_then_each_sends_all_that_is_needed_of_what_it_has_before_the_next_is_asked():
    gives = {"A": {"mug": 1}, "B": {"tee": 2}, "C": {"mug": 5, "tee": 5}, "D": {"mug": 5}}
    found = plan({"mug": 3, "tee": 2}, {"mug": 3, "tee": 9}, gives, in_order=True)
    assert {parcel.location: parcel.lines for parcel in found.parcels} == {
        "A": {"mug": 1},
        "B": {"tee": 2},
        "C": {"mug": 2},
    }
    limited = plan({"mug": 3, "tee": 2}, {"mug": 1}, gives, in_order=True)
    assert (limited.parcels, limited.missing) == ((Parcel("A", {"mug": 1}),), {"mug": 2, "tee": 2})
