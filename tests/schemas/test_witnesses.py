"""Who is believed where several platforms tell of one transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.accounts import State
from schemas.claims import Fact
from schemas.witnesses import NOBODY, Authority, Stage


def test_given_the_shop_the_shipping_tool_and_the_till_tell_of_one_collection_then_it_left_once(deal, units):
    """The shop calls it a fulfilment, the shipping tool a parcel, and the till a sale."""
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=2))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=2))
    deal.tell("carrier", "parcel/1", 1, units(Fact.COLLECTED, 1, "STORE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -1}}
    assert deal.stock.boundary == {"@customer": 1}


def test_given_the_till_s_sale_of_an_order_is_voided_then_the_order_is_open_again(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    sold = units(Fact.SOLD, 1, "STORE", hour=2)
    deal.tell("till", "sale/1", 1, sold)
    deal.tell("till", "sale/1", 2, sold, units(Fact.SALE_VOIDED, 1, "STORE", hour=3))
    assert deal.stock.locations == {"STORE": {"available": -1, "committed": 1}}


def test_given_a_sale_of_something_that_was_not_ordered_then_it_is_a_sale_beside_the_order(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 1, "STORE", hour=2))
    assert deal.kinds == ["PosSaleCompleted"]


def test_given_two_platforms_place_one_parcel_at_two_stores_then_it_left_once_and_the_conflict_is_told(
    deal, units
):
    deal.authority = Authority(stages={Stage.FULFILMENT: ("carrier", "shop")})
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=1))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2}}
    assert deal.stock.boundary == {"@customer": 2}
    assert deal.movements[-1].reason == "in conflict with shop"


def test_given_one_platform_alone_shipped_more_than_was_ordered_then_more_was_ordered(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    assert deal.stock.boundary == {"@customer": 2}
    assert all(one.reason is None for one in deal.movements)


def test_given_a_return_is_judged_after_the_refund_then_each_unit_came_back_once_and_as_judged(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    deal.tell("shop", "refund/1", 1, units(Fact.RETURNED, 1, "STORE", hour=5))
    deal.tell("shop", "return/1", 1, units(Fact.RETURNED, 1, "STORE", hour=6, state=State.DAMAGED))
    assert deal.stock.locations == {"STORE": {"available": -2, "damaged": 1}}
    assert deal.stock.boundary == {"@customer": 1}


def test_given_more_comes_back_than_left_by_two_witnesses_then_the_trusted_one_stands(deal, units):
    deal.authority = Authority(stages={Stage.RETURNS: ("till",)})
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=1))
    deal.tell("shop", "refund/1", 1, units(Fact.RETURNED, 1, "WAREHOUSE", hour=5))
    deal.tell("till", "return/1", 1, units(Fact.RETURNED, 1, "STORE", hour=5))
    assert deal.stock.locations == {}


def test_given_a_part_came_back_here_and_a_part_there_then_both_did(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=1))
    deal.tell("shop", "refund/1", 1, units(Fact.RETURNED, 1, "WAREHOUSE", hour=5))
    deal.tell("till", "return/1", 1, units(Fact.RETURNED, 1, "STORE", hour=5))
    assert deal.stock.boundary == {}


@pytest.mark.parametrize("less", [Fact.CANCELLED, Fact.PICKUP_LAPSED])
def test_given_another_channel_knows_more_of_the_demand_then_what_this_one_takes_off_it_does_not_count(
    deal, units, less
):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"), units(less, 2, "STORE", hour=1))
    assert deal.stock.locations == {"STORE": {"available": -1, "committed": 1}}
    deal.tell("till", "order/9", 1, units(Fact.ORDERED, 6, "STORE"))
    assert deal.stock.locations == {"STORE": {"available": -6, "committed": 6}}


def test_given_a_parcel_was_voided_and_sent_again_by_somebody_else_then_that_is_no_conflict(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    sent = units(Fact.SHIPPED, 2, "STORE", hour=1)
    deal.tell("shop", "fulfillment/1", 1, sent, units(Fact.SHIPMENT_VOIDED, 2, "STORE", hour=2))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=3))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2}}
    assert all(one.reason is None for one in deal.movements)


def test_given_a_part_of_a_sale_was_voided_then_no_more_can_come_back_than_the_rest(deal, units):
    deal.tell("till", "sale/1", 1, units(Fact.SOLD, 3, "STORE"), units(Fact.SALE_VOIDED, 2, "STORE", hour=1))
    deal.tell("till", "return/1", 1, units(Fact.RETURNED, 1, "STORE", hour=2))
    assert deal.stock.boundary == {}
    deal.tell("shop", "refund/1", 1, units(Fact.RETURNED, 1, "WAREHOUSE", hour=3))
    assert deal.stock.boundary == {}, "only one of them can be right"
    assert deal.movements[-1].reason in {"in conflict with shop/refund", "in conflict with till/return"}


def test_given_two_witnesses_say_as_much_then_the_one_with_the_latest_news_stands(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE", hour=1))
    deal.tell("till", "order/9", 1, units(Fact.ORDERED, 2, "WAREHOUSE", hour=2))
    assert set(deal.stock.locations) == {"WAREHOUSE"}
    deal.tell("shop", "order/1", 2, units(Fact.ORDERED, 2, "STORE", hour=3))
    assert set(deal.stock.locations) == {"STORE"}


def test_given_units_that_cannot_all_have_left_then_the_view_of_the_most_units_stands_alone(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 2, "STORE", hour=9))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 3, "WAREHOUSE", hour=1))
    assert deal.stock.boundary == {"@customer": 3}
    assert "WAREHOUSE" in deal.stock.locations
    deal.tell("till", "pickup/1", 1, units(Fact.COLLECTED, 3, "OUTLET", hour=2))
    assert deal.stock.locations == {"OUTLET": {"available": -3}}, "of as many, that with the latest news"
    assert deal.movements[-1].reason == "in conflict with carrier, shop"


def test_given_a_conflict_about_one_sku_then_others_of_the_deal_are_left_alone(deal, units):
    bowl = replace(units(Fact.SHIPPED, 1, "STORE", hour=1), sku="bowl")
    deal.tell(
        "shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"), replace(units(Fact.ORDERED, 1), sku="bowl")
    )
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=1), bowl)
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=2))
    told = {one.sku: one.reason for one in deal.movements if one.voids is None}
    assert told == {"mug": "in conflict with shop", "bowl": None}


def test_given_exactly_as_much_left_as_was_ordered_then_two_witnesses_are_no_conflict(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    deal.tell("shop", "fulfillment/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=1))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -1}, "WAREHOUSE": {"available": -1}}
    assert all(one.reason is None for one in deal.movements)


def test_given_a_stage_then_an_operator_names_it_so_for_ever():
    """In `onhand.toml`."""
    assert {stage.value for stage in Stage} == {"demand", "fulfilment", "returns", "stock"}


def test_given_an_authority_then_it_names_every_channel_that_is_trusted_with_something():
    authority = Authority(
        channels=("shop",), stages={Stage.STOCK: ("till", "shop")}, locations={"STORE": ("erp",)}
    )
    assert authority.named == {"shop", "till", "erp"}
    assert NOBODY.named == set()
    ranks = [authority.rank(channel, Stage.STOCK) for channel in ("till", "shop", "erp")]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 3, "who is not listed comes last"


@pytest.mark.parametrize(
    ("authority", "trusted"),
    [
        (Authority(channels=("shop", "till")), "shop"),
        (Authority(channels=("shop",), stages={Stage.STOCK: ("till",)}), "till"),
        (Authority(stages={Stage.STOCK: ("till",)}, locations={"STORE": ("shop",)}), "shop"),
        (Authority(stages={Stage.STOCK: ("till",)}, locations={"WAREHOUSE": ("shop",)}), "till"),
    ],
)
def test_given_authority_for_a_place_then_it_goes_before_that_for_a_stage_and_for_all(authority, trusted):
    ranks = {channel: authority.rank(channel, Stage.STOCK, "STORE") for channel in ("shop", "till", "erp")}
    assert max(ranks, key=lambda channel: ranks[channel]) == trusted
    assert NOBODY.rank("shop", Stage.DEMAND) == NOBODY.rank("till", Stage.DEMAND)
