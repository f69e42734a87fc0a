"""What a shop has, and how its stock moves between states.

`on_hand = available + committed + reserved` here (the other states stay empty). An order takes from available to committed, a parcel
from committed and on hand, a cancellation gives back, a return restocks available and on hand: documented, and recorded
with a real shop for the order (5 available, 2 ordered: 3 available, 5 on hand).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LOCATIONS_FROM = 1001
ITEMS_FROM = 40_000_000_000_001
VARIANTS_FROM = 50_000_000_000_001
ORDERS_FROM = 6_000_000_000_001
PARTS_FROM = 7_000_000_000_001

GID = "gid://shopify/"


@dataclass(frozen=True, slots=True)
class Location:
    """A location: our name for it, and Shopify's."""

    id: int
    key: str
    name: str

    @property
    def gid(self) -> str:
        """Its global id."""
        return f"{GID}Location/{self.id}"


@dataclass(slots=True)
class Item:
    """An inventory item and its one variant."""

    id: int
    variant: int
    sku: str
    tracked: bool

    @property
    def gid(self) -> str:
        """Its global id."""
        return f"{GID}InventoryItem/{self.id}"


@dataclass(slots=True)
class Level:
    """An item's stock at a location."""

    item: Item
    location: Location
    updated_at: datetime
    available: int = 0
    committed: int = 0
    reserved: int = 0
    incoming: int = 0
    on_hand: int = 0


@dataclass(slots=True)
class OrderLine:
    """A line of an order. `removed` units left it unsent, `credited` ones were refunded after they were sent."""

    id: int
    item: Item
    quantity: int
    sent: int = 0
    removed: int = 0
    credited: int = 0

    @property
    def fulfillable(self) -> int:
        """Units still to be sent."""
        return self.quantity - self.sent - self.removed

    @property
    def current(self) -> int:
        """Units ordered, without refunded and removed ones."""
        return self.quantity - self.removed - self.credited


@dataclass(slots=True)
class Parcel:
    """A fulfilment."""

    id: int
    order: Order
    location: Location
    lines: Sequence[tuple[OrderLine, int]]
    created_at: datetime
    updated_at: datetime
    status: str = "success"
    method: str = "SHIPPING"
    origins: list[tuple[OrderLine, int, Location]] = field(default_factory=list)
    """Where the units were committed."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """A line of a refund."""

    id: int
    line: OrderLine
    quantity: int
    restock_type: str
    location: Location | None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund."""

    id: int
    order: Order
    lines: Sequence[Refunded]
    created_at: datetime


@dataclass(slots=True)
class Route:
    """A fulfilment order: of each line, by id, how many units are in it and how many of them wait still."""

    id: int
    order: Order
    location: Location
    units: dict[int, tuple[int, int]]
    created_at: datetime
    updated_at: datetime
    status: str = "OPEN"
    request_status: str = "UNSUBMITTED"
    method: str = "SHIPPING"

    def left(self, line: OrderLine) -> int:
        """Units of a line that wait still."""
        return self.units.get(line.id, (0, 0))[1]


@dataclass(frozen=True, slots=True)
class Disposition:
    """What became of units that came back."""

    id: int
    line: OrderLine
    quantity: int
    kind: str
    location: Location
    created_at: datetime


@dataclass(slots=True)
class Return:
    """A return with its one reverse fulfilment order."""

    id: int
    reverse: int
    order: Order
    lines: Sequence[tuple[OrderLine, int]]
    dispositions: list[Disposition] = field(default_factory=list)


@dataclass(slots=True)
class Shipment:
    """A shipment of a transfer: of each item its units, and how many of them were accepted and rejected."""

    id: int
    lines: dict[int, int]
    created_at: datetime
    status: str = "DRAFT"
    shipped_at: datetime | None = None
    received_at: datetime | None = None
    accepted: dict[int, int] = field(default_factory=dict)
    rejected: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Transfer:
    """Goods between two locations; without an origin they come from a supplier."""

    id: int
    origin: Location | None
    destination: Location
    lines: dict[int, int]
    created_at: datetime
    status: str = "DRAFT"
    shipments: list[Shipment] = field(default_factory=list)

    def shipped(self, item: int) -> int:
        """Units of an item that left."""
        return sum(part.lines.get(item, 0) for part in self.shipments if part.status != "DRAFT")


@dataclass(slots=True)
class Order:
    """An order with everything that happened to it. `person` is whom it is for, in the fields of a payload; None: the invented
    customer.
    """

    id: int
    lines: Sequence[OrderLine]
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None = None
    company: bool = False
    tags: tuple[str, ...] = ()
    customer_tags: tuple[str, ...] = ()
    source: str = "web"
    till: Location | None = None
    person: Mapping[str, Any] | None = None
    routes: list[Route] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    def take(self, wanted: Iterable[tuple[str, int]]) -> list[tuple[OrderLine, int]]:
        """The lines of these SKUs, each with its units. Raises `ValueError` for a SKU the order does not have."""
        by_sku = {line.item.sku: line for line in self.lines}
        wanted = list(wanted)
        unknown = [sku for sku, _ in wanted if sku not in by_sku]
        if unknown:
            raise ValueError(f"order {self.id} has no line of {', '.join(unknown)}")
        return [(by_sku[sku], quantity) for sku, quantity in wanted]


class Shop:
    """The state of the shop. `on_level` hears of every change of `available`, whatever its cause."""

    def __init__(
        self,
        locations: Mapping[str, str],
        sells_from: str,
        on_level: Callable[[str, str, int, float], None] | None,
    ) -> None:
        self.locations = {
            key: Location(number, key, name)
            for number, (key, name) in enumerate(locations.items(), start=LOCATIONS_FROM)
        }
        self.sells_from = self._place(sells_from)
        self.location_by_gid = {place.gid: place for place in self.locations.values()}
        self.items: dict[str, Item] = {}
        self.item_by_gid: dict[str, Item] = {}
        self.levels: dict[tuple[int, int], Level] = {}
        self.item_by_id: dict[int, Item] = {}
        self.orders: dict[int, Order] = {}
        self.transfers: dict[int, Transfer] = {}
        self._on_level = on_level
        self._part = PARTS_FROM

    def _place(self, named: str) -> Location:
        """The location with this key or gid; a gid that none has is a location of its own, as in a real shop."""
        for place in self.locations.values():
            if named in {place.key, place.gid}:
                return place
        if not named.startswith(f"{GID}Location/"):
            raise ValueError(f"no location is called {named!r}: there are {', '.join(self.locations)}")
        number = int(named.rsplit("/", 1)[1])
        name = f"Location {number}"
        self.locations[name] = Location(number, name, name)
        return self.locations[name]

    def part(self) -> int:
        """The id of the next line, parcel or refund."""
        self._part += 1
        return self._part

    def add_item(self, sku: str, tracked: bool) -> Item:
        """The item of a SKU, made if it is new."""
        item = self.items.get(sku)
        if item is None:
            count = len(self.items)
            item = Item(ITEMS_FROM + count, VARIANTS_FROM + count, sku, tracked)
            self.items[sku] = self.item_by_gid[item.gid] = self.item_by_id[item.id] = item
        return item

    def level(self, item: Item, location: Location, at: datetime) -> Level:
        """The level of an item at a location, made if it is new (API 2026-10: any item can be set anywhere)."""
        cell = item.id, location.id
        if cell not in self.levels:
            self.levels[cell] = Level(item, location, at)
        return self.levels[cell]

    def move(
        self,
        item: Item,
        location: Location,
        at: datetime,
        *,
        available: int = 0,
        committed: int = 0,
        reserved: int = 0,
        incoming: int = 0,
    ) -> None:
        """Adds to the states of a level; on hand follows. An untracked item has no stock to move."""
        if not item.tracked:
            return
        level = self.level(item, location, at)
        level.available += available
        level.committed += committed
        level.reserved += reserved
        level.incoming += incoming
        level.on_hand += available + committed + reserved
        level.updated_at = max(level.updated_at, at)
        if available and self._on_level is not None:
            self._on_level(item.sku, location.key, level.available, time.monotonic())
