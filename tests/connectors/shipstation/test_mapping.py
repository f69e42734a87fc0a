"""What each document claims: a table of what moves stock, and of what does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

import connectors
from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shipstation import connector
from connectors.shipstation.allowlist import cut
from schemas.claims import Fact

ROOM = Path(connectors.__file__).parent / "shipstation" / "fixtures"


def fixture(name):
    return json.loads((ROOM / f"{name}.json").read_text())


def read(name, change=lambda _body: None):
    found = fixture(name)
    body = copy.deepcopy(found["payload"])
    change(body)
    return connector.read("parcels", Payload(found["topic"], cut(found["topic"], body)))


def lines(claim):
    (document,) = claim.documents
    return [(line.fact, line.sku, line.quantity) for line in document.lines]


@pytest.mark.parametrize(
    "status", ["awaiting_payment", "awaiting_shipment", "pending_fulfillment", "on_hold"]
)
def test_given_an_open_order_whatever_it_waits_for_then_its_goods_are_demanded(status):
    claim = read("order", lambda body: body.update(orderStatus=status))
    assert lines(claim) == [(Fact.ORDERED, "MUG", 1), (Fact.ORDERED, "TEE", 3)]


def test_given_a_cancelled_order_then_its_demand_is_taken_off_and_its_version_is_later():
    before, after = read("order"), read("order_cancelled")
    assert before.documents[0].id == after.documents[0].id
    assert before.documents[0].version < after.documents[0].version
    assert lines(after)[2:] == [(Fact.CANCELLED, "MUG", 1), (Fact.CANCELLED, "TEE", 3)]


@pytest.mark.parametrize("name", ["label", "v2_label"])
def test_given_a_label_then_its_goods_left_when_it_was_made(name):
    claim = read(name)
    assert {line.fact for line in claim.documents[0].lines} == {Fact.SHIPPED}
    assert claim.documents[0].lines[0].at == claim.occurred_at


@pytest.mark.parametrize("name", ["label", "v2_label"])
def test_given_a_label_voided_weeks_later_then_the_same_units_come_back_at_that_instant(name):
    made, voided = read(name).documents[0], read(f"{name}_voided").documents[0]
    assert (made.id, made.version < voided.version) == (voided.id, True)
    sent, back = voided.lines
    assert made.lines == (sent,)
    assert (back.fact, back.sku, back.quantity) == (Fact.SHIPMENT_VOIDED, sent.sku, sent.quantity)
    assert (back.at - sent.at).days >= 19


@pytest.mark.parametrize(
    "name",
    ["label_return", "label_test", "v2_label_return", "v2_label_test", "v2_label_processing", "v2_return"],
)
def test_given_what_moves_no_goods_then_it_is_a_skipped_line_with_a_reason(name):
    (document,) = read(name).documents
    assert document.lines == ()
    assert document.skipped[0].reason


def test_given_a_label_that_is_being_made_then_its_completion_is_the_later_version():
    being_made, made = read("v2_label_processing").documents[0], read("v2_label").documents[0]
    assert being_made.version < made.version


def test_given_our_order_then_its_documents_belong_to_our_deal_even_when_it_is_split():
    for name in ("order_of_ours", "order_split_off_ours"):
        claim = read(name)
        assert (claim.transaction, claim.joins) == ("order/web/5551001", None)
    ours = read("v2_shipment", lambda body: body.update(shipment_number="onhand:order/web/7"))
    assert ours.transaction == "order/web/7"


def test_given_an_order_of_a_shop_we_know_then_the_two_deals_are_one():
    for name in ("order_of_a_shop", "v2_shipment_of_a_shop"):
        assert read(name).joins == "order/web/5551001"
    assert read("order").joins is None


def test_given_the_parts_of_a_split_order_then_they_are_one_deal_but_two_documents():
    whole, part = read("v2_shipment"), read("v2_shipment_split")
    assert whole.transaction == part.transaction
    assert whole.documents[0].id != part.documents[0].id


def test_given_an_order_its_labels_and_what_was_marked_as_shipped_then_they_are_one_deal():
    names = ("order", "label", "label_voided", "marked_as_shipped_after_a_label")
    assert len({read(name).transaction for name in names}) == 1


def test_given_dates_without_an_offset_then_they_are_pacific_in_summer_and_winter_unless_said_otherwise():
    summer, winter = read("order").documents[0], read("order_in_winter").documents[0]
    assert summer.lines[0].at.hour == 16
    assert winter.lines[0].at.hour == 17
    berlin = read("order", lambda body: body.update(onhand={"zone": "Europe/Berlin"}))
    assert berlin.documents[0].lines[0].at.hour == 7


def test_given_one_fulfilment_of_several_then_no_unit_leaves_twice():
    claim = read("marked_as_shipped_after_a_label")
    assert lines(claim) == [(Fact.SHIPPED, "MUG", 1), (Fact.SHIPPED, "TEE", 1)]


def test_given_a_voided_label_before_the_mark_then_its_goods_left_with_the_mark():
    def void(body):
        body["shipments"][0].update(voided=True, voidDate="2026-08-12T14:00:00.0000000")

    assert lines(read("marked_as_shipped_after_a_label", void))[-1] == (Fact.SHIPPED, "TEE", 3)


@pytest.mark.parametrize("kind", ["isReturnLabel", "testLabel"])
def test_given_a_label_that_takes_no_goods_before_the_mark_then_all_goods_left_with_the_mark(kind):
    claim = read("marked_as_shipped_after_a_label", lambda body: body["shipments"][0].update({kind: True}))
    assert lines(claim)[-1] == (Fact.SHIPPED, "TEE", 3)


@pytest.mark.parametrize("api", ["", "v2_"])
def test_given_a_provider_then_its_stock_is_ours_only_where_a_location_is_mapped_to_it(api):
    (line, *_) = read(f"{api}sent_by_a_provider_of_ours").documents[0].lines
    assert (line.fact, line.location) == (Fact.SHIPPED, "provider:threepl")
    theirs = read(f"{api}sent_by_a_provider_of_theirs")
    assert {fact for fact, _, _ in lines(theirs)} == {Fact.CANCELLED}, "nothing of ours is owed any more"
    assert "provider:threepl" in theirs.documents[0].skipped[0].reason


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        (1.5, "not a whole number"),
        (-1, "negative"),
        (None, "not a whole number"),
        ("2", "not a whole number"),
        (10**12, "not a whole number"),
        (True, "not a whole number"),
        (float("inf"), "not a whole number"),
    ],
)
@pytest.mark.parametrize(
    ("name", "rows"), [("order", "items"), ("label", "shipmentItems"), ("v2_shipment", "items")]
)
def test_given_a_quantity_that_is_none_then_the_whole_document_is_refused(name, rows, quantity, reason):
    with pytest.raises(Refused, match=reason):
        read(name, lambda body: body[rows][0].update(quantity=quantity))


def test_given_a_whole_quantity_written_with_a_point_then_it_is_that_many_units():
    assert lines(read("label", lambda body: body["shipmentItems"][0].update(quantity=2.0)))[0][2] == 2


@pytest.mark.parametrize(
    ("name", "field", "value", "reason"),
    [
        ("order", "orderId", None, "orderId is missing"),
        ("order", "orderId", "7;drop", "orderId is not an id"),
        ("order", "orderStatus", None, "orderStatus is missing"),
        ("order", "modifyDate", "yesterday", "modifyDate is not an instant"),
        ("order", "modifyDate", None, "modifyDate is missing"),
        ("order", "orderNumber", "9" * 101, "orderNumber is longer than 100 characters"),
        ("order", "items", None, "items is not a list"),
        ("label", "shipmentItems", None, "shipmentItems is null"),
        ("order", "items", {"sku": "TEE"}, "items is not a list"),
        ("label", "voided", "yes", "voided is neither true nor false"),
        ("label_voided", "voidDate", None, "voidDate is missing"),
        ("v2_shipment", "modified_at", "2026-08-12T20:01:37", "modified_at has no time zone"),
        ("v2_shipment", "shipment_status", "lost", "unknown shipment_status"),
        ("v2_label", "status", "lost", "unknown status 'lost'"),
        ("v2_level", "available", 1.5, "available is not a whole number of units"),
        ("v2_level", "sku", None, "sku is missing"),
        ("v2_level", "inventory_location_id", None, "inventory_location_id is missing"),
        ("marked_as_shipped", "fulfillments", [], "fulfillments is empty"),
        ("v2_marked_as_shipped", "fulfillments", [], "fulfillments is empty"),
        ("v2_marked_as_shipped", "labels", None, "labels is not a list"),
    ],
)
def test_given_a_field_that_is_wrong_then_the_reason_names_it(name, field, value, reason):
    with pytest.raises(Refused, match=reason):
        read(name, lambda body: body.update({field: value}))


def test_given_a_negative_level_then_it_is_observed_as_it_is():
    assert read("v2_level", lambda body: body.update(available=-3)).level == -3


def test_given_everything_personal_then_none_of_it_is_kept():
    for file in ROOM.glob("*.json"):
        found = json.loads(file.read_text())
        kept = json.dumps(cut(found["topic"], found["payload"]))
        assert not [word for word in ("canary", "Canary", "555-0100", "Springfield") if word in kept]


def test_given_a_v2_shipment_with_a_label_and_a_mark_then_its_goods_leave_by_the_label_alone():
    assert lines(read("v2_marked_as_shipped")) == [(Fact.SHIPPED, "TEE", 1)]
    assert lines(read("v2_marked_as_shipped_beside_a_label")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": "voided", "voided": True, "voided_at": "2026-08-12T21:30:00Z"},
        {"is_return_label": True},
        {"test_label": True},
        {"status": "error"},
    ],
)
def test_given_a_v2_label_that_takes_no_goods_beside_a_mark_then_they_left_with_the_mark(change):
    claim = read("v2_marked_as_shipped_beside_a_label", lambda body: body["labels"][0].update(change))
    assert lines(claim) == [(Fact.SHIPPED, "TEE", 1)]


def test_given_a_v2_mark_that_is_voided_then_the_later_version_brings_the_goods_back():
    made, voided = read("v2_marked_as_shipped"), read("v2_marked_as_shipped_then_voided")
    assert made.documents[0].id == voided.documents[0].id
    assert made.documents[0].version < voided.documents[0].version
    assert lines(voided) == [(Fact.SHIPPED, "TEE", 1), (Fact.SHIPMENT_VOIDED, "TEE", 1)]


@pytest.mark.parametrize("status", ["pending", "awaiting_payment", "on_hold"])
def test_given_a_v2_shipment_whatever_it_waits_for_then_its_goods_are_demanded(status):
    claim = read("v2_shipment", lambda body: body.update(shipment_status=status))
    assert {fact for fact, _, _ in lines(claim)} == {Fact.ORDERED}


def test_given_a_shipment_of_one_sales_order_then_it_is_no_combination():
    one = read("v2_shipment_of_a_shop", lambda body: body.update(sales_order_ids=["se-so-1", "se-so-1"]))
    assert lines(one) == lines(read("v2_shipment_of_a_shop"))
