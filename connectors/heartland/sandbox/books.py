"""What an account has: items, locations, documents with their lines, and the stock that follows from them.

A collection is known by its path in the API (`sales/tickets`, `sales/tickets/7/lines`), a record is the JSON that the API
gives. Quantities are whole units, except where a request brings another number.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from time import time_ns
from typing import Any, NamedTuple

Record = dict[str, Any]

REASONS = "reason_codes/inventory_adjustment_reasons"


class Cell(NamedTuple):
    """An item at a location."""

    item: int
    location: int


def number_of(kind: str, name: str) -> int:
    """The id of an item or a location in every sandbox."""
    return 100_000 + zlib.crc32(f"{kind} {name}".encode()) % 900_000_000


def stamp(at: datetime) -> str:
    """An instant as Heartland writes it: UTC, whole seconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Books:
    """The state. Ids of documents begin at the clock's milliseconds, so that a sandbox started again repeats none."""

    def __init__(self, locations: Iterable[str], reason: str) -> None:
        self.collections: dict[str, dict[int, Record]] = defaultdict(dict)
        self.on_hand = Counter[Cell]()
        self.committed = Counter[Cell]()
        self.on_order = Counter[Cell]()
        self.in_transit = Counter[Cell]()
        self.untracked: set[int] = set()
        self.costs: dict[int, float] = {}
        self._ids = count(time_ns() // 1_000_000)
        for name in locations:
            self.add("locations", {"name": name, "active?": True}, ident=number_of("location", name))
        for number, name in enumerate(("Shrinkage", "Damaged", reason), start=1):
            self.add(REASONS, {"name": name, "active?": True}, ident=number)

    def add(
        self, path: str, fields: Mapping[str, Any], *, at: datetime | None = None, ident: int | None = None
    ) -> Record:
        """A new record in a collection. It may say that it was made at another instant; it was changed now."""
        ident = next(self._ids) if ident is None else ident
        now = datetime.now(UTC)
        record = {"id": ident, "created_at": stamp(at or now), "updated_at": stamp(now), **fields}
        self.collections[path][ident] = record
        return record

    def item(self, sku: str, *, tracked: bool = True) -> int:
        """The id of an item, listed from now on."""
        ident = number_of("item", sku)
        if ident not in self.collections["items"]:
            fields = {"public_id": sku, "description": f"{sku} by name", "active?": True, "custom": {}}
            self.add("items", fields, ident=ident)
            self.costs[ident] = 2.16
        if not tracked:
            self.untracked.add(ident)
        return ident

    def find(self, path: str, ident: int) -> Record | None:
        """A record of a collection."""
        return self.collections[path].get(ident) if path in self.collections else None

    def below(self, path: str, ident: int, name: str = "lines") -> list[Record]:
        """The records under another one."""
        return list(self.collections.get(f"{path}/{ident}/{name}", {}).values())

    def move(self, item: int, location: int, units: int, source: str, record: Record, at: datetime) -> None:
        """Adds to what is on hand, below zero too, and to the ledger. The shape of a ledger row is invented: none is public."""
        if not units or item in self.untracked:
            return
        self.on_hand[Cell(item, location)] += units
        row = {
            "item_id": item,
            "location_id": location,
            "qty": units,
            "type": source,
            "source_id": record["id"],
        }
        self.add("inventory/transactions", row, at=at)

    def values(self) -> list[Record]:
        """`GET inventory/values?group[]=item_id&group[]=location_id`; a cell that never had anything has no row."""
        cells = {*self.on_hand, *self.committed, *self.on_order, *self.in_transit}
        return [
            {
                "item_id": cell.item,
                "location_id": cell.location,
                "qty": self.on_hand[cell],
                "qty_on_hand": self.on_hand[cell],
                "qty_committed": self.committed[cell],
                "qty_on_po": self.on_order[cell],
                "qty_in_transit": self.in_transit[cell],
                "qty_available": self.on_hand[cell] - self.committed[cell],
                "unit_cost": self.costs.get(cell.item),
            }
            for cell in sorted(cells)
            if cell.item not in self.untracked
        ]
