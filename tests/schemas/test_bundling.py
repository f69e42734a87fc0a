"""Bundles sold once more: as often as the scarcest component allows, and never a part of one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.happened import History
from schemas.movements import Cause, Movement
from schemas.outcomes import Side, Tally
from schemas.postings import Kind, Places, legs
from schemas.rerouting import together
from schemas.rules import ChannelRules
from schemas.whatif import Sides

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SET = {"SET": {"mug": 1, "spoon": 2}}
WEB = ChannelRules(ships_from="SOHO")


class Log:
    """Movements of several SKUs, in the order of the log: eight mugs and ten spoons lie there."""

    def __init__(self):
        self.of: dict[str, History] = {}
        self.offset = 0
        for sku, units in (("mug", 8), ("spoon", 10)):
            self.add(Kind.STOCK_INITIALISED, sku, units, at=0)

    def add(self, kind, sku, units, at, late=0, channel="web", deal="", bundle=None):
        self.offset += 1
        occurred = NOON + timedelta(seconds=at)
        movement = Movement(
            id=f"0-{self.offset}-0",
            kind=kind,
            sku=sku,
            quantity=units,
            legs=legs(kind, units, Places("SOHO")),
            transaction=deal or f"deal/{self.offset}",
            channel=channel,
            document=deal,
            occurred_at=occurred,
            recorded_at=occurred + timedelta(seconds=late),
            cause=Cause(0, self.offset, 0),
            bundle=bundle,
        )
        self.of.setdefault(sku, History()).add(movement)

    def order(self, sets, at, late=0, channel="web"):
        """So many sets."""
        for sku, each in SET["SET"].items():
            self.add(Kind.ORDER_PLACED, sku, sets * each, at, late, channel, f"order/{at}", "SET")

    def played(self, before=WEB, after=WEB, recipes=SET, others=SET):
        sides = Sides(
            before=Side(((0, {"web": before, "market": before}),), (), recipes),
            after=Side(((0, {"web": after, "market": after}),), (), others),
        )
        return together(self.of, sides)

    def sold(self, side="before", **more):
        """Units of each SKU that were sold."""
        return {sku: getattr(effect, side).all.sold for sku, effect in self.played(**more).items()}


@pytest.fixture
def log() -> Log:
    return Log()


def test_given_orders_of_a_bundle_then_as_many_are_sold_as_the_scarcest_component_allows(log):
    log.order(3, at=10)
    log.order(4, at=20)
    log.order(1, at=30)
    assert log.sold() == {"mug": 5, "spoon": 10}
    found = log.played()["spoon"].before.all
    assert found == Tally(asked=16, sold=10, turned_away=6)


def test_given_a_channel_s_own_sets_are_in_no_news_yet_then_it_knows_of_them_all_the_same(log):
    log.order(3, at=10, late=500)
    log.order(3, at=20, late=500)
    assert log.sold() == {"mug": 5, "spoon": 10}
    log.order(1, at=30, late=500, channel="market")
    assert log.played()["spoon"].before.of("market") == Tally(asked=2, sold=2, oversold=2, oversells=1)


def test_given_a_component_is_sold_alone_then_fewer_sets_are_for_sale_once_it_is_known(log):
    log.add(Kind.ORDER_PLACED, "spoon", 5, at=10)
    log.order(3, at=20)
    assert log.sold() == {"mug": 2, "spoon": 9}


def test_given_a_safety_stock_then_it_is_held_back_of_each_component(log):
    log.order(5, at=10)
    assert log.sold("after", after=replace(WEB, safety_stock=1)) == {"mug": 4, "spoon": 8}


def test_given_another_recipe_then_other_numbers_are_shown_and_the_order_was_for_as_many_as_it_was(log):
    log.order(3, at=10)
    assert log.sold("after", others={"SET": {"mug": 4, "spoon": 2}}) == {"mug": 2, "spoon": 4}
    assert log.sold(recipes={"SET": {"mug": 9}}) == {"mug": 0, "spoon": 0}


def test_given_nothing_bounds_the_channel_then_it_sells_as_it_did(log):
    log.order(7, at=10)
    assert log.sold(before=replace(WEB, shadow=True)) == {"mug": 7, "spoon": 14}
