"""The rows of an order that move stock, and what rows of its shipments and credit memos mean for them.

A configurable or bundle product is a row for what was bought and a row for each simple product in it
(`parent_item_id`). Stock moves on the latter only (magento/inventory: GetItemsToDeductFromShipment). But a shipment of
them has only the parent's row, and a cancelled order says it only there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from connectors.errors import Refused
from connectors.magento import fields
from connectors.magento.fields import Body

COMPOSITE = frozenset({"configurable", "bundle"})
NO_SHELF = frozenset({"virtual", "downloadable"})
"""Magento takes their stock at the invoice, from a source that it does not name: it is left to Magento."""


class Row(NamedTuple):
    """A row of an order. `why_not` is why it moves nothing, None where it does.

    `item` is the reference of its product. That is the product's id, where there is one: the row's SKU may have the SKUs of
    custom options behind it, and Magento itself goes by the id (magento/inventory: GetSkuFromOrderItem).
    """

    id: int
    parent: int | None
    sku: str
    item: str
    ordered: int
    cancelled: int
    body: Body
    why_not: str | None


class Rows:
    """The rows of one order, by their ids. Raises `Refused` for rows that contradict each other."""

    def __init__(self, order: Body) -> None:
        found = fields.rows(order, "items")
        if not found:
            raise Refused("items is missing")
        self.children: dict[int, list[int]] = {}
        bodies: dict[int, Body] = {}
        for body in found:
            ident = fields.identity(body, "item_id")
            if ident in bodies:
                raise Refused(f"items: two rows have the item_id {ident}")
            bodies[ident] = body
            parent = _parent(body)
            if parent is not None:
                self.children.setdefault(parent, []).append(ident)
        alone = {ident: self._row(ident, body) for ident, body in bodies.items()}
        for ident, row in alone.items():
            if row.parent is not None and (row.parent not in bodies or ident in self.children):
                raise Refused(f"items: the parent of item_id {ident} is not a row above it")
        self.by_id: Mapping[int, Row] = {ident: _with_parent(row, alone) for ident, row in alone.items()}

    def moving(self) -> Iterator[Row]:
        """The rows that move stock."""
        return (row for row in self.by_id.values() if row.why_not is None)

    def moved(self, document: Body, what: str) -> list[tuple[Row, int]]:
        """The units of each row in a shipment or credit memo; those of a parent's row are shared among its children."""
        listed: Counter[int] = Counter()
        for body in fields.rows(document, "items"):
            ident = fields.identity(body, "order_item_id")
            if ident not in self.by_id:
                raise Refused(f"{what}: order_item_id {ident} is no row of the order")
            listed[ident] += fields.units(body, "qty")
        found: list[tuple[Row, int]] = []
        for ident, quantity in sorted(listed.items()):
            children = self.children.get(ident, [])
            if not children:
                found.append((self.by_id[ident], quantity))
            elif not any(child in listed for child in children):  # else they speak for themselves
                parent = self.by_id[ident]
                found.extend(
                    (row, _share(parent, row, quantity, f"{what}: qty"))
                    for row in (self.by_id[child] for child in children)
                )
        return [(row, quantity) for row, quantity in found if quantity]

    def _row(self, ident: int, body: Body) -> Row:
        kind = str(body.get("product_type") or "simple")
        why_not = None
        if ident in self.children:
            why_not = "its stock is that of the products in it"
        elif kind in COMPOSITE:
            raise Refused(f"items: the products in item_id {ident} are missing")
        elif kind in NO_SHELF or body.get("is_virtual") in (1, "1", True):
            why_not = "a virtual product lies on no shelf"
        sku = fields.reference(body, "sku")
        product = None if body.get("product_id") is None else fields.identity(body, "product_id")
        return Row(
            id=ident,
            parent=_parent(body),
            sku=sku,
            item=sku if product is None else f"product:{product}",
            ordered=fields.units(body, "qty_ordered"),
            cancelled=fields.units(body, "qty_canceled", absent=0),
            body=body,
            why_not=why_not,
        )


def _parent(body: Body) -> int | None:
    return None if body.get("parent_item_id") in (None, "", 0) else fields.identity(body, "parent_item_id")


def _with_parent(row: Row, rows: Mapping[int, Row]) -> Row:
    """The row with what only its parent's row says was cancelled. Raises `Refused` where that is more than was ordered."""
    if row.parent is not None:
        parent = rows[row.parent]
        told = _share(parent, row, parent.cancelled, "qty_canceled")
        row = row._replace(cancelled=max(row.cancelled, told))
    if row.cancelled > row.ordered:
        raise Refused(f"items: more of item_id {row.id} is cancelled than was ordered")
    return row


def _share(parent: Row, child: Row, quantity: int, what: str) -> int:
    """How many units of a child so many of its parent are."""
    if quantity == 0:
        return 0
    if parent.ordered == 0 or quantity * child.ordered % parent.ordered:
        raise Refused(f"{what}: item_id {child.id} is not a whole number of units")
    return quantity * child.ordered // parent.ordered
