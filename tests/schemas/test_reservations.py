"""What may be asked of the ledger."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from schemas.accounts import UNROUTED
from schemas.codec import Undecodable, decode
from schemas.reservations import REMEMBERED, TTL_MAX, Ask, Request, Wanted
from schemas.rules import ChannelRules


def asked(*, ttl=60, quantity=1):
    line = {"sku": "mug", "quantity": quantity, "rules": {}}
    return json.dumps({"id": "r1", "ask": "place", "channel": "shop", "lines": [line], "ttl": ttl}).encode()


@pytest.mark.parametrize(
    ("bounds", "beyond"),
    [
        ({"quantity": 1}, {"quantity": 0}),
        ({"quantity": 999_999_999}, {"quantity": 1_000_000_000}),
        ({"ttl": 0}, {"ttl": -1}),
        ({"ttl": 30 * 86_400}, {"ttl": 30 * 86_400 + 1}),
    ],
    ids=["one unit", "a thousand million units", "no time", "thirty days"],
)
def test_given_a_request_at_the_bounds_then_it_may_be_asked_and_beyond_them_not(bounds, beyond):
    assert decode(Request, asked(**bounds)).line.quantity == bounds.get("quantity", 1)
    with pytest.raises(Undecodable, match=next(iter(beyond))):
        decode(Request, asked(**beyond))


def test_given_times_then_a_reservation_lasts_a_month_at_most_and_its_end_is_known_for_a_day():
    assert timedelta(seconds=TTL_MAX) == timedelta(days=30)
    assert timedelta(hours=24) == REMEMBERED


def test_given_several_lines_then_a_request_is_about_one_of_them_the_first_if_none_is_said():
    lines = tuple(Wanted(sku=sku, quantity=1, rules=ChannelRules()) for sku in ("mug", "bowl"))
    request = Request(id="r1", ask=Ask.PLACE, channel="shop", lines=lines)
    assert (request.line.sku, request.ttl, request.transaction) == ("mug", 0, None)
    assert Request(id="r1", ask=Ask.PLACE, channel="shop", lines=lines, index=1).line.sku == "bowl"


def test_given_no_place_is_wanted_then_units_are_held_back_from_demand_without_a_place():
    line = Wanted(sku="mug", quantity=1, rules=ChannelRules())
    assert (line.location, line.held_at) == (None, UNROUTED)
    assert Wanted(sku="mug", quantity=1, rules=ChannelRules(), location="STORE").held_at == "STORE"
