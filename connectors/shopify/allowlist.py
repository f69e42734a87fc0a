"""The fields of Shopify's documents that Onhand keeps. All others, personal data among them, stop here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Keep, Shape, labels, values

PARCEL_LINE: Shape = {**values("id", "variant_id", "gift_card", "quantity"), **labels("sku")}
LINE: Shape = {**PARCEL_LINE, **values("current_quantity", "fulfillable_quantity")}
FULFILLMENT: Shape = {
    **values("id", "order_id", "status", "created_at", "updated_at", "location_id"),
    "line_items": [PARCEL_LINE],
}
REFUND_LINE: Shape = {
    **values("id", "line_item_id", "quantity", "restock_type", "location_id"),
    "line_item": {**values("variant_id", "gift_card"), **labels("sku")},
}
REFUND: Shape = {**values("id", "order_id", "created_at"), "refund_line_items": [REFUND_LINE]}
ORDER: Shape = {
    **values("id", "created_at", "processed_at", "updated_at", "cancelled_at"),
    **values("test", "source_name", "location_id", "demand_class"),
    "company": Keep.PRESENCE,
    "line_items": [LINE],
    "fulfillments": [FULFILLMENT],
    "refunds": [REFUND],
}
SHIPPED: Shape = {**FULFILLMENT, **values("pick_up")}
ROUTED: Shape = {
    **values("id", "status", "request_status", "created_at", "updated_at", "location_id"),
    "line_items": [PARCEL_LINE],
}
DISPOSED: Shape = values("restock_type", "quantity", "location_id", "created_at")
REVERSED: Shape = {
    **values("id"),
    "line_items": [
        {**PARCEL_LINE, "dispositions": [DISPOSED]},
    ],
}
POLLED_ORDER: Shape = {
    **ORDER,
    "fulfillments": [SHIPPED],
    "fulfillment_orders": [ROUTED],
    "reverse_fulfillment_orders": [REVERSED],
}
"""An order as the API shows it: with where it was routed to, and what came back."""

TRANSFER: Shape = {
    **values("id", "status", "created_at", "read_at", "from_supplier", "origin_id", "destination_id"),
    "line_items": [values("inventory_item_id", "quantity", "shipped_quantity")],
    "shipments": [
        {
            **values("id", "status", "shipped_at", "received_at"),
            "line_items": [values("inventory_item_id", "quantity", "accepted", "rejected")],
        }
    ],
}
LEVEL: Shape = values("inventory_item_id", "location_id", "available", "updated_at")
UNKNOWN: Shape = values("id", "admin_graphql_api_id", "updated_at")

ORDER_TOPICS = (
    "orders/create",
    "orders/updated",
    "orders/paid",
    "orders/cancelled",
    "orders/fulfilled",
    "orders/partially_fulfilled",
)
REFUND_TOPICS = ("refunds/create",)
FULFILLMENT_TOPICS = ("fulfillments/create", "fulfillments/update")
LEVEL_TOPICS = ("inventory_levels/update", "inventory_levels/connect")

POLLED_ORDERS = "orders/polled"
POLLED_TRANSFERS = "inventory_transfers/polled"
"""What a poll brings, under names of our own: no webhook carries that much."""

SHAPES: Mapping[str, Shape] = {
    **dict.fromkeys(ORDER_TOPICS, ORDER),
    **dict.fromkeys(REFUND_TOPICS, REFUND),
    **dict.fromkeys(FULFILLMENT_TOPICS, FULFILLMENT),
    **dict.fromkeys(LEVEL_TOPICS, LEVEL),
    POLLED_ORDERS: POLLED_ORDER,
    POLLED_TRANSFERS: TRANSFER,
}

MARKS: Mapping[tuple[str, ...], frozenset[str]] = {
    REFUND_TOPICS: frozenset({"refund_line_items"}),
    FULFILLMENT_TOPICS: frozenset({"order_id", "line_items", "status"}),
    ORDER_TOPICS: frozenset({"line_items", "fulfillments", "refunds"}),
    LEVEL_TOPICS: frozenset({"inventory_item_id", "location_id", "available"}),
    ("customers/data_request",): frozenset({"shop_domain", "orders_requested"}),
    ("customers/redact",): frozenset({"shop_domain", "orders_to_redact"}),
}
"""By which fields a document shows of which topics it is (their samples, API 2026-07): the header that names one is not signed, and a
captured document must not be told again as something else.
"""


def kind_of(body: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The topics that a document can be of; None where it does not show."""
    return next((topics for topics, marks in MARKS.items() if marks <= body.keys()), None)


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic, only what names the document."""
    return allowlist.cut(body, SHAPES.get(topic, UNKNOWN))
