"""What becoming of a document does to stock. Where no public source says so, the comment does: inferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.heartland.sandbox.books import Books, Cell, Record, stamp

WAYS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sales/tickets": {"pending": ("complete", "void"), "complete": ("void",)},
    "sales/orders": {"pending": ("open", "void"), "open": ("closed", "void")},
    "sales/invoices": {"pending": ("complete", "void"), "complete": ("void",)},
    "purchasing/orders": {"pending": ("open", "canceled"), "open": ("closed", "canceled")},
    "purchasing/receipts": {"pending": ("accepted", "void")},
    "purchasing/returns": {"pending": ("complete", "void")},
    "inventory/transfers": {"pending": ("open", "void"), "open": ("complete",)},
    "inventory/adjustment_sets": {"pending": ("complete", "void")},
    "inventory/physical_counts": {
        "pending": ("counting", "canceled"),
        "counting": ("finalizing", "canceled"),
        "finalizing": ("accepted", "canceled"),
    },
}
"""Which status may follow which. `counting`, `finalizing`, `accepted` and the status of purchases are seen in clients, the
others' order is inferred."""


def become(books: Books, path: str, record: Record, status: str, at: datetime) -> None:
    """Moves a document on. An order that is not paid in full stays pending, without an error (help pages)."""
    before = record["status"]
    effect = EFFECTS.get(path)
    if path == "sales/orders" and status == "open" and record.get("balance"):
        return
    record["status"] = status
    if status in {"complete", "accepted"}:
        record.setdefault("completed_at", stamp(at))
        record["completed?"] = True
    if effect is not None:
        effect(books, record, before, status, at)


def _lines(books: Books, path: str, record: Record) -> list[tuple[int, int, Record]]:
    return [
        (row["item_id"], int(row["qty"]), row)
        for row in books.below(path, record["id"])
        if row.get("type", "ItemLine") == "ItemLine"
    ]


def _ticket(books: Books, record: Record, before: str, status: str, at: datetime) -> None:
    if not record.get("affect_inventory", True) or (before == "pending" and status == "void"):
        return
    sign = 1 if status == "void" else -1
    for item, units, _ in _lines(books, "sales/tickets", record):
        books.move(item, record["source_location_id"], sign * units, "SalesTransaction", record, at)


def _order(books: Books, record: Record, before: str, status: str, _at: datetime) -> None:
    """Only an open order commits. What is left of one that ends is free again."""
    gone = Counter[int]()
    for invoice in books.collections["sales/invoices"].values():
        if invoice.get("order_id") == record["id"] and invoice["status"] == "complete":
            gone.update({item: units for item, units, _ in _lines(books, "sales/invoices", invoice)})
    for item, units, row in _lines(books, "sales/orders", record):
        kept = min(units, gone[item])
        gone[item] -= kept
        cell = Cell(item, row.get("ship_from_location_id") or record["source_location_id"])
        if status == "open":
            books.committed[cell] += units
        elif before == "open":
            books.committed[cell] -= units - kept


def _invoice(books: Books, record: Record, before: str, status: str, at: datetime) -> None:
    """A complete invoice takes the goods off the shelf and out of what was committed; a void one puts them back."""
    if before == "pending" and status == "void":
        return
    sign = 1 if status == "void" else -1
    for item, units, _ in _lines(books, "sales/invoices", record):
        books.move(item, record["source_location_id"], sign * units, "SalesTransaction", record, at)
        books.committed[Cell(item, record["source_location_id"])] += sign * units


def _purchase(books: Books, record: Record, before: str, status: str, _at: datetime) -> None:
    came = Counter[int]()
    for receipt in books.collections["purchasing/receipts"].values():
        if receipt.get("order_id") == record["id"] and receipt["status"] == "accepted":
            came.update({item: units for item, units, _ in _lines(books, "purchasing/receipts", receipt)})
    for item, units, _ in _lines(books, "purchasing/orders", record):
        cell = Cell(item, record["receive_at_location_id"])
        if status == "open":
            books.on_order[cell] += units
        elif before == "open":
            books.on_order[cell] -= max(0, units - came[item])


def _receipt(books: Books, record: Record, _before: str, status: str, at: datetime) -> None:
    if status != "accepted":
        return
    for item, units, _ in _lines(books, "purchasing/receipts", record):
        cell = Cell(item, record["receive_at_location_id"])
        books.move(item, cell.location, units, "PurchasingReceipt", record, at)
        books.on_order[cell] -= min(units, books.on_order[cell])


def _vendor_return(books: Books, record: Record, _before: str, status: str, at: datetime) -> None:
    for item, units, _ in _lines(books, "purchasing/returns", record) if status == "complete" else ():
        books.move(item, record["source_location_id"], -units, "PurchasingReturn", record, at)


def _adjustment(books: Books, record: Record, _before: str, status: str, at: datetime) -> None:
    for item, units, _ in _lines(books, "inventory/adjustment_sets", record) if status == "complete" else ():
        books.move(item, record["location_id"], units, "AdjustmentSet", record, at)


def _count(books: Books, record: Record, _before: str, status: str, at: datetime) -> None:
    """Sets what is on hand, whatever was sold since it was counted; a full count sets the rest to zero."""
    if status != "accepted":
        return
    path, here = "inventory/physical_counts", record["location_id"]
    counted = Counter[int]()
    for batch in books.below(path, record["id"], "batches"):
        for row in books.below(f"{path}/{record['id']}/batches", batch["id"]):
            counted[row["item_id"]] += int(row["qty"])
    if record.get("scope") == "full":
        for cell in list(books.on_hand):
            if cell.location == here and cell.item not in counted:
                counted[cell.item] = 0
    for item, units in counted.items():
        books.move(item, here, units - books.on_hand[Cell(item, here)], "PhysicalCount", record, at)


EFFECTS: Mapping[str, Callable[[Books, Record, str, str, datetime], None]] = {
    "sales/tickets": _ticket,
    "sales/orders": _order,
    "sales/invoices": _invoice,
    "purchasing/orders": _purchase,
    "purchasing/receipts": _receipt,
    "purchasing/returns": _vendor_return,
    "inventory/adjustment_sets": _adjustment,
    "inventory/physical_counts": _count,
}


def carry(books: Books, record: Record, event: str, item: int, units: int, at: datetime) -> None:
    """What an event of a transfer does: goods under way are on hand nowhere [help pages]; its types are invented."""
    origin, there = record["from_location_id"], record["to_location_id"]
    under_way = Cell(item, there)
    if event == "ship":
        books.move(item, origin, -units, "Transfer", record, at)
        books.in_transit[under_way] += units
    elif event == "receive":
        books.move(item, there, units, "Transfer", record, at)
        books.in_transit[under_way] -= units
    elif event == "return":
        books.move(item, origin, units, "Transfer", record, at)
        books.in_transit[under_way] -= units
    else:
        books.in_transit[under_way] -= units
