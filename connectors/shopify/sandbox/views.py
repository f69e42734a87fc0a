"""The shop's things as the GraphQL schema sees them. What costs something is computed only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.shopify.sandbox.payloads import PERSON
from connectors.shopify.sandbox.shop import (
    GID,
    Item,
    Level,
    Location,
    Order,
    OrderLine,
    Parcel,
    Refund,
    Return,
    Route,
    Shipment,
    Shop,
    Transfer,
)


def stamp(moment: datetime | None) -> str | None:
    """An instant as the API writes it: UTC, whole seconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def listed(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """A connection that fits into its first page."""
    return {"nodes": nodes, "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "endCursor": None}}


def item(shop: Shop, found: Item) -> dict[str, Any]:
    """An InventoryItem."""
    variant = {"__typename": "ProductVariant", "id": f"{GID}ProductVariant/{found.variant}"}

    def levels(_info: object, **_window: Any) -> dict[str, Any]:
        here = (shop.levels.get((found.id, place.id)) for place in shop.locations.values())
        return listed([level(one) for one in here if one is not None])

    def level_at(_info: object, locationId: str, **_options: Any) -> dict[str, Any] | None:  # noqa: N803  # Shopify's name
        place = shop.location_by_gid.get(locationId)
        here = None if place is None else shop.levels.get((found.id, place.id))
        return None if here is None else level(here)

    return {
        "__typename": "InventoryItem",
        "id": found.gid,
        "legacyResourceId": str(found.id),
        "sku": found.sku,
        "tracked": found.tracked,
        "variants": lambda _info, **_window: listed([{**variant, "legacyResourceId": str(found.variant)}]),
        "inventoryLevels": levels,
        "inventoryLevel": level_at,
    }


def level(found: Level) -> dict[str, Any]:
    """An InventoryLevel."""
    known = {
        name: getattr(found, name) for name in ("available", "committed", "reserved", "incoming", "on_hand")
    }
    return {
        "__typename": "InventoryLevel",
        "id": f"{GID}InventoryLevel/{found.location.id}?inventory_item_id={found.item.id}",
        "isActive": True,
        "updatedAt": stamp(found.updated_at),
        "location": location(found.location),
        "quantities": lambda _info, names: [
            {"name": name, "quantity": known.get(name, 0), "updatedAt": None} for name in names
        ],
    }


def location(found: Location) -> dict[str, Any]:
    """A Location."""
    return {
        "__typename": "Location",
        "id": found.gid,
        "legacyResourceId": str(found.id),
        "name": found.name,
        "isActive": True,
    }


def order(found: Order) -> dict[str, Any]:
    """An Order."""
    person = found.person or PERSON
    return {
        "__typename": "Order",
        "id": f"{GID}Order/{found.id}",
        "legacyResourceId": str(found.id),
        "createdAt": stamp(found.created_at),
        "processedAt": stamp(found.created_at),
        "updatedAt": stamp(found.updated_at),
        "cancelledAt": stamp(found.cancelled_at),
        "test": False,
        "sourceName": found.source,
        "tags": list(found.tags),
        "retailLocation": None if found.till is None else location(found.till),
        "email": person.get("email"),
        "phone": person.get("phone"),
        "customer": lambda _info: _customer(found, person),
        "shippingAddress": lambda _info: _shipping_address(person),
        "purchasingEntity": {"__typename": "PurchasingCompany" if found.company else "Customer"},
        "lineItems": lambda _info, **_window: listed([line(one) for one in found.lines]),
        "fulfillments": lambda _info, **_window: [fulfillment(parcel) for parcel in found.parcels],
        "refunds": lambda _info, **_window: [refund(made) for made in found.refunds],
        "fulfillmentOrders": lambda _info, **_window: listed([route(one) for one in found.routes]),
        "returns": lambda _info, **_window: listed([returned(one) for one in found.returns]),
    }


def _customer(order: Order, person: Mapping[str, Any]) -> dict[str, Any]:
    """Who placed an order; how they are tagged is told of each order."""
    found = person["customer"]
    email, phone = found.get("email"), found.get("phone")
    return {
        "__typename": "Customer",
        "legacyResourceId": str(found["id"]),
        "firstName": found["first_name"],
        "lastName": found["last_name"],
        "defaultEmailAddress": email and {"emailAddress": email},
        "defaultPhoneNumber": phone and {"phoneNumber": phone},
        "tags": list(order.customer_tags),
    }


def _shipping_address(person: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where an order is to be sent; nowhere for one that is picked up."""
    found = person.get("shipping_address")
    return found and {
        "__typename": "MailingAddress",
        "firstName": found.get("first_name"),
        "lastName": found.get("last_name"),
        "name": found.get("name"),
        "phone": found.get("phone"),
        "address1": found.get("address1"),
        "address2": found.get("address2"),
        "city": found.get("city"),
        "zip": found.get("zip"),
        "provinceCode": found.get("province_code"),
        "countryCodeV2": found.get("country_code"),
    }


def route(found: Route) -> dict[str, Any]:
    """A FulfillmentOrder."""
    lines = {one.id: one for one in found.order.lines}
    return {
        "__typename": "FulfillmentOrder",
        "id": f"{GID}FulfillmentOrder/{found.id}",
        "orderId": f"{GID}Order/{found.order.id}",
        "status": found.status,
        "requestStatus": found.request_status,
        "createdAt": stamp(found.created_at),
        "updatedAt": stamp(found.updated_at),
        "deliveryMethod": {"methodType": found.method},
        "assignedLocation": {"location": location(found.location)},
        "lineItems": lambda _info, **_window: listed(
            [
                {"totalQuantity": total, "remainingQuantity": left, "lineItem": line(lines[number])}
                for number, (total, left) in found.units.items()
            ]
        ),
    }


def returned(found: Return) -> dict[str, Any]:
    """A Return with its reverse fulfilment order."""
    lines = [
        {
            "totalQuantity": quantity,
            "fulfillmentLineItem": {"quantity": quantity, "lineItem": line(one)},
            "dispositions": [
                {
                    "type": part.kind,
                    "quantity": part.quantity,
                    "createdAt": stamp(part.created_at),
                    "location": location(part.location),
                }
                for part in found.dispositions
                if part.line is one
            ],
        }
        for one, quantity in found.lines
    ]
    reverse = {
        "__typename": "ReverseFulfillmentOrder",
        "id": f"{GID}ReverseFulfillmentOrder/{found.reverse}",
        "lineItems": lambda _info, **_window: listed(lines),
    }
    return {
        "__typename": "Return",
        "id": f"{GID}Return/{found.id}",
        "reverseFulfillmentOrders": lambda _info, **_window: listed([reverse]),
    }


def transfer(found: Transfer) -> dict[str, Any]:
    """An InventoryTransfer."""
    return {
        "__typename": "InventoryTransfer",
        "id": f"{GID}InventoryTransfer/{found.id}",
        "status": found.status,
        "dateCreated": stamp(found.created_at),
        "origin": None if found.origin is None else {"location": location(found.origin)},
        "destination": {"location": location(found.destination)},
        "lineItems": lambda _info, **_window: listed(
            [
                {
                    "totalQuantity": quantity,
                    "shippedQuantity": found.shipped(one),
                    "inventoryItem": _named(one),
                }
                for one, quantity in found.lines.items()
            ]
        ),
        "shipments": lambda _info, **_window: listed([shipment(one) for one in found.shipments]),
    }


def shipment(found: Shipment) -> dict[str, Any]:
    """An InventoryShipment."""
    return {
        "__typename": "InventoryShipment",
        "id": f"{GID}InventoryShipment/{found.id}",
        "status": found.status,
        "dateShipped": stamp(found.shipped_at),
        "dateReceived": stamp(found.received_at),
        "lineItems": lambda _info, **_window: listed(
            [
                {
                    "quantity": quantity,
                    "acceptedQuantity": found.accepted.get(one, 0),
                    "rejectedQuantity": found.rejected.get(one, 0),
                    "inventoryItem": _named(one),
                }
                for one, quantity in found.lines.items()
            ]
        ),
    }


def _named(number: int) -> dict[str, Any]:
    return {"__typename": "InventoryItem", "legacyResourceId": str(number)}


def line(found: OrderLine) -> dict[str, Any]:
    """A LineItem."""
    return {
        "__typename": "LineItem",
        "id": f"{GID}LineItem/{found.id}",
        "quantity": found.quantity,
        "currentQuantity": found.current,
        "unfulfilledQuantity": found.fulfillable,
        "sku": found.item.sku,
        "isGiftCard": False,
        "variant": {"__typename": "ProductVariant", "legacyResourceId": str(found.item.variant)},
    }


def fulfillment(found: Parcel) -> dict[str, Any]:
    """A Fulfillment."""
    return {
        "__typename": "Fulfillment",
        "id": f"{GID}Fulfillment/{found.id}",
        "legacyResourceId": str(found.id),
        "status": found.status.upper(),
        "createdAt": stamp(found.created_at),
        "updatedAt": stamp(found.updated_at),
        "location": location(found.location),
        "fulfillmentOrders": lambda _info, **_window: listed(
            [{"deliveryMethod": {"methodType": found.method}}]
        ),
        "fulfillmentLineItems": lambda _info, **_window: listed(
            [{"quantity": quantity, "lineItem": line(one)} for one, quantity in found.lines]
        ),
    }


def refund(found: Refund) -> dict[str, Any]:
    """A Refund."""
    return {
        "__typename": "Refund",
        "id": f"{GID}Refund/{found.id}",
        "legacyResourceId": str(found.id),
        "createdAt": stamp(found.created_at),
        "updatedAt": stamp(found.created_at),
        "refundLineItems": lambda _info, **_window: listed(
            [
                {
                    "quantity": row.quantity,
                    "restockType": row.restock_type.upper(),
                    "location": None if row.location is None else location(row.location),
                    "lineItem": line(row.line),
                }
                for row in found.lines
            ]
        ),
    }
