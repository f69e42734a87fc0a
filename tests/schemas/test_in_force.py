from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.in_force import VALUES, decided, in_force
from schemas.rules import ChannelRules, Rules

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def changes(*made: ChannelRules | None) -> list[Rules]:
    """Rules of the web shop, an hour apart; None: it is not there."""
    return [
        Rules(
            version=f"v{hour}",
            channels={} if its is None else {"web": its},
            edition=hour,
            at=NOON + timedelta(hours=hour),
        )
        for hour, its in enumerate(made)
    ]


@pytest.mark.parametrize(("hours", "version"), [(-0.1, None), (0, "v0"), (0.9, "v0"), (1, "v1"), (99, "v1")])
def test_given_changes_then_the_last_one_by_the_moment_is_in_force(hours, version):
    held = in_force(changes(ChannelRules(), ChannelRules(cap=1)), NOON + timedelta(hours=hours))
    assert (held and held.version) == version


def test_given_no_moment_then_the_newest_is_in_force_and_of_none_none_is():
    events = changes(ChannelRules(), ChannelRules(cap=1))
    assert in_force(events) is events[-1]
    assert in_force([]) is None


CHANGED = {
    "safety_stock": ChannelRules(safety_stock_by_sku={"MUG": 2}),
    "safety_percent": ChannelRules(safety_percent=5),
    "in_store_buffer": ChannelRules(buffers={"STORE": 3}),
    "threshold": ChannelRules(threshold=1),
    "share_percent": ChannelRules(share_percent=50),
    "cap": ChannelRules(cap=3),
    "preorder": ChannelRules(preorder_by_sku={"MUG": 1}),
    "backorder": ChannelRules(backorder=2),
    "ships": ChannelRules(closed=("STORE",)),
    "pickup": ChannelRules(buffers={}),
}


@pytest.mark.parametrize("rule", sorted(VALUES))
def test_given_any_rule_then_who_set_its_value_decided_it_and_not_who_changed_something_else(rule):
    plain, its = ChannelRules(), CHANGED[rule]
    events = changes(plain, its, its, plain, its, its)
    later = ChannelRules(safety_stock_by_location={"ELSEWHERE": 9})
    since = [decided(events, held, "web", rule, "MUG", "STORE") for held in (events[0], events[2], events[5])]
    assert [one and one.version for one in since] == ["v0", "v1", "v4"]
    unmoved = changes(plain, later)
    assert decided(unmoved, unmoved[1], "web", rule, "MUG", "STORE") is unmoved[0]


def test_given_a_channel_that_came_later_then_what_it_came_with_was_decided_then():
    events = changes(None, ChannelRules(threshold=1))
    assert decided(events, events[1], "web", "threshold", "MUG", "STORE") is events[1]


def test_given_what_follows_from_the_balances_or_rules_of_no_known_change_then_nobody_decided_it():
    events = changes(ChannelRules())
    assert decided(events, events[0], "web", "not_negative", "MUG", "STORE") is None
    assert decided([], events[0], "web", "threshold", "MUG", "STORE") is None
