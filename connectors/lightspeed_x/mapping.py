"""What a document of Lightspeed X-Series claims. Pure.

A sale comes in two shapes: the one of API 2026-07 (polling: `state`, `line_items`, `_metadata.version`) and the old one of
API 1.0 (webhooks: `status`, `register_sale_products`, decimals as strings). Both become the same document, so that a poll
heals a lost webhook and repeats a received one without effect. Every sale is a transaction of its own, a return too, but one
that we created for a deal: it belongs to the deal. A sale that is fulfilled later demands its goods until then; what was
handed over of it are documents of their own, which only a poll brings (`fulfillments`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.lightspeed_x import consignments, fulfillments
from connectors.lightspeed_x.allowlist import (
    ADJUSTMENT,
    CONSIGNMENT,
    CONSIGNMENT_RECEIVED,
    CONSIGNMENT_SENT,
    INVENTORY,
    SALE,
)
from connectors.lightspeed_x.effects import (
    VOIDED_AT_ONCE,
    VOIDED_PICKUP,
    Effect,
    by_state,
    by_status,
    is_voided,
)
from connectors.lightspeed_x.fields import instant, needed, reference, units, version
from connectors.links import deal_of
from connectors.wholesale import demand_class
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

UNDONE = {Fact.SOLD: Fact.SALE_VOIDED, Fact.RETURNED: Fact.SOLD}
"""What voiding a sale makes of its lines: goods sold come back, and goods returned leave again."""

REASONS = {
    word: word.replace("_", " ").lower()
    for word in (
        *("DAMAGE", "EXPIRY", "INTERNAL_USE", "THEFT", "DONATION", "STOCK_FOUND", "SAMPLE_FOR_SALE"),
        "CUSTOM",
    )
}
"""X-Series' reasons for an adjustment (OpenAPI 2026-07, StockAdjustmentReason), as we say them."""


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in X-Series' references. Raises `Refused`."""
    found = READS.get(payload.topic)
    if found is None:
        raise Refused(f"unknown topic {payload.topic}")
    return found(channel, payload)


def _sale(channel: str, payload: Payload) -> Claim:
    body = payload.body
    ident, effect = reference(body, "id"), _effect(body)
    sold_at = instant(needed(body, "date", "sale_date", "created_at"))
    voided_at = instant(needed(body, "updated_at")) if is_voided(effect) else None
    deal = deal_of(_part(body, "source").get("id") or body.get("source_id"))
    if deal is not None and effect is VOIDED_AT_ONCE:
        effect = VOIDED_PICKUP  # that is what we create, and a webhook of a voided sale has forgotten it
    number = version(needed(_part(body, "_metadata") or body, "version"))
    lines, skipped, handed = list[Line](), list[Skipped](), list[Document]()
    if how := fulfillments.OF_ATTRIBUTE.get(effect.attribute or ""):
        goods, skipped = _lines(body, sold_at, voided=voided_at is not None)
        demand = [line for line in goods if line.fact is Fact.SOLD]
        handed = fulfillments.documents(body, demand, how, voided_at)
        lines, said = _ordered(goods, effect, voided_at, ours=deal is not None)
        skipped += said
        number += voided_at is not None  # a webhook of a voided sale has forgotten how it was to be fulfilled
    elif effect.takes:
        lines, skipped = _lines(body, sold_at, voided=voided_at is not None)
        if voided_at is not None:
            lines += [_undone(line, voided_at) for line in lines]
    else:
        skipped.append(Skipped(item=f"sale/{ident}", reason=f"a {effect.name} sale has not moved its goods"))
    whole = Document(id=f"sale/{ident}", version=number, lines=tuple(lines), skipped=tuple(skipped))
    return Claim(
        transaction=deal or f"sale/{channel}/{ident}",
        channel=channel,
        topic=SALE,
        occurred_at=voided_at or sold_at,
        documents=(whole, *handed),
        demand_class=demand_class(body),
    )


def _ordered(
    goods: list[Line], effect: Effect, voided_at: datetime | None, *, ours: bool
) -> tuple[list[Line], list[Skipped]]:
    """What a sale that is fulfilled later demands, and what came back with it once it is closed. Of an order that we created
    the platform that took it tells the demand.
    """
    lines, skipped = list[Line](), list[Skipped]()
    for line in goods:
        if line.fact is Fact.RETURNED:
            if effect.state == "closed":
                lines.append(line)
            else:
                skipped.append(Skipped(item=line.sku, reason=f"not returned by a {effect.name} sale"))
        elif ours:
            skipped.append(Skipped(item=line.sku, reason="ordered where the order came from"))
        else:
            lines.append(replace(line, fact=Fact.ORDERED))
            if voided_at is not None:
                lines.append(replace(line, fact=Fact.CANCELLED, at=voided_at, reason="sale voided"))
    return lines, skipped


def _effect(body: Mapping[str, Any]) -> Effect:
    """The kind of sale, in whichever words the document has. Raises `Refused` for words that we do not know."""
    if body.get("state"):
        state, attributes = body["state"], body.get("attributes")
        names = attributes if isinstance(attributes, list) else []
        effect = by_state(str(state), [name for name in names if isinstance(name, str)])
    else:
        state = needed(body, "status", "state")
        effect = by_status(str(state))
    if effect is None:
        raise Refused(f"unknown kind of sale {str(state)[:40]!r}")
    return effect


def _lines(body: Mapping[str, Any], at: datetime, *, voided: bool) -> tuple[list[Line], list[Skipped]]:
    """The lines in an order of their own, because the two shapes may list them in different ones."""
    where = _location(body)
    rows = needed(body, "line_items", "register_sale_products")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Refused("line_items is not a list of lines")
    lines, skipped = list[Line](), list[Skipped]()
    for number, row in enumerate(rows, start=1):
        product = reference(_part(row, "product") or {"id": row.get("product_id")}, "id")
        item = f"product:{product}"
        quantity = units(
            row.get("quantity"), f"the quantity of line {str(row.get('id', number))[:64]} ({item})"
        )
        if quantity == 0:
            skipped.append(Skipped(item=item, reason="quantity is zero"))
        elif (
            row.get("status") == "VOIDED" and not voided
        ):  # LineItem.status of API 2.0; its effect is inferred
            skipped.append(Skipped(item=item, reason="the line was voided"))
        else:
            fact = Fact.SOLD if quantity > 0 else Fact.RETURNED
            lines.append(Line(fact=fact, sku=item, quantity=abs(quantity), at=at, location=where))
    lines.sort(key=lambda line: (line.sku, line.fact, line.quantity))
    return lines, sorted(skipped, key=lambda line: (line.item, line.reason))


def _undone(line: Line, at: datetime) -> Line:
    return Line(
        fact=UNDONE[line.fact],
        sku=line.sku,
        quantity=line.quantity,
        at=at,
        location=line.location,
        reason="sale voided" if line.fact is Fact.SOLD else "return voided",
    )


def _location(body: Mapping[str, Any]) -> str:
    """The outlet; the old shape knows only the register, whose outlet the directory knows."""
    for holder in (_part(body, "source"), body):
        if holder.get("outlet_id"):
            return f"outlet:{reference(holder, 'outlet_id')}"
    for holder in (_part(body, "source"), body):
        if holder.get("register_id"):
            return f"register:{reference(holder, 'register_id')}"
    raise Refused("register_id is missing")


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside a document; `source` is a plain word in the old shape."""
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _adjustment(channel: str, payload: Payload) -> Claim:
    """A stock adjustment that somebody else made; the poll leaves our own out. It never changes once it is made [inferred]."""
    body = payload.body
    ident, item = reference(body, "id"), f"product:{reference(body, 'product_id')}"
    at = instant(needed(body, "created_at"))
    quantity = units(needed(body, "quantity"), "quantity")
    reason = REASONS.get(str(body.get("reason")), "adjusted")
    line = Line(
        fact=Fact.ADJUSTED_UP if quantity > 0 else Fact.ADJUSTED_DOWN,
        sku=item,
        quantity=abs(quantity),
        at=at,
        location=f"outlet:{reference(body, 'outlet_id')}",
        reason=reason,
    )
    nothing = Skipped(item=item, reason="quantity is zero")
    return Claim(
        transaction=f"adjustment/{channel}/{ident}",
        channel=channel,
        topic=ADJUSTMENT,
        occurred_at=at,
        documents=(
            Document(
                id=f"adjustment/{ident}",
                version=version(needed(body, "version")),
                lines=(line,) if quantity else (),
                skipped=() if quantity else (nothing,),
            ),
        ),
    )


def _level(channel: str, payload: Payload) -> Observation:
    """`inventory.update`. No recorded body is public: its fields are inferred from the inventory rows of API 1.0 (`count`),
    2.0 (`inventory_level`) and 2026-07 (`current_inventory_level`). Where it has no date, its reception stands for it.
    """
    body = payload.body
    item = f"product:{reference(body, 'product_id')}"
    level = needed(body, "current_inventory_level", "inventory_level", "count")
    return Observation(
        channel=channel,
        topic=INVENTORY,
        sku=item,
        location=f"outlet:{reference(body, 'outlet_id')}",
        level=units(level, f"the level of {item}"),
        observed_at=instant(needed(body, "updated_at", "received_at")),
        version=version(needed(body, "version")),
    )


READS: Mapping[str, Callable[[str, Payload], Claim | Observation]] = {
    SALE: _sale,
    INVENTORY: _level,
    **dict.fromkeys((CONSIGNMENT, CONSIGNMENT_SENT, CONSIGNMENT_RECEIVED), consignments.read),
    ADJUSTMENT: _adjustment,
}
"""Who reads what."""
