"""Token buckets: pure, and the clock is an argument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.limits import REMEMBERED, Bucket, Meter, policy, size_of, standing, take

RATES = st.floats(0.1, 1_000)
STEPS = st.lists(st.floats(0, 3), min_size=1, max_size=200)


@given(RATES, STEPS)
def test_given_any_moments_then_no_more_is_taken_than_the_burst_and_what_has_come_in_since(rate, steps):
    size, now, bucket, taken = size_of(rate), 0.0, None, 0
    for step in steps:
        now += step
        bucket, wait = take(bucket, rate, size, now)
        taken += wait == 0
        assert taken <= size + now * rate + 1e-6
        assert 0 <= bucket.tokens <= size


@given(RATES, STEPS)
def test_given_somebody_who_waits_as_long_as_he_is_told_then_he_gets_one(rate, steps):
    size, now, bucket = size_of(rate), 0.0, None
    for step in steps:
        now += step / 100
        bucket, wait = take(bucket, rate, size, now)
        if wait:
            now += wait + 1e-6
            bucket, again = take(bucket, rate, size, now)
            assert again == 0


def test_given_a_clock_that_goes_back_then_nothing_comes_in():
    assert take(Bucket(0.5, 100.0), 1.0, 2.0, 90.0).wait == 0.5


def test_given_a_rate_then_the_headers_say_it_as_the_draft_does():
    assert policy(500) == '"key";q=1000;w=2'
    assert policy(0.01) == '"key";q=1;w=100'
    assert standing(Bucket(999.5, 0.0), 500) == '"key";r=999;t=1'
    assert standing(Bucket(1000.0, 0.0), 500) == '"key";r=1000;t=0'


def test_given_more_callers_than_are_remembered_then_the_one_that_asked_longest_ago_is_forgotten():
    meter = Meter(lambda: 0.0)
    for n in range(REMEMBERED):
        meter.take(f"{n}", 1.0, 1.0)
    assert meter.take("0", 1.0, 1.0).wait
    meter.take("one more", 1.0, 1.0)
    assert meter.take("1", 1.0, 1.0).wait == 0, "forgotten"
    assert meter.take("0", 1.0, 1.0).wait, "asked since"
