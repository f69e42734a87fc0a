"""What a poll brings: an order in the shape of its webhook, so that one mapping reads both, and what only the API tells. Pure.

In an order and its parts the names left are Shopify's GraphQL (schema 2026-10), right its webhooks. `unfulfilledQuantity` stands for
`fulfillable_quantity`, whose GraphQL twin is deprecated; that they agree on lines that can be fulfilled is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]

ADDRESS = {
    "first_name": "firstName",
    "last_name": "lastName",
    "name": "name",
    "phone": "phone",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "zip": "zip",
    "province_code": "provinceCode",
    "country_code": "countryCodeV2",
}
"""An address's fields: their names in a webhook, and in GraphQL."""


def order(node: Node, lines: Sequence[Node], fulfillments: Sequence[Node], refunds: Sequence[Node]) -> Node:
    """An order, of its lines, parcels and refunds already in the webhook's shape."""
    return {
        "id": int(node["legacyResourceId"]),
        "created_at": node["createdAt"],
        "processed_at": node["processedAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "test": node["test"],
        "source_name": node["sourceName"],
        "tags": node["tags"],
        "location_id": _id(node["retailLocation"]),
        "company": (node["purchasingEntity"] or {}).get("__typename") == "PurchasingCompany",
        "line_items": lines,
        "fulfillments": fulfillments,
        "refunds": refunds,
    }


def buyer(node: Node) -> Node:
    """Whom an order is for, where that was asked."""
    customer, to = node.get("customer") or {}, node.get("shippingAddress") or {}
    return {
        "email": node.get("email"),
        "phone": node.get("phone"),
        "customer": {
            "id": customer.get("legacyResourceId"),
            "first_name": customer.get("firstName"),
            "last_name": customer.get("lastName"),
            "email": (customer.get("defaultEmailAddress") or {}).get("emailAddress"),
            "phone": (customer.get("defaultPhoneNumber") or {}).get("phoneNumber"),
            "tags": customer.get("tags"),
        },
        "shipping_address": {name: to.get(theirs) for name, theirs in ADDRESS.items()},
    }


def line(node: Node) -> Node:
    """A line of an order."""
    return {
        **_item(node),
        "quantity": node["quantity"],
        "current_quantity": node["currentQuantity"],
        "fulfillable_quantity": node["unfulfilledQuantity"],
    }


def fulfillment(node: Node, order_id: int, lines: Sequence[Node]) -> Node:
    """A parcel, of its lines as Shopify gives them."""
    return {
        "id": int(node["legacyResourceId"]),
        "order_id": order_id,
        "status": node["status"].lower(),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "location_id": _id(node["location"]),
        "pick_up": any(
            (part["deliveryMethod"] or {}).get("methodType") == "PICK_UP"
            for part in (node.get("fulfillmentOrders") or {"nodes": ()})["nodes"]
        ),
        "line_items": [{**_item(row["lineItem"]), "quantity": row["quantity"]} for row in lines],
    }


def refund(node: Node, order_id: int, lines: Sequence[Node]) -> Node:
    """A refund, of its lines as Shopify gives them."""
    return {
        "id": int(node["legacyResourceId"]),
        "order_id": order_id,
        "created_at": node["createdAt"],
        "refund_line_items": [
            {
                "line_item_id": _number(row["lineItem"]["id"]),
                "quantity": row["quantity"],
                "restock_type": row["restockType"].lower(),
                "location_id": _id(row["location"]),
                "line_item": _item(row["lineItem"]),
            }
            for row in lines
        ],
    }


def routed(node: Node, lines: Sequence[Node], nowhere: str | None) -> Node:
    """A fulfilment order with the units that are still to be sent. One that is assigned to `nowhere` has no place yet."""
    place = node["assignedLocation"]["location"]
    return {
        "id": _number(node["id"]),
        "status": node["status"].lower(),
        "request_status": node["requestStatus"].lower(),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "location_id": None if place is None or place["id"] == nowhere else int(place["legacyResourceId"]),
        "line_items": [{**_item(row["lineItem"]), "quantity": row["remainingQuantity"]} for row in lines],
    }


def reversed_part(node: Node, lines: Sequence[Node]) -> Node:
    """A reverse fulfilment order. A line whose parcel's line is gone names no item."""
    return {
        "id": _number(node["id"]),
        "line_items": [
            {
                **(_item(row["fulfillmentLineItem"]["lineItem"]) if row["fulfillmentLineItem"] else {}),
                "quantity": row["totalQuantity"],
                "dispositions": [
                    {
                        "restock_type": one["type"].lower(),
                        "quantity": one["quantity"],
                        "created_at": one["createdAt"],
                        "location_id": _id(one["location"]),
                    }
                    for one in row["dispositions"]
                ],
            }
            for row in lines
        ],
    }


def transfer(node: Node, lines: Sequence[Node], shipments: Sequence[Node], read_at: str) -> Node:
    """A transfer, of its shipments already in this shape, as it was at `read_at`."""
    origin, destination = node["origin"], node["destination"]
    return {
        "id": _number(node["id"]),
        "status": node["status"].lower(),
        "created_at": node["dateCreated"],
        "read_at": read_at,
        "from_supplier": origin is None,
        "origin_id": None if origin is None else _id(origin["location"]),
        "destination_id": None if destination is None else _id(destination["location"]),
        "line_items": [
            {
                "inventory_item_id": _id(row["inventoryItem"]),
                "quantity": row["totalQuantity"],
                "shipped_quantity": row["shippedQuantity"],
            }
            for row in lines
        ],
        "shipments": shipments,
    }


def shipment(node: Node, lines: Sequence[Node]) -> Node:
    """A shipment of a transfer."""
    return {
        "id": _number(node["id"]),
        "status": node["status"].lower(),
        "shipped_at": node["dateShipped"],
        "received_at": node["dateReceived"],
        "line_items": [
            {
                "inventory_item_id": _id(row["inventoryItem"]),
                "quantity": row["quantity"],
                "accepted": row["acceptedQuantity"],
                "rejected": row["rejectedQuantity"],
            }
            for row in lines
        ],
    }


def _item(node: Node) -> dict[str, Any]:
    return {
        "id": _number(node["id"]),
        "sku": node["sku"],
        "variant_id": _id(node["variant"]),
        "gift_card": node["isGiftCard"],
    }


def _id(node: Node | None) -> int | None:
    return None if node is None else int(node["legacyResourceId"])


def _number(gid: str) -> int:
    """The number in `gid://shopify/LineItem/1`."""
    return int(gid.rsplit("/", 1)[1])
