"""What came back by Shopify's returns: the dispositions of a reverse fulfilment order. Pure.

A refund and the return that it was for tell of the same units, and either may come without the other: an exchange refunds
nothing, a refund at a till needs no return. The most advanced of the two kinds stands (`schemas.witnesses`), so units are
counted once. Only the API shows dispositions with their items; the webhooks carry ids.
"""

from __future__ import annotations

from connectors.shopify import fields
from connectors.shopify.fields import Body
from connectors.shopify.items import location, stocked
from schemas.accounts import State
from schemas.claims import Document, Fact, Line, Skipped

LANDS = {
    "restocked": State.AVAILABLE,
    "processing_required": State.QUALITY_CONTROL,
    "not_restocked": State.DAMAGED,
}
"""Where goods of a disposition land (schema 2026-10, `ReverseFulfillmentOrderDispositionType`). Shopify counts only what is
restocked; that the others stand there all the same, to be processed or not to be sold, is inferred."""

MISSING = "missing"


def returned(part: Body) -> Document:
    """Goods that came back by one reverse fulfilment order. Its newest disposition is its version."""
    lines: list[Line] = []
    skipped: list[Skipped] = []
    version = 0
    for row in fields.rows(part, "line_items"):
        found = fields.rows(row, "dispositions")
        version += len(found)
        version = max([version, *(fields.milliseconds(fields.instant(one, "created_at")) for one in found)])
        sku = stocked(row)
        if sku is None:
            continue
        unprocessed = fields.units(row, "quantity") - sum(
            fields.units(one, "quantity") for one in found if _kind(one) != "processing_required"
        )
        for one in found:
            kind, quantity = _kind(one), fields.units(one, "quantity")
            if kind == "processing_required":
                # one that was processed since is told again by its final kind
                quantity = max(0, min(quantity, unprocessed))
                unprocessed -= quantity
            line = _line(one, sku, kind, quantity)
            if isinstance(line, Line):
                lines.append(line)
            else:
                skipped.append(line)
    return Document(
        id=f"return/{fields.identity(part, 'id')}",
        version=version,
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _kind(disposition: Body) -> str:
    return fields.named(disposition, "restock_type", frozenset({*LANDS, MISSING}))


def _line(disposition: Body, sku: str, kind: str, quantity: int) -> Line | Skipped:
    place = location(disposition)
    if kind == MISSING:
        return Skipped(item=sku, reason="expected back, and absent")
    if place is None:
        return Skipped(item=sku, reason=f"the disposition {kind} names no place")
    if quantity == 0:
        return Skipped(item=sku, reason="quantity zero")
    at = fields.instant(disposition, "created_at")
    return Line(
        fact=Fact.RETURNED, sku=sku, quantity=quantity, at=at, location=place, state=LANDS[kind], reason=kind
    )
