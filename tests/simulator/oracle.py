"""What must be true in the end, worked out without the core: plain dictionaries, by what each deal truly was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from world import Deal

from schemas.claims import Document, Fact, Line

Cell = tuple[str, str, str]
SHELF_STATES = ("available", "committed", "reserved", "safety_stock", "quality_control", "damaged")
NOWHERE = "@unrouted"
SETS = {"set": {"mug": 1, "plate": 2}}


class Oracle:
    """Adds up what happened. Counts are applied last, to what had come and gone by their instant."""

    def __init__(self) -> None:
        self.balance: Counter[Cell] = Counter()
        self.moved: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
        self.counted: dict[tuple[str, str], list[tuple[datetime, str, int]]] = defaultdict(list)

    def move(self, sku: str, place: str, state: str, units: int, at: datetime | None = None) -> None:
        """Units come to a state of a place; with an instant they come from outside the place."""
        self.balance[sku, place, state] += units
        if at is not None and not place.startswith(("@", "transit:")):
            self.moved[sku, place].append((at, units))

    def deal(self, deal: Deal, converted: Mapping[tuple[str, str], int], of: str | None = None) -> None:
        """Takes a deal in, or of it what one channel tells. `converted` says how many units of a SKU its reservation had
        committed, and where.
        """
        newest = deal.newest
        documents = newest if of is None else {name: told for name, told in newest.items() if name[0] == of}
        lines = [line for document in documents.values() for line in document.lines]
        if not lines and not converted:
            return
        for (sku, place), units in converted.items():
            self.move(sku, place, "available", -units)
            self.move(sku, place, "committed", units)
        if any(line.fact in (Fact.ORDERED, Fact.SHIPPED) for told in newest.values() for line in told.lines):
            self._order(documents, converted)
        else:
            for (_, ident), document in documents.items():
                for line in document.lines:
                    for one in _components(line):
                        self._alone(one, ident)
            self._expected(lines)
            self._unsent(lines)

    def _order(
        self, documents: Mapping[tuple[str, str], Document], converted: Mapping[tuple[str, str], int]
    ) -> None:
        order = documents["shop", "order/1"].lines if ("shop", "order/1") in documents else ()
        sku = next(line.sku for document in documents.values() for line in document.lines)
        place = order[0].location or NOWHERE if order else NOWHERE
        owed = sum(_units(order, Fact.ORDERED)) - sum(_units(order, Fact.CANCELLED))
        reserved = sum(units for (name, _), units in converted.items() if name == sku)
        taken_over = min(reserved, sum(_units(order, Fact.ORDERED)))
        left: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        back: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        returned: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for (channel, ident), document in documents.items():
            for line in document.lines:
                if line.fact in (Fact.SHIPPED, Fact.COLLECTED, Fact.SOLD):
                    left[str(line.location)][channel].append(line)
                elif line.fact in (Fact.SHIPMENT_VOIDED, Fact.SALE_VOIDED):
                    back[str(line.location)][channel].append(line)
                elif line.fact is Fact.RETURNED:
                    returned[str(line.location)][ident.split("/")[0]].append(line)
        gone = 0
        for told, sign in ((left, -1), (back, 1)):
            for source, by_witness in told.items():
                for line in _best(by_witness):
                    self.move(sku, source, "available", sign * line.quantity, line.at)
                    gone -= sign * line.quantity
        for source, by_witness in returned.items():
            for line in _best(by_witness):
                self.move(sku, source, line.state.value, line.quantity, line.at)
        still = max(owed, gone) - gone - taken_over
        self.move(sku, place, "available", -still)
        self.move(sku, place, "committed", still)

    def _alone(self, line: Line, ident: str) -> None:
        sku, here, units, at = line.sku, line.location or NOWHERE, line.quantity, line.at
        state = line.state.value
        match line.fact:
            case Fact.OPENED | Fact.ADJUSTED_UP | Fact.SALE_VOIDED | Fact.KIT_ASSEMBLED:
                self.move(sku, here, "available", units, at)
            case (
                Fact.SOLD
                | Fact.ADJUSTED_DOWN
                | Fact.KIT_COMPONENT_USED
                | Fact.SCRAPPED
                | Fact.VENDOR_RETURNED
            ):
                self.move(sku, here, "available", -units, at)
            case Fact.RETURNED | Fact.RECEIVED:
                self.move(sku, here, state, units, at)
            case Fact.DAMAGED | Fact.SET_ASIDE:
                self.move(sku, here, "available", -units)
                self.move(sku, here, "damaged" if line.fact is Fact.DAMAGED else state, units)
            case Fact.QUALITY_RELEASED:
                self.move(sku, here, "quality_control", -units)
                self.move(sku, here, state, units)
            case Fact.TRANSFER_SHIPPED:
                self.move(sku, here, "available", -units, at)
                self.move(sku, str(line.there), "incoming", units)
            case Fact.TRANSFER_RECEIVED | Fact.TRANSFER_SHORT:
                self.move(sku, here, "incoming", -units)
                if line.fact is Fact.TRANSFER_RECEIVED:
                    self.move(sku, here, "available", units, at)
            case Fact.COUNTED:
                self.counted[sku, here].append((at, ident, units))
            case Fact.EXPECTED:
                pass
            case _:
                raise AssertionError(f"the oracle does not know {line.fact}")

    def _expected(self, lines: Iterable[Line]) -> None:
        lines = list(lines)
        for line in lines:
            if line.fact is Fact.EXPECTED:
                came = sum(_units(lines, Fact.RECEIVED))
                self.move(line.sku, str(line.location), "incoming", max(0, line.quantity - came))

    def _unsent(self, lines: Iterable[Line]) -> None:
        """What arrived had been sent, though nobody says so."""
        lines = list(lines)
        if any(line.fact is Fact.TRANSFER_SHIPPED for line in lines):
            return
        for line in lines:
            if line.fact in (Fact.TRANSFER_RECEIVED, Fact.TRANSFER_SHORT):
                self.move(line.sku, str(line.there), "available", -line.quantity)

    def transit(self, deals: Iterable[Deal]) -> None:
        """Goods under way, which the hub keeps under the deal's name."""
        for deal in deals:
            for document in deal.newest.values():
                for line in document.lines:
                    sign = {
                        Fact.TRANSFER_SHIPPED: 1,
                        Fact.TRANSFER_RECEIVED: -1,
                        Fact.TRANSFER_SHORT: -1,
                    }.get(line.fact)
                    if sign:
                        self.balance[line.sku, f"transit:{deal.key}", "in_transit"] += sign * line.quantity

    def settled(self) -> dict[Cell, int]:
        """All balances that are not zero."""
        for (sku, place), counts in self.counted.items():
            if not counts:
                continue
            at, _, found = max(counts)
            since = sum(units for when, units in self.moved[sku, place] if when > at)
            others = sum(self.balance[sku, place, state] for state in SHELF_STATES[1:])
            self.balance[sku, place, "available"] = found + since - others
        return {cell: units for cell, units in self.balance.items() if units}


def _components(line: Line) -> Iterable[Line]:
    recipe = SETS.get(line.sku)
    if recipe is None:
        return (line,)
    return (replace(line, sku=sku, quantity=line.quantity * each) for sku, each in recipe.items())


def _units(lines: Iterable[Line], fact: Fact) -> Iterable[int]:
    return (line.quantity for line in lines if line.fact is fact)


def _best(by_witness: Mapping[str, list[Line]]) -> list[Line]:
    """The witness that saw the most stands; of those that saw as much, the one with the latest news."""
    return max(
        by_witness.items(),
        key=lambda told: (sum(line.quantity for line in told[1]), max(line.at for line in told[1]), told[0]),
    )[1]
