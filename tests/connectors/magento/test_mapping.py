"""What Magento's documents claim: every kind, every trap, and what is refused with a reason."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.magento import connector
from schemas.claims import Fact
from schemas.flows import balances
from schemas.settling import Transaction, settle, take

AT = "2026-11-23 10:15:00"
LATER = "2026-11-23 12:00:00"


def row(ident, sku, quantity, **more):
    return {"item_id": ident, "sku": sku, "qty_ordered": quantity, "product_type": "simple", **more}


def moved(ident, items, at=LATER, **more):
    listed = [{"order_item_id": one, "qty": quantity} for one, quantity in items]
    return {"entity_id": ident, "created_at": at, "updated_at": at, "items": listed, **more}


def shipment(ident, items, source="WH", at=LATER):
    return moved(ident, items, at, extension_attributes={"source_code": source})


def order(*items, **more):
    return {"entity_id": 15, "created_at": AT, "updated_at": AT, "items": list(items), **more}


def read(body, channel="shop"):
    return connector.read(channel, Payload("order", connector.reduce("order", body)))


def lines(body):
    return [
        (part.id.partition("/")[0], line.fact.value, line.sku, line.quantity, line.location)
        for part in read(body).documents
        for line in part.lines
    ]


def left(*bodies):
    """The net effect of an order's versions, by SKU, location and state."""
    transaction = Transaction()
    for offset, body in enumerate(bodies):
        claim = read(body)
        transaction = take(transaction, claim, claim.occurred_at, offset)
    return {cell: units for cell, units in balances(settle(transaction)).items() if units}


def test_given_the_same_document_twice_then_the_claim_is_the_same():
    body = order(row(1, "TEE", 2), shipments=[shipment(7, [(1, 1)])])
    assert read(body) == read(copy.deepcopy(body))


def test_given_an_order_then_it_is_demand_at_no_place_and_its_shipment_takes_from_a_source():
    body = order(row(1, "TEE", 3), shipments=[shipment(7, [(1, 2)])])
    assert left(body) == {
        ("TEE", "@unrouted", "available"): -1,
        ("TEE", "@unrouted", "committed"): 1,
        ("TEE", "WH", "available"): -2,
        ("TEE", "@customer", "boundary"): 2,
    }


def test_given_shipments_from_two_sources_then_each_is_a_document_of_its_own():
    parcels = [shipment(7, [(1, 1)]), shipment(8, [(1, 2)], "STORE", "2026-11-23 13:00:00")]
    documents = read(order(row(1, "TEE", 3), shipments=parcels)).documents
    assert [(part.id, part.lines[0].location, part.lines[0].at) for part in documents[1:]] == [
        ("shipment/7", "WH", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("shipment/8", "STORE", datetime(2026, 11, 23, 13, tzinfo=UTC)),
    ]


def test_given_a_configurable_product_then_stock_moves_once_under_the_simple_one():
    rows = [row(1, "TEE-M", 3, product_type="configurable"), row(2, "TEE-M", 3, parent_item_id=1)]
    told = [("order", "ordered", "TEE-M", 3, None), ("shipment", "shipped", "TEE-M", 2, "WH")]
    assert lines(order(*rows, shipments=[shipment(7, [(1, 2)])])) == told
    assert lines(order(*rows, shipments=[shipment(7, [(2, 2)])])) == told
    assert lines(order(*rows, shipments=[shipment(7, [(1, 2), (2, 2)])])) == told


def test_given_a_cancelled_configurable_product_then_its_own_row_says_so_for_the_simple_one():
    rows = [
        row(1, "TEE-M", 3, product_type="configurable", qty_canceled=3),
        row(2, "TEE-M", 3, parent_item_id=1, qty_canceled=0),
    ]
    assert left(order(*rows)) == {}


@pytest.mark.parametrize(
    ("shipped", "claimed"),
    [
        ([(1, 1)], [("TEE", 1), ("MUG", 2)]),
        ([(2, 2)], [("TEE", 2)]),
        ([(1, 2), (3, 1)], [("MUG", 1)]),
    ],
)
def test_given_a_bundle_then_its_parts_ship_with_it_or_by_themselves(shipped, claimed):
    rows = [row(1, "SET", 2, product_type="bundle")]
    rows += [row(2, "TEE", 2, parent_item_id=1), row(3, "MUG", 4, parent_item_id=1)]
    found = lines(order(*rows, shipments=[shipment(7, shipped)]))
    assert [(sku, units) for kind, _, sku, units, _ in found if kind == "shipment"] == claimed


def test_given_virtual_products_and_parts_then_they_lie_on_no_shelf():
    rows = [row(1, "EBOOK", 1, product_type="downloadable"), row(2, "CARD", 1, is_virtual="1")]
    rows += [
        row(3, "SET", 1, product_type="bundle"),
        row(4, "CARE", 1, product_type="virtual", parent_item_id=3),
    ]
    body = order(*rows, creditmemos=[moved(4, [(1, 1), (3, 1)])])
    assert lines(body) == []
    assert len(read(body).documents[0].skipped) == 4


class TestCreditMemos:
    ROW = row(1, "TEE", 5)

    @pytest.mark.parametrize("restocked", [True, False])
    def test_given_units_that_were_not_sent_then_demand_for_them_ends(self, restocked):
        body = order(self.ROW, creditmemos=[moved(4, [(1, 2)], returned_to_stock=restocked)])
        assert left(body) == {
            ("TEE", "@unrouted", "available"): -3,
            ("TEE", "@unrouted", "committed"): 3,
        }

    def test_given_units_that_were_sent_then_they_come_back_only_if_that_is_said(self):
        parcels = [shipment(7, [(1, 3)]), shipment(8, [(1, 2)], "STORE", "2026-11-23 12:30:00")]
        memo = moved(4, [(1, 4)], "2026-11-23 13:00:00", returned_to_stock=True)
        back = lines(order(self.ROW, shipments=parcels, creditmemos=[memo]))[-2:]
        assert back == [
            ("creditmemo", "returned", "TEE", 3, "WH"),
            ("creditmemo", "returned", "TEE", 1, "STORE"),
        ]
        memo["returned_to_stock"] = False
        (document,) = read(order(self.ROW, shipments=parcels, creditmemos=[memo])).documents[3:]
        assert document.lines == ()
        assert {one.reason for one in document.skipped} == {"refunded, not returned to stock"}

    def test_given_one_refund_after_another_then_no_source_gets_back_more_than_left_it(self):
        parcels = [shipment(7, [(1, 1)]), shipment(8, [(1, 2)], "STORE", "2026-11-23 12:30:00")]
        memos = [
            moved(ident, [(1, units)], f"2026-11-23 1{ident}:00:00", returned_to_stock=True)
            for ident, units in ((4, 3), (5, 2))
        ]
        body = order(row(1, "TEE", 5), shipments=parcels, creditmemos=memos)
        assert lines(body)[3:] == [
            ("creditmemo", "cancelled", "TEE", 2, None),
            ("creditmemo", "returned", "TEE", 1, "WH"),
            ("creditmemo", "returned", "TEE", 2, "STORE"),
        ]

    def test_given_a_refund_before_and_one_after_the_parcel_then_what_was_sent_by_then_decides(self):
        first = moved(4, [(1, 1)], "2026-11-23 11:00:00", returned_to_stock=True)
        second = moved(5, [(1, 2)], "2026-11-23 13:00:00", returned_to_stock=True)
        body = order(self.ROW, shipments=[shipment(7, [(1, 4)])], creditmemos=[second, first])
        assert lines(body)[1:] == [
            ("creditmemo", "cancelled", "TEE", 1, None),
            ("shipment", "shipped", "TEE", 4, "WH"),
            ("creditmemo", "returned", "TEE", 2, "WH"),
        ]

    def test_given_a_cancelled_rest_then_a_later_refund_is_of_what_was_sent(self):
        memo = moved(4, [(1, 2)], "2026-11-23 13:00:00", returned_to_stock=True)
        body = order(row(1, "TEE", 5, qty_canceled=2), shipments=[shipment(7, [(1, 3)])], creditmemos=[memo])
        assert left(body) == {("TEE", "WH", "available"): -1, ("TEE", "@customer", "boundary"): 1}

    def test_given_parts_in_any_order_then_the_claim_is_the_same(self):
        parcels = [shipment(7, [(1, 1)]), shipment(8, [(1, 2)], "STORE", "2026-11-23 12:30:00")]
        memos = [moved(4, [(1, 1)], "2026-11-23 12:10:00"), moved(5, [(1, 2)], "2026-11-23 13:00:00")]
        one = order(self.ROW, shipments=parcels, creditmemos=memos)
        other = order(self.ROW, shipments=parcels[::-1], creditmemos=memos[::-1])
        assert read(one) == read(other)


def test_given_an_order_for_pickup_then_it_is_committed_where_it_is_picked_up():
    more = {"extension_attributes": {"pickup_location_code": "STORE"}}
    body = order(row(1, "TEE", 2, qty_canceled=1), **more)
    assert left(body) == {("TEE", "STORE", "available"): -1, ("TEE", "STORE", "committed"): 1}
    body["shipments"] = [shipment(7, [(1, 1)], "STORE")]
    assert left(body) == {("TEE", "STORE", "available"): -1, ("TEE", "@customer", "boundary"): 1}


@pytest.mark.parametrize(
    ("more", "demand_class"),
    [
        ({}, "retail"),
        ({"customer_group_id": 2}, "retail"),
        ({"wholesale": True}, "wholesale"),  # kept before the verdict had its name
        ({"demand_class": "wholesale"}, "wholesale"),
        ({"demand_class": "retail", "payment": {"method": "companycredit"}}, "retail"),
        ({"demand_class": "canary"}, "retail"),
        ({"payment": {"method": "companycredit"}}, "wholesale"),
        ({"payment": {"method": "purchaseorder"}}, "wholesale"),
        ({"extension_attributes": {"company_order_attributes": {"company_id": 9}}}, "wholesale"),
        ({"extension_attributes": {"company_order_attributes": {"company_id": None}}}, "retail"),
    ],
)
def test_given_who_buys_then_demand_is_retail_or_wholesale(more, demand_class):
    assert read(order(row(1, "TEE", 1), **more)).demand_class == demand_class


def test_given_custom_options_that_lengthen_the_sku_then_the_product_is_known_by_its_id():
    body = order(row(1, "TEE-ENGRAVED", 1, product_id=17), shipments=[shipment(7, [(1, 1)])])
    assert {line.sku for part in read(body).documents for line in part.lines} == {"product:17"}


def test_given_our_reference_then_the_order_belongs_to_our_deal():
    assert read(order(row(1, "TEE", 1))).transaction == "order/shop/15"
    assert read(order(row(1, "TEE", 1), ext_order_id="onhand:order/web/7")).transaction == "order/web/7"
    assert read(order(row(1, "TEE", 1), ext_order_id="ERP-7")).transaction == "order/shop/15"


def test_given_a_cancellation_within_the_second_of_the_order_then_its_version_is_the_higher():
    placed, gone = order(row(1, "TEE", 2)), order(row(1, "TEE", 2, qty_canceled=2))
    assert left(placed, gone) == left(gone, placed) == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (order(row(1, "FABRIC", 1.5)), "qty_ordered is not a whole number of units"),
        (order(row(1, "TEE", "1.5000")), "qty_ordered is not a whole number of units"),
        (order(row(1, "TEE", -1)), "qty_ordered is below zero"),
        (order(row(1, "TEE", 10**12)), "qty_ordered is not a number of units"),
        (order(row(1, "TEE", float("nan"))), "qty_ordered is not a number of units"),
        (order(row(1, "TEE", None)), "qty_ordered is not a number"),
        (order(row(1, "TEE", True)), "qty_ordered is not a number"),
        (order(row(1, "TEE", "two")), "qty_ordered is not a number"),
        (order(row(1, "", 1)), "sku is missing or no reference"),
        (order(row(1, "S" * 256, 1)), "sku is missing or no reference"),
        (order(row(1, "TEE", 1), row(1, "TEE", 1)), "two rows have the item_id 1"),
        (order(row(1, "TEE", 1, parent_item_id=9)), "the parent of item_id 1 is not a row above it"),
        (order(row(1, "TEE", 1, parent_item_id=1)), "the parent of item_id 1 is not a row above it"),
        (order(row(1, "TEE", 1, qty_canceled=2)), "more of item_id 1 is cancelled than was ordered"),
        (order(row(1, "SET", 1, product_type="bundle")), "the products in item_id 1 are missing"),
        (order(), "items is missing"),
        ({**order(row(1, "TEE", 1)), "entity_id": "15; drop"}, "entity_id is not an id"),
        ({**order(row(1, "TEE", 1)), "created_at": "yesterday"}, "created_at is missing or no date"),
        (order(row(1, "TEE", 1), shipments=[shipment(7, [(9, 1)])]), "shipment 7: order_item_id 9 is no row"),
        (order(row(1, "TEE", 1), shipments=[shipment(7, [(1, 1)], None)]), "source_code is missing"),
        (order(row(1, "TEE", 1), shipments=[shipment(7, [(1, 0.5)])]), "qty is not a whole number"),
        (
            order(row(1, "TEE", 1), creditmemos=[moved(4, [(1, 2)])]),
            "creditmemo 4: more is refunded of item_id 1",
        ),
        (
            order(
                row(1, "SET", 2, product_type="bundle"),
                row(2, "TEE", 3, parent_item_id=1),
                shipments=[shipment(7, [(1, 1)])],
            ),
            "shipment 7: qty: item_id 2 is not a whole number of units",
        ),
    ],
)
def test_given_what_cannot_be_right_then_it_is_refused_with_the_reason(body, reason):
    with pytest.raises(Refused) as refusal:
        read(body)
    assert reason in str(refusal.value)


def test_given_rows_and_parcels_of_nothing_then_they_move_nothing():
    body = order(row(1, "TEE", 0), row(2, "MUG", 1), shipments=[shipment(7, [(2, 0)])])
    assert lines(body) == [("order", "ordered", "MUG", 1, None)]
    assert read(body).documents[0].skipped[0].reason == "quantity zero"


def test_given_one_product_in_two_rows_then_both_count():
    body = order(row(1, "TEE", 1), row(2, "TEE", 2), shipments=[shipment(7, [(1, 1), (2, 1), (2, 1)])])
    assert left(body)["TEE", "WH", "available"] == -3
    assert {line.fact for part in read(body).documents for line in part.lines} == {Fact.ORDERED, Fact.SHIPPED}
