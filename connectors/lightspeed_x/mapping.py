"""What a document of Lightspeed X-Series claims. Pure.

A sale comes in two shapes: the one of API 2026-07 (polling: `state`, `line_items`, `_metadata.version`) and the old one of
API 1.0 (webhooks: `status`, `register_sale_products`, decimals as strings). Both become the same document, so that a poll
heals a lost webhook and repeats a received one without effect. Every sale is a transaction of its own, a return too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.lightspeed_x.allowlist import INVENTORY, SALE
from connectors.lightspeed_x.effects import VOIDED, Effect, by_state, by_status
from connectors.lightspeed_x.fields import instant, needed, reference, units, version
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

UNDONE = {Fact.SOLD: Fact.SALE_VOIDED, Fact.RETURNED: Fact.SOLD}
"""What voiding a sale makes of its lines: goods sold come back, and goods returned leave again."""


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in X-Series' references. Raises `Refused`."""
    if payload.topic == SALE:
        return _sale(channel, payload.body)
    if payload.topic == INVENTORY:
        return _level(channel, payload.body)
    raise Refused(f"unknown topic {payload.topic}")


def _sale(channel: str, body: Mapping[str, Any]) -> Claim:
    ident, effect = reference(body, "id"), _effect(body)
    sold_at = news_at = instant(needed(body, "date", "sale_date", "created_at"))
    lines, skipped = list[Line](), list[Skipped]()
    if effect.takes:
        lines, skipped = _lines(body, sold_at, voided=effect.state == VOIDED)
    else:
        skipped.append(Skipped(item=f"sale/{ident}", reason=f"a {effect.name} sale has not moved its goods"))
    if effect.state == VOIDED:
        news_at = instant(needed(body, "updated_at"))
        lines += [_undone(line, news_at) for line in lines]
    document = Document(
        id=f"sale/{ident}",
        version=version(needed(_part(body, "_metadata") or body, "version")),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )
    return Claim(
        transaction=f"sale/{channel}/{ident}",
        channel=channel,
        topic=SALE,
        occurred_at=news_at,
        documents=(document,),
    )


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


def _level(channel: str, body: Mapping[str, Any]) -> Observation:
    """`inventory.update`. No recorded body is public: its fields are inferred from the inventory rows of API 1.0 (`count`),
    2.0 (`inventory_level`) and 2026-07 (`current_inventory_level`). Where it has no date, its reception stands for it.
    """
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
