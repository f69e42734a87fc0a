"""The bodies of a shop's webhooks, with the fields of Shopify's own samples (API 2026-07).

People are invented: every personal value says `canary`, so that a test can see whether one gets through an allow-list.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.shopify.sandbox.shop import GID, Level, Order, OrderLine, Parcel, Refund

CANARY_NUMBER = 990_099_009_900_990
"""The number of the invented customer."""

ADDRESS: dict[str, Any] = {
    "first_name": "Canary",
    "last_name": "Canary-Surname",
    "name": "Canary Canary-Surname",
    "address1": "1 Canary Street",
    "address2": None,
    "company": "Canary Ltd",
    "city": "Canaryville",
    "zip": "CANARY-1",
    "province": "Canary Province",
    "country": "Canary Country",
    "phone": "canary-phone",
    "latitude": None,
    "longitude": None,
    "country_code": "ZZ",
    "province_code": "XX",
}

PERSON: dict[str, Any] = {
    "email": "canary@example.invalid",
    "contact_email": "canary@example.invalid",
    "phone": "canary-phone",
    "browser_ip": "canary-address",
    "client_details": {"browser_ip": "canary-address", "user_agent": "canary-browser"},
    "note": "canary note",
    "note_attributes": [{"name": "canary", "value": "canary"}],
    "landing_site": "/?canary=1",
    "order_status_url": "https://example.invalid/canary",
    "token": "canary-token",
    "customer": {
        "id": CANARY_NUMBER,
        "email": "canary@example.invalid",
        "first_name": "Canary",
        "last_name": "Canary-Surname",
        "phone": "canary-phone",
        "default_address": {"id": CANARY_NUMBER, "customer_id": CANARY_NUMBER, **ADDRESS},
    },
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "payment_gateway_names": ["canary-gateway"],
}

MONEY = {"amount": "9.99", "currency_code": "EUR"}
PRICE: dict[str, Any] = {
    "price": "9.99",
    "price_set": {"shop_money": MONEY, "presentment_money": MONEY},
    "total_discount": "0.00",
    "total_discount_set": {"shop_money": MONEY, "presentment_money": MONEY},
    "taxable": True,
    "tax_lines": [],
    "duties": [],
    "discount_allocations": [],
}


def stamp(moment: datetime) -> str:
    """An instant as Shopify writes it: whole seconds, with the zone."""
    return moment.isoformat(timespec="seconds")


def order(found: Order, shop_name: str) -> dict[str, Any]:
    """The body of `orders/*`."""
    return {
        "id": found.id,
        "admin_graphql_api_id": f"{GID}Order/{found.id}",
        "app_id": None,
        "cancel_reason": "customer" if found.cancelled_at else None,
        "cancelled_at": stamp(found.cancelled_at) if found.cancelled_at else None,
        "closed_at": None,
        "company": {"id": CANARY_NUMBER, "location_id": CANARY_NUMBER} if found.company else None,
        "confirmed": True,
        "created_at": stamp(found.created_at),
        "currency": "EUR",
        "device_id": None,
        "financial_status": "paid",
        "fulfillment_status": None,
        "location_id": None if found.till is None else found.till.id,
        "name": f"#{found.id % 1_000_000}",
        "number": found.id % 1_000_000,
        "order_number": found.id % 1_000_000,
        "processed_at": stamp(found.created_at),
        "source_name": found.source,
        "source_url": f"https://{shop_name}/canary",
        "tags": ", ".join(found.tags),
        "test": False,
        "total_price": "9.99",
        "updated_at": stamp(found.updated_at),
        "user_id": None,
        **(found.person or PERSON),
        "discount_applications": [],
        "fulfillments": [fulfillment(parcel) for parcel in found.parcels],
        "line_items": [_line(line) for line in found.lines],
        "payment_terms": None,
        "refunds": [refund(made) for made in found.refunds],
        "returns": [],
        "shipping_lines": [{"id": found.id, "title": "Canary Express", **PRICE}],
    }


def fulfillment(parcel: Parcel) -> dict[str, Any]:
    """The body of `fulfillments/*`."""
    return {
        "id": parcel.id,
        "order_id": parcel.order.id,
        "status": parcel.status,
        "created_at": stamp(parcel.created_at),
        "service": "manual",
        "updated_at": stamp(parcel.updated_at),
        "tracking_company": None,
        "shipment_status": None,
        "location_id": parcel.location.id,
        "origin_address": None,
        "email": "canary@example.invalid",
        "destination": ADDRESS,
        "line_items": [{**_line(line), "quantity": quantity} for line, quantity in parcel.lines],
        "tracking_number": "canary-tracking",
        "tracking_numbers": ["canary-tracking"],
        "tracking_url": None,
        "tracking_urls": [],
        "receipt": {},
        "name": f"#{parcel.order.id % 1_000_000}.1",
        "admin_graphql_api_id": f"{GID}Fulfillment/{parcel.id}",
    }


def refund(made: Refund) -> dict[str, Any]:
    """The body of `refunds/create`."""
    return {
        "id": made.id,
        "order_id": made.order.id,
        "created_at": stamp(made.created_at),
        "note": "canary note",
        "user_id": CANARY_NUMBER,
        "processed_at": stamp(made.created_at),
        "duties": [],
        "return": None,
        "restock": any(row.restock_type != "no_restock" for row in made.lines),
        "admin_graphql_api_id": f"{GID}Refund/{made.id}",
        "order_adjustments": [],
        "refund_line_items": [
            {
                "id": row.id,
                "quantity": row.quantity,
                "line_item_id": row.line.id,
                "location_id": row.location.id if row.location else None,
                "restock_type": row.restock_type,
                "subtotal": 9.99,
                "total_tax": 0,
                "line_item": _line(row.line),
            }
            for row in made.lines
        ],
        "transactions": [{"id": made.id, "kind": "refund", "gateway": "canary-gateway", "receipt": {}}],
    }


def level(found: Level) -> dict[str, Any]:
    """The body of `inventory_levels/*`: the level as it is when the webhook is made."""
    return {
        "inventory_item_id": found.item.id,
        "location_id": found.location.id,
        "available": found.available if found.item.tracked else None,
        "updated_at": stamp(found.updated_at),
        "admin_graphql_api_id": f"{GID}InventoryLevel/{found.location.id}?inventory_item_id={found.item.id}",
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "admin_graphql_api_id": f"{GID}LineItem/{line.id}",
        "current_quantity": line.current,
        "fulfillable_quantity": line.fulfillable,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": 100,
        "name": line.item.sku,
        "product_exists": True,
        "product_id": line.item.variant,
        "properties": [{"name": "engraving", "value": "canary"}],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": line.item.sku,
        "title": line.item.sku,
        "variant_id": line.item.variant,
        "variant_inventory_management": "shopify" if line.item.tracked else None,
        "variant_title": None,
        "vendor": "canary-vendor",
        **PRICE,
    }
