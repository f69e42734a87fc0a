"""The study's model and the product's what-if, which know nothing of each other, sell the same where they say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from delaying import Ticks
from hypothesis import given, settings
from hypothesis import strategies as st
from selling import DELIVERY, MARKET, SHOP, TILL, Ask, Tally, sell
from wanted import Retailer, dealt, items, wanted

from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.rules import ChannelRules
from schemas.ruling import rules_of
from schemas.whatif import effect
from streams.trading import read

NAMES = {SHOP: "shop", MARKET: "market", TILL: "till", DELIVERY: "supplier"}
KINDS = {TILL: Kind.POS_SALE_COMPLETED, DELIVERY: Kind.GOODS_RECEIVED}
EARLY = timedelta(days=1)


def ruled(buffer):
    its = ChannelRules(safety_stock=buffer)
    return rules_of({"shop": its, "market": its}, {})


class Logged:
    """A SKU's log: its opening stock, then what was asked for online, what a till got, and what was delivered."""

    def __init__(self, level, first):
        self.movements: list[Movement] = []
        at = datetime.fromtimestamp(first, UTC) - EARLY
        self.add(Kind.STOCK_INITIALISED, level, "supplier", at, at)

    def add(self, kind, units, channel, occurred, recorded):
        offset = len(self.movements)
        self.movements.append(
            Movement(
                id=f"0-{offset}-0",
                kind=kind,
                sku="TEE",
                quantity=units,
                legs=legs(kind, units, Places("PLACE")),
                transaction=f"deal/{offset}",
                channel=channel,
                document="",
                occurred_at=occurred,
                recorded_at=recorded,
                cause=Cause(0, offset, 0),
            )
        )


def logged(level, asks, got, told_at):
    """The log of which the study's shelf is the history. A delivery fills the shelf as the study says."""
    log, left = Logged(level, asks[0].at if asks else 0), level
    for ask, taken, told in zip(asks, got, told_at, strict=True):
        units = {SHOP: ask.units, MARKET: ask.units, TILL: taken, DELIVERY: level - left}[ask.channel]
        left = level if ask.channel == DELIVERY else left - taken
        if units:
            occurred, recorded = (datetime.fromtimestamp(at, UTC) for at in (ask.at, told))
            log.add(KINDS.get(ask.channel, Kind.ORDER_PLACED), units, NAMES[ask.channel], occurred, recorded)
    return log.movements


def agree(level, asks, delay, buffer):
    """Plays a SKU both ways. How much was oversold."""
    told_at, tally = list(delay.told_at(asks, "TEE", 1)), Tally()
    got = sell(level, asks, told_at, buffer, asks[-1].at if asks else 0, tally)
    found = effect("TEE", logged(level, asks, got, told_at), ruled(0), ruled(buffer)).after
    online = [found.of("shop"), found.of("market")]
    assert sum(one.asked for one in online) == tally.asked_online
    assert sum(one.oversold for one in online) == tally.oversold
    assert sum(one.stranded for one in online) == tally.refused
    assert sum(one.sold for one in online) == sum(
        taken for ask, taken in zip(asks, got, strict=True) if ask.channel in (SHOP, MARKET)
    )
    return tally.oversold


asks = st.lists(
    st.tuples(
        st.sampled_from((1, 2, 5, 9, 20)),
        st.sampled_from((TILL, SHOP, SHOP, MARKET, MARKET, DELIVERY)),
        st.integers(1, 3),
    ),
    max_size=16,
)


def summed(steps):
    found, at = [], 0
    for number, (gap, channel, units) in enumerate(steps):
        at += gap
        found.append(Ask(at, channel, 0 if channel == DELIVERY else units, number))
    return found


@given(level=st.integers(1, 8), steps=asks, seconds=st.integers(0, 60), buffer=st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_given_any_small_world_then_both_models_sell_the_same(level, steps, seconds, buffer):
    agree(level, summed(steps), Ticks("", seconds), buffer)


@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("seconds", [0, 1800])
def test_given_a_day_of_real_sales_then_both_models_sell_the_same(seconds, buffer):
    baskets, untracked, unlisted = read(800)
    retailer = Retailer(delivery_days=1, cover_days=1, least=1, shop_percent=20, market_percent=15)
    found = wanted(baskets, untracked | unlisted)
    played = list(items(found, retailer, dealt(found.baskets, retailer, 1)))
    oversold = sum(agree(item.level, item.asks, Ticks("", seconds), buffer) for item in played)
    assert sum(len(item.asks) for item in played) > 5_000
    assert buffer or (oversold > 0) == (seconds > 0)
