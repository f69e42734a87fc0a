"""What a reserved sale line of Lightspeed R-Series claims: a layaway, a special order, a part of a work order. Pure.

Shapes: developers.lightspeedhq.com/retail, endpoint SaleLine and tutorial Reservations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.errors import Refused
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import RESERVATION
from connectors.lightspeed_r.sales import State, completed_at, reserved_line, state_of
from connectors.links import deal_of
from schemas.claims import Claim, Document, Fact, Line, Skipped

RESERVED_MAX = 999
"""R-Series' instants have whole seconds: the room in a version for how many units are reserved, which may change
without.
"""


def reservation(channel: str, body: Mapping[str, Any]) -> Claim:
    """A reserved sale line, by itself or in its sale.

    What is committed is what R-Series has set aside (the sum of `InventorySales`, docs: Reservations), which may be
    less than what was asked for: a special order reserves nothing before its goods arrive. That these units are no
    longer in `qoh` follows from the reasons in the inventory log (`RemoveForLayaway`) [inferred], and so does that
    completing the sale takes only the others. Everything asked for is gone when its sale is completed. A reservation
    that was removed says nothing any more, so what it had committed is free again.
    """
    ident = fields.ident(body, "saleLineID")
    note = fields.part(body, "Note").get("note")
    sale = fields.part(body, "Sale")
    removed = fields.optional_instant(body, "removedTime")
    lines, skipped = list[Line](), list[Skipped]()
    if removed is not None:
        state, since, reserved = State.REMOVED, removed, 0
        version_at = removed
        skipped.append(Skipped(item=f"reservation/{ident}", reason="the reservation was removed"))
    else:
        state, since = (
            state_of(sale) if sale else (State.OPEN, fields.instant(body, "timeStamp", "createTime"))
        )
        reserved = _lines(body, sale, lines, skipped)
        version_at = fields.instant(body, "timeStamp", "createTime")
        if sale:
            version_at = max(version_at, fields.instant(sale, "updatetime", "updateTime", "timeStamp"))
    document = Document(
        id=f"reservation/{ident}",
        version=(fields.seconds(version_at) * 10 + state) * (RESERVED_MAX + 1) + min(reserved, RESERVED_MAX),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )
    return Claim(
        transaction=deal_of(note) or f"reservation/{channel}/{ident}",
        channel=channel,
        topic=RESERVATION,
        occurred_at=since,
        documents=(document,),
    )


def _lines(
    body: Mapping[str, Any], sale: Mapping[str, Any], lines: list[Line], skipped: list[Skipped]
) -> int:
    """Adds what a reservation says; returns how many units are reserved."""
    number = fields.optional_ident(body, "itemID")
    if number is None:
        skipped.append(Skipped(item="line", reason="a miscellaneous line names no item"))
        return 0
    item, shop = f"item:{number}", f"shop:{fields.ident(body, 'shopID')}"
    if not reserved_line(body):
        skipped.append(Skipped(item=item, reason="the line is no reservation"))
        return 0
    asked = fields.units(body, "unitQuantity", item)
    found = fields.children(body, "InventorySales", "InventorySale")
    reserved = sum(fields.units(row, "quantity", item) for row in found)
    if not 0 <= reserved < fields.UNITS_MAX:
        raise Refused(f"InventorySales of {item} come to a number that cannot be reserved")
    gone_at = completed_at(sale) if sale else None
    ordered = reserved if gone_at is None else asked
    facts = [(Fact.ORDERED, fields.instant(body, "createTime", "timeStamp"))]
    if gone_at is not None:
        facts.append((Fact.COLLECTED, gone_at))
    if fields.flag(sale, "voided"):
        undone = (Fact.CANCELLED,) if gone_at is None else (Fact.SHIPMENT_VOIDED, Fact.CANCELLED)
        facts += [(fact, state_of(sale)[1]) for fact in undone]
    if ordered:
        lines += [Line(fact=fact, sku=item, quantity=ordered, at=at, location=shop) for fact, at in facts]
    if ordered < asked:
        skipped.append(Skipped(item=item, reason=f"{asked - ordered} of {asked} are not reserved yet"))
    return reserved
