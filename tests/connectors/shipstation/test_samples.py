"""Published documents of ShipStation become the right claim, or are refused for the right reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shipstation import connector

SAMPLES = {
    sample["name"]: sample
    for sample in json.loads((Path(__file__).parent / "samples" / "documents.json").read_text())
}
NO_ITEMS = "shipmentItems is null: ask for shipments with includeShipmentItems=true"
SPLIT = "order/parcels/se-2481946/LW-TEST2"
FROM = "warehouse:se-524391"

CLAIMS = {
    "v1/orders-list.json#0": (
        "order/parcels/12345/123456789",
        "order/123456789",
        "2015-06-29T21:30:07.897",
        [],
    ),
    "v1/orders-list.json#1": (
        "order/parcels/12345/123456789",
        "order/123456789",
        "2015-07-01T01:47:11.887",
        [],
    ),
    "v1/order-get.json": ("order/parcels/12345/123456789", "order/123456789", "2015-07-01T01:47:32.933", []),
    "v2/resource-shipments-split-order.json#0": (
        SPLIT,
        "shipment/se-394496923",
        "2026-08-12T20:01:37.683",
        [("ordered", "TEST-BST", 1, FROM)],
    ),
    "v2/resource-shipments-split-order.json#1": (
        SPLIT,
        "shipment/se-394496920",
        "2026-08-12T20:01:37.683",
        [("ordered", "TEST-BST", 1, FROM)],
    ),
}
REFUSALS = {
    "v1/shipments-list.json#0": NO_ITEMS,
    "v1/shipments-list.json#1": NO_ITEMS,
    "v1/shipments-list.json#2": NO_ITEMS,
    "v1/fulfillments-list.json#0": "orderId is missing",  # its order is put in by the client: the next test
    "v1/fulfillments-list.json#1": "orderId is missing",
    "v2/inventory-examples.json#0": "inventory_location_id is missing",  # a row of a list without group_by=location
}


def read(name):
    sample = SAMPLES[name]
    return connector.read(
        "parcels", Payload(sample["topic"], connector.reduce(sample["topic"], sample["document"]))
    )


def test_given_the_samples_then_each_is_in_one_of_the_tables():
    assert CLAIMS.keys() | REFUSALS.keys() == SAMPLES.keys()
    assert not CLAIMS.keys() & REFUSALS.keys()


@pytest.mark.parametrize("name", CLAIMS)
def test_given_a_published_document_then_it_is_this_claim(name):
    transaction, ident, changed, lines = CLAIMS[name]
    claim = read(name)
    (document,) = claim.documents
    assert (claim.transaction, document.id) == (transaction, ident)
    assert claim.occurred_at.isoformat().startswith(changed)
    assert [(line.fact.value, line.sku, line.quantity, line.location) for line in document.lines] == lines
    assert bool(document.lines) != bool(document.skipped)


@pytest.mark.parametrize("name", REFUSALS)
def test_given_a_published_document_without_its_goods_or_place_then_it_is_refused(name):
    with pytest.raises(Refused) as refusal:
        read(name)
    assert str(refusal.value) == REFUSALS[name]


def test_given_the_published_fulfilments_with_an_order_then_they_take_its_goods_once():
    rows = [
        row
        for name, sample in SAMPLES.items()
        if "fulfillments" in name
        for row in sample["document"]["fulfillments"]
    ]
    order = {
        **SAMPLES["v1/order-get.json"]["document"],
        "items": [{"sku": "TEE", "quantity": 2}],
    }
    body = {"order": order, "fulfillments": rows, "shipments": []}
    (line,) = connector.read("parcels", Payload("v1/fulfillment", body)).documents[0].lines
    assert (line.fact.value, line.quantity, line.at.isoformat()) == (
        "shipped",
        2,
        "2020-06-19T14:21:51.773000+00:00",
    )
