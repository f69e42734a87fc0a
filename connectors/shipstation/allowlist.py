"""The fields of ShipStation's documents that Onhand keeps. All others (ship to, bill to, notes, e-mail) stop here.

`onhand` is our own part of a document: what the channel's settings say of it, so that reading it needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Keep, Shape, labels, values

ORDER = "v1/order"
SHIPMENT = "v1/shipment"
FULFILLMENT = "v1/fulfillment"
V2_SHIPMENT = "v2/shipment"
V2_LABEL = "v2/label"
V2_FULFILLMENT = "v2/fulfillment"
INVENTORY = "v2/inventory"

STAMP: Shape = {"onhand": {**values("zone", "shop", "combined", "demand_class"), "providers": Keep.NAMES}}
V1_ITEM: Shape = {**values("orderItemId", "productId", "quantity", "adjustment"), **labels("sku")}
ORDER_SHAPE: Shape = {
    **STAMP,
    **values("orderId", "orderStatus", "orderDate", "createDate", "modifyDate", "externallyFulfilled"),
    **labels("orderKey", "orderNumber", "externallyFulfilledBy"),
    "advancedOptions": {**values("storeId", "warehouseId"), "mergedIds": Keep.PRESENCE},
    "items": [V1_ITEM],
}
SHIPMENT_SHAPE: Shape = {
    **STAMP,
    **values("shipmentId", "orderId", "createDate", "voidDate", "voided"),
    **values("isReturnLabel", "testLabel", "warehouseId"),
    **labels("orderKey", "orderNumber"),
    "advancedOptions": values("storeId"),
    "shipmentItems": [V1_ITEM],
}
FULFILLMENT_SHAPE: Shape = {
    **STAMP,
    "order": ORDER_SHAPE,
    "fulfillments": [
        {
            **values("fulfillmentId", "createDate", "voidDate", "voided"),
            **labels("fulfillmentProviderCode"),
        },
    ],
    "shipments": [SHIPMENT_SHAPE],
}
V2_SHIPMENT_SHAPE: Shape = {
    **STAMP,
    **values(
        "shipment_id", "store_id", "created_at", "modified_at", "shipment_status", "warehouse_id", "is_return"
    ),
    **labels("external_shipment_id", "external_order_id", "shipment_number"),
    "sales_order_ids": Keep.NAMES,
    "items": [{**values("item_id", "product_id", "quantity"), **labels("sku", "external_order_id")}],
}
LABEL_SHAPE: Shape = {
    **STAMP,
    **values("label_id", "shipment_id", "status", "created_at", "voided", "voided_at"),
    **values("is_return_label", "test_label"),
    "shipment": V2_SHIPMENT_SHAPE,
}
V2_FULFILLMENT_SHAPE: Shape = {
    **STAMP,
    "shipment": V2_SHIPMENT_SHAPE,
    "fulfillments": [
        {
            **values("fulfillment_id", "created_at", "voided", "voided_at"),
            **labels("fulfillment_provider_code"),
        },
    ],
    "labels": [LABEL_SHAPE],
}
LEVEL_SHAPE: Shape = {**values("inventory_location_id", "available", "seen_at"), **labels("sku")}

SHAPES: Mapping[str, Shape] = {
    ORDER: ORDER_SHAPE,
    SHIPMENT: SHIPMENT_SHAPE,
    FULFILLMENT: FULFILLMENT_SHAPE,
    V2_SHIPMENT: V2_SHIPMENT_SHAPE,
    V2_LABEL: LABEL_SHAPE,
    V2_FULFILLMENT: V2_FULFILLMENT_SHAPE,
    INVENTORY: LEVEL_SHAPE,
}
TOPICS = tuple(SHAPES)
UNKNOWN: Shape = values("createDate", "created_at")


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic only its date."""
    return allowlist.cut(body, SHAPES.get(topic, UNKNOWN))
