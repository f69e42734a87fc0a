"""What lines that belong together come to: orders rerouted and lapsed, deliveries, transfers, kits, pools."""

from __future__ import annotations

import pytest

from schemas.accounts import UNROUTED, State
from schemas.availability import quantity
from schemas.claims import Fact
from schemas.rules import ChannelRules


def test_given_a_pick_is_rejected_then_the_other_store_owes_the_units(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    deal.tell("shop", "routing/1", 1, units(Fact.PICK_REJECTED, 2, "STORE", hour=1, there="WAREHOUSE"))
    assert deal.kinds == ["OrderPlaced", "PickRejected"]
    assert deal.stock.locations == {
        "STORE": {"available": -1, "committed": 1},
        "WAREHOUSE": {"available": -2, "committed": 2},
    }


def test_given_more_is_rerouted_than_is_open_then_only_what_is_open_moves(deal, units):
    deal.tell("shop", "routing/1", 1, units(Fact.REROUTED, 2, "STORE", hour=1, there="WAREHOUSE"))
    assert deal.stock.locations == {}
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -1, "committed": 1}}


def test_given_a_parcel_left_another_store_than_the_one_that_promised_then_the_order_was_rerouted(
    deal, units
):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1, "STORE"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=1))
    assert sorted(deal.kinds) == ["OrderPlaced", "OrderRerouted", "OrderShipped"]
    assert deal.stock.locations == {"WAREHOUSE": {"available": -1}}


def test_given_an_order_was_rerouted_then_its_parcel_from_there_needs_no_routing(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    deal.tell("shop", "routing/1", 1, units(Fact.REROUTED, 2, "STORE", hour=1, there="WAREHOUSE"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 2, "WAREHOUSE", hour=2))
    deal.tell("shop", "parcel/2", 1, units(Fact.SHIPPED, 1, "STORE", hour=3))
    assert deal.kinds == ["OrderPlaced", "OrderRerouted", "OrderShipped", "OrderShipped"]
    assert deal.stock.locations == {"WAREHOUSE": {"available": -2}, "STORE": {"available": -1}}


def test_given_units_are_rerouted_on_and_on_then_each_time_those_that_are_there(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    deal.tell(
        "shop",
        "routing/1",
        1,
        units(Fact.REROUTED, 2, "STORE", hour=1, there="WAREHOUSE"),
        units(Fact.REROUTED, 2, "STORE", hour=2, there="OUTLET"),
        units(Fact.REROUTED, 5, "WAREHOUSE", hour=3, there="DEPOT"),
    )
    assert deal.stock.locations == {
        "DEPOT": {"available": -2, "committed": 2},
        "OUTLET": {"available": -1, "committed": 1},
    }


def test_given_a_parcel_from_an_unknown_place_then_demand_without_a_place_is_met_first(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 1), units(Fact.ORDERED, 1, "DEPOT"))
    deal.tell("shop", "parcel/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=1))
    assert deal.stock.locations == {
        "STORE": {"available": -1},
        "DEPOT": {"available": -1, "committed": 1},
    }
    deal.tell("shop", "parcel/2", 1, units(Fact.SHIPPED, 1, "WAREHOUSE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -1}, "WAREHOUSE": {"available": -1}}


def test_given_units_reserved_for_an_order_of_two_lines_then_they_meet_one_line_after_the_other(deal, units):
    deal.tell("onhand", "reservation/r1/0", 1, units(Fact.CONVERTED, 3))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"), units(Fact.ORDERED, 2, "WAREHOUSE"))
    assert sorted((one.kind.value, one.channel, one.quantity) for one in deal.movements) == [
        ("OrderCancelled", "onhand", 1),
        ("OrderCancelled", "onhand", 2),
        ("OrderPlaced", "shop", 2),
        ("OrderPlaced", "shop", 2),
    ]
    assert deal.stock.locations == {"WAREHOUSE": {"available": -1, "committed": 1}}


def test_given_parcels_of_an_order_nobody_told_then_it_was_placed_when_the_first_of_them_left(deal, units):
    deal.tell("carrier", "parcel/2", 1, units(Fact.SHIPPED, 1, "STORE", hour=5))
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 1, "STORE", hour=2))
    standing = [one for one in deal.movements if one.kind.value == "OrderPlaced"][-1]
    assert (standing.document, standing.quantity) == ("parcel/1", 2)
    assert standing.occurred_at == units(Fact.SHIPPED, 1, hour=2).at


def test_given_a_pickup_lapsed_then_its_units_are_for_sale_again(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 2, "STORE"))
    deal.tell("shop", "order/1", 2, units(Fact.ORDERED, 2, "STORE"), units(Fact.PICKUP_LAPSED, 2, "STORE"))
    assert deal.kinds == ["OrderPlaced", "PickupLapsed"]
    assert deal.stock.locations == {}


# -- supply


def test_given_an_order_to_a_supplier_then_units_are_expected_and_not_on_hand(deal, units):
    deal.tell("erp", "purchase/1", 1, units(Fact.EXPECTED, 10, "STORE"))
    assert deal.stock.locations == {"STORE": {"incoming": 10}}
    assert deal.stock.tracked == {}


def test_given_a_delivery_then_what_came_is_expected_no_more_and_the_surplus_came_unexpected(deal, units):
    deal.tell("erp", "purchase/1", 1, units(Fact.EXPECTED, 10, "STORE"))
    deal.tell("dock", "receipt/1", 1, units(Fact.RECEIVED, 4, "STORE", hour=1))
    assert deal.stock.locations == {"STORE": {"available": 4, "incoming": 6}}
    deal.tell("dock", "receipt/2", 1, units(Fact.RECEIVED, 9, "STORE", hour=2, state=State.QUALITY_CONTROL))
    assert deal.stock.locations == {"STORE": {"available": 4, "quality_control": 9}}
    assert deal.stock.boundary == {"@supplier": -13}


def test_given_the_delivery_is_told_before_the_order_then_it_ends_the_same(deal, units):
    deal.tell("dock", "receipt/1", 1, units(Fact.RECEIVED, 4, "STORE", hour=1))
    deal.tell("erp", "purchase/1", 1, units(Fact.EXPECTED, 10, "STORE"))
    assert deal.stock.locations == {"STORE": {"available": 4, "incoming": 6}}


def test_given_supply_is_cancelled_then_no_more_than_was_open_is_taken_back(deal, units):
    deal.tell("erp", "purchase/1", 1, units(Fact.EXPECTED, 10, "STORE"))
    deal.tell("dock", "receipt/1", 1, units(Fact.RECEIVED, 4, "STORE", hour=1))
    deal.tell(
        "erp",
        "purchase/1",
        2,
        units(Fact.EXPECTED, 10, "STORE"),
        units(Fact.SUPPLY_CANCELLED, 12, "STORE", hour=2),
    )
    assert deal.stock.locations == {"STORE": {"available": 4}}


def test_given_goods_pass_quality_control_then_they_are_for_sale_or_damaged(deal, units):
    deal.tell("dock", "receipt/1", 1, units(Fact.RECEIVED, 5, "STORE", state=State.QUALITY_CONTROL))
    deal.tell(
        "dock",
        "inspection/1",
        1,
        units(Fact.QUALITY_RELEASED, 3, "STORE", hour=1),
        units(Fact.QUALITY_RELEASED, 1, "STORE", hour=1, state=State.DAMAGED),
    )
    assert deal.stock.locations == {"STORE": {"available": 3, "quality_control": 1, "damaged": 1}}


def test_given_goods_go_back_to_the_supplier_then_they_are_gone(deal, units):
    deal.tell("dock", "receipt/1", 1, units(Fact.RECEIVED, 5, "STORE"))
    deal.tell("dock", "return/1", 1, units(Fact.VENDOR_RETURNED, 2, "STORE", hour=1))
    assert deal.stock.locations == {"STORE": {"available": 3}}
    assert deal.stock.boundary == {"@supplier": -3}


# -- transfers


def test_given_a_transfer_left_then_it_is_on_the_way_and_expected(deal, units):
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 10, "WAREHOUSE", there="STORE"))
    assert deal.stock.locations == {
        "WAREHOUSE": {"available": -10},
        "transit:deal-1": {"in_transit": 10},
        "STORE": {"incoming": 10},
    }


def test_given_a_transfer_arrived_short_and_was_closed_then_the_rest_is_a_loss(deal, units):
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 10, "WAREHOUSE", there="STORE"))
    deal.tell(
        "erp",
        "arrival/1",
        1,
        units(Fact.TRANSFER_RECEIVED, 8, "STORE", hour=5, there="WAREHOUSE"),
        units(Fact.TRANSFER_SHORT, 2, "STORE", hour=6, there="WAREHOUSE"),
    )
    assert deal.stock.locations == {"WAREHOUSE": {"available": -10}, "STORE": {"available": 8}}
    assert deal.stock.boundary == {"@loss": 2}
    assert deal.stock.tracked == {"STORE": ""}


@pytest.mark.parametrize("origin", ["WAREHOUSE", None])
def test_given_the_arrival_is_told_before_the_departure_then_it_ends_the_same(deal, units, origin):
    deal.tell("till", "arrival/1", 1, units(Fact.TRANSFER_RECEIVED, 8, "STORE", hour=5, there=origin))
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 8, "WAREHOUSE", there="STORE"))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -8}, "STORE": {"available": 8}}


def test_given_more_arrived_than_left_then_the_origin_sent_more(deal, units):
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 8, "WAREHOUSE", there="STORE"))
    deal.tell("till", "arrival/1", 1, units(Fact.TRANSFER_RECEIVED, 9, "STORE", hour=5))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -9}, "STORE": {"available": 9}}


def test_given_more_arrived_in_parts_than_left_then_the_origin_sent_what_is_over(deal, units):
    deal.tell("erp", "transfer/1", 1, units(Fact.TRANSFER_SHIPPED, 8, "WAREHOUSE", there="STORE"))
    deal.tell("till", "arrival/1", 1, units(Fact.TRANSFER_RECEIVED, 5, "STORE", hour=5))
    assert deal.stock.locations["transit:deal-1"] == {"in_transit": 3}
    deal.tell("till", "arrival/2", 1, units(Fact.TRANSFER_RECEIVED, 4, "STORE", hour=6))
    deal.tell("till", "arrival/3", 1, units(Fact.TRANSFER_RECEIVED, 2, "STORE", hour=7))
    assert deal.stock.locations == {"WAREHOUSE": {"available": -11}, "STORE": {"available": 11}}
    sent = [one.quantity for one in deal.movements if one.kind.value == "TransferShipped"]
    assert sent == [8, 1, 2]


# -- work on the shelf


def test_given_a_kit_is_assembled_and_broken_then_its_components_are_bound_and_free_again(deal, units):
    deal.tell("erp", "build/1", 1, units(Fact.KIT_ASSEMBLED, 2, "STORE"))
    assert deal.stock.locations == {"STORE": {"available": 2}}
    deal.tell("erp", "build/2", 1, units(Fact.KIT_COMPONENT_USED, 6, "STORE", hour=1))
    assert deal.stock.locations == {"STORE": {"available": -4}}
    deal.tell("erp", "unbuild/1", 1, units(Fact.KIT_COMPONENT_RECOVERED, 3, "STORE", hour=2))
    deal.tell("erp", "unbuild/2", 1, units(Fact.KIT_BROKEN, 1, "STORE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": -2}}
    assert deal.stock.boundary == {"@kit": 2}


def test_given_units_are_ring_fenced_then_only_their_pool_s_orders_take_them(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("erp", "pool/1", 1, units(Fact.POOL_ALLOCATED, 6, "STORE", hour=1, to_pool="trade"))
    deal.tell("erp", "order/1", 1, units(Fact.ORDERED, 4, "STORE", hour=2, pool="trade"))
    assert deal.stock.locations == {"STORE": {"available": 4, "available[trade]": 2, "committed": 4}}
    assert deal.stock.on_hand("STORE") == 10


def test_given_units_are_set_aside_and_put_back_then_they_stay_on_hand(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 5, "STORE"))
    deal.tell("erp", "aside/1", 1, units(Fact.SET_ASIDE, 3, "STORE", hour=1, state=State.SAFETY_STOCK))
    deal.tell("erp", "back/1", 1, units(Fact.RETURNED_TO_SHELF, 1, "STORE", hour=2, state=State.SAFETY_STOCK))
    assert deal.stock.locations == {"STORE": {"available": 3, "safety_stock": 2}}
    assert deal.stock.on_hand("STORE") == 5


def test_given_money_is_refunded_then_it_is_told_and_no_stock_moves(deal, units):
    deal.tell("shop", "refund/1", 1, units(Fact.REFUNDED, 1))
    assert deal.kinds == ["RefundIssued"]
    assert deal.stock.locations == {}
    assert UNROUTED not in deal.stock.tracked


def test_given_wholesale_demand_then_it_takes_from_its_pool_whoever_tells_of_the_parcel(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 10, "STORE"), units(Fact.OPENED, 10, "WAREHOUSE"))
    deal.tell("erp", "pool/1", 1, units(Fact.POOL_ALLOCATED, 6, "WAREHOUSE", hour=1, to_pool="trade"))
    deal.tell("b2b", "order/1", 1, units(Fact.ORDERED, 4, hour=2, pool="trade"), demand_class="wholesale")
    assert deal.stock.locations[UNROUTED] == {"available[trade]": -4, "committed": 4}
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 3, "WAREHOUSE", hour=3))
    assert deal.stock.locations == {
        "STORE": {"available": 10},
        "WAREHOUSE": {"available": 4, "available[trade]": 3},
        UNROUTED: {"available[trade]": -1, "committed": 1},
    }
    deal.tell(
        "b2b",
        "order/1",
        2,
        units(Fact.ORDERED, 4, hour=2, pool="trade"),
        units(Fact.CANCELLED, 1, hour=4),
        demand_class="wholesale",
    )
    assert UNROUTED not in deal.stock.locations
    assert deal.stock.locations["WAREHOUSE"] == {"available": 4, "available[trade]": 3}


def test_given_a_wholesale_order_of_five_hundred_from_its_own_pool_then_no_retail_number_moves(deal, units):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 700, "DC"))
    deal.tell("erp", "pool/1", 1, units(Fact.POOL_ALLOCATED, 600, "DC", hour=1, to_pool="trade"))
    retail = [ChannelRules(publish=publish) for publish in ("network", "locations")]
    trade = ChannelRules(publish="network", pool="trade")
    before = [quantity(deal.stock, "web", rules, "r").places for rules in retail]
    assert quantity(deal.stock, "b2b", trade, "r").quantity == 600
    deal.tell(
        "b2b", "order/1", 1, units(Fact.ORDERED, 500, "DC", hour=2, pool="trade"), demand_class="wholesale"
    )
    assert [quantity(deal.stock, "web", rules, "r").places for rules in retail] == before
    assert quantity(deal.stock, "web", retail[0], "r").quantity == 100
    assert quantity(deal.stock, "b2b", trade, "r").quantity == 100


def test_given_reserved_units_are_ordered_then_they_are_committed_once_and_the_shop_has_counted_its_order(
    deal, units
):
    deal.tell("erp", "opening", 1, units(Fact.OPENED, 10, "STORE"))
    deal.tell("onhand", "reservation/r/0", 1, units(Fact.CONVERTED, 2, "STORE", hour=1))
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, hour=2))
    settled = deal.stock
    assert settled.locations == {
        "STORE": {"available": 10},
        UNROUTED: {"available": -1, "committed": 1},
    }, "the ledger itself has moved the two from reserved to committed"
    assert settled.told_by[UNROUTED] == {"shop": -3, "onhand": 2}
