"""A platform that fails is left alone for longer and longer; one bad number holds up no other."""

from __future__ import annotations

import pytest

from streams.breaker import FIRST_WAIT, STRIKES, WAIT_MAX, Breaker


def test_given_a_platform_that_is_down_then_nothing_is_given_up_and_the_wait_grows_to_its_limit():
    breaker, waits = Breaker(), []
    for number in range(100):
        verdict = breaker.failure(f"S{number % 3}")
        assert not verdict.given_up
        waits.append(verdict.wait)
    assert (waits[0], waits[-1]) == (FIRST_WAIT, WAIT_MAX)
    assert waits == sorted(waits)


def test_given_a_platform_that_is_back_then_the_next_failure_is_a_first_one():
    breaker = Breaker()
    for _ in range(7):
        breaker.failure("A")
    breaker.success([])
    assert breaker.failure("A").wait == FIRST_WAIT


def test_given_a_call_about_many_numbers_fails_then_the_smaller_one_follows_soon():
    breaker = Breaker()
    assert {breaker.failure().wait for _ in range(7)} == {FIRST_WAIT}


@pytest.mark.parametrize("between", [True, False])
def test_given_a_number_that_fails_alone_then_only_with_what_worked_between_it_counts(between):
    breaker = Breaker()
    breaker.success(["B"])
    for _ in range(STRIKES - 1):
        assert not breaker.failure("A").given_up
        if between:
            breaker.success(["B"])
    assert breaker.failure("A").given_up is between


def test_given_a_number_that_is_told_in_the_end_then_its_failures_are_forgotten():
    breaker = Breaker()
    for _ in range(3 * STRIKES):
        breaker.success(["B"])
        assert not breaker.failure("A").given_up
        breaker.success(["A"])
