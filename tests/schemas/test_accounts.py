from __future__ import annotations

from schemas.accounts import BOUNDARIES, ON_HAND, State


def test_given_any_state_then_it_is_on_hand_or_known_to_be_elsewhere():
    assert {*ON_HAND, State.INCOMING, State.IN_TRANSIT} == set(State)
    assert not {State.INCOMING, State.IN_TRANSIT} & set(ON_HAND)


def test_given_a_boundary_account_then_no_location_can_have_its_name():
    assert all(name.startswith("@") for name in BOUNDARIES)
