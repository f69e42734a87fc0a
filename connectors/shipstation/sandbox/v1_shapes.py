"""The JSON of API V1 (docs.shipstation.com, and published examples)."""

from __future__ import annotations

from typing import Any

from connectors.shipstation.sandbox.account import Account, Fulfillment, Label, Order
from connectors.shipstation.sandbox.writing import MADE, PACIFIC, v1_date, warehouse_id

ADDRESS = {
    "name": "Canary Customer",
    "company": None,
    "street1": "1 Canary Street",
    "street2": "",
    "street3": None,
    "city": "Springfield",
    "state": "OR",
    "postalCode": "97475",
    "country": "US",
    "phone": "555-0100",
    "residential": True,
    "addressVerified": "Address validated successfully",
}


def product(account: Account, sku: str) -> dict[str, Any]:
    """A row of `GET /products`."""
    tags = None if account.products[sku] else [{"tagId": 9, "name": "untracked"}]
    return {
        "productId": account.numbers[sku],
        "sku": sku,
        "name": f"{sku} (canary name)",
        "active": True,
        "tags": tags,
        "internalNotes": None,
        "aliases": None,
    }


def warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /warehouses`."""
    return {
        "warehouseId": warehouse_id(place),
        "warehouseName": account.places[place],
        "originAddress": ADDRESS,
        "returnAddress": ADDRESS,
        "createDate": v1_date(MADE),
        "isDefault": place == 0,
    }


def _item(account: Account, ident: int, sku: str, quantity: int) -> dict[str, Any]:
    return {
        "orderItemId": ident,
        "lineItemKey": None,
        "sku": sku,
        "name": f"{sku} (canary name)",
        "quantity": quantity,
        "unitPrice": 1.0,
        "productId": account.numbers.get(sku),
        "adjustment": False,
        "options": [{"name": "Engraving", "value": "canary"}],
    }


def order(account: Account, order: Order) -> dict[str, Any]:
    """An order of V1."""
    return {
        "orderId": order.id,
        "orderNumber": order.number,
        "orderKey": order.key,
        "orderDate": v1_date(order.placed),
        "createDate": v1_date(order.created),
        "modifyDate": v1_date(order.modified),
        "orderStatus": order.status,
        "customerEmail": "canary@example.com",
        "billTo": ADDRESS,
        "shipTo": ADDRESS,
        "items": [_item(account, order.id + at, *line) for at, line in enumerate(order.lines)],
        "customerNotes": "canary note",
        "tagIds": list(order.tags) or None,
        "externallyFulfilled": order.provider is not None,
        "externallyFulfilledBy": order.provider,
        "advancedOptions": {
            "warehouseId": warehouse_id(order.place),
            "storeId": order.store,
            "customField1": "canary",
            "mergedOrSplit": order.parent is not None or bool(order.merged),
            "mergedIds": order.merged,
            "parentId": order.parent,
        },
    }


def shipment(account: Account, label: Label, *, items: bool) -> dict[str, Any]:
    """A label, which V1 calls a shipment. Its items are null unless they are asked for."""
    rows = [_item(account, label.id + at, *line) for at, line in enumerate(label.lines)]
    return {
        "shipmentId": label.id,
        "orderId": label.order.id,
        "orderKey": label.order.key,
        "orderNumber": label.order.number,
        "customerEmail": "canary@example.com",
        "createDate": v1_date(label.made),
        "shipDate": label.made.astimezone(PACIFIC).date().isoformat(),
        "trackingNumber": f"94{label.id}",
        "isReturnLabel": label.returns,
        "testLabel": label.test,
        "warehouseId": warehouse_id(label.order.place),
        "voided": label.voided is not None,
        "voidDate": v1_date(label.voided),
        "shipTo": ADDRESS,
        "shipmentItems": rows if items else None,
        "advancedOptions": {"storeId": label.order.store},
    }


def fulfillment(_account: Account, made: Fulfillment) -> dict[str, Any]:
    """A fulfilment, which names no goods."""
    return {
        "fulfillmentId": made.id,
        "orderId": made.order.id,
        "orderNumber": made.order.number,
        "customerEmail": "canary@example.com",
        "createDate": v1_date(made.made),
        "shipDate": v1_date(made.made),
        "voidDate": v1_date(made.voided),
        "voided": made.voided is not None,
        "fulfillmentProviderCode": made.provider,
        "trackingNumber": "",
        "shipTo": ADDRESS,
    }
