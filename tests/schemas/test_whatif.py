"""What other rules would have come to: small worlds that are worked out by hand, and the laws of the model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.ledger import Stock, take
from schemas.movements import Cause, Movement
from schemas.outcomes import Side, Tally
from schemas.oversells import OversellCause, oversells
from schemas.postings import Kind, Places, legs, reverse
from schemas.rules import ChannelRules, Rules
from schemas.ruling import rules_of
from schemas.whatif import Sides, effect, history_of
from schemas.worlds import World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = 1_000_000
SHOP = ChannelRules(ships_from="SOHO")


def ruled(**channels: ChannelRules) -> Rules:
    return rules_of(channels, {})


class Told:
    """Movements of one SKU, in the order in which they came to the log."""

    def __init__(self):
        self.movements: list[Movement] = []

    def __call__(self, kind, units, place="SOHO", *, at, late=0, channel="erp", deal="", **more):
        offset = len(self.movements)
        made = legs(kind, units, Places(place, **more))
        self._append(kind, units, made, at, late, channel, deal or f"deal/{offset}")

    def take_back(self, kind, units, place="SOHO", *, at, channel, deal):
        self._append(
            Kind.MOVEMENT_VOIDED, units, reverse(legs(kind, units, Places(place))), at, 0, channel, deal, kind
        )

    def _append(self, kind, units, made, at, late, channel, deal, voids=None):
        offset, occurred = len(self.movements), NOON + timedelta(seconds=at)
        self.movements.append(
            Movement(
                id=f"0-{offset}-0",
                kind=kind,
                sku="mug",
                quantity=units,
                legs=made,
                transaction=deal,
                channel=channel,
                document=deal,
                occurred_at=occurred,
                recorded_at=occurred + timedelta(seconds=late),
                cause=Cause(0, offset, 0),
                voids=voids,
            )
        )


@pytest.fixture
def told() -> Told:
    return Told()


def opened(told, units, place="SOHO"):
    told(Kind.STOCK_INITIALISED, units, place, at=-1_000)


def before(told, rules, **more):
    return effect("mug", told.movements, rules, rules, **more).before


def after(told, rules, others, **more):
    return effect("mug", told.movements, rules, others, **more).after


# -- by hand


def last_one(told, late):
    """One mug, and two channels that sell it forty seconds apart."""
    opened(told, 1)
    told(Kind.ORDER_PLACED, 1, at=10, late=late, channel="shop", deal="order/shop/1")
    told(Kind.ORDER_PLACED, 1, at=50, late=late, channel="market", deal="order/market/1")


BOTH = ruled(shop=SHOP, market=SHOP)


def test_given_one_unit_and_two_channels_when_the_news_is_late_then_one_is_oversold(told):
    last_one(told, late=60)
    found = before(told, BOTH).by_channel
    assert found["shop"] == Tally(asked=1, sold=1)
    assert found["market"] == Tally(asked=1, sold=1, oversold=1, oversells=1)


@pytest.mark.parametrize("late", [0, 30, 40])
def test_given_one_unit_and_two_channels_when_the_second_heard_in_time_then_it_sells_none(told, late):
    last_one(told, late)
    assert before(told, BOTH).by_channel["market"] == Tally(asked=1, turned_away=1)


def test_given_a_push_that_takes_long_then_the_channel_hears_so_much_later(told):
    last_one(told, late=0)
    assert before(told, BOTH, delays={"market": 40 * SECOND}).all.oversold == 0
    assert before(told, BOTH, delays={"market": 41 * SECOND}).all.oversold == 1
    assert before(told, BOTH, delays={"shop": 41 * SECOND}).all.oversold == 0


def test_given_a_safety_stock_of_one_then_none_is_oversold_and_one_is_stranded_twice(told):
    last_one(told, late=60)
    careful = replace(SHOP, safety_stock=1)
    assert after(told, BOTH, ruled(shop=careful, market=careful)).all == Tally(
        asked=2, turned_away=2, stranded=2
    )


def test_given_one_channel_alone_then_it_never_oversells_however_late_the_news_is(told):
    opened(told, 2)
    for at, units in ((10, 1), (11, 3), (12, 1)):
        told(Kind.ORDER_PLACED, units, at=at, late=9_000, channel="shop")
    assert before(told, ruled(shop=SHOP)).all == Tally(asked=5, sold=2, turned_away=3)


def test_given_an_order_for_more_than_is_left_then_only_what_is_missing_is_oversold(told):
    opened(told, 5)
    told(Kind.POS_SALE_COMPLETED, 3, at=10, late=60, channel="till")
    told(Kind.ORDER_PLACED, 4, at=20, channel="shop")
    assert before(told, ruled(shop=SHOP)).by_channel == {
        "till": Tally(asked=3, sold=3, in_person=3),
        "shop": Tally(asked=4, sold=4, oversold=2, oversells=1),
    }


def test_given_a_delivery_nobody_has_told_of_yet_then_its_units_are_stranded(told):
    opened(told, 1)
    told(Kind.ORDER_PLACED, 1, at=10, channel="shop")
    told(Kind.GOODS_RECEIVED, 5, at=20, late=60)
    told(Kind.ORDER_PLACED, 2, at=30, channel="shop")
    told(Kind.ORDER_PLACED, 2, at=90, channel="shop")
    assert before(told, ruled(shop=SHOP)).all == Tally(asked=5, sold=3, turned_away=2, stranded=2)


def test_given_an_order_that_was_turned_away_then_nothing_that_followed_it_happens(told):
    opened(told, 3)
    told(Kind.ORDER_PLACED, 2, at=10, channel="shop", deal="order/1")
    told(Kind.ORDER_CANCELLED, 1, at=20, channel="shop", deal="order/1")
    told(Kind.ORDER_SHIPPED, 1, at=30, channel="shop", deal="order/1")
    told(Kind.RETURN_RECEIVED, 1, at=40, channel="shop", deal="order/1")
    told(Kind.ORDER_PLACED, 3, at=50, channel="shop", deal="order/2")
    assert before(told, ruled(shop=SHOP)).all == Tally(asked=5, sold=5)
    closed = ruled(shop=replace(SHOP, threshold=10**9))
    found = after(told, ruled(shop=SHOP), closed)
    assert found.all == Tally(asked=5, turned_away=5, stranded=5)
    assert found.sent == []


def test_given_an_order_sold_in_part_then_no_more_is_sent_or_comes_back_than_was_sold(told):
    opened(told, 3)
    told(Kind.ORDER_PLACED, 3, at=10, channel="shop", deal="order/1")
    told(Kind.ORDER_SHIPPED, 3, at=20, channel="shop", deal="order/1")
    told(Kind.RETURN_RECEIVED, 3, at=30, channel="shop", deal="order/1")
    world = played(told, ruled(shop=replace(SHOP, safety_stock=1)))
    assert world.outcome.all == Tally(asked=3, sold=2, turned_away=1, stranded=1)
    assert world.truth["SOHO", "available"] == 3
    assert world.truth["SOHO", "committed"] == 0


def test_given_an_order_that_was_edited_down_then_what_was_taken_off_is_free_again(told):
    opened(told, 3)
    told(Kind.ORDER_PLACED, 3, at=10, channel="shop", deal="order/1")
    told.take_back(Kind.ORDER_PLACED, 2, at=20, channel="shop", deal="order/1")
    told(Kind.ORDER_PLACED, 2, at=30, channel="shop")
    assert before(told, ruled(shop=SHOP)).all == Tally(asked=5, sold=5)


def test_given_a_till_sells_what_was_promised_then_that_is_oversold_and_what_the_books_lack_is_not(told):
    opened(told, 2)
    told(Kind.ORDER_PLACED, 2, at=10, channel="shop")
    told(Kind.POS_SALE_COMPLETED, 1, at=20, channel="till")
    told(Kind.POS_SALE_COMPLETED, 3, at=30, channel="till")
    assert before(told, ruled(shop=SHOP)).by_channel["till"] == Tally(
        asked=4, sold=4, in_person=4, oversold=1, oversells=1, unexplained=3
    )


@pytest.mark.parametrize(
    "rules",
    [ruled(), ruled(shop=replace(SHOP, shadow=True, threshold=99)), ruled(shop=replace(SHOP, pool="trade"))],
    ids=["no rules", "in shadow", "another pool"],
)
def test_given_a_channel_that_no_number_of_ours_bounds_then_it_sells_as_it_did(told, rules):
    opened(told, 1)
    told(Kind.ORDER_PLACED, 2, at=10, channel="shop")
    assert before(told, rules).all == Tally(asked=2, sold=2, oversold=1, oversells=1)


def test_given_a_sku_that_nobody_tracks_then_nothing_bounds_it_and_elsewhere_none_is_for_sale(told):
    told(Kind.ORDER_PLACED, 1, at=10, channel="shop")
    opened(told, 5, "DEPOT")
    told(Kind.ORDER_PLACED, 1, "DEPOT", at=20, channel="shop")
    only_soho = ruled(shop=replace(SHOP, locations=("SOHO",)))
    assert before(told, only_soho).all == Tally(
        asked=2, sold=1, oversold=1, oversells=1, turned_away=1, stranded=1
    )


def test_given_backorders_then_what_may_be_owed_is_no_oversell(told):
    opened(told, 1)
    told(Kind.ORDER_PLACED, 3, at=10, channel="shop")
    assert before(told, ruled(shop=SHOP)).all == Tally(asked=3, sold=1, turned_away=2)
    assert before(told, ruled(shop=replace(SHOP, backorder=2))).all == Tally(asked=3, sold=3)


def test_given_a_number_for_each_location_then_each_is_bounded_by_its_own(told):
    opened(told, 1, "SOHO")
    opened(told, 5, "DEPOT")
    told(Kind.ORDER_PLACED, 2, "SOHO", at=10, channel="shop")
    told(Kind.ORDER_PLACED, 2, "DEPOT", at=20, channel="shop")
    assert before(told, ruled(shop=ChannelRules(publish="locations"))).all == Tally(
        asked=4, sold=3, turned_away=1
    )


def test_given_units_that_no_place_was_chosen_for_then_they_count_against_all_places(told):
    opened(told, 1, "SOHO")
    opened(told, 1, "DEPOT")
    for at in (10, 20, 30):
        told(Kind.ORDER_PLACED, 1, UNROUTED, at=at, late=60, channel="shop" if at < 30 else "market")
    assert before(told, BOTH).by_channel["market"] == Tally(asked=1, sold=1, oversold=1, oversells=1)


def test_given_an_order_from_two_places_then_it_is_two_parcels_and_what_is_collected_none(told):
    for place in ("SOHO", "DEPOT", "HARLEM"):
        opened(told, 5, place)
        told(Kind.ORDER_PLACED, 2, place, at=10, channel="shop", deal="order/1")
    told(Kind.ORDER_SHIPPED, 1, "SOHO", at=20, channel="shop", deal="order/1")
    told(Kind.PICKUP_COLLECTED, 1, "HARLEM", at=20, channel="shop", deal="order/1")
    assert [one.location for one in before(told, BOTH).sent] == ["DEPOT", "SOHO"]


def test_given_a_clock_that_is_ahead_then_nothing_occurs_after_it_is_known(told):
    last_one(told, late=-30)
    assert [entry[0] == entry[1] for entry in history_of(told.movements).log] == [True] * 3
    assert before(told, BOTH).by_channel["market"] == Tally(asked=1, turned_away=1)


def test_given_rules_that_changed_then_each_order_meets_those_of_its_time(told):
    opened(told, 9)
    for at in (10, 20, 30):
        told(Kind.ORDER_PLACED, 1, at=at, channel="shop")
    second = (history_of(told.movements).log[2][0], {"shop": replace(SHOP, threshold=99)})
    third = (history_of(told.movements).log[3][0], {"shop": SHOP})
    side = Side(((0, {"shop": SHOP}), second, third))
    assert World("mug", history_of(told.movements), side, {}).played().all == Tally(
        asked=3, sold=2, turned_away=1, stranded=1
    )


def test_given_since_then_what_was_asked_for_before_is_not_counted_and_still_sold(told):
    opened(told, 1)
    told(Kind.ORDER_PLACED, 1, at=10, channel="shop", deal="order/1")
    told(Kind.ORDER_PLACED, 1, at=20, channel="shop", deal="order/2")
    side = Side(((0, {"shop": SHOP}),))
    sides = Sides(before=side, after=side, since=history_of(told.movements).log[2][0])
    found = sides.effect("mug", history_of(told.movements)).before
    assert found.all == Tally(asked=1, turned_away=1)
    assert found.sent == []


# -- laws


def played(told, rules):
    """The world after all of it."""
    side = Side(((0, rules.channels),))
    world = World("mug", history_of(told.movements), side, {})
    world.played()
    return world


steps = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 2, 5, 9, 30)),
        st.sampled_from(("till", "shop", "shop", "market", "market", "supply")),
        st.integers(1, 3),
        st.sampled_from(("SOHO", "DEPOT")),
        st.sampled_from((0, 1, 7, 60)),
    ),
    max_size=14,
)


def history(stock, happened):
    """Movements that are told as late as it is drawn, in the order in which they are told."""
    told = Told()
    opened(told, stock, "SOHO")
    opened(told, stock // 2, "DEPOT")
    at = 0
    for number, (gap, who, units, place, late) in enumerate(happened):
        at += gap
        kind = {"till": Kind.POS_SALE_COMPLETED, "supply": Kind.GOODS_RECEIVED}.get(who, Kind.ORDER_PLACED)
        told(kind, units, place, at=at, late=late, channel=who, deal=f"order/{number}")
    told.movements[2:] = sorted(told.movements[2:], key=lambda one: one.recorded_at)
    told.movements = [replace(one, cause=Cause(0, n, 0)) for n, one in enumerate(told.movements)]
    return told


RULED = st.builds(
    ChannelRules,
    safety_stock=st.integers(0, 3),
    threshold=st.integers(0, 2),
    share_percent=st.sampled_from((100, 50)),
    cap=st.none() | st.integers(0, 4),
    publish=st.sampled_from(("network", "locations")),
)


@given(stock=st.integers(0, 8), happened=steps, its=RULED)
@settings(max_examples=300, deadline=None)
def test_given_rules_that_say_the_same_in_other_words_then_nothing_differs(stock, happened, its):
    told = history(stock, happened)
    others = replace(its, safety_stock_by_location={"NOWHERE": 9}, safety_percent=0)
    found = effect("mug", told.movements, ruled(shop=its, market=its), ruled(shop=others, market=others))
    assert found.before == found.after


@given(stock=st.integers(0, 8), happened=steps, its=RULED, others=RULED)
@settings(max_examples=300, deadline=None)
def test_given_any_rules_then_every_unit_asked_for_is_sold_or_turned_away_and_no_unit_comes_from_nowhere(
    stock, happened, its, others
):
    told = history(stock, happened)
    found = effect("mug", told.movements, ruled(shop=its, market=its), ruled(shop=others, market=others))
    for outcome in found:
        for tally in outcome.by_channel.values():
            assert tally.asked == tally.sold + tally.turned_away
            assert 0 <= tally.stranded <= tally.turned_away
            assert tally.oversold + tally.unexplained <= tally.sold
    assert found.before.all.asked == found.after.all.asked
    there, was = played(told, ruled(shop=others)).truth, history_of(told.movements).stock("mug")
    for place in ("SOHO", "DEPOT"):
        assert there.get((place, "available"), 0) >= was.balance(place)


@given(stock=st.integers(0, 8), happened=steps)
@settings(max_examples=200, deadline=None)
def test_given_a_threshold_above_everything_then_nothing_is_ordered_and_nothing_oversold(stock, happened):
    told = history(stock, happened)
    closed = ruled(shop=ChannelRules(threshold=10**9), market=ChannelRules(threshold=10**9))
    found = before(told, closed).all
    assert (found.sold, found.turned_away) == (found.in_person, found.asked - found.in_person)


@given(stock=st.integers(0, 8), happened=steps)
@settings(max_examples=300, deadline=None)
def test_given_news_that_is_never_late_then_nothing_is_oversold_by_a_channel_that_is_told(stock, happened):
    told = history(stock, [(gap, who, units, place, 0) for gap, who, units, place, _ in happened])
    found = before(
        told, ruled(shop=ChannelRules(publish="locations"), market=ChannelRules(publish="locations"))
    )
    assert found.of("shop").oversold == found.of("market").oversold == 0
    assert found.of("shop").stranded == found.of("market").stranded == 0


@given(stock=st.integers(0, 8), happened=steps)
@settings(max_examples=300, deadline=None)
def test_given_nothing_bounds_anyone_then_the_world_is_as_it_was_and_its_oversells_are_those_of_the_hub(
    stock, happened
):
    told = history(stock, [(gap, who, units, place, 0) for gap, who, units, place, _ in happened])
    world = played(told, ruled())
    assert world.outcome.all.turned_away == 0
    assert {cell: units for cell, units in world.truth.items() if units} == {
        (name, state): units
        for name, here in history_of(told.movements).stock("mug").locations.items()
        for state, units in here.items()
    }
    found, held = [], Stock(sku="mug")
    for offset, movement in enumerate(told.movements):
        taken = take(held, movement, offset)
        found += oversells(held, taken.stock, movement, taken.posted, {})
        held = taken.stock
    wrong = [one for one in found if one.cause is OversellCause.WRONG_COUNT]
    assert world.outcome.all.oversells == len(found) - len(wrong)
    assert (world.outcome.all.unexplained > 0) == (len(wrong) > 0)


def held_back(stock, happened, units):
    """What comes of it with a safety stock, and with one unit more."""
    told = history(stock, happened)
    less, more = (
        ruled(shop=ChannelRules(safety_stock=held), market=ChannelRules(safety_stock=held))
        for held in (units, units + 1)
    )
    found = effect("mug", told.movements, less, more)
    return found.before.all, found.after.all


one_by_one = steps.map(lambda happened: [(gap, who, 1, "SOHO", late) for gap, who, _, _, late in happened])


@given(stock=st.integers(0, 8), happened=one_by_one, units=st.integers(0, 3))
@settings(max_examples=1000, deadline=None)
def test_given_one_place_and_orders_of_one_unit_then_more_safety_stock_never_oversells_more_or_strands_less(
    stock, happened, units
):
    less, more = held_back(stock, happened, units)
    assert less.oversold >= more.oversold
    assert less.stranded <= more.stranded


def test_given_two_places_and_larger_orders_then_more_safety_stock_may_oversell_more():
    happened = [
        (9, "shop", 3, "DEPOT", 200),
        (2, "shop", 3, "DEPOT", 7),
        (0, "shop", 4, "SOHO", 7),
        (1, "market", 2, "SOHO", 1),
        (30, "till", 1, "DEPOT", 60),
        (9, "market", 2, "DEPOT", 200),
    ]
    less, more = held_back(6, happened, 0)
    assert (less.oversold, more.oversold) == (5, 6)
