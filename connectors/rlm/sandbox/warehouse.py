"""What a warehouse has, and what it makes of the transaction sets that it is sent. Segments as X12 004010 has them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from connectors.rlm.x12 import Segment, TransactionSet, element


class Cell(NamedTuple):
    """A SKU at a place."""

    sku: str
    place: str


Answer = tuple[str, list[Segment]]
"""A transaction set to send: its kind and its segments."""


def upc(sku: str) -> str:
    """The UPC of a SKU in every sandbox."""
    return f"{int(hashlib.sha256(sku.encode()).hexdigest(), 16) % 10**12:012d}"


@dataclass(slots=True)
class Warehouse:
    """The state. `stock` is what lies there. `shows` is what the partner offers of it: its own stock until it is told a level,
    then that, less what it sold since. While it `holds`, new orders are not shipped at once: they are `waiting` for `ship`.
    """

    places: Sequence[str]
    stock: Counter[Cell] = field(default_factory=Counter)
    shows: dict[Cell, int] = field(default_factory=dict)
    tracked: dict[str, bool] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, Sequence[Segment]] = field(default_factory=dict)
    holds: bool = False
    serial: int = 0

    def level(self, sku: str, place: str) -> int:
        """What is offered."""
        cell = Cell(sku, place)
        return self.shows.get(cell, self.stock[cell])

    def sell(self, sku: str, place: str, units: int) -> None:
        """Units that were sold to somebody: they are offered no more, and leave later."""
        self.shows[Cell(sku, place)] = self.level(sku, place) - units

    def take(self, one: TransactionSet, at: datetime) -> Iterator[Answer]:
        """Carries a set out, and gives what is said in return. A set of another kind is acknowledged and nothing else."""
        if one.kind == "940":
            yield from self._order(one.segments, at)
        elif one.kind == "943":
            yield self._receipt(one.segments, at)
        elif one.kind == "846":
            self._told(one.segments)

    def advice(self, at: datetime) -> list[list[Segment]]:
        """846: all that is kept, a set for each place."""
        return [
            [
                ("BIA", "00", "DD", self._name("SNAP"), f"{at:%Y%m%d}", f"{at:%H%M}"),
                ("N1", "WH", f"Warehouse {place}", "92", place),
                *(
                    segment
                    for line, cell in enumerate(self._cells(place), start=1)
                    for segment in (
                        ("LIN", str(line), "SK", cell.sku, "UP", upc(cell.sku)),
                        ("QTY", "33", str(self.level(*cell)), "EA"),
                        ("QTY", "17", str(self.stock[cell]), "EA"),
                    )
                ),
                ("CTT", str(len(self._cells(place)))),
            ]
            for place in self.places
            if self._cells(place)
        ]

    def adjustment(
        self, place: str, lines: Sequence[tuple[str, int]], reason: str, at: datetime
    ) -> list[Segment]:
        """947: units found (negative: missing)."""
        for sku, units in lines:
            self.stock[Cell(sku, place)] += units
        return [
            ("W15", f"{at:%Y%m%d}", self._name("ADJ")),
            ("N1", "WH", f"Warehouse {place}", "92", place),
            *(("W19", reason, str(units), "EA", upc(sku), "SK", sku) for sku, units in lines),
        ]

    def purchase_order(self, lines: Sequence[tuple[str, int]], at: datetime) -> tuple[str, list[Segment]]:
        """850: what the buyer orders of us. It names items by UPC only."""
        number = self._name("PO")
        body: list[Segment] = [("BEG", "00", "SA", number, "", f"{at:%Y%m%d}")]
        for line, (sku, units) in enumerate(lines, start=1):
            body.append(("PO1", str(line), str(units), "EA", "9.00", "", "UP", upc(sku)))
        return number, [*body, ("CTT", str(len(lines)))]

    def _name(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}{self.serial:06d}"

    def _cells(self, place: str) -> list[Cell]:
        return sorted(cell for cell in self.stock if cell.place == place and self.tracked.get(cell.sku, True))

    def _order(self, segments: Sequence[Segment], at: datetime) -> Iterator[Answer]:
        """940. An order is shipped at once, or waits, and then short where there is not enough. One that is known already is not
        carried out again, and a cancellation comes too late for one that was shipped.
        """
        head = _first(segments, "W05")
        purpose, ref = element(head, 1), element(head, 2)
        if purpose == "F" and self.waiting.pop(ref, None) is not None:
            self.orders[ref] = purpose
        if ref in self.orders:
            return
        self.orders[ref] = purpose
        if purpose == "F":
            return
        if self.holds:
            self.waiting[ref] = segments
        else:
            yield self._shipment(ref, segments, at)

    def ship(self, at: datetime, ref: str | None = None) -> Iterator[Answer]:
        """Ships every order that waits, or the one of a reference. Raises `KeyError` for one that does not wait."""
        for one in [*self.waiting] if ref is None else [ref]:
            yield self._shipment(one, self.waiting.pop(one), at)

    def _shipment(self, ref: str, segments: Sequence[Segment], at: datetime) -> Answer:
        """945: what was sent of an order."""
        place = self._place(segments)
        lines = [(_sku(segment, 4), int(element(segment, 1))) for segment in segments if segment[0] == "W01"]
        body: list[Segment] = [
            ("W06", "F", ref, f"{at:%Y%m%d}", self._name("BOL")),
            ("N1", "WH", f"Warehouse {place}", "92", place),
            ("G62", "11", f"{at:%Y%m%d}"),
            ("W27", "M", "UPSN", "UPS GROUND", "PP"),
        ]
        total = 0
        for line, (sku, ordered) in enumerate(lines, start=1):
            cell = Cell(sku, place)
            shipped = max(0, min(ordered, self.stock[cell]))
            self.stock[cell] -= shipped
            total += shipped
            status = "CC" if shipped == ordered else "CP"
            body += [
                ("LX", str(line)),
                *[
                    (
                        "W12",
                        status,
                        str(ordered),
                        str(shipped),
                        str(ordered - shipped),
                        "EA",
                        upc(sku),
                        "SK",
                        sku,
                    )
                ],
            ]
        return "945", [*body, ("W03", str(total))]

    def _receipt(self, segments: Sequence[Segment], at: datetime) -> Answer:
        """944: everything that a 943 announced has come."""
        head, place = _first(segments, "W06"), self._place(segments)
        body: list[Segment] = [
            ("W17", "F", f"{at:%Y%m%d}", self._name("RCPT"), element(head, 2)),
            *(segment for segment in segments if segment[0] == "N1"),
        ]
        total = 0
        for segment in segments:
            if segment[0] == "W04":
                sku, units = _sku(segment, 4), int(element(segment, 1))
                self.stock[Cell(sku, place)] += units
                total += units
                body.append(("W07", str(units), "EA", upc(sku), "SK", sku))
        return "944", [*body, ("W14", str(total))]

    def _told(self, segments: Sequence[Segment]) -> None:
        """846: what may be offered, absolutely; without a warehouse, at the first place."""
        place, sku = self._place(segments), ""
        for segment in segments:
            if segment[0] == "LIN":
                sku = _sku(segment, 2)
            elif segment[0] == "QTY":
                self.shows[Cell(sku, place)] = int(element(segment, 2))

    def _place(self, segments: Sequence[Segment]) -> str:
        parties: Mapping[str, str] = {element(one, 1): element(one, 4) for one in segments if one[0] == "N1"}
        return parties.get("WH") or self.places[0]


def _first(segments: Sequence[Segment], name: str) -> Segment:
    return next(segment for segment in segments if segment[0] == name)


def _sku(segment: Segment, pairs: int) -> str:
    """The SKU of a segment whose pairs of qualifier and id begin there."""
    return next(
        element(segment, at + 1) for at in range(pairs, len(segment) - 1, 2) if element(segment, at) == "SK"
    )
