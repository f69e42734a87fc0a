"""Orders that the hub routed, routed again: by other rules they come in other parcels, and what followed happens where they lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.happened import History
from schemas.movements import Cause, Movement
from schemas.outcomes import Side, Tally
from schemas.postings import Kind, Places, legs, pool_named, pooled
from schemas.rerouting import together
from schemas.routing import HUB
from schemas.rules import ChannelRules
from schemas.sites import Site
from schemas.whatif import Sides

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SITES = tuple(Site(location=name) for name in ("BOTH", "BOWLS", "MUGS"))
WEB = ChannelRules()
PRIORITY = replace(WEB, routing="priority", locations=("MUGS", "BOWLS", "BOTH"))


class Log:
    """Movements of several SKUs, in the order of the log."""

    def __init__(self):
        self.of: dict[str, History] = {}
        self.offset = 0

    def __call__(self, kind, sku, units, place, at, deal="", channel="web", there=None):
        self.offset += 1
        occurred = NOON + timedelta(seconds=at)
        movement = Movement(
            id=f"0-{self.offset}-0",
            kind=kind,
            sku=sku,
            quantity=units,
            legs=legs(kind, units, Places(place, there)),
            transaction=deal or f"deal/{self.offset}",
            channel=channel,
            document=deal,
            occurred_at=occurred,
            recorded_at=occurred,
            cause=Cause(0, self.offset, 0),
        )
        self.of.setdefault(sku, History()).add(movement)


@pytest.fixture
def log() -> Log:
    """A place that has both, and one that has each alone; an order of both, which went in one parcel."""
    log = Log()
    for sku, place in (("mug", "BOTH"), ("bowl", "BOTH"), ("mug", "MUGS"), ("bowl", "BOWLS")):
        log(Kind.STOCK_INITIALISED, sku, 5, place, at=0)
    for sku in ("mug", "bowl"):
        log(Kind.ORDER_PLACED, sku, 1, UNROUTED, at=10, deal="order/1")
    for sku in ("mug", "bowl"):
        log(Kind.ORDER_REROUTED, sku, 1, UNROUTED, at=20, deal="order/1", channel=HUB, there="BOTH")
    for sku in ("mug", "bowl"):
        log(Kind.ORDER_SHIPPED, sku, 1, "BOTH", at=30, deal="order/1")
    return log


def compared(log, before, after, sites=SITES):
    sides = Sides(before=Side(((0, {"web": before}),), sites), after=Side(((0, {"web": after}),), sites))
    return together(log.of, sides)


def parcels(found, side):
    return sorted({one.location for effect in found.values() for one in getattr(effect, side).sent})


def test_given_the_rules_that_held_then_the_order_goes_where_it_went(log):
    assert all(history.linked for history in log.of.values())
    found = compared(log, WEB, WEB)
    assert parcels(found, "before") == parcels(found, "after") == ["BOTH"]
    assert all(effect.before == effect.after for effect in found.values())


def test_given_another_policy_then_it_goes_in_two_parcels_and_is_shipped_from_where_it_lies(log):
    found = compared(log, WEB, PRIORITY)
    assert parcels(found, "before") == ["BOTH"]
    assert parcels(found, "after") == ["BOWLS", "MUGS"]
    assert all(effect.after.all == Tally(asked=1, sold=1) for effect in found.values())


def test_given_the_place_that_was_chosen_ships_nothing_then_others_send_it(log):
    closed = tuple(replace(site, ships=site.location != "BOTH") for site in SITES)
    sides = Sides(before=Side(((0, {"web": WEB}),), SITES), after=Side(((0, {"web": WEB}),), closed))
    assert parcels(together(log.of, sides), "after") == ["BOWLS", "MUGS"]


def test_given_a_place_rejects_it_then_it_is_routed_again_and_not_there(log):
    log(Kind.ORDER_PLACED, "mug", 1, UNROUTED, at=40, deal="order/2")
    log(Kind.ORDER_REROUTED, "mug", 1, UNROUTED, at=50, deal="order/2", channel=HUB, there="BOTH")
    log(Kind.PICK_REJECTED, "mug", 1, "BOTH", at=60, deal="order/2", there=UNROUTED)
    log(Kind.ORDER_REROUTED, "mug", 1, UNROUTED, at=70, deal="order/2", channel=HUB, there="MUGS")
    found = compared(log, WEB, replace(WEB, locations=("MUGS", "BOTH", "BOWLS")))
    second = [
        [one.location for one in outcome.sent if one.transaction == "order/2"] for outcome in found["mug"]
    ]
    assert second == [["MUGS"], ["BOTH"]]


def test_given_an_order_that_was_not_sold_then_nothing_is_routed(log):
    found = compared(log, WEB, replace(WEB, threshold=99))
    assert parcels(found, "after") == []
    assert found["mug"].after.all == Tally(asked=1, turned_away=1, stranded=1)


orders = st.lists(
    st.tuples(
        st.lists(st.sampled_from(("mug", "bowl")), min_size=1, max_size=2, unique=True),
        st.integers(1, 3),
        st.sampled_from(("BOTH", "MUGS", "BOWLS")),
        st.booleans(),
    ),
    max_size=6,
)


@given(taken=orders, policy=st.sampled_from((None, "priority", "nearest")), held=st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_given_any_orders_then_no_unit_is_lost_or_sent_twice_wherever_it_is_sent_from(taken, policy, held):
    log = Log()
    for sku, place in (("mug", "BOTH"), ("bowl", "BOTH"), ("mug", "MUGS"), ("bowl", "BOWLS")):
        log(Kind.STOCK_INITIALISED, sku, 4, place, at=0)
    for number, (skus, units, place, shipped) in enumerate(taken):
        deal, at = f"order/{number}", 100 * number
        for sku in skus:
            log(Kind.ORDER_PLACED, sku, units, UNROUTED, at=at + 1, deal=deal)
        for sku in skus:
            log(Kind.ORDER_REROUTED, sku, units, UNROUTED, at=at + 2, deal=deal, channel=HUB, there=place)
        for sku in skus if shipped else ():
            log(Kind.ORDER_SHIPPED, sku, units, place, at=at + 3, deal=deal)
    others = ChannelRules(routing=policy, safety_stock=held, locations=("BOWLS", "MUGS", "BOTH"))
    found = compared(log, ChannelRules(), others)
    for sku, effect in found.items():
        for outcome in effect:
            assert outcome.all.asked == sum(units for skus, units, _, _ in taken if sku in skus)
            assert outcome.all.oversold == 0
            assert {one.transaction for one in outcome.sent} <= {f"order/{n}" for n in range(len(taken))}


@pytest.mark.parametrize("name", [None, "trade"])
def test_given_the_name_of_a_pool_s_state_then_it_names_the_pool(name):
    assert pool_named(pooled(name)) == name
