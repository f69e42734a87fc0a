"""Who is believed where several platforms tell of one transaction."""

from __future__ import annotations

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
