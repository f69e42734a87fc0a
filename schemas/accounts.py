"""Where units can be: the states of a location, goods between locations, and the boundary of the business."""

from __future__ import annotations

from enum import StrEnum

UNROUTED = "@unrouted"
"""The virtual location of demand that no place has been chosen for. Its `available` is minus the open demand."""

NETWORK = "network"
"""The place of a channel that is told one number for all locations together."""

TRANSIT_PREFIX = "transit:"
"""Goods between two locations sit at the location `transit:<transfer id>`, in the state `in_transit`."""


class State(StrEnum):
    """A state of stock at a location. The names are Shopify's `inventoryProperties.quantityNames`."""

    AVAILABLE = "available"
    COMMITTED = "committed"
    RESERVED = "reserved"
    SAFETY_STOCK = "safety_stock"
    QUALITY_CONTROL = "quality_control"
    DAMAGED = "damaged"
    INCOMING = "incoming"
    IN_TRANSIT = "in_transit"


ON_HAND = (
    State.AVAILABLE,
    State.COMMITTED,
    State.RESERVED,
    State.SAFETY_STOCK,
    State.QUALITY_CONTROL,
    State.DAMAGED,
)
"""The states whose sum is on hand. `incoming` is an expectation and `in_transit` is on a lorry: neither is on hand."""

BOUNDARIES = frozenset({"@supplier", "@customer", "@loss", "@scrap", "@opening", "@kit", "@expected"})
"""Accounts outside the business. With the physical accounts they sum to zero for every SKU."""

BOUNDARY = "boundary"
"""The state of a leg whose location is a boundary account."""
