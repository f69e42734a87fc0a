"""The fields of Heartland's documents that Onhand keeps. All others (customer, clerk, notes, payments) stop here.

A topic is the document's path in the API. `lines`, `invoices`, `receipts`, `events`, `uncounted`, `sold_as` and `ours` are
not Heartland's fields: the client puts there what it read from the document's own sub-resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Shape, labels, values

TICKETS = "sales/tickets"
ORDERS = "sales/orders"
INVOICES = "sales/invoices"
PURCHASES = "purchasing/orders"
RECEIPTS = "purchasing/receipts"
VENDOR_RETURNS = "purchasing/returns"
TRANSFERS = "inventory/transfers"
ADJUSTMENTS = "inventory/adjustment_sets"
COUNTS = "inventory/physical_counts"

LINE: Shape = values("id", "type", "item_id", "qty", "ship_from_location_id", "created_at")
HEAD: Shape = {
    **values("id", "public_id", "type", "created_at", "updated_at", "completed_at", "accepted_at"),
    **labels("status"),
    "lines": [LINE],
}
INVOICE: Shape = {**HEAD, **values("order_id", "source_location_id")}
RECEIPT: Shape = {**HEAD, **values("order_id", "receive_at_location_id", "location_id")}

SHAPES: Mapping[str, Shape] = {
    TICKETS: {
        **HEAD,
        **values("affect_inventory", "source_location_id"),
        "sold_as": values("public_id"),
    },
    ORDERS: {**HEAD, **values("source_location_id"), "invoices": [INVOICE]},
    INVOICES: INVOICE,
    PURCHASES: {**HEAD, **values("receive_at_location_id", "location_id"), "receipts": [RECEIPT]},
    RECEIPTS: RECEIPT,
    VENDOR_RETURNS: {**HEAD, **values("source_location_id", "location_id")},
    TRANSFERS: {
        **HEAD,
        **values("from_location_id", "to_location_id"),
        "events": [{**values("id", "type", "created_at"), "lines": [LINE]}],
    },
    ADJUSTMENTS: {**HEAD, **values("location_id", "adjustment_reason_id", "ours")},
    COUNTS: {**HEAD, **values("location_id", "scope"), "uncounted": [values("item_id")]},
}
UNKNOWN: Shape = values("id", "updated_at")


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only."""
    return allowlist.cut(body, SHAPES.get(topic, UNKNOWN))
