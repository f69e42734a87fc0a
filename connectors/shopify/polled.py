"""A polled order in the shape of its webhook, so that one mapping reads both. Pure.

The names left are Shopify's GraphQL (schema 2026-10), right its webhooks. `unfulfilledQuantity` stands for
`fulfillable_quantity`, whose GraphQL twin is deprecated; that they agree on lines that can be fulfilled is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]


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
        "location_id": _id(node["retailLocation"]),
        "company": (node["purchasingEntity"] or {}).get("__typename") == "PurchasingCompany",
        "line_items": lines,
        "fulfillments": fulfillments,
        "refunds": refunds,
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
