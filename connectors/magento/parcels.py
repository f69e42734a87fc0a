"""What left with an order's shipments and what its credit memos gave back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connectors.errors import Refused
from connectors.magento import fields
from connectors.magento.fields import Body
from connectors.magento.rows import Row, Rows
from schemas.claims import Document, Fact, Line, Skipped


class Shelf(NamedTuple):
    """A row of the order at a source."""

    row: int
    source: str


@dataclass(slots=True)
class Parcels:
    """An order's shipments and credit memos, oldest first: what a refund means depends on what had been sent by then.

    `pickup` is the source of an order for pick-up. `sent` and `refunded` count units by shelf, `withdrawn` those of a row
    that were refunded before they were sent.
    """

    rows: Rows
    pickup: str | None
    sent: Counter[Shelf] = field(default_factory=Counter)
    refunded: Counter[Shelf] = field(default_factory=Counter)
    withdrawn: Counter[int] = field(default_factory=Counter)

    def documents(self, order: Body) -> Iterator[Document]:
        """Their documents. Of two made within a second the shipment comes first [inferred]."""
        parts = [
            (fields.instant(part, "created_at"), kind, fields.identity(part, "entity_id"), part)
            for kind, name in enumerate(("shipments", "creditmemos"))
            for part in fields.rows(order, name)
        ]
        for at, kind, ident, part in sorted(parts, key=lambda found: found[:3]):
            yield self._credit_memo(part, ident, at) if kind else self._shipment(part, ident, at)

    def _shipment(self, body: Body, ident: int, at: datetime) -> Document:
        """A parcel leaves its source when it is made; one for pick-up when it is ready, not when it is handed over."""
        source = fields.reference(fields.part(body, "extension_attributes"), "source_code")
        lines: list[Line] = []
        skipped: list[Skipped] = []
        for row, quantity in self.rows.moved(body, f"shipment {ident}"):
            if row.why_not:
                skipped.append(Skipped(item=row.sku, reason=row.why_not))
                continue
            self.sent[Shelf(row.id, source)] += quantity
            lines.append(Line(fact=Fact.SHIPPED, sku=row.item, quantity=quantity, at=at, location=source))
        return _document(f"shipment/{ident}", body, lines, skipped)

    def _credit_memo(self, body: Body, ident: int, at: datetime) -> Document:
        """Units that were not sent yet are refunded first, and demand for them ends; the others come back to the sources
        that they left from, if they were returned to stock (magento/inventory: ProcessRefundItems).

        Units that were neither sent nor returned to stock Magento takes off a source that it does not name
        (magento/inventory#1947): only its levels show it.
        """
        lines: list[Line] = []
        skipped: list[Skipped] = []
        for row, quantity in self.rows.moved(body, f"creditmemo {ident}"):
            if row.why_not:
                skipped.append(Skipped(item=row.sku, reason=row.why_not))
                continue
            unsent = min(quantity, self._unsent(row))
            if unsent:
                self.withdrawn[row.id] += unsent
                lines.append(
                    Line(fact=Fact.CANCELLED, sku=row.item, quantity=unsent, at=at, location=self.pickup)
                )
            for source, units in self._back(row, quantity - unsent, ident):
                if body.get("returned_to_stock") is True:
                    lines.append(
                        Line(fact=Fact.RETURNED, sku=row.item, quantity=units, at=at, location=source)
                    )
                else:
                    skipped.append(Skipped(item=row.sku, reason="refunded, not returned to stock"))
        return _document(f"creditmemo/{ident}", body, lines, skipped)

    def _unsent(self, row: Row) -> int:
        """How many units of a row are neither sent nor cancelled nor refunded yet."""
        sent = sum(units for shelf, units in self.sent.items() if shelf.row == row.id)
        return max(0, row.ordered - row.cancelled - self.withdrawn[row.id] - sent)

    def _back(self, row: Row, quantity: int, ident: int) -> Iterator[tuple[str, int]]:
        """So many refunded units by the source that they had left from, the first parcel first."""
        for shelf, sent in self.sent.items():
            units = min(quantity, sent - self.refunded[shelf])
            if shelf.row == row.id and units > 0:
                self.refunded[shelf] += units
                quantity -= units
                yield shelf.source, units
        if quantity:
            raise Refused(f"creditmemo {ident}: more is refunded of item_id {row.id} than was ordered")


def _document(ident: str, body: Body, lines: list[Line], skipped: list[Skipped]) -> Document:
    version = fields.milliseconds(fields.instant(body, "updated_at", "created_at"))
    return Document(id=ident, version=version, lines=tuple(lines), skipped=tuple(skipped))
