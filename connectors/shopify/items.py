"""What a line of any document is about: its item and its place, in Shopify's references. Pure."""

from __future__ import annotations

from connectors.shopify import fields
from connectors.shopify.fields import Body
from schemas.claims import Skipped


def item(row: Body, skipped: list[Skipped]) -> str | None:
    """The reference of a line's item: its SKU, else its variant. Without one the line joins `skipped`.

    A variant that was deleted later leaves its SKU behind, so a line without a variant is an item if it has a SKU.
    """
    found = _reference(row)
    name = found or f"line {fields.identity(row, 'id')}"
    if row.get("gift_card") is True:
        skipped.append(Skipped(item=name, reason="a gift card has no stock"))
    elif not found:
        skipped.append(Skipped(item=name, reason="a custom line names no item"))
    elif fields.units(row, "quantity") == 0:
        skipped.append(Skipped(item=name, reason="quantity zero"))
    else:
        return found
    return None


def stocked(row: Body) -> str | None:
    """The same of a line whose order's own line tells already why it is skipped, if it is."""
    return None if row.get("gift_card") is True else _reference(row) or None


def location(body: Body) -> str | None:
    """The reference of the place that a document names; None where it names none."""
    found = fields.optional_identity(body, "location_id")
    return None if found is None else f"location:{found}"


def taken_at(order: Body) -> str | None:
    """Where an order was taken over the counter; None for one that no place has been chosen for."""
    return location(order) if fields.text(order, "source_name") == "pos" else None


def _reference(row: Body) -> str:
    sku, variant = fields.text(row, "sku"), fields.optional_identity(row, "variant_id")
    return sku or (f"variant:{variant}" if variant else "")
