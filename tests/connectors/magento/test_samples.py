"""Magento's own documents become the right claims, and the sandbox invents no field."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.magento import connector
from connectors.magento.allowlist import ORDER, ORDER_SHAPE, SOURCE_ITEM
from schemas.claims import Fact

SAMPLES = Path(__file__).parent / "samples"
DEFINITIONS = json.loads((SAMPLES / "rest_2_4_9.json").read_text())["$defs"]
ORDER_3 = json.loads((SAMPLES / "order_3.json").read_text())
FOUND_ITEMS = json.loads((SAMPLES / "source_items.json").read_text())["items"]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

INVOICE = {"entity_id": 3, "order_id": 3, "created_at": "2017-08-21 22:22:19", "items": []}


def schema(name):
    return jsonschema_rs.validator_for({"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS})


def said(topic, body):
    found = connector.read("shop", Payload(topic, connector.reduce(topic, body)))
    if topic == SOURCE_ITEM:
        return [(found.sku, found.location, found.level)]
    return [(line.fact, line.sku, line.quantity) for part in found.documents for line in part.lines]


@pytest.mark.parametrize(
    ("topic", "body", "claimed"),
    [
        (ORDER, ORDER_3, [(Fact.ORDERED, "product:1553", 1)]),
        (SOURCE_ITEM, {**FOUND_ITEMS[0], "observed_at": NOW.isoformat()}, [("new_product2", "central", 500)]),
        (SOURCE_ITEM, {**FOUND_ITEMS[1], "observed_at": NOW.isoformat()}, [("new_product2", "east", 250)]),
    ],
)
def test_given_magentos_own_samples_then_they_claim_what_they_say(topic, body, claimed):
    assert said(topic, body) == claimed


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        (SOURCE_ITEM, FOUND_ITEMS[0], "observed_at is missing or no date"),
        ("invoice", INVOICE, "unknown topic invoice"),
        (ORDER, INVOICE, "items is missing"),
    ],
)
def test_given_a_sample_of_another_kind_then_it_is_refused_with_the_reason(topic, body, reason):
    with pytest.raises(Refused, match=reason):
        said(topic, body)


def test_given_magentos_own_sample_then_nobody_is_in_what_is_kept():
    kept = json.dumps(connector.reduce(ORDER, ORDER_3)).lower()
    assert not any(word in kept for word in ("doe", "jane", "oak", "555", "purchase", "banktransfer payment"))


OURS = {"demand_class", "wholesale", "unreadable", "shipments", "creditmemos", "returned_to_stock"}
"""What the client puts in: Magento has no such fields."""


def test_given_the_schema_of_2_4_9_then_every_field_that_is_kept_is_in_it():
    shape = copy.deepcopy(dict(ORDER_SHAPE))
    (shipment,), (memo,) = shape["shipments"], shape["creditmemos"]
    for name, kept in (("order", shape), ("order_item", shape["items"][0])):
        assert set(kept) - OURS <= set(DEFINITIONS[name]["properties"])
    for name, kept in (("shipment", shipment), ("creditmemo", memo)):
        assert set(kept) - OURS <= set(DEFINITIONS[name]["properties"])
        assert set(kept["items"][0]) <= set(DEFINITIONS[f"{name}_item"]["properties"])
    assert set(shape["extension_attributes"]) <= set(DEFINITIONS["order_extension"]["properties"])
    assert set(shipment["extension_attributes"]) <= set(DEFINITIONS["shipment_extension"]["properties"])


async def test_given_the_schema_of_2_4_9_then_the_sandbox_invents_no_field(sandbox, client):
    order = sandbox.order([("TEE", 2), ("EBOOK", 1)], at=NOW, ext_order_id="onhand:deal")
    sandbox.order([("MUG", 1)], at=NOW, configurable=True, pickup="STORE")
    sandbox.ship(order, "WH", [("TEE", 2)], at=NOW)
    sandbox.refund(order, [("TEE", 1)], at=NOW, to_stock=True)
    for path, name in (
        ("/orders", "order"),
        ("/shipments", "shipment"),
        ("/creditmemos", "creditmemo"),
        ("/inventory/source-items", "source_item"),
        ("/inventory/sources", "source"),
    ):
        rows, total = await client.api.search(path, (), ())
        assert total == len(rows) > 0
        for row in rows:
            schema(name).validate(row)
