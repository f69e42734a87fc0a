"""What a transfer between two locations, or from a supplier to one, says. Pure.

Shopify sets the units of a transfer aside (available to reserved) when it is ready to ship (recorded), and takes them off
the origin when a shipment leaves; accepted units arrive, rejected ones are nobody's (inferred from the state names). A
transfer without an origin is a supply that is expected. Neither transfers nor their shipments say when they changed, so the
second they were read in is the version.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.errors import Refused
from connectors.shopify import fields
from connectors.shopify.fields import Body
from schemas.accounts import State
from schemas.claims import Document, Fact, Line, Skipped

PROGRESS = {"draft": 0, "ready_to_ship": 1, "in_progress": 2, "transferred": 3, "canceled": 3}
UNDER_WAY = frozenset({"ready_to_ship", "in_progress"})
STEP = 250
"""Of the thousand versions of a second, those of one status."""

UNSENT = frozenset({"draft"})
SENT = frozenset({"in_transit", "partially_received", "received"})


def transfer(body: Body) -> Document:
    """The whole transfer, with its shipments."""
    status = fields.named(body, "status", frozenset(PROGRESS))
    name = f"transfer/{fields.identity(body, 'id')}"
    lines: tuple[Line, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    if status == "draft":
        skipped = (Skipped(item=name, reason="the transfer is a draft"),)
    elif body.get("from_supplier") is True:
        lines = tuple(line for line in _supply(body, status) if line.quantity)
    else:
        lines = tuple(line for line in _between(body, status) if line.quantity)
    return Document(id=name, version=_version(body, status, lines), lines=lines, skipped=skipped)


def _version(body: Body, status: str, lines: tuple[Line, ...]) -> int:
    """The second it was read in; within that, what has gone further is the newer."""
    gone = sum(line.quantity for line in lines if line.fact not in {Fact.SET_ASIDE, Fact.EXPECTED})
    further = STEP * PROGRESS[status] + min(gone, STEP - 1)
    return fields.milliseconds(fields.instant(body, "read_at")) // 1000 * 1000 + further


def _between(body: Body, status: str) -> Iterator[Line]:
    """Goods from one place to another. What a transfer that is over did not send is set aside no longer."""
    origin, destination = _place(body, "origin_id"), _place(body, "destination_id")
    created = fields.instant(body, "created_at")
    for row in fields.rows(body, "line_items"):
        aside = fields.units(row, "quantity" if status in UNDER_WAY else "shipped_quantity")
        yield Line(
            fact=Fact.SET_ASIDE,
            sku=_item(row),
            quantity=aside,
            at=created,
            location=origin,
            state=State.RESERVED,
            reason="transfer",
        )
    for left, arrived, row in _sent(body, created):
        yield Line(
            fact=Fact.TRANSFER_SHIPPED,
            sku=_item(row),
            quantity=fields.units(row, "quantity"),
            at=left,
            location=origin,
            there=destination,
            state=State.RESERVED,
        )
        for fact, field in ((Fact.TRANSFER_RECEIVED, "accepted"), (Fact.TRANSFER_SHORT, "rejected")):
            yield Line(
                fact=fact,
                sku=_item(row),
                quantity=fields.units(row, field),
                at=arrived,
                location=destination,
                there=origin,
                reason="rejected on arrival" if fact is Fact.TRANSFER_SHORT else None,
            )


def _supply(body: Body, status: str) -> Iterator[Line]:
    """Goods from a supplier: expected until the transfer is over, and received as they are accepted."""
    destination, created = _place(body, "destination_id"), fields.instant(body, "created_at")
    if status in UNDER_WAY:
        for row in fields.rows(body, "line_items"):
            quantity = fields.units(row, "quantity")
            yield Line(
                fact=Fact.EXPECTED, sku=_item(row), quantity=quantity, at=created, location=destination
            )
    for _, arrived, row in _sent(body, created):
        quantity = fields.units(row, "accepted")
        yield Line(fact=Fact.RECEIVED, sku=_item(row), quantity=quantity, at=arrived, location=destination)


def _sent(body: Body, created: datetime) -> Iterator[tuple[datetime, datetime, Body]]:
    """Of every shipment that left: when it left, when it arrived, and its lines."""
    for part in fields.rows(body, "shipments"):
        if fields.named(part, "status", UNSENT | SENT) in SENT:
            left = fields.optional_instant(part, "shipped_at") or created
            arrived = fields.optional_instant(part, "received_at") or left
            for row in fields.rows(part, "line_items"):
                yield left, arrived, row


def _place(body: Body, name: str) -> str:
    """A location; one that was deleted since has no id any more."""
    found = fields.optional_identity(body, name)
    if found is None:
        raise Refused(f"{name} is missing: the location was deleted, or the transfer has none")
    return f"location:{found}"


def _item(row: Body) -> str:
    return f"inventory_item:{fields.identity(row, 'inventory_item_id')}"
