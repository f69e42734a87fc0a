"""A ShipStation account: its products and places, its orders and labels, and what they do to its inventory.

An open order allocates; a label takes its goods off at once and a void puts them back (help 4415714485659; that a void
does, and that "mark as shipped" takes off too, is inferred). Ids are counted from one start, so they follow from what was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

CANCELLED = "cancelled"
OPEN = frozenset({"awaiting_payment", "awaiting_shipment", "pending_fulfillment", "on_hold"})
UPDATABLE = frozenset({"awaiting_payment", "awaiting_shipment", "on_hold"})
"""What `POST /orders/createorder` may update (docs.shipstation.com, V1)."""

PRODUCT = 6_815_000
"""The id of the first product."""

Lines = tuple[tuple[str, int], ...]


@dataclass(slots=True, kw_only=True)
class Order:
    """An order; V2 calls it a shipment. `external` is the shop's id of it, `parent` the order it was split from."""

    id: int
    key: str
    number: str
    store: int
    place: int
    lines: Lines
    placed: datetime
    created: datetime
    modified: datetime
    status: str = "awaiting_shipment"
    external: str | None = None
    parent: int | None = None
    provider: str | None = None
    tags: tuple[int, ...] = ()
    merged: list[int] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Label:
    """A label, which V1 calls a shipment."""

    id: int
    order: Order
    lines: Lines
    made: datetime
    voided: datetime | None = None
    returns: bool = False
    test: bool = False
    making: bool = False

    @property
    def takes(self) -> bool:
        """Whether goods leave by it."""
        return not self.returns and not self.test


@dataclass(slots=True, kw_only=True)
class Fulfillment:
    """What was marked as shipped, or sent by a provider. It names no goods."""

    id: int
    order: Order
    lines: Lines
    made: datetime
    provider: str | None = None
    voided: datetime | None = None
    takes: bool = True


@dataclass
class Account:
    """Everything in it. Places are Ship-From warehouses, each with an inventory warehouse of one location behind it."""

    places: list[str]
    products: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    on_hand: Counter[tuple[str, int]] = field(default_factory=Counter)
    allocated: Counter[tuple[str, int]] = field(default_factory=Counter)
    orders: dict[int, Order] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    fulfillments: dict[int, Fulfillment] = field(default_factory=dict)
    _next: int = 700_000_000

    def ident(self) -> int:
        """The next id."""
        self._next += 1
        return self._next

    def seed(self, sku: str, place: str, quantity: int, tracked: bool) -> None:
        """Stock from the start."""
        self.products[sku] = tracked
        self.numbers.setdefault(sku, PRODUCT + len(self.numbers))
        if place not in self.places:
            self.places.append(place)
        if tracked:
            self.on_hand[sku, self.places.index(place)] += quantity

    def available(self, sku: str, place: int) -> int:
        """What may be sold."""
        return self.on_hand[sku, place] - self.allocated[sku, place]

    def by_key(self, key: str) -> Order | None:
        """The order with a key."""
        return next((order for order in self.orders.values() if order.key == key), None)

    def add(self, order: Order) -> Order:
        """A new order, which allocates its goods."""
        self.orders[order.id] = order
        self._allocate(order, order.lines, 1)
        return order

    def change(
        self, order: Order, at: datetime, *, lines: Lines | None = None, status: str | None = None
    ) -> None:
        """Edits an order: what is open of it is allocated anew."""
        self._allocate(order, self.open_of(order), -1)
        order.lines, order.modified = order.lines if lines is None else lines, at
        order.status = status or order.status
        self._allocate(order, self.open_of(order), 1)

    def open_of(self, order: Order) -> Lines:
        """What is still to be sent of an order."""
        if order.status == CANCELLED:
            return ()
        return tuple(
            (sku, left) for sku, n in _summed(order.lines).items() if (left := n - order.sent[sku]) > 0
        )

    def send(self, order: Order, made: Label | Fulfillment) -> None:
        """Goods leave by a label or without."""
        if isinstance(made, Label):
            self.labels[made.id] = made
        else:
            self.fulfillments[made.id] = made
        if not made.takes:
            return
        self._leave(order, made.lines, 1)
        order.modified = made.made
        if not self.open_of(order):
            order.status = "shipped"

    def void(self, made: Label | Fulfillment, at: datetime) -> None:
        """Goods are back."""
        if made.voided is not None:
            raise ValueError("it was voided already")
        made.voided = made.order.modified = at
        if made.takes:
            self._leave(made.order, made.lines, -1)
            made.order.status = "awaiting_shipment"

    def _leave(self, order: Order, lines: Lines, sign: int) -> None:
        for sku, quantity in lines:
            order.sent[sku] += sign * quantity
            if self.products.get(sku):
                self.on_hand[sku, order.place] -= sign * quantity
        self._allocate(order, lines, -sign)

    def _allocate(self, order: Order, lines: Iterable[tuple[str, int]], sign: int) -> None:
        for sku, quantity in lines:
            if self.products.get(sku):
                self.allocated[sku, order.place] += sign * quantity


def _summed(lines: Sequence[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for sku, quantity in lines:
        found[sku] += quantity
    return found
