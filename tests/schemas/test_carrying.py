"""What is asked of a platform that carries out what other channels' orders commit at its places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from schemas import carrying
from schemas.carrying import LATE, Act, Carried, State, Wanted, decide, whose

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def wanted(committed=None, left=None, **more):
    told = {"taken_by": frozenset({"web"}), "known_to": frozenset({"web"}), "placed_at": NOON}
    names = {"transaction": "order/web/1001", "location": "SOHO"}
    return Wanted(committed=committed or {}, left=left or {}, **{**names, **told, **more})


def row(state=State.CREATED, lines=None, **more):
    lines = {"TEE": 2} if lines is None else lines
    known = {"ref": "S1"} if state in (State.CREATED, State.CHANGED) else {}
    names = {"transaction": "order/web/1001", "location": "SOHO", "channel": "tills"}
    return Carried(**{**names, "state": state, "lines": lines, "wanted": lines, "at": NOON, **known, **more})


def act(wants, carried=None, since=None):
    return decide(wants, carried, "tills", since).act


# -- what is created


def test_given_units_committed_for_another_channels_order_then_it_is_created():
    assert act(wanted({"TEE": 2})) is Act.CREATE


@pytest.mark.parametrize(
    ("wants", "why"),
    [
        (wanted(), "nothing is to be brought"),
        (wanted(left={"TEE": 2}), "nothing is to be brought"),
        (wanted({"TEE": 2}, transaction="reservation/r/77"), "it was set aside"),
        (wanted({"TEE": 2}, taken_by=frozenset(), placed_at=None), "nobody says yet that it was ordered"),
        (wanted({"TEE": 2}, taken_by=frozenset({"tills"})), "tills has taken the order itself"),
        (wanted({"TEE": 2}, taken_by=frozenset({"tills", "web"})), "tills has taken the order itself"),
        (wanted({"TEE": 2}, known_to=frozenset({"web", "tills"})), "a document of its own"),
    ],
)
def test_given_nothing_for_the_carrier_to_bring_then_nothing_is_created_and_the_reason_is_told(wants, why):
    for carried in (None, row(State.CANCELLED)):
        decision = decide(wants, carried, "tills")
        assert decision.act is Act.NOTHING
        assert why in decision.reason


def test_given_a_channel_that_came_out_of_shadow_then_what_was_ordered_before_is_not_created_again():
    assert act(wanted({"TEE": 2}), since=NOON + SECOND) is Act.NOTHING
    assert act(wanted({"TEE": 2}), since=NOON) is Act.CREATE
    assert act(wanted({"TEE": 2}), since=NOON - SECOND) is Act.CREATE


def test_given_an_order_that_is_there_then_nothing_is_done_while_it_is_brought():
    for wants in (wanted({"TEE": 2}), wanted({"TEE": 1}, {"TEE": 1}), wanted(left={"TEE": 2})):
        assert act(wants, row()) is Act.NOTHING


def test_given_no_answer_then_it_is_asked_for_again():
    assert act(wanted({"TEE": 2}), row(State.ASKED, tried_at=NOON)) is Act.CREATE
    assert act(wanted({"TEE": 2}), row(State.ASKED)) is Act.CREATE


# -- what is cancelled


@pytest.mark.parametrize(
    "carried",
    [
        row(),
        row(State.CHANGED),
        row(State.ASKED),
        row(State.ASKED, tried_at=NOON),
        row(State.REFUSED),
        row(unsure=True),
    ],
)
def test_given_nothing_is_wanted_any_more_then_whatever_may_be_there_is_cancelled(carried):
    assert act(wanted(), carried) is Act.CANCEL


def test_given_a_cancelled_order_then_nothing_is_done_until_it_is_wanted_again():
    assert act(wanted(), row(State.CANCELLED)) is Act.NOTHING
    assert act(wanted({"TEE": 2}), row(State.CANCELLED)) is Act.CREATE


def test_given_goods_that_have_left_then_their_order_is_not_cancelled():
    assert act(wanted(left={"TEE": 1}), row()) is Act.LOOK
    assert act(wanted(left={"TEE": 2}), row(State.ASKED, tried_at=NOON)) is Act.SETTLE
    assert act(wanted(left={"TEE": 1}), row(State.ASKED, tried_at=NOON)) is Act.LOOK


def test_given_an_order_that_cannot_be_cancelled_then_it_is_not_tried_again_until_something_changes():
    carried = carrying.refused(row(), wanted(), "it was collected", NOON)
    assert carried.there
    assert act(wanted(), carried) is Act.NOTHING
    assert act(wanted({"TEE": 2}), carried) is Act.SETTLE
    assert act(wanted({"TEE": 1}), carried) is Act.LOOK


def test_given_a_cancellation_without_an_answer_then_it_may_be_there_and_may_not():
    asked = carrying.cancelling(row(tried_at=NOON), NOON + SECOND)
    assert (asked.state, asked.wanted, asked.at, asked.tried_at) == (State.ASKED, {}, NOON + SECOND, NOON)
    assert carrying.cancelling(asked, NOON + LATE).at == NOON + SECOND
    assert act(wanted(), asked) is Act.CANCEL
    assert act(wanted({"TEE": 2}), asked) is Act.CREATE, "it is asked for, and found or made"
    again = carrying.asked(wanted({"TEE": 2}), asked, "tills", NOON + LATE, tried=True)
    voided = carrying.refused(again, wanted({"TEE": 2}), "it was voided", NOON + LATE)
    assert (voided.state, voided.there) == (State.REFUSED, False), "what it was called says nothing any more"


@pytest.mark.parametrize(
    "wants",
    [
        wanted(left={"TEE": 2}),
        wanted({"TEE": 2}, taken_by=frozenset({"tills"})),
        wanted({"TEE": 2}, placed_at=None),
    ],
)
def test_given_an_order_that_was_never_asked_for_then_it_is_dropped_when_it_is_not_the_carriers_any_more(
    wants,
):
    assert act(wants, row(State.ASKED)) is Act.CANCEL
    assert act(wants, row(State.ASKED, tried_at=NOON)) is not Act.CANCEL


# -- what a person must look at


def test_given_an_order_that_changed_then_a_person_is_told_once_what_is_there_and_what_is_wanted():
    decision = decide(wanted({"TEE": 1, "MUG": 3}), row(), "tills")
    assert decision.act is Act.LOOK
    assert decision.reason == "it was asked for with 2 of TEE, and the deal has 3 of MUG, 1 of TEE now"
    carried = carrying.changed(row(), wanted({"TEE": 1}), decision.reason, NOON)
    assert act(wanted({"TEE": 1}), carried) is Act.NOTHING
    assert act(wanted({"TEE": 3}), carried) is Act.LOOK
    assert act(wanted({"TEE": 2}), carried) is Act.SETTLE
    assert act(wanted(), carried) is Act.CANCEL


def test_given_a_refusal_then_it_is_asked_for_again_only_when_the_deal_wants_something_else():
    carried = carrying.refused(row(State.ASKED), wanted({"TEE": 2}), "no such product", NOON)
    assert (carried.state, carried.detail, carried.there) == (State.REFUSED, "no such product", False)
    assert act(wanted({"TEE": 2}), carried) is Act.NOTHING
    assert act(wanted({"TEE": 1}), carried) is Act.CREATE
    assert act(wanted(left={"TEE": 1}), carried) is Act.NOTHING


def test_given_different_lines_asked_for_without_an_answer_then_a_person_must_see_which_it_took():
    first = carrying.asked(wanted({"TEE": 2}), None, "tills", NOON, tried=True)
    again = carrying.asked(wanted({"TEE": 1}), first, "tills", NOON + SECOND, tried=True)
    assert (first.unsure, again.unsure, again.at, again.tried_at) == (False, True, NOON, NOON + SECOND)
    found = carrying.created(again, "S1", NOON, already=True)
    assert decide(wanted({"TEE": 1}), found, "tills") == (
        Act.LOOK,
        "it was asked for twice before an answer came: see that it has 1 of TEE",
    )
    fresh = carrying.created(again, "S1", NOON, already=False)
    assert act(wanted({"TEE": 1}), fresh) is Act.NOTHING


def test_given_a_platform_that_only_asked_to_wait_then_a_changed_order_is_created_as_it_is_now():
    noted = carrying.asked(wanted({"TEE": 2}), None, "tills", NOON, tried=False)
    first = carrying.asked(wanted({"TEE": 2}), noted, "tills", NOON, tried=True)
    waits = carrying.untouched(first, noted, "the platform asks to wait 5 s")
    assert (waits.tried_at, waits.detail) == (None, "the platform asks to wait 5 s")
    again = carrying.asked(wanted({"TEE": 1}), waits, "tills", NOON + SECOND, tried=True)
    assert (again.unsure, again.lines) == (False, {"TEE": 1})


def test_given_a_cancelled_order_that_is_wanted_again_then_what_was_known_of_the_first_is_no_more():
    gone = carrying.cancelled(row(edition=3), "S1", NOON)
    assert (gone.state, gone.wanted, gone.ref) == (State.CANCELLED, {}, "S1")
    assert carrying.cancelled(row(), None, NOON).ref == "S1", "its platform keeps no trace of it"
    again = carrying.asked(wanted({"TEE": 1}), gone, "tills", NOON + SECOND, tried=False)
    assert (again.ref, again.lines, again.at, again.edition) == (None, {"TEE": 1}, NOON + SECOND, 3)


def test_given_a_lost_answer_then_an_order_that_is_not_there_may_still_come_up_for_a_time():
    carried = row(State.ASKED, tried_at=NOON)
    assert carrying.may_come_up(carried, NOON + LATE - SECOND)
    assert not carrying.may_come_up(carried, NOON + LATE)
    assert not carrying.may_come_up(row(State.ASKED), NOON)
    assert not carrying.may_come_up(row(tried_at=NOON), NOON)


ONE, LATER = {"TEE": 1}, NOON + SECOND
DOUBTED = row(State.ASKED, tried_at=NOON, unsure=True, detail="no answer", edition=7)
THERE = row(State.CHANGED, tried_at=NOON, unsure=True, detail="look", edition=7)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            lambda: carrying.asked(wanted(ONE), DOUBTED, "tills", LATER, tried=False),
            replace(DOUBTED, lines=ONE, wanted=ONE),
        ),
        (
            lambda: carrying.asked(wanted(ONE), None, "tills", LATER, tried=False),
            row(State.ASKED, ONE, at=LATER),
        ),
        (
            lambda: carrying.created(DOUBTED, "S2", LATER, already=True),
            replace(DOUBTED, state=State.CREATED, ref="S2", at=LATER, detail=None),
        ),
        (
            lambda: carrying.untouched(replace(DOUBTED, lines=ONE), row(State.ASKED), "wait"),
            replace(DOUBTED, tried_at=None, unsure=False, detail="wait"),
        ),
        (
            lambda: carrying.refused(THERE, wanted(), "shipped", LATER),
            replace(THERE, state=State.REFUSED, wanted={}, detail="shipped", at=LATER),
        ),
        (lambda: carrying.cancelling(THERE, LATER), replace(THERE, state=State.ASKED, wanted={}, at=LATER)),
        (lambda: carrying.cancelling(row(tried_at=None), LATER).tried_at, LATER),
        (
            lambda: carrying.cancelled(THERE, "S2", LATER),
            replace(THERE, state=State.CANCELLED, ref="S2", wanted={}, detail=None, at=LATER, unsure=False),
        ),
        (
            lambda: carrying.settled(THERE, wanted(ONE), "all of it has left", LATER),
            replace(THERE, state=State.CREATED, wanted=ONE, detail="all of it has left", at=LATER),
        ),
        (
            lambda: carrying.changed(row(edition=7), wanted(ONE), "one is wanted", LATER),
            row(State.CHANGED, wanted=ONE, detail="one is wanted", at=LATER, edition=7),
        ),
    ],
)
def test_given_what_became_of_an_order_then_that_is_written_and_nothing_else_is_touched(written, expected):
    assert written() == expected


def test_given_words_that_are_stored_then_they_stay_what_they_are():
    assert [state.value for state in State] == ["asked", "created", "cancelled", "refused", "changed"]
    assert row(State.ASKED).edition == 0, "it was never written"


# -- who carries it out


@pytest.mark.parametrize(
    ("carried", "channel"),
    [
        (None, "depot"),
        (row(), "tills"),
        (row(State.CHANGED), "tills"),
        (row(State.ASKED, tried_at=NOON), "tills"),
        (row(State.REFUSED, ref="S1"), "tills"),
        (row(State.ASKED), "depot"),
        (row(State.REFUSED), "depot"),
        (row(State.CANCELLED), "depot"),
    ],
)
def test_given_another_carrier_in_the_settings_then_who_may_have_an_order_keeps_it(carried, channel):
    assert whose(carried, "depot") == channel


def test_given_a_refusal_of_the_carrier_before_then_the_new_one_is_asked():
    refused = row(State.REFUSED)
    assert act(wanted({"TEE": 2}), refused) is Act.NOTHING
    assert decide(wanted({"TEE": 2}), refused, "depot").act is Act.CREATE
    asked = carrying.asked(wanted({"TEE": 2}), refused, "depot", NOON + SECOND, tried=False)
    assert (asked.channel, asked.state, asked.at) == ("depot", State.ASKED, NOON + SECOND)


# -- whatever happens in between


class Platform:
    """A platform that keeps one order by our reference, and loses answers, waits and crashes as it is told."""

    def __init__(self, remembers: bool) -> None:
        self.remembers, self.order, self.voided, self.late = remembers, None, False, None

    def catch_up(self):
        """What was asked for and seemed lost is done now."""
        if self.late is not None:
            self.create(self.late)
            self.late = None

    def create(self, lines):
        if self.voided:
            return "refused"
        already = self.order is not None
        if not already:
            self.order = dict(lines)
        return "already" if already else "created"

    def cancel(self):
        had = self.order is not None or self.voided
        if self.order is not None:
            self.order, self.voided = None, self.remembers
        return "S1" if had else None


def step(platform, carried, wants, now, meets):
    """One look, as the loop does it; `meets` is what the call to the platform meets. The row afterwards."""
    decision = decide(wants, carried, "tills")
    if decision.act is Act.SETTLE:
        return carrying.settled(carried, wants, decision.reason, now)
    if decision.act is Act.LOOK:
        return carrying.changed(carried, wants, decision.reason, now)
    if decision.act is Act.CREATE:
        return create(platform, carried, wants, now, meets)
    return cancel(platform, carried, now, meets) if decision.act is Act.CANCEL else carried


def cancel(platform, carried, now, meets):
    if carried.tried_at is None:
        return carrying.cancelled(carried, None, now)
    if meets == "wait":
        return carried
    asked = carrying.cancelling(carried, now)
    ref = None if meets in ("unheard", "late") else platform.cancel()
    if meets not in ("lost", "unheard", "late") and (ref or not carrying.may_come_up(asked, now)):
        return carrying.cancelled(asked, ref, now)
    return asked


def create(platform, carried, wants, now, meets):
    noted = carried
    if carried is None or carried.state is not State.ASKED:
        noted = carrying.asked(wants, carried, "tills", now, tried=False)
    asked = carrying.asked(wants, noted, "tills", now, tried=True)
    if meets == "wait":
        return carrying.untouched(asked, noted, "wait")
    if meets == "late":
        platform.late = wants.committed
    if meets in ("unheard", "late"):
        return asked
    answer = platform.create(wants.committed)
    if meets == "lost":
        return asked
    if answer == "refused":
        return carrying.refused(asked, wants, "voided", now)
    return carrying.created(asked, "S1", now, already=answer == "already")


UNITS = st.sampled_from([{}, {"TEE": 2}, {"TEE": 1}, {"TEE": 2, "MUG": 1}])
MEETS = st.sampled_from(["", "", "wait", "lost", "unheard", "late"])
"""What a call meets: nothing, a request to wait, a lost answer, nobody who hears it, or one who does it only later."""


@given(news=st.lists(st.tuples(UNITS, MEETS), max_size=8), last=UNITS, remembers=st.booleans())
def test_given_any_news_and_any_failures_then_in_the_end_it_is_there_or_not_wanted_or_a_person_knows(
    news, last, remembers
):
    """And it is there once, with what it was said to have."""
    platform, carried, now = Platform(remembers), None, NOON
    for units, meets in [*news, *[(last, "")] * 6]:
        now += LATE / 2
        platform.catch_up()
        carried = step(platform, carried, wanted(units), now, meets)
    state = carried and carried.state
    event(f"{state} {'wanted' if last else 'not wanted'}")
    assert decide(wanted(last), carried, "tills").act is Act.NOTHING, "it comes to rest"
    if not last:
        assert platform.order is None
        assert carried is None or state is State.CANCELLED
    elif state is State.CREATED:
        assert platform.order == last == carried.lines
    elif state is State.REFUSED:
        assert platform.voided
        assert platform.order is None
    else:
        assert state is State.CHANGED
        assert platform.order is not None
        assert carried.unsure or platform.order != last


def test_given_a_row_then_it_is_never_both_at_rest_and_wrong():
    """A created order is at rest only with exactly what the deal wants."""
    for lines in ({"TEE": 1}, {"TEE": 3}, {"MUG": 2}):
        assert act(wanted(lines), row()) is not Act.NOTHING
    assert act(wanted({"TEE": 2}), replace(row(), unsure=True)) is Act.LOOK
