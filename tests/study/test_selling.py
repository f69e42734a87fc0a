"""The model of the study: small worlds that can be checked by hand, its laws, and the product's own functions on real sales."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from delaying import Measured, Ticks
from hypothesis import given, settings
from hypothesis import strategies as st
from selling import DELIVERY, MARKET, SHOP, TILL, Ask, Tally, deliveries, sell
from wanted import Retailer, dealt, items, wanted

from schemas.availability import Shown, quantity
from schemas.ledger import Stock, fold
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.rules import ChannelRules
from streams.trading import read

UNTIL = 10_000
NAMES = {TILL: "till", SHOP: "shop", MARKET: "market", DELIVERY: "supplier"}


def played(level, asks, delay, buffer=0):
    """What each ask got, and the tally."""
    tally = Tally()
    return sell(level, asks, delay.told_at(asks, "TEE", 1), buffer, UNTIL, tally), tally


def every(seconds):
    return Ticks(f"{seconds} s", seconds)


# -- by hand

LAST_ONE = [Ask(10, SHOP, 1, 1), Ask(50, MARKET, 1, 2)]


def test_given_one_unit_and_two_channels_when_the_delay_is_longer_than_the_gap_then_one_is_oversold():
    got, tally = played(1, LAST_ONE, every(60))
    assert got == [1, 1]
    assert (tally.oversold, tally.orders, tally.refused, tally.lost) == (1, {2}, 0, 1)


@pytest.mark.parametrize("delay", [every(0), every(30), every(50)], ids=lambda delay: delay.name)
def test_given_one_unit_and_two_channels_when_the_second_was_told_in_time_then_none_is_oversold(delay):
    got, tally = played(1, LAST_ONE, delay)
    assert got == [1, 0]
    assert (tally.oversold, tally.orders, tally.refused, tally.lost) == (0, set(), 0, 1)


def test_given_a_buffer_of_one_then_none_is_oversold_and_one_is_stranded():
    got, tally = played(1, LAST_ONE, every(60), buffer=1)
    assert got == [0, 0]
    assert (tally.oversold, tally.refused, tally.lost) == (0, 2, 2)
    assert tally.hidden == tally.shelf == UNTIL - 10


def test_given_a_buffer_then_as_many_units_are_hidden_for_as_long_as_they_are_there():
    asks = [Ask(0, SHOP, 1), Ask(1_000, TILL, 1), Ask(4_000, TILL, 1)]
    tally = played(3, asks, every(60), buffer=1)[1]
    assert (tally.shelf, tally.hidden) == (2 * 1_000 + 1 * 3_000, 4_000)


def test_given_ticks_then_what_happens_at_one_is_told_at_it_and_all_else_at_the_next():
    asks = [Ask(at, TILL, 1) for at in (0, 1, 299, 300, 301)]
    assert list(every(300).told_at(asks, "TEE", 1)) == [0, 300, 300, 300, 600]
    assert list(every(0).told_at(asks, "TEE", 1)) == [0, 1, 299, 300, 301]


def test_given_the_last_unit_is_sold_by_a_till_then_the_shop_oversells_and_the_other_way_round_it_does_not():
    assert played(1, [Ask(10, TILL, 1, 1), Ask(50, SHOP, 1, 2)], every(60))[1].oversold == 1
    got, tally = played(1, [Ask(10, SHOP, 1, 1), Ask(50, TILL, 1, 2)], every(60))
    assert (got, tally.oversold) == ([1, 0], 0)


def test_given_one_channel_alone_then_it_never_oversells_however_late_the_numbers_are():
    got, tally = played(2, [Ask(10, SHOP, 1, 1), Ask(11, SHOP, 3, 2), Ask(12, SHOP, 1, 3)], every(9_000))
    assert (got, tally.oversold) == ([1, 1, 0], 0)


def test_given_an_order_for_more_than_is_left_then_only_what_is_missing_is_oversold():
    got, tally = played(5, [Ask(10, TILL, 3, 1), Ask(20, SHOP, 4, 2)], every(60))
    assert (got, tally.oversold, tally.lost) == ([3, 4], 2, 2)


def test_given_a_delivery_that_is_not_told_yet_then_its_units_are_stranded():
    asks = [Ask(10, TILL, 2, 1), Ask(70, DELIVERY), Ask(80, SHOP, 1, 2), Ask(121, SHOP, 1, 3)]
    got, tally = played(2, asks, every(60))
    assert (got, tally.refused, tally.oversold) == ([2, 0, 0, 1], 1, 0)


def test_given_deliveries_then_they_come_at_their_hour_where_anything_was_asked_for():
    asks = [Ask(5, TILL, 1), Ask(20, TILL, 1), Ask(30, TILL, 1), Ask(59, TILL, 1)]
    at = [(ask.at, ask.channel) for ask in deliveries(asks, 10, 3)]
    assert at == [
        (5, TILL),
        (13, DELIVERY),
        (20, TILL),
        (23, DELIVERY),
        (30, TILL),
        (33, DELIVERY),
        (59, TILL),
    ]
    assert [ask.at for ask in deliveries([Ask(3, TILL, 1), Ask(13, TILL, 1)], 10, 3)] == [3, 13, 13]


def test_given_a_measured_latency_then_half_is_told_within_p50_and_one_in_a_hundred_after_p99():
    asks = [Ask(10 * second, TILL, 1) for second in range(20_000)]
    late = sorted(
        due - ask.at for ask, due in zip(asks, Measured("", 150, 300).told_at(asks, "TEE", 1), strict=True)
    )
    assert late[10_000] == pytest.approx(0.150, rel=0.02)
    assert late[19_800] == pytest.approx(0.300, rel=0.05)
    assert late == sorted(
        due - ask.at for ask, due in zip(asks, Measured("", 150, 300).told_at(asks, "TEE", 1), strict=True)
    )


# -- laws

ask_lists = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 1, 2, 5, 9, 20)), st.sampled_from((TILL, SHOP, MARKET)), st.integers(1, 3)
    ),
    min_size=1,
    max_size=16,
).map(
    lambda steps: [Ask(sum(gap for gap, _, _ in steps[: n + 1]), *steps[n][1:], n) for n in range(len(steps))]
)
levels, buffers = st.integers(0, 8), st.integers(0, 3)
delays = st.integers(0, 60).map(every) | st.builds(
    Measured, st.just("measured"), st.integers(100, 9_000), st.integers(9_000, 30_000)
)


@given(level=levels, asks=ask_lists, seconds=st.integers(1, 15), times=st.integers(2, 5), buffer=buffers)
@settings(max_examples=500, deadline=None)
def test_given_no_delivery_then_ticks_that_are_fewer_never_oversell_less(level, asks, seconds, times, buffer):
    often, seldom = (played(level, asks, every(n), buffer)[1] for n in (seconds, seconds * times))
    assert often.oversold <= seldom.oversold


def test_given_a_delivery_then_a_longer_delay_may_oversell_less():
    asks = [Ask(10, TILL, 1), Ask(100, DELIVERY), Ask(121, TILL, 1), Ask(125, SHOP, 1, 2)]
    assert [played(1, asks, every(seconds))[1].oversold for seconds in (60, 70)] == [1, 0]


@given(level=levels, asks=ask_lists, buffer=buffers)
@settings(max_examples=300, deadline=None)
def test_given_no_delay_then_nothing_is_oversold_and_without_a_buffer_nothing_turned_away(
    level, asks, buffer
):
    with_deliveries = list(deliveries(asks, 20, 3))
    tally = played(level, with_deliveries, every(0), buffer)[1]
    assert tally.oversold == 0
    assert buffer or tally.refused == 0


# -- the product's own functions


class Product:
    """The same shelf, kept by the ledger's fold; the numbers are those of `schemas.availability` under a safety stock."""

    def __init__(self, level, buffer):
        self.rules = ChannelRules(publish="locations", locations=("PLACE",), safety_stock=buffer)
        self.stock, self.level = Stock(sku="TEE"), level
        self.history = []
        self._post(Kind.STOCK_INITIALISED, level, "supplier", 0)
        self.history.append((float("-inf"), self.stock))

    def _post(self, kind, units, channel, at):
        offset = self.stock.offset + 1
        instant = datetime.fromtimestamp(at, UTC)
        movement = Movement(
            id=str(offset),
            kind=kind,
            sku="TEE",
            quantity=units,
            legs=legs(kind, units, Places("PLACE")),
            transaction=f"deal/{offset}",
            channel=channel,
            document=f"document/{offset}",
            occurred_at=instant,
            recorded_at=instant,
            cause=Cause(0, offset, 0),
        )
        self.stock = fold(self.stock, movement, offset)

    def _place(self, stock, channel):
        return quantity(stock, channel, self.rules, "1").places["PLACE"]

    def left(self):
        return self.stock.balance("PLACE")

    def number(self, channel, at):
        """What the channel's platform shows: the last number it was told by then, moved on by its own orders."""
        told = next(stock for due, stock in reversed(self.history) if due <= at)
        then, now = self._place(told, channel), self._place(self.stock, channel)
        return max(0, now.shows(Shown(level=then.quantity, own=then.own)))

    def serve(self, ask, told_at):
        """What an ask gets, and how much of it is not there."""
        there, channel = max(0, self.left()), NAMES[ask.channel]
        if ask.channel == DELIVERY:
            taken, missing = 0, self.level - self.left()
            if missing:
                self._post(Kind.GOODS_RECEIVED, missing, channel, ask.at)
        else:
            taken = min(ask.units, there if ask.channel == TILL else self.number(channel, ask.at))
            if taken:
                kind = Kind.POS_SALE_COMPLETED if ask.channel == TILL else Kind.ORDER_PLACED
                self._post(kind, taken, channel, ask.at)
        self.history.append((told_at, self.stock))
        return taken, max(0, taken - there)


def agrees(level, asks, delay, buffer):
    """Plays a SKU both ways. How much was oversold."""
    product = Product(level, buffer)
    served = [product.serve(ask, due) for ask, due in zip(asks, delay.told_at(asks, "TEE", 1), strict=True)]
    got, tally = played(level, asks, delay, buffer)
    assert got == [taken for taken, _ in served]
    assert tally.oversold == sum(over for _, over in served)
    return tally.oversold


@given(level=st.integers(1, 8), asks=ask_lists, delay=delays, buffer=buffers)
@settings(max_examples=300, deadline=None)
def test_given_any_small_world_then_the_products_functions_sell_the_same(level, asks, delay, buffer):
    agrees(level, list(deliveries(asks, 20, 3)), delay, buffer)


@pytest.fixture(scope="module")
def first_day():
    """The first baskets of the year, a third of them online, with a little less on the shelves than is asked for."""
    baskets, untracked, unlisted = read(800)
    retailer = Retailer(delivery_days=1, cover_days=1, least=1, shop_percent=20, market_percent=15)
    found = wanted(baskets, untracked | unlisted)
    return list(items(found, retailer, dealt(found.baskets, retailer, 1)))


@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("seconds", [0, 5, 1800])
def test_given_a_day_of_real_sales_then_the_products_functions_sell_the_same(first_day, seconds, buffer):
    oversold = sum(agrees(item.level, item.asks, every(seconds), buffer) for item in first_day)
    assert sum(len(item.asks) for item in first_day) > 5_000
    assert (oversold > 0) == (seconds == 1800)
