"""What an operator decides about a channel, and what holds where nothing was decided."""

from __future__ import annotations

import json

import pytest

from schemas.accounts import UNROUTED
from schemas.codec import Undecodable, decode
from schemas.rules import ChannelRules, Rules


def test_given_nothing_was_decided_then_all_of_every_tracked_place_is_offered_as_one_number():
    assert decode(ChannelRules, b"{}") == ChannelRules(
        publish="network",
        ships_from=UNROUTED,
        locations=None,
        safety_stock=0,
        safety_stock_by_location={},
        safety_stock_by_sku={},
        threshold=0,
        share_percent=100,
        cap=None,
    )
    assert decode(Rules, b'{"version": "r1"}') == Rules(version="r1", channels={}, v=1)


def test_given_several_safety_stocks_then_that_of_the_sku_goes_before_that_of_the_place():
    rules = ChannelRules(
        safety_stock=1, safety_stock_by_location={"STORE": 2}, safety_stock_by_sku={"mug": 3, "plate": 0}
    )
    assert [rules.held_back("bowl", "WAREHOUSE", 9), rules.held_back("bowl", "STORE", 9)] == [1, 2]
    assert [rules.held_back("mug", "STORE", 9), rules.held_back("plate", "STORE", 9)] == [3, 0]


def test_given_rules_for_one_sku_then_they_say_the_same_of_it_and_nothing_of_others():
    rules = ChannelRules(safety_stock=1, safety_stock_by_sku={"mug": 3, "plate": 0}, threshold=2, cap=9)
    assert rules.narrowed("mug") == ChannelRules(
        safety_stock=1, safety_stock_by_sku={"mug": 3}, threshold=2, cap=9
    )
    assert rules.narrowed("bowl").safety_stock_by_sku == {}
    limits = ChannelRules(backorder_by_sku={"mug": 3, "plate": 0}, preorder_by_sku={"bowl": 1}, preorder=2)
    assert limits.narrowed("mug") == ChannelRules(backorder_by_sku={"mug": 3}, preorder_by_sku={}, preorder=2)
    assert ChannelRules().narrowed("mug") == ChannelRules(), "what was not said stays unsaid"


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [("share_percent", 0, 100), ("threshold", 0, None), ("safety_stock", 0, None), ("cap", 0, None)],
)
def test_given_a_rule_at_its_bounds_then_it_is_taken_and_beyond_them_refused(rule, least, most):
    for bound, beyond in ((least, least - 1), (most, None if most is None else most + 1)):
        if bound is not None:
            assert getattr(decode(ChannelRules, json.dumps({rule: bound}).encode()), rule) == bound
            with pytest.raises(Undecodable, match=rule):
                decode(ChannelRules, json.dumps({rule: beyond}).encode())
