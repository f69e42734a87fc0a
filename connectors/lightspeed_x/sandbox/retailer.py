"""What a retailer has, and how sales and adjustments move its levels.

Sized for a demo in one process: 30,000 products at 457 outlets, hundreds of thousands of levels. So products and outlets are
numbers, a level is one int in a dict, and the lines of a sale are one array.
"""

from __future__ import annotations

import time
import uuid
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import NamedTuple

from connectors.lightspeed_x.effects import VOIDED, by_state
from connectors.lightspeed_x.sandbox.feed import Feed

LATER = frozenset({"pickup", "delivery"})
"""Attributes of sales whose goods leave when they are fulfilled."""

NAMESPACE = uuid.UUID("7d0a7f7e-6f0c-4a7e-9d3c-0f5a3b1c2d4e")


def product_id(sku: str) -> str:
    """The id of a product in every sandbox."""
    return str(uuid.uuid5(NAMESPACE, f"product {sku}"))


def outlet_id(name: str) -> str:
    """The id of an outlet in every sandbox."""
    return str(uuid.uuid5(NAMESPACE, f"outlet {name}"))


def register_id(outlet: str) -> str:
    """The id of an outlet's only register."""
    return str(uuid.uuid5(NAMESPACE, f"register {outlet}"))


class Outlet(NamedTuple):
    """An outlet with its one register."""

    id: str
    name: str
    register: str


@dataclass(slots=True)
class Handed:
    """What was handed over of a sale that is fulfilled later: units by line, at an outlet, in so many steps."""

    outlet: int
    at: datetime
    units: dict[int, int] = field(default_factory=dict)
    version: int = 1


@dataclass(slots=True)
class Sale:
    """A sale. `lines` alternates product number and quantity (negative: returned). `customer` is the id that was given with it."""

    number: int
    id: str
    outlet: int
    lines: array[int]
    at: datetime
    updated_at: datetime
    state: str
    attributes: tuple[str, ...] = ()
    source: tuple[str | None, str | None] = (None, None)
    handed: Handed | None = None
    customer: str | None = None

    @property
    def items(self) -> list[tuple[int, int]]:
        """The lines as pairs of product number and quantity."""
        return list(zip(self.lines[::2], self.lines[1::2], strict=True))


class Adjustment(NamedTuple):
    """A stock adjustment. `custom` is the id of the custom reason, if `reason` is CUSTOM."""

    product: int
    outlet: int
    quantity: int
    reason: str
    custom: str | None
    at: datetime


@dataclass(slots=True)
class Products:
    """The catalogue: a product's number is its place in the lists. `listed` ones are in the products feed."""

    skus: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tracked: bytearray = field(default_factory=bytearray)
    by_sku: dict[str, int] = field(default_factory=dict)
    by_id: dict[str, int] = field(default_factory=dict)

    def number(self, sku: str) -> int:
        """The number of a SKU's product, made if it is new (tracked, and not in the feed yet)."""
        found = self.by_sku.get(sku)
        if found is None:
            found = self.by_sku[sku] = len(self.skus)
            self.skus.append(sku)
            self.ids.append(product_id(sku))
            self.tracked.append(True)
            self.by_id[self.ids[found]] = found
        return found


class Retailer:
    """The state. `moved` hears of every level that changed: product, outlet and level.

    One counter gives out all versions. It starts at the microseconds of the clock, and sale ids at a random prefix, so that
    a sandbox started again goes on above the cursors it once gave out and repeats no sale.
    """

    def __init__(self, outlets: Sequence[str], moved: Callable[[int, int, int], None]) -> None:
        self.outlets = [Outlet(outlet_id(name), name, register_id(name)) for name in outlets]
        self.outlet_by_name = {name: number for number, name in enumerate(outlets)}
        self.outlet_by_id = {outlet.id: number for number, outlet in enumerate(self.outlets)}
        self.outlet_by_register = {outlet.register: number for number, outlet in enumerate(self.outlets)}
        self.products = Products()
        self.composites: dict[int, dict[int, int]] = {}
        self.levels: dict[int, int] = {}
        self.sales: list[Sale] = []
        self.foreign: dict[str, int] = {}
        self.adjustments: list[Adjustment] = []
        versions = count(time.time_ns() // 1_000)
        self.take_version = versions.__next__
        self.catalogue, self.inventory, self.sold, self.adjusted = (Feed(self.take_version) for _ in range(4))
        self.places = {number: self.take_version() for number in range(len(self.outlets))}
        self.run = uuid.uuid4().hex[:8]
        self._moved = moved

    def seed(self, sku: str, outlet: str, level: int, tracked: bool) -> None:
        """Lists a product and puts stock there; an untracked one has no level."""
        product = self.products.number(sku)
        if product not in self.catalogue.versions or bool(self.products.tracked[product]) != tracked:
            self.products.tracked[product] = tracked
            self.catalogue.touch(product)
        if tracked:
            cell = self.cell(product, self.outlet_by_name[outlet])
            self.levels[cell] = level
            self.inventory.touch(cell)

    def compose(self, sku: str, components: Mapping[str, int]) -> None:
        """Lists a composite: a product without stock of its own, so many units of each component."""
        product = self.products.number(sku)
        self.composites[product] = {self.products.number(name): each for name, each in components.items()}
        self.catalogue.touch(product)

    def cell(self, product: int, outlet: int) -> int:
        """The number of a product at an outlet."""
        return product * len(self.outlets) + outlet

    def place(self, cell: int) -> tuple[int, int]:
        """The product and the outlet of a cell."""
        return divmod(cell, len(self.outlets))

    def move(self, product: int, outlet: int, units: int) -> None:
        """Adds to a level, below zero too. A product outside the catalogue has a level that no list shows."""
        if product in self.composites:
            for component, each in self.composites[product].items():
                self.move(component, outlet, units * each)
            return
        if not units or not self.products.tracked[product]:
            return
        cell = self.cell(product, outlet)
        level = self.levels[cell] = self.levels.get(cell, 0) + units
        if product in self.catalogue.versions:
            self.inventory.touch(cell)
        self._moved(product, outlet, level)

    def ring_up(
        self,
        outlet: int,
        lines: Sequence[tuple[int, int]],
        *,
        at: datetime,
        state: str,
        attributes: tuple[str, ...] = (),
        ident: str | None = None,
        source: tuple[str | None, str | None] = (None, None),
        fulfilled_at: int | None = None,
        customer: str | None = None,
    ) -> Sale:
        """A new sale; its goods go if sales of its kind take them (`effects`). One to be picked up or sent leaves from the
        outlet `fulfilled_at`, when it is fulfilled.
        """
        number = len(self.sales)
        flat = array("q", (part for line in lines for part in line))
        sale = Sale(
            number, ident or self.made_up("4000", number), outlet, flat, at, at, state, attributes, source
        )
        sale.customer = customer
        if LATER & set(attributes):
            sale.handed = Handed(outlet if fulfilled_at is None else fulfilled_at, at)
        self.sales.append(sale)
        if ident is not None:
            self.foreign[ident] = number
        self._settle(sale, [0] * (len(flat) // 2))
        return sale

    def change(self, sale: Sale, state: str, at: datetime) -> None:
        """Closes or voids a sale. Closing one that is fulfilled later hands over what is left of it."""
        if state == "closed" and sale.handed is not None:
            whole = {line: units for line, (_, units) in enumerate(sale.items) if units > 0}
            self.hand_over(sale, {line: n - sale.handed.units.get(line, 0) for line, n in whole.items()}, at)
            return
        before = _gone(sale)
        sale.state, sale.updated_at = state, at
        self._settle(sale, before)

    def hand_over(self, sale: Sale, lines: Mapping[int, int], at: datetime) -> None:
        """Fulfils so many units of some lines; a sale of which nothing is left is closed."""
        assert sale.handed is not None
        before, handed = _gone(sale), sale.handed
        for line, units in lines.items():
            handed.units[line] = handed.units.get(line, 0) + units
        handed.at, handed.version, sale.updated_at = at, handed.version + 1, at
        if all(handed.units.get(line, 0) >= units for line, (_, units) in enumerate(sale.items)):
            sale.state = "closed"
        self._settle(sale, before)

    def _settle(self, sale: Sale, before: Sequence[int]) -> None:
        """Moves what has left since it was `before`; what comes back comes back to where the sale was made."""
        here = sale.outlet if sale.handed is None else sale.handed.outlet
        for (product, sold), then, now in zip(sale.items, before, _gone(sale), strict=True):
            self.move(product, here if sold > 0 else sale.outlet, then - now)
        self.sold.touch(sale.number)

    def find(self, ident: str) -> Sale:
        """A sale by its id. Raises `KeyError`."""
        if ident in self.foreign:
            return self.sales[self.foreign[ident]]
        number = int(ident[-12:], 16) if ident.startswith(self.run) else len(self.sales)
        if number >= len(self.sales) or self.sales[number].id != ident:
            raise KeyError(f"there is no sale {ident}")
        return self.sales[number]

    def adjust(self, made: Adjustment) -> int:
        """Makes a stock adjustment, and gives its number."""
        self.move(made.product, made.outlet, made.quantity)
        number = len(self.adjustments)
        self.adjustments.append(made)
        self.adjusted.touch(number)
        return number

    def made_up(self, kind: str, number: int) -> str:
        """An id that holds its number, so that no dictionary of ids is needed."""
        return f"{self.run}-0000-{kind}-8000-{number:012x}"


def _gone(sale: Sale) -> list[int]:
    """How many units of each line are gone (negative: came back): none of a voided sale."""
    effect = by_state(sale.state, sale.attributes)
    if effect is None or effect.state == VOIDED:
        return [0] * len(sale.items)
    if sale.handed is not None:
        closed = sale.state == "closed"
        return [
            sale.handed.units.get(line, 0) if units > 0 else units * closed
            for line, (_, units) in enumerate(sale.items)
        ]
    return [units * effect.takes for _, units in sale.items]
