"""What a sale of Lightspeed R-Series claims, and how far it has come. Pure.

Shapes: developers.lightspeedhq.com/retail, endpoints Sale and SaleLine; recordings of a sandbox account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import PUSHED, SALE
from connectors.links import deal_of
from schemas.claims import Claim, Document, Fact, Line, Skipped

FEES = frozenset({"item_fee", "item_fee_refund"})
"""Values of `lineType` of lines that charge money and move nothing (docs: SaleLine.lineType)."""


class State(IntEnum):
    """How far a sale or a reservation has come, in the order it can go; it decides within one second."""

    OPEN = 0
    COMPLETED = 1
    VOIDED = 2
    REMOVED = 3


def reserved_line(row: Mapping[str, Any]) -> bool:
    """Whether a sale line is, or was, a reservation. A refund of one is a return like any other: its units are
    negative.
    """
    flags = (fields.flag(row, name) for name in ("isLayaway", "isSpecialOrder", "isWorkorder"))
    return any(flags) and fields.units(row, "unitQuantity", "a reservation") > 0


def state_of(sale: Mapping[str, Any]) -> tuple[State, datetime]:
    """How far a sale has come, and since when.

    A voided sale was completed before if it has a time of completion [inferred: whether `completed` stays true is not
    documented]; when it was voided is its last change. `timeStamp` is what recordings of 2016 have in place of the
    others.
    """
    changed = fields.instant(sale, "updatetime", "updateTime", "timeStamp")
    completed = fields.flag(sale, "completed")
    if fields.flag(sale, "voided"):
        return State.VOIDED, changed
    if completed:
        return State.COMPLETED, fields.instant(sale, "completeTime", "timeStamp")
    return State.OPEN, changed


def completed_at(sale: Mapping[str, Any]) -> datetime | None:
    """When a sale took its goods; None where it never did."""
    if fields.flag(sale, "completed"):
        return fields.instant(sale, "completeTime", "timeStamp")
    return fields.optional_instant(sale, "completeTime")


def sale(channel: str, body: Mapping[str, Any]) -> Claim:
    """Goods sold and brought back over the counter; of a voided sale, both ways again.

    An exchange has lines of both signs. A return lands in the shop of its own sale, wherever the goods had been bought.
    """
    ident = fields.ident(body, "saleID")
    state, since = state_of(body)
    changed = fields.instant(body, "updatetime", "updateTime", "timeStamp")
    lines, skipped = list[Line](), list[Skipped]()
    reference = body.get("referenceNumber")
    gone_at = completed_at(body)
    if isinstance(reference, str) and reference.startswith(PUSHED):
        skipped.append(Skipped(item=f"sale/{ident}", reason="our own adjustment"))
    elif gone_at is None:
        skipped.append(
            Skipped(item=f"sale/{ident}", reason="a sale that is not completed has not moved its goods")
        )
    else:
        lines, skipped = _sold(body, gone_at)
        if state is State.VOIDED:
            lines += [_undone(line, since) for line in lines]
    document = Document(
        id=f"sale/{ident}",
        version=fields.seconds(changed) * 10 + state,
        lines=tuple(lines),
        skipped=tuple(skipped),
    )
    return Claim(
        transaction=deal_of(reference) or f"sale/{channel}/{ident}",
        channel=channel,
        topic=SALE,
        occurred_at=since,
        documents=(document,),
    )


def _sold(body: Mapping[str, Any], at: datetime) -> tuple[list[Line], list[Skipped]]:
    shop = f"shop:{fields.ident(body, 'shopID')}"
    lines, skipped = list[Line](), list[Skipped]()
    for number, row in enumerate(fields.children(body, "SaleLines", "SaleLine"), start=1):
        name = f"line {fields.optional_ident(row, 'saleLineID') or number}"
        item = fields.optional_ident(row, "itemID")
        quantity = fields.units(row, "unitQuantity", name)
        if item is None:
            skipped.append(Skipped(item=name, reason="a miscellaneous line names no item"))
        elif row.get("lineType") in FEES:
            skipped.append(Skipped(item=f"item:{item}", reason="a fee moves nothing"))
        elif quantity == 0:
            skipped.append(Skipped(item=f"item:{item}", reason="quantity is zero"))
        elif reserved_line(row):
            skipped.append(Skipped(item=f"item:{item}", reason="its reservation tells of it"))
        else:
            fact = Fact.SOLD if quantity > 0 else Fact.RETURNED
            lines.append(Line(fact=fact, sku=f"item:{item}", quantity=abs(quantity), at=at, location=shop))
    return lines, skipped


def _undone(line: Line, at: datetime) -> Line:
    """What voiding a sale makes of a line: goods sold come back, and goods brought back leave again."""
    sold = line.fact is Fact.SOLD
    return Line(
        fact=Fact.SALE_VOIDED if sold else Fact.SOLD,
        sku=line.sku,
        quantity=line.quantity,
        at=at,
        location=line.location,
        reason="sale voided" if sold else "return voided",
    )
