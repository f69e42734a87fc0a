"""The fields of Shopify's documents that Onhand keeps. All others, personal data among them, stop here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Keep(Enum):
    """What is kept of a field: its plain value, or only whether it says anything."""

    VALUE = 1
    PRESENCE = 2


Shape = Mapping[str, Any]
"""Field to `Keep`, to the shape of an object, or to a list with the shape of its objects."""


def _values(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, Keep.VALUE)


PARCEL_LINE: Shape = _values("id", "sku", "variant_id", "gift_card", "quantity")
LINE: Shape = {**PARCEL_LINE, **_values("current_quantity", "fulfillable_quantity")}
FULFILLMENT: Shape = {
    **_values("id", "order_id", "status", "created_at", "updated_at", "location_id"),
    "line_items": [PARCEL_LINE],
}
REFUND_LINE: Shape = {
    **_values("id", "line_item_id", "quantity", "restock_type", "location_id"),
    "line_item": _values("sku", "variant_id", "gift_card"),
}
REFUND: Shape = {**_values("id", "order_id", "created_at"), "refund_line_items": [REFUND_LINE]}
ORDER: Shape = {
    **_values("id", "created_at", "processed_at", "updated_at", "cancelled_at"),
    **_values("test", "source_name", "location_id"),
    "company": Keep.PRESENCE,
    "line_items": [LINE],
    "fulfillments": [FULFILLMENT],
    "refunds": [REFUND],
}
LEVEL: Shape = _values("inventory_item_id", "location_id", "available", "updated_at")
UNKNOWN: Shape = _values("id", "admin_graphql_api_id", "updated_at")

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

SHAPES: Mapping[str, Shape] = {
    **dict.fromkeys(ORDER_TOPICS, ORDER),
    **dict.fromkeys(REFUND_TOPICS, REFUND),
    **dict.fromkeys(FULFILLMENT_TOPICS, FULFILLMENT),
    **dict.fromkeys(LEVEL_TOPICS, LEVEL),
}


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic, only what names the document."""
    return _cut(body, SHAPES.get(topic, UNKNOWN))


def _cut(body: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """A field that is not of its shape is left out: nothing may hide in it."""
    kept: dict[str, Any] = {}
    for name, wanted in shape.items():
        found = body.get(name)
        if name not in body:
            continue
        if wanted is Keep.PRESENCE:
            kept[name] = bool(found)
        elif wanted is Keep.VALUE:
            if found is None or isinstance(found, str | int | float):
                kept[name] = found
        elif isinstance(wanted, list):
            if isinstance(found, list):
                kept[name] = [_cut(part if isinstance(part, Mapping) else {}, wanted[0]) for part in found]
        elif isinstance(found, Mapping):
            kept[name] = _cut(found, wanted)
    return kept
