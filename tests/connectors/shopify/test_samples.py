"""Every sample payload that Shopify publishes becomes a claim, or is refused with the reason in this table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shopify.allowlist import cut
from connectors.shopify.mapping import WEBHOOKS, read

SAMPLES = {
    path.stem.replace("__", "/"): json.loads(path.read_text())["response"]
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
}
REFUSED = {
    "orders/edited": "names no SKU",
    "orders/delete": "says nothing of stock",
    "inventory_levels/disconnect": "tells no number",
    "reverse_fulfillment_orders/dispose": "names no order and no SKU",
    "fulfillment_orders": "carries ids only",
    "fulfillment_holds": "moves no stock",
    "returns": "carries ids only",
    "reverse_deliveries": "moves no stock",
    "inventory_transfers": "carries ids only",
    "inventory_shipments": "carries ids only",
    "draft_orders": "moves no stock",
    **dict.fromkeys(
        (
            *("app", "bulk_operations", "companies", "company_locations"),
            *("inventory_items", "locations", "products", "profiles", "variants"),
        ),
        "is about the catalogue or the shop",
    ),
}


def test_given_the_samples_then_all_topics_that_are_read_are_among_them():
    assert len(SAMPLES) == 81
    assert set(WEBHOOKS) <= SAMPLES.keys()


@pytest.mark.parametrize("topic", list(SAMPLES))
def test_given_a_sample_then_it_is_a_claim_or_refused_with_a_reason(topic):
    payload = Payload(topic, cut(topic, SAMPLES[topic]))
    if topic in WEBHOOKS:
        assert read("eu-shop", payload).channel == "eu-shop"
        return
    reason = REFUSED.get(topic) or REFUSED[topic.partition("/")[0]]
    with pytest.raises(Refused, match=reason):
        read("eu-shop", payload)


def test_given_shopifys_sample_order_were_it_no_test_order_then_its_lines_are_demand():
    order = SAMPLES["orders/updated"]
    document = read(
        "eu-shop", Payload("orders/updated", cut("orders/updated", order | {"test": False}))
    ).documents[0]
    assert order["test"] is True
    told = sum(line.quantity for line in document.lines if line.fact == "ordered")
    assert told + len(document.skipped) >= len(order["line_items"])
