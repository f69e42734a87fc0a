"""How far behind somebody is, and for how long."""

from __future__ import annotations

import random

from streams.lags import MARKS, Behind, Lags, Place

SETTLE = frozenset({"settle"})
HERE = Place("settle", "claims", 0)


def looked(*looks):
    """After some looks: end, done, and when."""
    its = Behind()
    for end, done, now in looks:
        its.saw(end, done, now)
    return its


def test_given_nothing_waits_then_nobody_is_behind():
    its = looked((10, 10, 0), (20, 20, 1))
    assert (its.records, its.seconds(9)) == (0, 0)


def test_given_records_wait_then_the_age_is_that_of_the_oldest_however_many_come_after_it():
    its = looked((10, 5, 0), (20, 5, 10), (30, 9, 20))
    assert (its.records, its.seconds(25)) == (21, 25)


def test_given_all_is_taken_in_after_a_while_then_nobody_is_behind_any_more():
    its = looked((10, 5, 0), (10, 10, 9))
    assert (its.records, its.seconds(20)) == (0, 0)


def test_given_nothing_new_comes_then_nothing_more_is_remembered():
    assert len(looked((10, 5, 0), (10, 5, 1), (10, 6, 2)).marks) == 1


def test_given_the_oldest_are_taken_in_then_the_age_is_that_of_the_next():
    assert looked((10, 5, 0), (20, 5, 10), (30, 12, 20)).seconds(25) == 15


def test_given_steady_work_a_little_behind_then_the_age_stays_small_for_ever():
    its = Behind()
    for second in range(5_000):
        its.saw(end=100 * second, done=max(0, 100 * second - 150), now=second)
    assert its.seconds(5_000) <= 3


def test_given_a_follower_that_stands_still_for_days_then_little_is_remembered_and_no_age_is_too_low():
    its = Behind()
    for second in range(10 * MARKS):
        its.saw(end=second + 1, done=0, now=second)
    assert len(its.marks) <= MARKS + 1
    assert its.seconds(10 * MARKS) == 10 * MARKS
    chance = random.Random(1)
    for done in sorted(chance.sample(range(1, 10 * MARKS), 50)):
        its.saw(end=10 * MARKS, done=done, now=10 * MARKS)
        assert its.seconds(10 * MARKS) >= 10 * MARKS - done  # the record at `done` came at second `done`


def test_given_a_bound_then_who_is_late_is_named_with_the_partition_and_others_are_not_looked_at():
    lags = Lags()
    lags.saw(
        {("claims", 0): 7, ("movements", 1): 9}, {HERE: 2, Place("ledger", "movements", 1): 9}, 0, SETTLE
    )
    assert lags.late(SETTLE, 60, 60) is None
    assert lags.late(SETTLE, 60, 61) == (
        "settle is 5 records behind in claims[0], the oldest for 61 s; at most 60 s are good"
    )
    assert lags.late(frozenset({"ledger"}), 60, 1_000) is None


def test_given_a_partition_is_somebody_elses_now_then_it_is_forgotten_and_other_stages_are_not():
    lags = Lags()
    record = Place("record", "stock", 0)
    lags.saw({("claims", 0): 7}, {HERE: 2}, 0, SETTLE)
    lags.saw({("stock", 0): 7}, {record: 2}, 0, frozenset({"record"}))
    lags.saw({("claims", 0): 7}, {}, 1, SETTLE)
    assert set(lags.behind) == {record}
