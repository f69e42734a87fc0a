"""What a document of Magento claims. Pure.

An order comes whole: with its shipments and credit memos, which Magento keeps apart and the client puts in. Each is a
document of its own. Magento's own stock knows two kinds of movement, and so do the claims (magento/inventory): an order
reserves (our committed), at no place, and only its shipment takes units off a source. Of an order for pick-up the source
is known from the start.

Magento has no way to undo a shipment. An edited order is a cancelled one and a new one, so it needs no rule.
"""

from __future__ import annotations

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.links import deal_of
from connectors.magento import fields
from connectors.magento.allowlist import ORDER, SOURCE_ITEM
from connectors.magento.fields import Body
from connectors.magento.parcels import Parcels
from connectors.magento.rows import Rows
from connectors.magento.wholesale import demand_class
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

TOPICS = (ORDER, SOURCE_ITEM)

WITHIN_A_SECOND = 999
"""Magento's instants have whole seconds, versions have milliseconds: the room for what happens within one second."""


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in SKUs and source codes. Raises `Refused`."""
    if payload.topic == ORDER:
        return _order_claim(channel, payload.body)
    if payload.topic == SOURCE_ITEM:
        return _source_item(channel, payload.body)
    raise Refused(f"unknown topic {payload.topic}")


def _order_claim(channel: str, body: Body) -> Claim:
    if body.get("unreadable") is True:
        before = fields.instant(body, "updated_at")
        raise Refused(
            f"Magento answers with an error for the document that changed next after {before:%F %T}"
        )
    rows, pickup = Rows(body), _pickup(body)
    ident = fields.identity(body, "entity_id")
    documents = [_order(body, ident, rows, pickup), *Parcels(rows, pickup).documents(body)]
    return Claim(
        transaction=deal_of(body.get("ext_order_id")) or f"order/{channel}/{ident}",
        channel=channel,
        topic=ORDER,
        occurred_at=fields.instant(body, "updated_at"),
        documents=tuple(documents),
        demand_class=demand_class(body),
    )


def _pickup(body: Body) -> str | None:
    """The source where the order is picked up (In-Store Pickup's `pickup_location_code`), None where it is sent."""
    more = fields.part(body, "extension_attributes")
    return fields.reference(more, "pickup_location_code") if more.get("pickup_location_code") else None


def _order(body: Body, ident: int, rows: Rows, pickup: str | None) -> Document:
    """Demand: everything that was ordered, and what was cancelled before it was invoiced.

    When a row was cancelled Magento does not say: the row's last change stands for it [inferred]. Of two versions within
    a second the one with more cancelled is the later.
    """
    placed, changed = fields.instant(body, "created_at"), fields.instant(body, "updated_at")
    lines: list[Line] = []
    skipped = [Skipped(item=row.sku, reason=row.why_not) for row in rows.by_id.values() if row.why_not]
    gone = 0
    for row in rows.moving():
        if row.ordered == 0:
            skipped.append(Skipped(item=row.sku, reason="quantity zero"))
            continue
        lines.append(Line(fact=Fact.ORDERED, sku=row.item, quantity=row.ordered, at=placed, location=pickup))
        if row.cancelled:
            gone += row.cancelled
            at = fields.instant(row.body if row.body.get("updated_at") else body, "updated_at")
            lines.append(
                Line(fact=Fact.CANCELLED, sku=row.item, quantity=row.cancelled, at=at, location=pickup)
            )
    version = fields.milliseconds(changed) + min(gone, WITHIN_A_SECOND)
    return Document(id=f"order/{ident}", version=version, lines=tuple(lines), skipped=tuple(skipped))


def _source_item(channel: str, body: Body) -> Observation:
    """A source's level. Magento dates none (magento/inventory#3444), so it is as old as the answer it came in."""
    at = fields.instant(body, "observed_at")
    return Observation(
        channel=channel,
        topic=SOURCE_ITEM,
        sku=fields.reference(body, "sku"),
        location=fields.reference(body, "source_code"),
        level=fields.whole_units(body.get("quantity"), "quantity"),
        observed_at=at,
        version=fields.milliseconds(at),
    )
