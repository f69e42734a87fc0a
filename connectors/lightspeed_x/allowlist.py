"""The fields of X-Series' documents that Onhand keeps. All others (customer, user, note, payments) stop here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Keep, Shape, values

SALE = "sale.update"
INVENTORY = "inventory.update"
CONSIGNMENT = "consignment"
CONSIGNMENT_SENT = "consignment.send"
CONSIGNMENT_RECEIVED = "consignment.receive"
ADJUSTMENT = "stock_adjustment"
"""Webhooks have X-Series' names; `consignment` and `stock_adjustment` are rows of its lists, which only a poll brings."""

LINE: Shape = {**values("id", "product_id", "quantity", "status"), "product": values("id")}
SALE_SHAPE: Shape = {
    **values("id", "state", "status", "version", "outlet_id", "register_id", "source_id", "demand_class"),
    **values("date", "sale_date", "created_at", "updated_at"),
    "attributes": Keep.NAMES,
    "_metadata": values("version"),
    "source": values("id", "outlet_id", "register_id"),
    "line_items": [LINE],
    "register_sale_products": [LINE],
    "fulfillments": [
        {
            **values("id", "type", "outlet_id", "version", "created_at", "updated_at"),
            "line_items": [values("product_id", "quantity", "fulfilled_quantity")],
        }
    ],
}
CONSIGNMENT_SHAPE: Shape = {
    **values("id", "type", "status", "version", "outlet_id", "source_outlet_id", "deleted_at"),
    **values("consignment_date", "created_at", "updated_at", "received_at"),
    "products": [values("product_id", "count", "received", "is_included", "deleted_at", "version")],
}
ADJUSTMENT_SHAPE: Shape = values(
    *("id", "product_id", "outlet_id", "quantity", "reason", "created_at", "version"),
)
LEVEL_SHAPE: Shape = values(
    *("product_id", "outlet_id", "current_inventory_level", "inventory_level", "count"),
    *("version", "updated_at", "received_at"),
)
UNKNOWN: Shape = values("version", "updated_at")

SHAPES: Mapping[str, Shape] = {
    SALE: SALE_SHAPE,
    INVENTORY: LEVEL_SHAPE,
    **dict.fromkeys((CONSIGNMENT, CONSIGNMENT_SENT, CONSIGNMENT_RECEIVED), CONSIGNMENT_SHAPE),
    ADJUSTMENT: ADJUSTMENT_SHAPE,
}


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic not even the id, which may be a customer's."""
    return allowlist.cut(body, SHAPES.get(topic, UNKNOWN))
