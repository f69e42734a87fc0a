"""The JSON of API V2 (OpenAPI 2.0.0 of 2025-08-13; what it has and the recordings have not is left out)."""

from __future__ import annotations

from typing import Any

from connectors.shipstation.sandbox.account import CANCELLED, Account, Fulfillment, Label, Order
from connectors.shipstation.sandbox.writing import MADE, location_id, v2_date, warehouse_id

ADDRESS = {
    "name": "Canary Customer",
    "phone": "555-0100",
    "email": "canary@example.com",
    "address_line1": "1 Canary Street",
    "city_locality": "Springfield",
    "state_province": "OR",
    "postal_code": "97475",
    "country_code": "US",
    "address_residential_indicator": "yes",
}
NOTHING = {"currency": "usd", "amount": 0.0}
WEIGHT = {"value": 3.0, "unit": "ounce"}


def warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/warehouses`."""
    return {
        "warehouse_id": f"se-{warehouse_id(place)}",
        "is_default": place == 0,
        "name": account.places[place],
        "created_at": v2_date(MADE),
        "origin_address": {**ADDRESS},
        "return_address": {**ADDRESS},
    }


def inventory_location(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/inventory_locations`."""
    return {
        "inventory_location_id": location_id(place),
        "name": f"{account.places[place]} shelves",
        "inventory_warehouse_id": f"se-iw-{place + 1}",
        "created_at": v2_date(MADE),
        "updated_at": v2_date(MADE),
    }


def inventory_warehouse(account: Account, place: int) -> dict[str, Any]:
    """A row of `GET /v2/inventory_warehouses`."""
    return {
        "inventory_warehouse_id": f"se-iw-{place + 1}",
        "name": account.places[place],
        "created_at": v2_date(MADE),
        "updated_at": v2_date(MADE),
    }


def level(account: Account, sku: str, place: int, *, merged: bool) -> dict[str, Any]:
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


def shipment(account: Account, order: Order) -> dict[str, Any]:
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
        "ship_to": ADDRESS,
        "ship_from": ADDRESS,
        "return_to": ADDRESS,
        "warehouse_id": f"se-{warehouse_id(order.place)}",
        "is_return": False,
        "confirmation": "none",
        "advanced_options": {},
        "insurance_provider": "none",
        "store_id": f"se-{order.store}",
        "tags": [{"name": f"Canary {tag}"} for tag in order.tags],
        "packages": [{"weight": WEIGHT}],
        "total_weight": WEIGHT,
        "notes_from_buyer": "canary note",
        **_sales_orders(order),
        "items": [
            {
                "name": f"{sku} (canary name)",
                "sku": sku,
                "quantity": quantity,
                "bundle_sku": None,
                "external_order_id": order.external,
                "item_id": str(order.id + at),
                "product_id": str(account.numbers.get(sku, 0)),
                "options": [{"name": "Engraving", "value": "canary"}],
            }
            for at, (sku, quantity) in enumerate(order.lines)
        ],
    }


def _sales_orders(order: Order) -> dict[str, Any]:
    """The orders that were combined (docs.shipstation.com, Split and Merge Shipments: newer than the OpenAPI document)."""
    found = [f"se-so-{number}" for number in (order.id, *order.merged)]
    return {"sales_order_ids": found} if order.merged else {}


def label(_account: Account, label: Label) -> dict[str, Any]:
    """A label of V2, which names no goods."""
    return {
        "label_id": f"se-{label.id}",
        "status": "voided" if label.voided else "processing" if label.making else "completed",
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
        "ship_to": ADDRESS,
    }


def fulfillment(made: Fulfillment) -> dict[str, Any]:
    """What was marked as shipped, which names no goods (docs.shipstation.com, List fulfillments)."""
    return {
        "fulfillment_id": f"se-{made.id}",
        "shipment_id": f"se-{made.order.id}",
        "shipment_number": made.order.number,
        "tracking_number": "",
        "created_at": v2_date(made.made),
        "ship_date": v2_date(made.made),
        "voided": made.voided is not None,
        "void_requested": made.voided is not None,
        "voided_at": v2_date(made.voided),
        "fulfillment_provider_code": made.provider,
        "ship_to": ADDRESS,
    }
