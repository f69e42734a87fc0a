from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import connectors.shopify
from connectors.contract import Payload
from connectors.directory import Directory, Item, resolve
from connectors.errors import Refused
from connectors.shopify.allowlist import cut
from connectors.shopify.mapping import TOPICS, read
from schemas.accounts import State
from schemas.claims import Claim, Fact
from schemas.codec import encode

FIXTURES = sorted((Path(connectors.shopify.__file__).parent / "fixtures").glob("*.json"))


def load(name: str) -> tuple[str, dict[str, Any]]:
    found = json.loads(next(path for path in FIXTURES if path.stem == name).read_text())
    return found["topic"], found["payload"]


def mapped(topic: str, payload: dict[str, Any]) -> Any:
    return read("eu-shop", Payload(topic, cut(topic, payload)))


def facts(claim: Claim) -> list[tuple[str, str, int]]:
    return [(line.fact, line.sku, line.quantity) for document in claim.documents for line in document.lines]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_given_a_recorded_document_then_it_claims_exactly_what_it_is_known_to_claim(path):
    known = json.loads(path.read_text())
    if "refused" in known:
        with pytest.raises(Refused) as refusal:
            mapped(known["topic"], known["payload"])
        assert str(refusal.value) == known["refused"]
    else:
        assert json.loads(encode(mapped(known["topic"], known["payload"]))) == known["claim"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_given_a_document_with_a_customer_then_nothing_of_the_customer_is_kept(path):
    known = json.loads(path.read_text())
    kept = json.dumps(cut(known["topic"], known["payload"])).lower()
    assert "canary" not in kept
    assert "990099009900990" not in kept


@pytest.mark.parametrize("topic", [*TOPICS, "customers/update"])
def test_given_objects_where_values_belong_then_nothing_hides_in_them(topic):
    hidden = {"email": "canary@example.invalid"}
    names = (
        *("id", "sku", "status", "source_name", "location_id", "created_at", "updated_at", "available"),
        *("line_items", "fulfillments", "refunds", "company"),
    )
    body: dict[str, Any] = dict.fromkeys(names, hidden)
    assert "canary" not in json.dumps(cut(topic, body))
    assert "canary" not in json.dumps(cut(topic, {"line_items": [{"sku": hidden}, "canary"]}))


def test_given_an_unknown_topic_then_only_its_identity_is_kept_and_it_is_refused():
    body = {"id": 1, "updated_at": "2026-11-02T09:00:00Z", "email": "canary@example.invalid"}
    assert cut("customers/update", body) == {"id": 1, "updated_at": "2026-11-02T09:00:00Z"}
    with pytest.raises(Refused, match="unknown topic customers/update"):
        mapped("customers/update", body)


def test_given_an_edit_then_it_is_refused_because_the_whole_order_follows():
    with pytest.raises(Refused, match="orders/updated that follows"):
        mapped("orders/edited", {"order_edit": {"order_id": 1}})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("updated_at", None, "updated_at is missing"),
        ("updated_at", "2026-11-02T09:00:00", "has no time zone"),
        ("updated_at", "yesterday", "is not an instant"),
        ("updated_at", "0001-01-01T00:00:00+14:00", "is not an instant"),
        ("id", None, "id is missing"),
        ("id", True, "id is not an id"),
        ("line_items", None, "line_items is not a list"),
    ],
)
def test_given_a_broken_order_then_it_is_refused_by_the_name_of_the_field(field, value, reason):
    topic, payload = load("web-order")
    with pytest.raises(Refused, match=reason):
        mapped(topic, {**payload, field: value})


@pytest.mark.parametrize("quantity", [-1, 1.5, "3", None, True, 10**9])
def test_given_a_quantity_that_is_none_then_the_order_is_refused(quantity):
    topic, payload = load("web-order")
    payload["line_items"][0]["quantity"] = quantity
    with pytest.raises(Refused, match="quantity is not a quantity"):
        mapped(topic, payload)


def test_given_an_unknown_status_or_restock_type_then_it_is_refused_and_not_guessed():
    topic, parcel = load("cancelled-fulfilment")
    with pytest.raises(Refused, match="unknown fulfilment status lost"):
        mapped(topic, {**parcel, "status": "lost"})
    topic, refund = load("refund-with-return")
    refund["refund_line_items"][0]["restock_type"] = "somewhere"
    with pytest.raises(Refused, match="unknown restock_type somewhere"):
        mapped(topic, refund)


@pytest.mark.parametrize("status", ["success", "open", "pending"])
def test_given_a_parcel_in_the_order_and_alone_then_both_are_the_same_document(status):
    topic, order = load("order-with-fulfilment")
    order["fulfillments"][0]["status"] = status
    inside = mapped(topic, order).documents[1]
    alone = mapped("fulfillments/create", order["fulfillments"][0]).documents[0]
    assert inside == alone
    assert inside.lines[0].fact is Fact.SHIPPED


def test_given_a_refund_in_the_order_and_alone_then_both_are_the_same_document():
    topic, order = load("cancelled-order")
    alone = mapped("refunds/create", order["refunds"][0])
    claim = mapped(topic, order)
    assert claim.documents[1] == alone.documents[0]
    assert claim.transaction == alone.transaction


def test_given_the_same_instant_in_two_zones_then_the_document_is_the_same():
    topic, parcel = load("cancelled-fulfilment")
    utc = {
        **parcel,
        "created_at": "2026-11-02T17:00:00Z",
        "updated_at": "2026-11-02T20:30:00+00:00",
    }
    assert repr(mapped(topic, utc).documents) == repr(mapped(topic, parcel).documents)


def test_given_a_cancellation_in_the_second_of_the_order_then_it_is_the_newer_version():
    topic, order = load("web-order")
    gone = {**order, "cancelled_at": order["updated_at"]}
    assert mapped(topic, gone).documents[0].version > mapped(topic, order).documents[0].version


def test_given_a_sent_unit_refunded_without_restock_then_demand_is_not_reduced():
    topic, order = load("refund-of-unsent-units-without-restock")
    order["line_items"][0] |= {"quantity": 1, "current_quantity": 0, "fulfillable_quantity": 0}
    order["refunds"][0]["refund_line_items"][0]["quantity"] = 1
    assert facts(mapped(topic, order)) == [("ordered", "TOTE", 1), ("shipped", "TOTE", 1)]


def test_given_an_order_whose_parcels_are_not_in_it_yet_then_nothing_counts_as_removed():
    topic, order = load("web-order")
    order["line_items"] = [{**order["line_items"][0], "fulfillable_quantity": 0}]
    assert facts(mapped(topic, order)) == [("ordered", "MUG-RED", 3)]


@pytest.mark.parametrize(("status", "gone"), [("cancelled", 3), ("failure", 3), ("success", 2)])
def test_given_a_cancelled_order_then_units_of_a_parcel_that_came_back_are_cancelled_too(status, gone):
    topic, order = load("order-with-fulfilment")
    order["line_items"] = order["line_items"][:1]
    order["fulfillments"][0]["status"] = status
    order["fulfillments"][0]["line_items"][0]["quantity"] = 1
    claim = mapped(topic, {**order, "cancelled_at": "2026-11-02T13:00:00-05:00"})
    assert ("cancelled", "MUG-RED", gone) in facts(claim)


def test_given_a_test_order_then_its_parcel_seen_alone_is_outranked():
    topic, order = load("order-with-fulfilment")
    alone = mapped("fulfillments/create", order["fulfillments"][0]).documents[0]
    silenced = mapped(topic, {**order, "test": True}).documents[1]
    assert silenced.id == alone.id
    assert silenced.version > alone.version
    assert not silenced.lines
    assert silenced.skipped[0].reason == "test order"


def test_given_units_processed_since_then_they_are_counted_by_their_final_disposition_only():
    topic, order = load("polled-return")
    line = order["reverse_fulfillment_orders"][0]["line_items"][0]
    returned = mapped(topic, order).documents[2].lines
    assert sum(one.quantity for one in returned) == line["quantity"] - 1, "one is missing"
    line["dispositions"] = line["dispositions"][:1]
    first = mapped(topic, order).documents[2]
    assert [(one.quantity, one.state) for one in first.lines] == [(3, State.QUALITY_CONTROL)]


def test_given_a_newer_disposition_then_the_return_is_a_newer_version():
    topic, order = load("polled-return")
    before = mapped(topic, order).documents[2].version
    rows = order["reverse_fulfillment_orders"][0]["line_items"][0]["dispositions"]
    rows.append({**rows[-1], "quantity": 1})
    assert mapped(topic, order).documents[2].version >= before


@pytest.mark.parametrize(
    ("name", "path", "word"),
    [
        ("polled-order-moved", ("fulfillment_orders", 0, "status"), "unknown status lost"),
        (
            "polled-return",
            ("reverse_fulfillment_orders", 0, "line_items", 0, "dispositions", 0, "restock_type"),
            "unknown restock_type lost",
        ),
        ("transfer-in-progress", ("shipments", 0, "status"), "unknown status lost"),
    ],
)
def test_given_a_word_shopify_does_not_have_yet_then_it_is_refused_and_not_guessed(name, path, word):
    topic, payload = load(name)
    at = payload
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = "lost"
    with pytest.raises(Refused, match=word):
        mapped(topic, payload)


def test_given_a_parcel_told_by_webhook_and_poll_then_of_one_version_the_polls_word_stands():
    topic, order = load("polled-pick-up")
    polled = mapped(topic, order).documents[1]
    hooked = mapped("fulfillments/create", order["fulfillments"][0] | {"pick_up": None}).documents[0]
    assert (polled.id, polled.lines[0].fact, hooked.lines[0].fact) == (hooked.id, "collected", "shipped")
    assert polled.version > hooked.version
    cancelled = {**order["fulfillments"][0], "status": "cancelled"}
    assert mapped("fulfillments/update", cancelled).documents[0].version > polled.version


@pytest.mark.parametrize("wrong", [-1, 1.5, "3", None, True, 10**9])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("polled-order-moved", ("fulfillment_orders", 1, "line_items", 0, "quantity")),
        ("polled-return", ("reverse_fulfillment_orders", 0, "line_items", 0, "quantity")),
        (
            "polled-return",
            ("reverse_fulfillment_orders", 0, "line_items", 0, "dispositions", 1, "quantity"),
        ),
        ("transfer-in-progress", ("line_items", 0, "quantity")),
        ("transfer-in-progress", ("shipments", 0, "line_items", 0, "accepted")),
        ("transfer-from-supplier", ("shipments", 0, "line_items", 0, "accepted")),
    ],
)
def test_given_a_polled_quantity_that_is_none_then_the_document_is_refused_by_its_name(name, path, wrong):
    topic, payload = load(name)
    at = payload
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = wrong
    with pytest.raises(Refused, match=f"{path[-1]} is not a quantity"):
        mapped(topic, payload)


def test_given_one_item_on_two_lines_then_their_units_were_routed_together():
    topic, order = load("polled-order-moved")
    part = order["fulfillment_orders"][1]
    part["line_items"].append({**part["line_items"][0], "id": 5, "quantity": 4})
    moved = mapped(topic, order).documents[2].lines[0]
    assert (moved.sku, moved.quantity, moved.there) == ("MUG-RED", 7, "location:1002")


def test_given_an_order_moved_to_a_place_nobody_knows_then_it_waits_whole_and_the_place_is_named():
    topic, order = load("polled-order-moved")
    known = Directory(
        items={"MUG-RED": Item("MUG-RED"), "TOTE": Item("TOTE")},
        locations={"location:1001": "WH", "location:1002": "S1"},
    )
    with pytest.raises(Refused, match=r"^unknown location location:1003$"):
        resolve(mapped(topic, order), known, "WH", 100)
