"""What a document of Lightspeed X-Series claims. Pure.

A sale comes in two shapes: the API's of 2026-07 (polling) and the old one of API 1.0 (webhooks). Both become the same
document, so that a poll heals a lost webhook and repeats a received one without effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.contract import Payload, Refused
from schemas.claims import Claim, Document, Fact, Line, Observation, Skipped

SALE = "sale.update"
INVENTORY = "inventory.update"

SALE_FIELDS = (
    *("id", "state", "status", "attributes", "date", "sale_date", "updated_at", "version", "register_id", "outlet_id"),
    *("_metadata.version", "source.outlet_id", "source.register_id"),
)
LINE_FIELDS = ("id", "product_id", "product.id", "quantity", "status")
INVENTORY_FIELDS = (
    *("product_id", "outlet_id", "current_inventory_level", "inventory_level", "count", "version", "updated_at"),
)

SOLD = {
    # legacy status → (2026-07 state, attribute): https://x-series-api.lightspeedhq.com/docs/sales_states_and_attributes
    "CLOSED": True,
    "ONACCOUNT": True,  # documented: "this kind of sale will reduce the inventory"
    "ONACCOUNT_CLOSED": True,
    "LAYBY_CLOSED": True,
    "PICKED_UP_CLOSED": True,
    "DISPATCHED_CLOSED": True,
    "SERVICE_CLOSED": True,
    "SAVED": False,
    "OPEN": False,
    "LAYBY": False,  # inferred: the documentation of its effect was not seen
    "AWAITING_PICKUP": False,  # documented: fulfilling triggers the inventory movements
    "AWAITING_DISPATCH": False,  # documented: the same
    "SERVICE": False,
}
"""Whether a sale in this legacy status has taken its goods off the shelf."""

PENDING_SOLD = frozenset({"onaccount"})
"""Attributes with which a pending sale of the 2026-07 shape has taken its goods."""


def reduce(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The allow-list: the fields that `read` looks at, and no other."""
    if topic == SALE:
        lines = body.get("line_items", body.get("register_sale_products"))
        kept = _keep(body, SALE_FIELDS)
        kept["lines"] = [_keep(line, LINE_FIELDS) for line in lines or () if isinstance(line, Mapping)]
        return kept
    if topic == INVENTORY:
        return _keep(body, INVENTORY_FIELDS)
    return _keep(body, ("id", "version", "updated_at"))


def _keep(body: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in names:
        value: Any = body
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str | int | float) or (isinstance(value, list) and name == "attributes"):
            kept[name] = value
    return kept


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in X-Series' references. Raises `Refused`."""
    if payload.topic == SALE:
        return _sale(channel, payload.body)
    if payload.topic == INVENTORY:
        return _level(channel, payload.body)
    raise Refused(f"unknown topic {payload.topic}")


def _sale(channel: str, body: Mapping[str, Any]) -> Claim:
    ident = _needed(body, "id")
    sold_at = instant(_needed(body, "sale_date", "date"))
    lines, skipped = list[Line](), list[Skipped]()
    voided = body.get("status") == "VOIDED" or body.get("state") == "voided"
    if voided or _has_taken_goods(body):
        where = _location(body)
        for line in body.get("lines", ()):
            _line(line, where, sold_at, lines, skipped)
    else:
        skipped.append(Skipped(item=f"sale {ident}", reason=f"a {body.get('state', body.get('status'))} sale moves nothing"))
    if voided:
        undone = instant(_needed(body, "updated_at"))
        lines += [_voided(line, undone) for line in lines]
    return Claim(
        transaction=f"sale/{channel}/{ident}",
        channel=channel,
        topic=SALE,
        occurred_at=sold_at,
        documents=(
            Document(
                id=f"sale/{ident}",
                version=int(_needed(body, "_metadata.version", "version")),
                lines=tuple(lines),
                skipped=tuple(skipped),
            ),
        ),
    )


def _has_taken_goods(body: Mapping[str, Any]) -> bool:
    if status := body.get("status"):
        if status not in SOLD:
            raise Refused(f"unknown sale status {status}")
        return SOLD[status]
    state = _needed(body, "state")
    if state not in {"parked", "pending", "voided", "closed"}:
        raise Refused(f"unknown sale state {state}")
    return state == "closed" or (state == "pending" and bool(PENDING_SOLD & set(body.get("attributes", ()))))


def _line(
    line: Mapping[str, Any], where: str, at: datetime, lines: list[Line], skipped: list[Skipped]
) -> None:
    item = f"product:{_needed(line, 'product.id', 'product_id')}"
    quantity = units(line.get("quantity"), item)
    if quantity == 0:
        skipped.append(Skipped(item=item, reason="quantity is zero"))
        return
    fact = Fact.SOLD if quantity > 0 else Fact.RETURNED
    lines.append(Line(fact=fact, sku=item, quantity=abs(quantity), at=at, location=where))


def _voided(line: Line, at: datetime) -> Line:
    undone = {Fact.SOLD: Fact.SALE_VOIDED, Fact.RETURNED: Fact.SOLD}[line.fact]
    return Line(fact=undone, sku=line.sku, quantity=line.quantity, at=at, location=line.location, reason="sale voided")


def _location(body: Mapping[str, Any]) -> str:
    """The outlet; the old shape knows only the register, which the directory resolves."""
    outlet = body.get("source.outlet_id", body.get("outlet_id"))
    return f"outlet:{outlet}" if outlet else f"register:{_needed(body, 'source.register_id', 'register_id')}"


def _level(channel: str, body: Mapping[str, Any]) -> Observation:
    """`inventory.update`. No recorded body is public, so the field of the level is inferred from the API's own names."""
    item = f"product:{_needed(body, 'product_id')}"
    level = _needed(body, "current_inventory_level", "inventory_level", "count")
    version = int(_needed(body, "version"))
    at = body.get("updated_at")
    return Observation(
        channel=channel,
        topic=INVENTORY,
        sku=item,
        location=f"outlet:{_needed(body, 'outlet_id')}",
        level=units(level, item),
        observed_at=instant(at) if at else datetime.fromtimestamp(0, UTC),
        version=version,
    )


def _needed(body: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if body.get(name) not in (None, ""):
            return body[name]
    raise Refused(f"{names[0]} is missing")


def units(value: Any, item: str) -> int:
    """Units from X-Series' numbers, which are JSON numbers in one place and decimal strings in another."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"the quantity of {item} is not a number") from None
    if not number.is_finite() or number != number.to_integral_value():
        raise Refused(f"the quantity of {item} is not a whole number of units")
    return int(number)


def instant(value: str) -> datetime:
    """An instant; X-Series writes UTC, in some old payloads without saying so."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused("a date is not in ISO 8601") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
