"""A sealed journal cannot be edited unseen."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.seals import FIRST, seal

UNSEALED = {"cause", "request"}


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_given_any_field_of_a_movement_is_changed_then_its_seal_is_another(data, any_value):
    movement, other = data.draw(any_value(Movement)), data.draw(any_value(Movement))
    for one in fields(Movement):
        edited = replace(movement, **{one.name: getattr(other, one.name)})
        same = getattr(edited, one.name) == getattr(movement, one.name) or one.name in UNSEALED
        assert (seal(FIRST, edited) == seal(FIRST, movement)) is same, one.name


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_given_another_past_then_the_seal_is_another(data, any_value):
    movement = data.draw(any_value(Movement))
    assert seal(FIRST, movement) != seal(seal(FIRST, movement), movement)


@given(data=st.data(), hours=st.integers(-12, 12))
@settings(max_examples=50, deadline=None)
def test_given_the_same_instant_written_with_another_offset_then_the_seal_is_the_same(data, any_value, hours):
    movement = replace(data.draw(any_value(Movement)), cause=Cause(3, 4, 5))
    moved = movement.occurred_at.astimezone(timezone(timedelta(hours=hours)))
    assert seal(FIRST, replace(movement, occurred_at=moved)) == seal(FIRST, movement)
    recorded = movement.recorded_at.astimezone(timezone(timedelta(hours=hours)))
    assert seal(FIRST, replace(movement, recorded_at=recorded)) == seal(FIRST, movement)


def test_given_a_movement_sealed_once_then_its_seal_is_the_same_for_ever():
    """Journals that were sealed by older versions must verify."""
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    movement = Movement(
        id="3-7-0",
        kind=Kind.POS_SALE_COMPLETED,
        sku="mug",
        quantity=1,
        legs=legs(Kind.POS_SALE_COMPLETED, 1, Places("STORE")),
        transaction="sale/9",
        channel="till",
        document="sale/9",
        occurred_at=noon,
        recorded_at=noon,
        cause=Cause(3, 7, 0),
    )
    assert seal(FIRST, movement).hex() == "87b71feeb89cafc0bf8d78242fff48f822ecbef16b3e109315a80433c434e5fa"
