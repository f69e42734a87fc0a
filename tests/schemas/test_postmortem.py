"""What would have prevented an oversell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.oversells import OversellCause
from schemas.postmortem import RIVALS_MAX, By, Case, Taking, preventions, rivals

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def taking(units: int, minute: float = 0, late: float = 0, channel: str = "till", **more) -> Taking:
    at = NOON + timedelta(minutes=minute)
    return Taking(
        movement="0-1-0",
        kind="PosSaleCompleted",
        channel=channel,
        transaction=f"{channel}/sale",
        document="sale/1",
        location="STORE",
        units=units,
        occurred_at=at,
        recorded_at=at + timedelta(minutes=late),
        **more,
    )


def case(cause: OversellCause, before: int, units: int, *, late: float = 0, **more) -> Case:
    own = taking(units, late=late, channel="web")
    return Case(cause=cause, place="STORE", before=before, taking=own, **more)


def found(told: Case) -> dict[By, object]:
    return {one.by: one for one in preventions(told)}


def test_given_a_till_sold_what_the_web_shop_still_showed_then_a_buffer_of_that_or_faster_news_prevents_it():
    told = case(
        OversellCause.LATENCY,
        1,
        3,
        shown=4,
        told_at=NOON + timedelta(minutes=1),
        rivals=[taking(3, minute=-2, unseen=True)],
    )
    buffer, news = found(told)[By.BUFFER], found(told)[By.FASTER_NEWS]
    assert (buffer.units, buffer.channel, buffer.location) == (3, "web", "STORE")
    assert (news.channel, news.within_seconds, news.was_seconds) == ("till", 120.0, 180.0)


def test_given_nothing_is_known_of_what_the_platform_showed_then_the_buffer_covers_what_was_short():
    assert found(case(OversellCause.LATENCY, 1, 3))[By.BUFFER].units == 2
    assert found(case(OversellCause.LATENCY, -4, 3))[By.BUFFER].units == 3
    assert found(case(OversellCause.LATENCY, -4, 3, shown=5))[By.BUFFER].units == 5, (
        "nothing was there to show"
    )


def test_given_a_sale_that_was_told_late_then_it_had_to_be_heard_before_the_units_were_sold_again():
    told = case(
        OversellCause.LATE_FACT,
        0,
        1,
        late=90,
        rivals=[taking(1, minute=40, channel="shop"), taking(1, minute=-5)],
    )
    news = found(told)[By.FASTER_NEWS]
    assert (news.channel, news.within_seconds, news.was_seconds) == ("web", 2_400.0, 5_400.0)
    early = case(OversellCause.LATE_FACT, 0, 1, late=90, rivals=[taking(1, minute=-5)])
    assert By.FASTER_NEWS not in found(early), "what was sold before needed no news of what came after"


def test_given_news_that_the_channel_had_then_faster_news_prevents_nothing():
    told = case(OversellCause.LATENCY, 0, 1, rivals=[taking(1, minute=-2), taking(1, minute=2, unseen=True)])
    assert found(told).keys() == {By.BUFFER}


@pytest.mark.parametrize(
    ("counted", "days"), [(None, None), (NOON - timedelta(days=3), 3.0), (NOON + timedelta(hours=1), 0.0)]
)
def test_given_wrong_books_then_a_count_prevents_it_and_says_how_long_there_was_none(counted, days):
    told = case(OversellCause.WRONG_COUNT, 0, 2, counted_at=counted)
    assert found(told)[By.COUNT].days == days
    assert found(told)[By.BUFFER].units == 2


@pytest.mark.parametrize(
    ("cause", "by"), [(OversellCause.RULE, By.RULE), (OversellCause.MANUAL_OVERRIDE, By.ASKING)]
)
def test_given_a_rule_or_somebody_s_hand_then_no_buffer_is_suggested(cause, by):
    assert found(case(cause, 1, 3)).keys() == {by}


def test_given_takings_before_then_the_newest_that_make_up_what_was_short_are_the_rivals():
    before = [taking(2), taking(2), taking(5)]
    assert [len(rivals(before, short)) for short in (0, 1, 2, 3, 4, 5, 99)] == [0, 1, 1, 2, 2, 3, 3]
    assert len(rivals([taking(1)] * 99, 99)) == RIVALS_MAX


cases = st.builds(
    Case,
    cause=st.sampled_from(OversellCause),
    place=st.just("STORE"),
    before=st.integers(-9, 9),
    taking=st.builds(taking, st.integers(1, 20), late=st.integers(0, 90)),
    shown=st.none() | st.integers(-3, 30),
    told_at=st.none() | st.just(NOON),
    rivals=st.lists(
        st.builds(taking, st.integers(1, 5), st.integers(-60, 60), unseen=st.booleans()), max_size=4
    ),
    counted_at=st.none() | st.just(NOON),
)


@given(told=cases)
def test_given_any_oversell_then_something_prevents_it_and_with_the_buffer_no_more_is_shown_than_there_was(
    told,
):
    made = list(preventions(told))
    assert made
    assert len({one.by for one in made}) == len(made)
    for one in made:
        if one.by is By.BUFFER:
            assert one.units >= told.short
            assert told.shown is None or told.shown - one.units <= max(0, told.before)
        if one.by is By.FASTER_NEWS:
            assert one.within_seconds > 0
