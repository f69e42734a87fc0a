"""The JSON of both APIs. V1: docs.shipstation.com and published examples; V2: OpenAPI 2.0.0 of 2025-08-13.

Everything personal in it is invented, and there only so that the allow-list has something to keep out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.shipstation.sandbox.account import CANCELLED, Account, Fulfillment, Label, Order

PACIFIC = ZoneInfo("America/Los_Angeles")
CANARIES = ("canary", "Canary", "555-0100")
V1_ADDRESS = {
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
V2_ADDRESS = {
    "name": "Canary Customer",
    "phone": "555-0100",
    "email": "canary@example.com",
    "company_name": "",
    "address_line1": "1 Canary Street",
    "address_line2": "",
    "city_locality": "Springfield",
    "state_province": "OR",
    "postal_code": "97475",
    "country_code": "US",
    "address_residential_indicator": "yes",
}
NOTHING = {"currency": "usd", "amount": 0.0}
WEIGHT = {"value": 2.0, "unit": "ounce"}
NOWHERE = datetime(2000, 1, 1, tzinfo=UTC)
"""When the account was made."""


def v1_date(at: datetime | None) -> str | None:
    """An instant as V1 writes it: Pacific, seven decimals, no offset."""
    return None if at is None else at.astimezone(PACIFIC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def v2_date(at: datetime | None) -> str | None:
    """An instant as V2 writes it."""
    return (
        None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def product_id(account: Account, sku: str) -> int:
    """The id of a product; of an unknown one zero, which is nobody's."""
    return 6_815_000 + list(account.products).index(sku) if sku in account.products else 0


def warehouse_id(place: int) -> int:
    """The id of a Ship-From warehouse in V1; V2's is made of it."""
    return 456_700 + place


def v1_product(account: Account, sku: str) -> dict[str, Any]:
    """A row of `GET /products`."""
    tags = None if account.products[sku] else [{"tagId": 9, "name": "untracked"}]
    return {
        "productId": product_id(account, sku),
        "sku": sku,
        "name": f"{sku} (canary name)",
        "active": True,
        "tags": tags,
        "internalNotes": None,
        "aliases": None,
    }


def v1_warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /warehouses`."""
    return {
        "warehouseId": warehouse_id(place),
        "warehouseName": account.places[place],
        "originAddress": V1_ADDRESS,
        "returnAddress": V1_ADDRESS,
        "createDate": v1_date(NOWHERE),
        "isDefault": place == 0,
    }


def _v1_item(account: Account, ident: int, sku: str, quantity: int) -> dict[str, Any]:
    return {
        "orderItemId": ident,
        "lineItemKey": None,
        "sku": sku,
        "name": f"{sku} (canary name)",
        "quantity": quantity,
        "unitPrice": 1.0,
        "productId": product_id(account, sku) or None,
        "adjustment": False,
        "options": [{"name": "Engraving", "value": "canary"}],
    }


def v1_order(account: Account, order: Order) -> dict[str, Any]:
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
        "billTo": V1_ADDRESS,
        "shipTo": V1_ADDRESS,
        "items": [_v1_item(account, order.id + at, *line) for at, line in enumerate(order.lines)],
        "customerNotes": "canary note",
        "externallyFulfilled": order.provider is not None,
        "externallyFulfilledBy": order.provider,
        "advancedOptions": {
            "warehouseId": warehouse_id(order.place),
            "storeId": order.store,
            "customField1": "canary",
            "mergedOrSplit": order.parent is not None,
            "mergedIds": order.merged,
            "parentId": order.parent,
        },
    }


def v1_shipment(account: Account, label: Label, *, items: bool) -> dict[str, Any]:
    """A label, which V1 calls a shipment. Its items are null unless they are asked for."""
    rows = [_v1_item(account, label.id + at, *line) for at, line in enumerate(label.lines)]
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
        "shipTo": V1_ADDRESS,
        "shipmentItems": rows if items else None,
        "advancedOptions": {"storeId": label.order.store},
    }


def v1_fulfillment(_account: Account, made: Fulfillment) -> dict[str, Any]:
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
        "shipTo": V1_ADDRESS,
    }


def v2_warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/warehouses`."""
    return {
        "warehouse_id": f"se-{warehouse_id(place)}",
        "is_default": place == 0,
        "name": account.places[place],
        "created_at": v2_date(NOWHERE),
        "origin_address": {**V2_ADDRESS},
        "return_address": {**V2_ADDRESS},
    }


def inventory_location(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/inventory_locations`."""
    return {
        "inventory_location_id": location_id(place),
        "name": f"{account.places[place]} shelves",
        "inventory_warehouse_id": f"se-iw-{place + 1}",
        "created_at": v2_date(NOWHERE),
        "updated_at": v2_date(NOWHERE),
    }


def inventory_warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/inventory_warehouses`."""
    return {
        "inventory_warehouse_id": f"se-iw-{place + 1}",
        "name": account.places[place],
        "created_at": v2_date(NOWHERE),
        "updated_at": v2_date(NOWHERE),
    }


def location_id(place: int) -> str:
    """The id of the inventory location behind a place."""
    return f"se-il-{place + 1}"


def v2_level(account: Account, sku: str, place: int, *, merged: bool) -> dict[str, Any]:
    """A row of `GET /v2/inventory`. Without `group_by=location` it names no location (one probe)."""
    return {
        "sku": sku,
        "on_hand": account.on_hand[sku, place],
        "allocated": account.allocated[sku, place],
        "available": account.available(sku, place),
        "average_cost": {"amount": 1.0, "currency": "usd"},
        "inventory_warehouse_id": f"se-iw-{place + 1}",
        "inventory_location_id": None if merged else location_id(place),
    }


def v2_shipment(account: Account, order: Order) -> dict[str, Any]:
    """An order, which V2 calls a shipment."""
    status = {CANCELLED: CANCELLED, "shipped": "label_purchased"}.get(order.status, "pending")
    return {
        "shipment_id": f"se-{order.id}",
        "carrier_id": None,
        "external_shipment_id": f"SEAuto-{order.number}" if order.parent else None,
        "external_order_id": order.external,
        "shipment_number": order.number,
        "ship_date": order.placed.strftime("%Y-%m-%dT00:00:00Z"),
        "created_at": v2_date(order.created),
        "modified_at": v2_date(order.modified),
        "shipment_status": status,
        "ship_to": V2_ADDRESS,
        "ship_from": V2_ADDRESS,
        "return_to": V2_ADDRESS,
        "warehouse_id": f"se-{warehouse_id(order.place)}",
        "is_return": False,
        "confirmation": "none",
        "advanced_options": {},
        "insurance_provider": "none",
        "store_id": f"se-{order.store}",
        "tags": [],
        "packages": [{"weight": WEIGHT}],
        "total_weight": WEIGHT,
        "notes_from_buyer": "canary note",
        "items": [
            {
                "name": f"{sku} (canary name)",
                "sku": sku,
                "quantity": quantity,
                "bundle_sku": None,
                "external_order_id": order.external,
                "item_id": str(order.id + at),
                "product_id": str(product_id(account, sku)),
                "options": [{"name": "Engraving", "value": "canary"}],
            }
            for at, (sku, quantity) in enumerate(order.lines)
        ],
    }


def v2_label(_account: Account, label: Label) -> dict[str, Any]:
    """A label of V2, which names no goods."""
    return {
        "label_id": f"se-{label.id}",
        "status": "voided" if label.voided else "completed",
        "shipment_id": f"se-{label.order.id}",
        "external_order_id": label.order.external,
        "ship_date": label.made.strftime("%Y-%m-%dT00:00:00Z"),
        "created_at": v2_date(label.made),
        "shipment_cost": NOTHING,
        "insurance_cost": NOTHING,
        "tracking_number": f"94{label.id}",
        "is_return_label": label.returns,
        "test_label": label.test,
        "voided": label.voided is not None,
        "voided_at": v2_date(label.voided),
        "packages": [],
        "ship_to": V2_ADDRESS,
    }
