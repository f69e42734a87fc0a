"""The topics that Shopify has and nobody reads, each with its reason (samples of API 2026-07).

Most carry ids and nothing that could be counted: what they are about is read whole by the poll.
"""

from __future__ import annotations

ELSEWHERE = {
    "orders/edited": "names no SKU; the orders/updated that follows carries the whole order",
    "orders/delete": "says nothing of stock; an order must be cancelled before it can be deleted",
    "orders/risk_assessment_changed": "moves no stock",
    "inventory_levels/disconnect": "tells no number",
    "fulfillment_orders": "carries ids only; the poll reads where the order was routed to",
    "fulfillment_holds": "moves no stock",
    "returns": "carries ids only; the poll reads what came back",
    "reverse_fulfillment_orders": "names no order and no SKU; the poll reads what came back",
    "reverse_deliveries": "moves no stock",
    "inventory_transfers": "carries ids only; the poll reads the whole transfer",
    "inventory_shipments": "carries ids only; the poll reads the whole transfer",
    **dict.fromkeys(
        ("customers/data_request", "customers/redact", "shop/redact"),
        "is about what the vault keeps of people, so it is no document; it moves no stock",
    ),
    "draft_orders": "moves no stock; the order that it becomes does",
    **dict.fromkeys(
        (
            *("inventory_items", "locations", "products", "variants", "profiles", "companies"),
            *("company_locations", "bulk_operations", "app"),
        ),
        "is about the catalogue or the shop; it moves no stock",
    ),
}
"""Why a topic that Shopify has, or all topics of a resource, are not read."""
