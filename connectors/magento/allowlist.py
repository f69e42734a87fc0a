"""The fields of Magento's documents that Onhand keeps. All others (customer, addresses, prices, comments) stop here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Shape, labels, values

ORDER = "order"
SOURCE_ITEM = "source_item"

ROW: Shape = {
    **values("item_id", "parent_item_id", "product_id", "product_type", "is_virtual", "updated_at"),
    **values("qty_ordered", "qty_canceled", "qty_refunded", "qty_shipped"),
    **labels("sku"),
}
MOVED: Shape = values("order_item_id", "qty")
SHIPMENT: Shape = {
    **values("entity_id", "created_at", "updated_at"),
    "items": [MOVED],
    "extension_attributes": values("source_code"),
}
CREDIT_MEMO: Shape = {
    **values("entity_id", "created_at", "updated_at", "returned_to_stock"),
    "items": [MOVED],
}
ORDER_SHAPE: Shape = {
    **values("entity_id", "ext_order_id", "state", "created_at", "updated_at"),
    **values("demand_class", "wholesale", "unreadable"),
    "payment": values("method"),
    "items": [ROW],
    "extension_attributes": {
        **values("pickup_location_code"),
        "company_order_attributes": values("company_id"),
    },
    "shipments": [SHIPMENT],
    "creditmemos": [CREDIT_MEMO],
}
SOURCE_ITEM_SHAPE: Shape = {**values("source_code", "quantity", "status", "observed_at"), **labels("sku")}

SHAPES: Mapping[str, Shape] = {ORDER: ORDER_SHAPE, SOURCE_ITEM: SOURCE_ITEM_SHAPE}


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic its version's instant and nothing else."""
    return allowlist.cut(body, SHAPES.get(topic, values("updated_at")))
