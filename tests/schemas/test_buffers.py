"""What a store has to hold back, by what went wrong there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.buffers import MOST, Evidence, Suggestion, at_most, by_location, by_sku, most_events, suggested

QUIET = Evidence(sku="MUG", location="SOHO", days=90.0, available=12, takes=90, units=90, units_usual=1)

evidences = st.builds(
    Evidence,
    sku=st.just("MUG"),
    location=st.just("SOHO"),
    days=st.floats(1, 365),
    available=st.integers(-5, 50),
    takes=st.integers(0, 5_000),
    units_usual=st.integers(0, 9),
    news_seconds=st.floats(0, 200_000),
    shrink=st.integers(0, 60),
    counted_days=st.none() | st.floats(0, 400),
    missing=st.integers(0, 9),
    lacked=st.lists(st.integers(1, 60), max_size=3).map(tuple),
)
WORSE = {
    "takes": lambda one: one.takes + 1,
    "units_usual": lambda one: one.units_usual + 1,
    "news_seconds": lambda one: one.news_seconds * 1.5 + 60,
    "shrink": lambda one: one.shrink + 1,
    "counted_days": lambda one: (one.days if one.counted_days is None else one.counted_days) + 10,
    "missing": lambda one: one.missing + 1,
    "lacked": lambda one: (*one.lacked, 5),
}


@pytest.mark.parametrize("what", sorted(WORSE))
@given(evidence=evidences)
def test_given_more_evidence_of_trouble_then_no_less_is_held_back(what, evidence):
    worse = replace(evidence, **{what: WORSE[what](evidence)})
    assert 0 <= suggested(evidence).units <= suggested(worse).units <= MOST


@given(evidence=evidences)
def test_given_a_fresh_count_no_late_news_and_no_oversell_then_nothing_is_held_back(evidence):
    quiet = replace(evidence, news_seconds=0.0, counted_days=0.0, missing=0, lacked=())
    found = suggested(quiet)
    assert (found.units, found.reason) == (0, "nothing speaks for one")
    assert found.effect.risk_before == found.effect.risk_after == 0.0


@given(evidence=evidences)
def test_given_any_evidence_then_the_effect_is_what_the_buffer_covers(evidence):
    found = suggested(evidence)
    assert found.effect.prevented == len([one for one in evidence.lacked if one <= found.units])
    assert 0 <= found.effect.hidden <= found.units
    assert 0 <= found.effect.risk_after <= found.effect.risk_before <= 1
    if found.units < MOST:
        assert found.effect.prevented == len(evidence.lacked)
        assert found.effect.risk_after <= 0.0501


def test_given_news_within_seconds_then_a_sale_a_day_needs_no_buffer_and_news_a_day_late_needs_three():
    assert suggested(replace(QUIET, news_seconds=5.0)).units == 0
    late = suggested(replace(QUIET, news_seconds=86_400.0))
    assert late.units == 3, "of a sale a day in the mean, 95 % of days have no more than three"
    assert (late.effect.risk_before, late.effect.risk_after) == (0.6321, 0.019)
    assert suggested(replace(QUIET, news_seconds=86_400.0, units_usual=2)).units == 6


def test_given_shrink_then_the_buffer_grows_with_the_days_since_the_last_count():
    shrinking = replace(QUIET, shrink=9)
    found = {days: suggested(replace(shrinking, counted_days=days)).units for days in (0.0, 4.0, 5.0, 40.0)}
    assert found == {0.0: 0, 4.0: 0, 5.0: 1, 40.0: 4}
    assert suggested(shrinking).units == 9, "never counted: all that is usually found is missing"


def test_given_picks_that_failed_and_an_oversell_then_the_larger_of_both_is_held_back_and_the_reasons_say_so():
    picks = suggested(replace(QUIET, rejects=2, missing=3))
    assert (picks.units, picks.reason) == (3, "3 that 2 picks did not find since the last count")
    both = suggested(replace(QUIET, rejects=2, missing=3, lacked=(1, 5), oversells=4))
    assert both.units == 5
    assert both.reason.endswith("5 that an oversell lacked")
    assert both.effect.prevented == 2


def test_given_more_than_a_buffer_can_mend_then_it_is_bounded_and_says_what_would_do_more():
    found = suggested(replace(QUIET, takes=90_000, news_seconds=86_400.0, lacked=(80, 3)))
    assert found.units == MOST
    assert found.effect.prevented == 1
    assert "faster news" in found.reason


@given(mean=st.floats(0, 49))
def test_given_a_mean_then_so_many_events_cover_95_percent_and_one_fewer_does_not(mean):
    number = most_events(mean)
    assert number == MOST or at_most(number, mean) >= 0.95
    assert number == 0 or at_most(number - 1, mean) < 0.95


def test_given_poisson_s_own_table_then_the_shares_are_its():
    assert at_most(0, 2.0) == pytest.approx(math.exp(-2))
    assert at_most(2, 2.0) == pytest.approx(5 * math.exp(-2))
    assert most_events(0.051) == 0
    assert most_events(0.052) == 1
    assert most_events(2.0) == 5
    assert most_events(1e9) == MOST


# -- as rules


def need(sku: str, location: str, units: int) -> Suggestion:
    one = suggested(replace(QUIET, sku=sku, location=location, missing=units))
    assert one.units == units
    return one


def test_given_stores_that_need_different_buffers_then_a_sku_s_rule_covers_the_one_that_needs_most():
    found = by_sku(
        [need("MUG", "SOHO", 1), need("CUP", "SOHO", 0), need("MUG", "HARLEM", 3), need("MUG", "LA", 2)]
    )
    assert found == {"CUP": 0, "MUG": 3}


def test_given_a_store_s_skus_then_its_rule_covers_95_of_100():
    few = [need(f"S-{n}", "SOHO", 4 if n < 5 else 1) for n in range(100)]
    many = [need(f"S-{n}", "HARLEM", 4 if n < 6 else 1) for n in range(100)]
    assert by_location([*few, *many]) == {"HARLEM": 4, "SOHO": 1}
    assert by_location([need("MUG", "LA", 2)]) == {"LA": 2}
    assert by_location([need(f"S-{n}", "LA", 4 if n == 7 else 1) for n in range(10)]) == {"LA": 4}
    assert by_location([]) == by_sku([]) == {}
