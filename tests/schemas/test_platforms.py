"""What each platform has counted by itself: its own documents, as it counts them, whoever else is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Fact
from schemas.ledger import Stock, on_hand
from schemas.witnesses import Authority

CHANNELS = ("carrier", "shop", "till")


def without_counts(told):
    """What a count comes to depends on everything else that is there."""
    return [
        replace(
            claim,
            documents=tuple(
                replace(one, lines=tuple(line for line in one.lines if line.fact is not Fact.COUNTED))
                for one in claim.documents
            ),
        )
        for claim in told
    ]


def own(stocks: dict[str, Stock], channel: str) -> dict[tuple[str, str], int]:
    """What a channel's platform has counted of each SKU at each place."""
    return {
        (sku, location): by_channel[channel]
        for sku, stock in stocks.items()
        for location, by_channel in stock.told_by.items()
        if by_channel.get(channel)
    }


def here(stock: Stock, location: str, *, there: bool) -> int:
    """All that is there, or what of it is not promised, in whichever pool."""
    states = stock.locations.get(location, {})
    if there:
        return 0 if location.startswith("@") else on_hand(states)
    return sum(units for state, units in states.items() if state.startswith("available"))


@pytest.mark.law("L2")
@given(data=st.data(), there=st.booleans())
@settings(max_examples=150, deadline=None)
def test_given_several_witnesses_then_a_platform_has_counted_what_its_own_documents_alone_come_to(
    data, there, log
):
    told = without_counts(data.draw(log.news))
    authority = replace(data.draw(log.authorities), on_hand=frozenset(CHANNELS) if there else frozenset())
    together = log.stocks(log.post(told, authority))
    for channel in CHANNELS:
        alone = log.stocks(log.post([claim for claim in told if claim.channel == channel]))
        due = {
            (sku, location): units
            for sku, stock in alone.items()
            for location in stock.locations
            if (units := here(stock, location, there=there))
        }
        assert own(together, channel) == due


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_given_a_channel_alone_that_counts_what_may_be_sold_then_nothing_need_be_noted(data, log):
    told = [replace(claim, channel="shop") for claim in data.draw(log.news)]
    assert all(movement.witnessed is None for movement in log.post(told))


def test_given_a_parcel_that_shop_and_carrier_tell_then_both_have_counted_it_and_it_left_once(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "WAREHOUSE"))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=1))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=2))
    assert deal.stock.told_by["WAREHOUSE"] == {"shop": -2, "carrier": -2}
    assert deal.stock.on_hand("WAREHOUSE") == -2


def test_given_a_web_order_collected_in_a_store_then_the_till_counts_it_when_it_is_collected(deal, units):
    deal.authority = Authority(on_hand=frozenset({"till"}))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("till", "order/9", 1, units(Fact.ORDERED, 1, "STORE", hour=1))
    assert deal.stock.told_by["STORE"] == {"shop": -1}
    deal.tell(
        "till",
        "order/9",
        2,
        units(Fact.ORDERED, 1, "STORE", hour=1),
        units(Fact.COLLECTED, 1, "STORE", hour=2),
    )
    assert deal.stock.told_by["STORE"] == {"shop": -1, "till": -1}
    assert (deal.stock.balance("STORE"), deal.stock.on_hand("STORE")) == (-1, -1)


def test_given_a_shop_that_ships_what_its_tool_has_shipped_already_then_its_number_moves_all_the_same(
    deal, units
):
    deal.authority = Authority(channels=("carrier", "shop"))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, None))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=1))
    assert deal.stock.told_by["WAREHOUSE"] == {"carrier": -1}
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=2))
    assert deal.stock.told_by["WAREHOUSE"] == {"carrier": -1, "shop": -1}


def test_given_a_witness_that_takes_back_what_it_said_then_its_platform_has_counted_nothing(deal, units):
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE"))
    deal.tell("shop", "parcel/1", 2)
    assert "shop" not in deal.stock.told_by["WAREHOUSE"]


def test_given_a_carrier_that_never_saw_the_order_then_its_note_goes_with_its_own_movement(deal, units, log):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, None))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=1))
    noted = [(movement.kind.value, movement.witnessed) for movement in log.post(deal.claims)]
    assert noted == [
        ("OrderPlaced", None),
        ("OrderShipped", {"@unrouted": -1}),
        ("OrderRouted", None),
    ]


def test_given_a_witness_that_dates_its_news_anew_then_nothing_is_posted_again(deal, units, log):
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=5))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=2))
    posted = log.post(deal.claims)
    deal.tell("shop", "parcel/1", 2, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=3))
    assert log.post(deal.claims) == posted


def test_given_several_lines_of_a_channel_then_its_note_is_dated_by_the_first(deal, units, log):
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=5))
    lines = [units(Fact.SHIPPED, 1, "WAREHOUSE", hour=hour) for hour in (3, 1, 4)]
    deal.tell("shop", "parcel/1", 1, *lines[:2])
    (note,) = (one for one in log.post(deal.claims) if one.witnessed)
    assert note.occurred_at == lines[1].at
