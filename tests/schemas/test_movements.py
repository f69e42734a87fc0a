from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.movements import ASKED, OWN, Cause
from schemas.postings import Kind


def test_given_a_cause_then_its_movement_is_named_after_the_claim_or_the_ledger_s_partition():
    """These numbers stand in the log for ever."""
    assert (OWN, ASKED) == (-1, -2_147_483_648)
    assert Cause(3, 7, 1).movement_id == "3-7-1"
    assert [Cause(-3, 7, 1).movement_id, Cause(-1, 7, 0).movement_id] == ["ledger-2-7-1", "ledger-0-7-0"]
    assert [Cause(0, 7, 0).own, Cause(-1, 7, 0).own, Cause(-3, 7, 0).own] == [False, True, True]
    assert Cause(ASKED, 0, 0).own is False, "a request is nobody's posting"


ONE_MILLION = st.integers(0, 10**6)
causes = st.builds(Cause, ONE_MILLION, ONE_MILLION, ONE_MILLION)


@given(one=causes, other=causes)
@settings(max_examples=100, deadline=None)
def test_given_two_causes_then_their_movements_have_one_id_only_if_they_are_the_same(one, other):
    assert (one.movement_id == other.movement_id) == (one == other)


@given(one=causes, other=causes)
@settings(max_examples=100, deadline=None)
def test_given_two_causes_then_the_later_offset_is_later_and_within_it_the_later_index(one, other):
    place = (one.partition, one.offset, one.index), (other.partition, other.offset, other.index)
    assert (one < other) == (place[0] < place[1])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_given_any_claims_then_every_movement_balances_and_is_named_after_its_cause(data, log):
    posted = log.post(data.draw(log.news))
    for movement in posted:
        assert sum(leg.quantity for leg in movement.legs) == 0
        assert movement.id == movement.cause.movement_id
        assert (movement.kind is Kind.MOVEMENT_VOIDED) == (movement.voids is not None)
    assert len({movement.id for movement in posted}) == len(posted)
