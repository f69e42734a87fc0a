"""What a document of API V2 claims: a shipment (demand), a label, what left without one, or a level. Pure.

Fields and words: OpenAPI 2.0.0 of 2025-08-13. What V2 calls a shipment is an order, or a part of one that was split.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.errors import Refused
from connectors.shipstation import fields
from connectors.shipstation.allowlist import INVENTORY, V2_FULFILLMENT, V2_LABEL, V2_SHIPMENT
from connectors.shipstation.fields import Body
from connectors.shipstation.goods import COMBINED, Deal, Goods, Mark, claim, deal, ours
from schemas.claims import Claim, Fact, Observation

CANCELLED = "cancelled"
STATUSES = frozenset({"pending", "awaiting_payment", "on_hold", "processing", "label_purchased", CANCELLED})
"""Every `shipment_status` (OpenAPI; the two that wait: docs.shipstation.com, Split and Merge Shipments)."""

LABELS: Mapping[str, int] = {"processing": 0, "error": 1, "completed": 2, "voided": 3}
"""Every label status, and its turn: a label has no date of its last change, so the later status is the later version."""

COMPLETED, VOIDED = "completed", "voided"

GOODS_STAY = {
    "is_return_label": "a return label: nothing has come back yet",
    "test_label": "a test label",
}
"""What a label may be that takes no goods, and how that is said."""


def shipment(channel: str, body: Body) -> Claim:
    """Demand: a shipment's items, and that they were cancelled."""
    ident, status = fields.identity(body, "shipment_id"), fields.text(body, "shipment_status")
    if status not in STATUSES:
        raise Refused("unknown shipment_status" if status else "shipment_status is missing")
    created, modified = fields.instant(body, "created_at"), fields.instant(body, "modified_at")
    goods, found = Goods(), _deal(channel, body, body)
    if fields.flag(body, "is_return"):
        goods.skip(f"shipment/{ident}", "a return: nothing has come back yet")
    else:
        units, location = goods.of(fields.rows(body, "items")), _warehouse(body)
        ended = modified if status == CANCELLED else None
        goods.demand(units, (created, location), ended, created=found.created)
    return claim(
        channel,
        V2_SHIPMENT,
        found,
        modified,
        goods.document(f"shipment/{ident}", fields.milliseconds(modified)),
    )


def label(channel: str, body: Body) -> Claim:
    """A label names no goods: its shipment does, which the client has put into it."""
    ident, status = fields.identity(body, "label_id"), fields.text(body, "status")
    if status not in LABELS:
        raise Refused(f"unknown status {status[:40]!r}" if status else "status is missing")
    created, inside = fields.instant(body, "created_at"), fields.part(body, "shipment")
    ended = fields.instant(body, "voided_at") if status == VOIDED else None
    goods = Goods()
    if stays := _stays(body):
        goods.skip(f"label/{ident}", stays)
    elif status not in (COMPLETED, VOIDED):
        goods.skip(f"label/{ident}", f"the label has the status {status}")
    else:
        units, location = goods.of(fields.rows(inside, "items")), _warehouse(inside)
        goods.tell(Fact.SHIPPED, units, created, location)
        if ended is not None:
            goods.tell(Fact.SHIPMENT_VOIDED, units, ended, location)
    return claim(
        channel,
        V2_LABEL,
        _deal(channel, body, inside or body),
        ended or created,
        goods.document(f"label/{ident}", fields.milliseconds(ended or created) + LABELS[status]),
    )


def fulfillment(channel: str, body: Body) -> Claim:
    """What was marked as shipped, or sent by a provider, without a label (docs.shipstation.com, Creating Fulfillments).

    It names no goods: its shipment does, and a label takes them all. All fulfilments of one shipment are one document,
    as it may be marked again after a void.
    """
    told = {**fields.part(body, "shipment"), "onhand": fields.part(body, "onhand")}
    ident, rows = fields.identity(told, "shipment_id"), fields.rows(body, "fulfillments")
    if not rows:
        raise Refused("fulfillments is empty")
    lives = [_life(row) for row in rows]
    labels = [row for row in fields.rows(body, "labels") if not _stays(row)]
    taken = any(fields.text(row, "status") == COMPLETED for row in labels)
    goods = Goods()
    marks = [
        Mark(made, ended, fields.text(row, "fulfillment_provider_code"))
        for row, (made, ended) in zip(rows, lives, strict=True)
    ]
    units = [] if taken else goods.of(fields.rows(told, "items"))
    goods.mark(
        f"fulfillments/{ident}",
        marks,
        units,
        lambda provider: f"provider:{provider}" if provider else _warehouse(told),
        ours(told),
    )
    news = [ended or made for made, ended in (*lives, *map(_life, labels))]
    newest = max(fields.instant(told, "modified_at"), *news)
    turn = max((LABELS.get(fields.text(row, "status"), 0) for row in labels), default=0)
    return claim(
        channel,
        V2_FULFILLMENT,
        _deal(channel, body, told),
        newest,
        goods.document(f"fulfillments/{ident}", fields.milliseconds(newest) + turn),
    )


def _life(row: Body) -> tuple[datetime, datetime | None]:
    """When something was made, and when it was voided, if it was."""
    made = fields.instant(row, "created_at")
    return made, fields.instant(row, "voided_at") if fields.flag(row, "voided") else None


def _stays(row: Body) -> str | None:
    """Why a label takes no goods; None where it does."""
    return next((why for name, why in GOODS_STAY.items() if fields.flag(row, name)), None)


def level(channel: str, body: Body) -> Observation:
    """What is available (`on_hand` less `allocated`) at an inventory location. V2 dates no level: its answer does."""
    seen_at, sku = fields.instant(body, "seen_at"), fields.text(body, "sku")
    if not sku:
        raise Refused("sku is missing")
    return Observation(
        channel=channel,
        topic=INVENTORY,
        sku=sku,
        location=f"inventory_location:{fields.identity(body, 'inventory_location_id')}",
        level=fields.number(body, "available"),
        observed_at=seen_at,
        version=fields.milliseconds(seen_at),
    )


def _deal(channel: str, body: Body, shipment: Body) -> Deal:
    """The deal of a shipment. Its `external_shipment_id` names a deal only where we gave it: ShipStation makes up others
    (`SEAuto-…`), the same for all parts of a split order.
    """
    orders = shipment.get("sales_order_ids")
    if isinstance(orders, list) and len(set(orders)) > 1:
        raise Refused(COMBINED)
    external = fields.reference(shipment, "external_order_id")
    items = shipment.get("items")
    for row in items if isinstance(items, list) else ():
        if isinstance(row, Mapping):
            external = external or fields.reference(row, "external_order_id")
    number = fields.reference(shipment, "shipment_number")
    references = (fields.reference(shipment, "external_shipment_id"), external, number)
    store = fields.optional_identity(shipment, "store_id")
    ident = fields.identity(shipment, "shipment_id")
    return deal(channel, body, references, store, number or f"@{ident}", external)


def _warehouse(body: Body) -> str | None:
    """The Ship-From warehouse, which is another thing than an inventory warehouse."""
    found = fields.optional_identity(body, "warehouse_id")
    return None if found is None else f"warehouse:{found}"
