"""Which places an order was routed to: what its fulfilment orders say. Pure.

Where an order is to be sent from no order tells: it is on its fulfilment orders (schema 2026-10, `FulfillmentOrder`), which
only the API shows whole; their webhooks carry ids. When Shopify routes, splits, moves, holds, merges or replaces them, the
units that stand at a place change, and nothing else does: a hold, a schedule and a place getting ready for a pick-up move
nothing, and neither does a place that rejects a request, until a person moves it (recorded for split, hold, move and
merge; a move takes the demand along, reported by users).
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from connectors.shopify import fields
from connectors.shopify.fields import Body
from connectors.shopify.items import location, stocked, taken_at
from connectors.shopify.removals import SENT
from schemas.claims import Document, Fact, Line, Skipped

OVER = frozenset({"closed", "cancelled"})
"""The statuses of a fulfilment order from which nothing will be sent (recorded: one that was closed may still show units)."""

LIVE = frozenset({"open", "in_progress", "scheduled", "on_hold", "incomplete"})
UNDONE = {
    "rejected": "the place has rejected the request; its units stay there until they are moved",
    "closed": "the place has ended the request unfinished; its units stay there until they are moved",
}
"""Requests from which a place sends no more, though the fulfilment order stands (schema, FulfillmentOrderRequestStatus)."""

Cell = tuple[str, str]
"""An item at a place."""


def routing(order: Body) -> Document:
    """How many units of each item were ever routed to each place: those still to be sent from it, and those sent.

    Both come from one snapshot, so a parcel takes from what was routed to its place. Units at the place that the order was
    taken at were not routed.
    """
    home = taken_at(order)
    units: Counter[Cell] = Counter()
    since: dict[Cell, datetime] = {}
    skipped: list[Skipped] = []
    version = fields.instant(order, "updated_at")
    for part in fields.rows(order, "fulfillment_orders"):
        version = max(version, fields.instant(part, "updated_at"))
        _waiting(part, units, since, skipped)
    for parcel in fields.optional_rows(order, "fulfillments"):
        if fields.text(parcel, "status") in SENT:
            _placed(parcel, fields.instant(parcel, "created_at"), units, since)
    return Document(
        id=f"routing/{fields.identity(order, 'id')}",
        version=fields.milliseconds(version),
        lines=tuple(
            Line(
                fact=Fact.REROUTED,
                sku=sku,
                quantity=quantity,
                at=since[sku, place],
                location=home,
                there=place,
            )
            for (sku, place), quantity in units.items()
            if quantity and place != home
        ),
        skipped=tuple(skipped),
    )


def _waiting(part: Body, units: Counter[Cell], since: dict[Cell, datetime], skipped: list[Skipped]) -> None:
    status = fields.named(part, "status", LIVE | OVER)
    created = fields.instant(part, "created_at")
    if status in LIVE:
        _placed(part, created, units, since)
        if why := UNDONE.get(fields.text(part, "request_status")):
            skipped.append(Skipped(item=f"fulfillment_order/{fields.identity(part, 'id')}", reason=why))
    else:
        _placed(part, created, Counter(), since)


def _placed(part: Body, at: datetime, units: Counter[Cell], since: dict[Cell, datetime]) -> None:
    """Adds the units of a part to its place; it was chosen when the first part of the item came there."""
    place = location(part)
    if place is None:
        return
    for row in fields.rows(part, "line_items"):
        sku = stocked(row)
        if sku is not None:
            units[sku, place] += fields.units(row, "quantity")
            since[sku, place] = min(at, since.get((sku, place), at))
