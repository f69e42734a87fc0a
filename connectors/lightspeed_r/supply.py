"""What a transfer, a purchase order or a row of the inventory log of Lightspeed R-Series claims. Pure.

Shapes: developers.lightspeedhq.com/retail, endpoints Inventory-Transfer, Inventory-Transfer-TransferItems, Order,
OrderLine, InventoryLog.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.errors import Refused
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import LOG, ORDER, TRANSFER
from schemas.claims import Claim, Document, Fact, Line, Skipped

STATUSES = ("open", "sent", "received")
"""How far a transfer has come, in its order (docs: Transfer.status)."""

SALE, RESERVATION, MOVED = "its sale tells of it", "its reservation tells of it", "its transfer tells of it"
BOUGHT = "its purchase order tells of it"

TOLD_BY: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *(
                "AdjustmentForSale",
                "UndoAdjustmentForSale",
                "RemoveForTransaction",
                "RemoveForTransactionLine",
            ),
            *("CreateAndRemoveInventoryForTransaction", "CreateAndRemoveInventoryForTransactionLine"),
            *("PutBackForTransaction", "RefundAddInventory", "VoidRefund"),
        ),
        SALE,
    ),
    **dict.fromkeys(
        (
            *("RemoveForLayaway", "CreateAndRemoveInventoryForLayaway", "CancelSpecialOrder"),
            *("RemoveForSpecialOrder", "CreateAndRemoveInventoryForSpecialOrder"),
            *("RemoveForWorkorder", "CreateAndRemoveInventoryForWorkorder"),
        ),
        RESERVATION,
    ),
    **dict.fromkeys(
        ("AddForTransfer", "AutoAddItemFromTransfer", "RemoveForTransfer", "RestoreFromTransfer"), MOVED
    ),
}
"""Reasons of rows that tell what a document tells too (the names are documented, what they are about is read from
them).
"""

TOLD_IN: Mapping[str, str] = {"saleID": SALE, "transferID": MOVED, "orderID": BOUGHT}
"""The document of a row, where it names one."""

WORD = re.compile(r"[A-Za-z]{1,60}")


def transfer(channel: str, body: Mapping[str, Any]) -> Claim:
    """Goods between two shops. `sent - received` is in transit (docs: TransferItem), for as long as R-Series says so.

    That goods leave the first shop's level when they are sent is inferred from that, from `ItemShop.onTransferOut` and
    from the log's `RemoveForTransfer`; the page on transfer items also says that inventory "will only change when the
    transfer is received and completed". An item's last change is when it was received.
    """
    ident, status = fields.ident(body, "transferID"), body.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        raise Refused(f"unknown status of a transfer {str(status)[:40]!r}")
    here = f"shop:{fields.ident(body, 'sendingShopID')}"
    there = f"shop:{fields.ident(body, 'receivingShopID')}"
    changed = fields.instant(body, "timeStamp", "createTime")
    lines, skipped, newest = list[Line](), list[Skipped](), changed
    for row in fields.children(body, "TransferItems", "TransferItem"):
        item = f"item:{fields.ident(row, 'itemID')}"
        sent, received = (_count(row, name, item) for name in ("sent", "received"))
        at = fields.optional_instant(row, "timeStamp") or changed
        newest = max(newest, at)
        if not sent and not received:
            skipped.append(Skipped(item=item, reason="nothing of it was sent"))
        if sent:
            sent_at = fields.optional_instant(body, "sentOn") or changed
            lines.append(
                Line(
                    fact=Fact.TRANSFER_SHIPPED,
                    sku=item,
                    quantity=sent,
                    at=sent_at,
                    location=here,
                    there=there,
                )
            )
        if received:
            lines.append(
                Line(
                    fact=Fact.TRANSFER_RECEIVED,
                    sku=item,
                    quantity=received,
                    at=at,
                    location=there,
                    there=here,
                )
            )
    version = fields.seconds(newest) * 10 + STATUSES.index(status)
    return _claim(channel, TRANSFER, f"transfer/{ident}", version, newest, lines, skipped)


def order(channel: str, body: Mapping[str, Any]) -> Claim:
    """What a vendor owes a shop and what came.

    `checkedIn` is in stock, `numReceived` is only counted and is not (docs: OrderLine). An order that was not ordered
    yet is a draft. What an order that is complete or archived still lacks is not coming any more [inferred from
    "Archived orders are not counted towards backorder totals"].
    """
    ident, shop = fields.ident(body, "orderID"), f"shop:{fields.ident(body, 'shopID')}"
    changed = fields.instant(body, "timeStamp", "createTime")
    ordered_at = fields.optional_instant(body, "orderedDate")
    over = fields.flag(body, "complete") or fields.flag(body, "archived")
    lines, skipped, newest = list[Line](), list[Skipped](), changed
    for row in fields.children(body, "OrderLines", "OrderLine"):
        item = f"item:{fields.ident(row, 'itemID')}"
        quantity, came = (_count(row, name, item) for name in ("quantity", "checkedIn"))
        at = fields.optional_instant(row, "timeStamp") or changed
        newest = max(newest, at)
        facts: list[tuple[Fact, int, datetime]] = []
        if ordered_at is not None:
            facts.append((Fact.EXPECTED, quantity, ordered_at))
            facts.append((Fact.SUPPLY_CANCELLED, max(0, quantity - came) if over else 0, changed))
        facts.append((Fact.RECEIVED, came, at))
        said = [
            Line(fact=fact, sku=item, quantity=number, at=when, location=shop)
            for fact, number, when in facts
            if number
        ]
        lines += said
        if not said:
            skipped.append(Skipped(item=item, reason="it was not ordered yet, and none came"))
    version = fields.seconds(newest) * 10 + over
    return _claim(channel, ORDER, f"order/{ident}", version, newest, lines, skipped)


def log(channel: str, body: Mapping[str, Any]) -> Claim:
    """A row of the inventory log, which never changes: what nothing else tells of, as the adjustment it is.

    Manual adjustments, imports, merges, archived items, boxes and assemblies, returns to vendors, and counts:
    R-Series writes a reconciled count as the units it put right, which is what moved its level. The list of reasons
    is not exhaustive (docs), so one that we do not know adjusts too. `createTime` may lie in the past.
    """
    ident, item = fields.ident(body, "inventoryLogID"), f"item:{fields.ident(body, 'itemID')}"
    at = fields.instant(body, "createTime")
    change = fields.units(body, "qohChange", item)
    reason = _reason(body)
    told = next(
        (why for name, why in TOLD_IN.items() if fields.optional_ident(body, name)), TOLD_BY.get(reason)
    )
    lines, skipped = list[Line](), list[Skipped]()
    if change == 0:
        skipped.append(Skipped(item=item, reason="quantity is zero"))
    elif told is not None:
        skipped.append(Skipped(item=item, reason=told))
    else:
        count = fields.optional_ident(body, "inventoryCountID")
        lines.append(
            Line(
                fact=_fact(body, reason, change),
                sku=item,
                quantity=abs(change),
                at=at,
                location=f"shop:{fields.ident(body, 'shopID')}",
                reason=f"{reason}, count {count}" if count else reason,
            )
        )
    return _claim(channel, LOG, f"log/{ident}", 1, at, lines, skipped)


def _reason(body: Mapping[str, Any]) -> str:
    found = body.get("reason")
    return found if isinstance(found, str) and WORD.fullmatch(found) else "unknown reason"


def _fact(body: Mapping[str, Any], reason: str, change: int) -> Fact:
    if change > 0:
        return Fact.ADJUSTED_UP
    if fields.optional_ident(body, "vendorReturnID") or reason.endswith("VendorReturn"):
        return Fact.VENDOR_RETURNED
    return Fact.ADJUSTED_DOWN


def _count(row: Mapping[str, Any], name: str, item: str) -> int:
    """So many units, none where the field is missing. Raises `Refused` below zero."""
    if row.get(name) in (None, ""):
        return 0
    found = fields.units(row, name, item)
    if found < 0:
        raise Refused(f"{name} of {item} is negative")
    return found


def _claim(
    channel: str,
    topic: str,
    name: str,
    version: int,
    at: datetime,
    lines: list[Line],
    skipped: list[Skipped],
) -> Claim:
    """A document that is a transaction of its own."""
    kind, _, ident = name.partition("/")
    document = Document(id=name, version=version, lines=tuple(lines), skipped=tuple(skipped))
    return Claim(
        transaction=f"{'supply' if kind == 'order' else kind}/{channel}/{ident}",
        channel=channel,
        topic=topic,
        occurred_at=at,
        documents=(document,),
    )
