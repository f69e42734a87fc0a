"""The retailer's consignments: how they change, what they move, and their JSON (OpenAPI 2026-07, Consignment).

In which status goods move is what `consignments.STEPS` infers; the double moves them by itself, from its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.lightspeed_x.sandbox.feed import Feed
from connectors.lightspeed_x.sandbox.retailer import Retailer
from connectors.lightspeed_x.sandbox.shapes import NOTE, stamp

NEXT = {
    "SUPPLIER": {
        "OPEN": {"SENT", "CANCELLED"},
        "SENT": {"DISPATCHED", "RECEIVED", "CANCELLED"},
        "DISPATCHED": {"RECEIVED", "CANCELLED"},
    },
    "OUTLET": {"OPEN": {"SENT", "CANCELLED"}, "SENT": {"RECEIVED", "CANCELLED"}},
    "RETURN": {"OPEN": {"SENT", "CANCELLED"}},
    "STOCKTAKE": {
        "STOCKTAKE_SCHEDULED": {"STOCKTAKE_IN_PROGRESS", "CANCELLED"},
        "STOCKTAKE_IN_PROGRESS": {"STOCKTAKE_IN_PROGRESS_PROCESSED", "CANCELLED", "CLOSED"},
        "STOCKTAKE_IN_PROGRESS_PROCESSED": {"STOCKTAKE_COMPLETE", "CANCELLED", "CLOSED"},
    },
}
"""Where each kind of consignment goes from each status (`POST /consignments`, workflows)."""


@dataclass(slots=True)
class Row:
    """A product of a consignment: how many are expected, and how many came or were counted."""

    count: int
    received: int = 0


@dataclass(slots=True)
class Consignment:
    """A consignment. `source` is where a transfer comes from."""

    number: int
    kind: str
    outlet: int
    source: int | None
    rows: dict[int, Row]
    at: datetime
    updated_at: datetime
    status: str
    received_at: datetime | None = None
    versions: dict[int, int] = field(default_factory=dict)


class Consignments:
    """All consignments of a retailer."""

    def __init__(self, retailer: Retailer) -> None:
        self.all: list[Consignment] = []
        self.feed = Feed(retailer.take_version)
        self._retailer = retailer

    def open(
        self, kind: str, outlet: int, counts: Mapping[int, int], at: datetime, source: int | None = None
    ) -> Consignment:
        """A new one, in its kind's first status."""
        first = next(iter(NEXT[kind]))
        rows = {product: Row(count) for product, count in counts.items()}
        made = Consignment(len(self.all), kind, outlet, source, rows, at, at, first)
        self.all.append(made)
        self._touch(made)
        return made

    def step(self, one: Consignment, status: str, at: datetime, received: Mapping[int, int]) -> None:
        """Moves a consignment on, with what came or was counted so far. Raises `ValueError` where X-Series would refuse."""
        if status not in NEXT[one.kind].get(one.status, ()):
            raise ValueError(f"{one.kind} {one.status} cannot become {status}")
        for product, units in received.items():
            one.rows.setdefault(product, Row(0)).received = units
        before, one.status, one.updated_at = one.status, status, at
        if status in {"RECEIVED", "STOCKTAKE_COMPLETE"}:
            one.received_at = at
        self._move(one, before)
        self._touch(one)

    def _move(self, one: Consignment, before: str) -> None:
        retailer = self._retailer
        for product, row in one.rows.items():
            if one.kind == "OUTLET" and one.source is not None:
                sent = {"SENT": -row.count, "CANCELLED": row.count if before == "SENT" else 0}
                retailer.move(product, one.source, sent.get(one.status, 0))
            if one.status == "RECEIVED":
                retailer.move(product, one.outlet, row.received)
            elif one.kind == "RETURN" and one.status == "SENT":
                retailer.move(product, one.outlet, -row.count)
            elif one.status == "STOCKTAKE_COMPLETE":
                level = retailer.levels.get(retailer.cell(product, one.outlet), 0)
                retailer.move(product, one.outlet, row.received - level)

    def _touch(self, one: Consignment) -> None:
        one.versions = {product: self._retailer.take_version() for product in one.rows}
        self.feed.touch(one.number)

    def ident(self, one: Consignment) -> str:
        """The id of a consignment."""
        return self._retailer.made_up("4007", one.number)

    def shape(self, _retailer: Retailer, number: int) -> dict[str, Any]:
        """A row of `GET /consignments`."""
        one, outlets = self.all[number], self._retailer.outlets
        return {
            "id": self.ident(one),
            "type": one.kind,
            "status": one.status,
            "name": NOTE,
            "outlet_id": outlets[one.outlet].id,
            "source_outlet_id": None if one.source is None else outlets[one.source].id,
            "supplier_id": None,
            "reference": None,
            "consignment_date": stamp(one.at),
            "due_at": None,
            "received_at": None if one.received_at is None else stamp(one.received_at),
            "created_at": stamp(one.at),
            "updated_at": stamp(one.updated_at),
            "deleted_at": None,
            "version": self.feed.versions[number],
        }

    def rows(self, one: Consignment) -> list[dict[str, Any]]:
        """The rows of `GET /consignments/{id}/products`."""
        return [
            {
                "product_id": self._retailer.products.ids[product],
                "product_sku": self._retailer.products.skus[product],
                "count": f"{row.count}.00000",
                "received": f"{row.received}.00000",
                "cost": "0.00000",
                "is_included": True,
                "status": "SUCCESS",
                "created_at": stamp(one.at),
                "updated_at": stamp(one.updated_at),
                "version": one.versions[product],
            }
            for product, row in one.rows.items()
        ]
