"""What a document of Shopify claims. Pure.

An order's body carries its fulfilments and refunds whole; each becomes a document of its own with its own version, so that
`fulfillments/create`, `refunds/create` and a later `orders/updated` say the same thing once. Shapes: Shopify's documented
webhook samples, 2026-07.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from connectors.contract import Payload, Refused
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

ORDERS = tuple(f"orders/{event}" for event in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled"))
FULFILLMENTS = ("fulfillments/create", "fulfillments/update")
REFUNDS = ("refunds/create",)
LEVELS = ("inventory_levels/update", "inventory_levels/connect")
TOPICS = (*ORDERS, *FULFILLMENTS, *REFUNDS, *LEVELS)

LINE_FIELDS = ("id", "sku", "variant_id", "quantity", "fulfillable_quantity", "gift_card")
FULFILLMENT_FIELDS = ("id", "order_id", "status", "location_id", "created_at", "updated_at")
REFUND_FIELDS = ("id", "order_id", "created_at")
REFUND_LINE_FIELDS = ("line_item_id", "quantity", "restock_type", "location_id")
ORDER_FIELDS = ("id", "created_at", "updated_at", "cancelled_at", "source_name", "location_id", "test")
LEVEL_FIELDS = ("inventory_item_id", "location_id", "available", "updated_at")


def reduce(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The allow-list: the fields that `read` looks at, and no other. Who bought stays with Shopify."""
    if topic in ORDERS:
        kept = _keep(body, ORDER_FIELDS)
        kept["wholesale"] = body.get("company") is not None
        kept["line_items"] = [_keep(line, LINE_FIELDS) for line in _objects(body, "line_items")]
        kept["fulfillments"] = [_fulfillment_fields(part) for part in _objects(body, "fulfillments")]
        kept["refunds"] = [_refund_fields(part) for part in _objects(body, "refunds")]
        return kept
    if topic in FULFILLMENTS:
        return _fulfillment_fields(body)
    if topic in REFUNDS:
        return _refund_fields(body)
    if topic in LEVELS:
        return _keep(body, LEVEL_FIELDS)
    return _keep(body, ("id", "admin_graphql_api_id", "updated_at"))


def _fulfillment_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    lines = [_keep(line, LINE_FIELDS) for line in _objects(body, "line_items")]
    return {**_keep(body, FULFILLMENT_FIELDS), "line_items": lines}


def _refund_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        {**_keep(line, REFUND_LINE_FIELDS), "line_item": _keep(line.get("line_item") or {}, LINE_FIELDS)}
        for line in _objects(body, "refund_line_items")
    ]
    return {**_keep(body, REFUND_FIELDS), "refund_line_items": lines}


def _objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [part for part in body.get(name) or () if isinstance(part, Mapping)]


def _keep(body: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: body[name] for name in names if isinstance(body.get(name), str | int | float)}


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in Shopify's references. Raises `Refused`."""
    topic, body = payload.topic, payload.body
    if topic in LEVELS:
        return _level(channel, topic, body)
    if topic in ORDERS:
        order, documents = _needed(body, "id"), _order(body)
        occurred_at = instant(_needed(body, "created_at"))
    elif topic in FULFILLMENTS:
        order, documents = _needed(body, "order_id"), [_fulfillment(body)]
        occurred_at = instant(_needed(body, "created_at"))
    elif topic in REFUNDS:
        order, documents = _needed(body, "order_id"), [_refund(body)]
        occurred_at = instant(_needed(body, "created_at"))
    elif topic == "orders/edited":
        raise Refused("an edit names no SKU; the order's next version carries it whole")
    else:
        raise Refused(f"unknown topic {topic}")
    return Claim(
        transaction=f"order/{channel}/{order}",
        channel=channel,
        topic=topic,
        occurred_at=occurred_at,
        documents=tuple(documents),
        demand_class="wholesale" if body.get("wholesale") else "retail",
    )


def _order(body: Mapping[str, Any]) -> list[Document]:
    ident, version = _needed(body, "id"), millis(_needed(body, "updated_at"))
    if body.get("test"):
        skipped = (Skipped(item=f"order {ident}", reason="a test order"),)
        return [Document(id=f"order/{ident}", version=version, skipped=skipped)]
    refunds, fulfillments = body.get("refunds", ()), body.get("fulfillments", ())
    gone = _gone(fulfillments, refunds)
    ordered_at = instant(_needed(body, "created_at"))
    cancelled_at = instant(body.get("cancelled_at") or _needed(body, "updated_at"))
    at_till = body.get("source_name") == "pos" and body.get("location_id")
    where = f"location:{body['location_id']}" if at_till else None
    lines, skipped_lines = list[Line](), list[Skipped]()
    for item in body.get("line_items", ()):
        if (reason := _untracked(item)) is not None:
            skipped_lines.append(Skipped(item=f"line {item.get('id')}", reason=reason))
            continue
        sku, quantity = _sku(item), _units(item)
        lines.append(Line(fact=Fact.ORDERED, sku=sku, quantity=quantity, at=ordered_at, location=where))
        open_units = 0 if body.get("cancelled_at") else int(item.get("fulfillable_quantity", quantity - gone[item["id"]]))
        removed = quantity - gone[item["id"]] - open_units
        if removed > 0:  # edited away, or cancelled or refunded without a restock of its own
            lines.append(Line(fact=Fact.CANCELLED, sku=sku, quantity=removed, at=cancelled_at))
    order = Document(id=f"order/{ident}", version=version, lines=tuple(lines), skipped=tuple(skipped_lines))
    return [order, *map(_fulfillment, fulfillments), *map(_refund, refunds)]


def _gone(fulfillments: Iterable[Mapping[str, Any]], refunds: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """Units of each line that a fulfilment shipped or a refund cancelled: those documents speak for themselves."""
    gone: Counter[int] = Counter()
    for part in fulfillments:
        if part.get("status") not in NOT_SHIPPED:
            gone.update({line["id"]: int(line.get("quantity", 0)) for line in part.get("line_items", ())})
    for part in refunds:
        for line in part.get("refund_line_items", ()):
            if line.get("restock_type") == "cancel":
                gone[line["line_item_id"]] += int(line.get("quantity", 0))
    return gone


NOT_SHIPPED = frozenset({"cancelled", "error", "failure"})


def _fulfillment(body: Mapping[str, Any]) -> Document:
    """What left a location. A cancelled fulfilment left and came back."""
    status = body.get("status")
    made, changed = instant(_needed(body, "created_at")), instant(_needed(body, "updated_at", "created_at"))
    where = f"location:{body['location_id']}" if body.get("location_id") else None
    lines, skipped = list[Line](), list[Skipped]()
    for item in body.get("line_items", ()):
        if status in {"error", "failure"}:
            skipped.append(Skipped(item=f"line {item.get('id')}", reason=f"the fulfilment's status is {status}"))
        elif (reason := _untracked(item)) is not None:
            skipped.append(Skipped(item=f"line {item.get('id')}", reason=reason))
        else:
            sku, quantity = _sku(item), _units(item)
            lines.append(Line(fact=Fact.SHIPPED, sku=sku, quantity=quantity, at=made, location=where))
            if status == "cancelled":
                lines.append(Line(fact=Fact.SHIPMENT_VOIDED, sku=sku, quantity=quantity, at=changed, location=where))
    version = millis(_needed(body, "updated_at", "created_at"))
    return Document(
        id=f"fulfillment/{_needed(body, 'id')}", version=version, lines=tuple(lines), skipped=tuple(skipped)
    )


def _refund(body: Mapping[str, Any]) -> Document:
    """Units that a refund gives back to the shelf (`return`) or to availability (`cancel`)."""
    at = instant(_needed(body, "created_at"))
    lines, skipped = list[Line](), list[Skipped]()
    for part in body.get("refund_line_items", ()):
        item, kind = part.get("line_item", {}), part.get("restock_type")
        reason = _untracked(item) or ("nothing was restocked" if kind == "no_restock" else None)
        if reason is not None:
            skipped.append(Skipped(item=f"line {part.get('line_item_id')}", reason=reason))
            continue
        if kind not in {"cancel", "return", "legacy_restock"}:
            raise Refused(f"unknown restock type {kind}")
        fact = Fact.CANCELLED if kind == "cancel" else Fact.RETURNED
        if fact is Fact.RETURNED and not part.get("location_id"):
            raise Refused("a return without a location")
        where = f"location:{part['location_id']}" if fact is Fact.RETURNED else None
        lines.append(Line(fact=fact, sku=_sku(item), quantity=_units(part), at=at, location=where))
    return Document(id=f"refund/{_needed(body, 'id')}", version=millis(_needed(body, "created_at")), lines=tuple(lines), skipped=tuple(skipped))


def _level(channel: str, topic: str, body: Mapping[str, Any]) -> Observation:
    at = _needed(body, "updated_at")
    return Observation(
        channel=channel,
        topic=topic,
        sku=f"inventory_item:{_needed(body, 'inventory_item_id')}",
        location=f"location:{_needed(body, 'location_id')}",
        level=body.get("available"),
        observed_at=instant(at),
        version=millis(at),
    )


def _untracked(item: Mapping[str, Any]) -> str | None:
    if item.get("gift_card"):
        return "a gift card has no stock"
    if not item.get("sku") and not item.get("variant_id"):
        return "a custom line has no stock"
    return "quantity is zero" if item.get("quantity") == 0 else None


def _sku(item: Mapping[str, Any]) -> str:
    return str(item.get("sku") or f"variant:{item['variant_id']}")


def _units(item: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or quantity < 0:
        raise Refused(f"the quantity of {item.get('sku') or item.get('line_item_id')} is not a number of units")
    return quantity


def _needed(body: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if body.get(name) not in (None, ""):
            return body[name]
    raise Refused(f"{names[0]} is missing")


def instant(value: str) -> datetime:
    """An instant; Shopify always writes the offset."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Refused("a date is not in ISO 8601") from None
    if found.tzinfo is None:
        raise Refused("a date has no offset")
    return found


def millis(value: str) -> int:
    """The version of a document: its instant in milliseconds."""
    return int(instant(value).timestamp() * 1000)
