"""What a shop has, and how its orders, shipments and credit memos move it (magento/inventory).

Everything personal here is invented, and there only so that the allow-list has something to keep out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

Row = dict[str, Any]
Lines = Sequence[tuple[str, int]]

STAMP = "%Y-%m-%d %H:%M:%S"
ADDRESS = {
    "firstname": "Canary",
    "lastname": "Customer",
    "street": ["1 Canary Street"],
    "telephone": "555-0101",
    "email": "canary.customer@example.com",
}


class Wrong(Exception):
    """What Magento answers with an error: its status, message and parameters."""

    def __init__(self, status: int, message: str, parameters: Any = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **({} if parameters is None else {"parameters": parameters}), **more}


class Reservation(NamedTuple):
    """Units promised (below zero) or no longer promised to an order; their sum is what is open."""

    sku: str
    quantity: int
    event: str
    order: int


@dataclass(slots=True)
class Shop:
    """The state. One stock has all sources, as one website's sales channel would.

    `products` holds a SKU's type, `levels` a source item as [quantity, status], `unsent` how many units of an order's row
    were refunded before they were sent.
    """

    sources: dict[str, Row]
    products: dict[str, str] = field(default_factory=dict)
    levels: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    reservations: list[Reservation] = field(default_factory=list)
    orders: dict[int, Row] = field(default_factory=dict)
    shipments: dict[int, Row] = field(default_factory=dict)
    creditmemos: dict[int, Row] = field(default_factory=dict)
    unsent: Counter[int] = field(default_factory=Counter)
    _items: count[int] = field(default_factory=lambda: count(1))

    def product_id(self, sku: str) -> int:
        """The number of a product, which is odd; that of the configurable one above it follows."""
        return 2 * list(self.products).index(sku) + 1 if sku in self.products else 99_999

    def save(self, sku: str, source: str, quantity: float, status: int) -> None:
        """Writes a source item. Magento does not ask whether there is such a SKU."""
        self.levels[sku, source] = [quantity, status]

    def salable(self, sku: str) -> float:
        """What can still be ordered."""
        there = sum(qty for (found, _), (qty, status) in self.levels.items() if found == sku and status)
        return there + sum(one.quantity for one in self.reservations if one.sku == sku) if there > 0 else 0

    def order(self, rows: Sequence[Row], at: datetime, more: Mapping[str, Any]) -> Row:
        """Places an order of `rows` (`_row` makes them): it reserves and takes nothing."""
        ident = len(self.orders) + 1
        order = self.orders[ident] = {
            "entity_id": ident,
            "increment_id": f"{ident:09d}",
            "state": "new",
            "status": "pending",
            "created_at": at.astimezone(UTC).strftime(STAMP),
            "store_id": 1,
            "customer_group_id": 1,
            "customer_email": ADDRESS["email"],
            "customer_lastname": "Canary",
            "remote_ip": "192.0.2.1",
            "billing_address": ADDRESS,
            "payment": {"method": "checkmo", "additional_information": ["canary-cheque"], "cc_last4": "4242"},
            "items": [{**row, "order_id": ident} for row in rows],
            **more,
        }
        for row in self.moving(order):
            self._reserve(order, row["sku"], -row["qty_ordered"], "order_placed")
        self.touch(order, at)
        return order

    def row(self, sku: str, quantity: int, kind: str | None = None, parent: int | None = None) -> Row:
        """A row of an order to be."""
        made: Row = {
            "item_id": next(self._items),
            "product_id": self.product_id(sku) + (kind == "configurable"),
            "sku": sku,
            "name": f"canary {sku}",
            "product_type": kind or self.products.get(sku, "simple"),
            "is_virtual": int(self.products.get(sku) == "virtual"),
            "qty_ordered": quantity,
            **dict.fromkeys(("qty_canceled", "qty_refunded", "qty_shipped", "qty_invoiced"), 0),
        }
        return made if parent is None else {**made, "parent_item_id": parent}

    @staticmethod
    def moving(order: Row) -> list[Row]:
        """The rows that move stock: those without rows below them."""
        above = {row.get("parent_item_id") for row in order["items"]}
        return [row for row in order["items"] if row["item_id"] not in above and not row["is_virtual"]]

    def cancel(self, order: Row, at: datetime) -> None:
        """Cancels what is neither shipped nor refunded; of a configurable product its own row says it."""
        for row in self.moving(order):
            told = self._told(order, row)
            left = self._left(order, row)
            told["qty_canceled"] += left
            told["updated_at"] = at.astimezone(UTC).strftime(STAMP)
            if left:
                self._reserve(order, row["sku"], left, "order_canceled")
        order["state"] = "canceled"
        self.touch(order, at)

    def ship(self, order: Row, source: str, lines: Lines, at: datetime, *, touches: bool = True) -> Row:
        """Ships from a source, all or nothing. Raises `Wrong` where the source has too few."""
        chosen = [(self._row_of(order, sku), quantity) for sku, quantity in lines]
        for row, quantity in chosen:
            level = self.levels.get((row["sku"], source), [0.0, 0])
            if level[0] < quantity:
                raise Wrong(400, "Not all of your products are available in the requested quantity.")
        for row, quantity in chosen:
            self.levels[row["sku"], source][0] -= quantity
            self._reserve(order, row["sku"], quantity, "shipment_created")
            self._told(order, row)["qty_shipped"] += quantity
        items = [self._part(order, row, quantity) for row, quantity in chosen]
        made = self._document(self.shipments, order, items, at)
        made["extension_attributes"] = {"source_code": source}
        left = sum(self._left(order, row) for row in self.moving(order))
        order["state"] = "processing" if left else "complete"
        if touches:
            self.touch(order, at)
        return made

    def refund(self, order: Row, lines: Lines, at: datetime, *, to_stock: bool) -> Row:
        """Refunds units: those not sent yet first. The others go back to their sources, if they go back to stock; those
        neither sent nor back to stock leave the first source that has them.
        """
        items = []
        for sku, quantity in lines:
            row = self._row_of(order, sku)
            unsent = min(quantity, self._left(order, row))
            sent = self._sent(order, row)
            if unsent:
                self._reserve(order, sku, unsent, "creditmemo_created")
                if not to_stock:
                    self._take(sku, unsent)
            for source, units in self._places(sent, quantity - unsent):
                sent[source] -= units
                if to_stock:
                    self.levels[sku, source][0] += units
            told = self._told(order, row)
            told["qty_refunded"] += quantity
            self.unsent[row["item_id"]] += unsent
            items.append(self._part(order, row, quantity))
        made = self._document(self.creditmemos, order, items, at)
        self.touch(order, at)
        return made

    def touch(self, row: Row, at: datetime) -> None:
        """A document changed."""
        row["updated_at"] = at.astimezone(UTC).strftime(STAMP)

    def _reserve(self, order: Row, sku: str, quantity: int, event: str) -> None:
        self.reservations.append(Reservation(sku, quantity, event, order["entity_id"]))

    def _row_of(self, order: Row, sku: str) -> Row:
        return next(row for row in self.moving(order) if row["sku"] == sku)

    def _told(self, order: Row, row: Row) -> Row:
        """The row on which Magento notes what became of one: its parent's, where it has one."""
        return next((one for one in order["items"] if one["item_id"] == row.get("parent_item_id")), row)

    def _left(self, order: Row, row: Row) -> int:
        told = self._told(order, row)
        gone = told["qty_canceled"] + told["qty_shipped"] + self.unsent[row["item_id"]]
        return int(row["qty_ordered"] - gone)

    def _sent(self, order: Row, row: Row) -> dict[str, int]:
        """Units of a row that are still out, by the source they left from."""
        told = self._told(order, row)["item_id"]
        sent: dict[str, int] = defaultdict(int)
        for made in self.shipments.values():
            if made["order_id"] == order["entity_id"]:
                for item in made["items"]:
                    if item["order_item_id"] == told:
                        sent[made["extension_attributes"]["source_code"]] += item["qty"]
        back = self._told(order, row)["qty_refunded"] - self.unsent[row["item_id"]]
        for source, units in self._places(sent, back):
            sent[source] -= units
        return sent

    def _part(self, order: Row, row: Row, quantity: int) -> Row:
        told = self._told(order, row)
        return {"order_item_id": told["item_id"], "sku": row["sku"], "qty": quantity, "name": "canary name"}

    @staticmethod
    def _places(sent: Mapping[str, int], quantity: int) -> list[tuple[str, int]]:
        taken = []
        for source, units in list(sent.items()):
            found = min(units, quantity)
            if found > 0:
                taken.append((source, found))
                quantity -= found
        return taken

    def _take(self, sku: str, quantity: int) -> None:
        for (found, _), level in self.levels.items():
            if found == sku and level[0] >= quantity:
                level[0] -= quantity
                return

    def _document(self, kept: dict[int, Row], order: Row, items: list[Row], at: datetime) -> Row:
        ident = len(kept) + 1
        stamp = at.astimezone(UTC).strftime(STAMP)
        made = kept[ident] = {
            "entity_id": ident,
            "order_id": order["entity_id"],
            "created_at": stamp,
            "updated_at": stamp,
            "items": [{"entity_id": n, "parent_id": ident, **item} for n, item in enumerate(items, 1)],
            "comments": [{"comment": "canary comment, call 555-0100"}],
        }
        return made
