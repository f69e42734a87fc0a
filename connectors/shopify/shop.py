"""A shop's own state in the sandbox: items, locations, levels by state, orders. The arithmetic is Shopify's.

On hand = available + committed. An order moves units from available to committed, a fulfilment takes committed units off
hand, a cancelled unit returns to available, and a return adds to available where it lands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PERSON = {  # invented, and there only so that the allow-list has something to keep out
    "email": "canary@example.com",
    "phone": "+1-555-0100",
    "customer": {"id": 7001, "first_name": "Canary-First", "last_name": "Canary-Last"},
    "shipping_address": {"address1": "1 Canary Street", "zip": "40003", "name": "Canary-First Canary-Last"},
    "note": "canary-note",
    "browser_ip": "192.0.2.1",
}


@dataclass(slots=True)
class Shop:
    """`sells_from` is the location that web orders are taken from. `on_change` hears SKU, location name and available."""

    sells_from: str
    on_change: Callable[[str, str, int], None] = lambda _sku, _location, _level: None
    items: dict[str, tuple[int, bool]] = field(default_factory=dict)
    skus: dict[int, str] = field(default_factory=dict)
    locations: dict[str, int] = field(default_factory=dict)
    available: Counter[tuple[str, str]] = field(default_factory=Counter)
    committed: Counter[tuple[str, str]] = field(default_factory=Counter)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    next_id: int = 5_000_000_000

    def new_id(self) -> int:
        """An id nobody has."""
        self.next_id += 1
        return self.next_id

    def stock(self, sku: str, location: str, available: int, tracked: bool = True) -> None:
        """Puts an item with so many available there."""
        if location not in self.locations:
            self.locations[location] = len(self.locations) + 1
        if sku not in self.items:
            ident = 40_000_000_000 + len(self.items)
            self.items[sku] = (ident, tracked)
            self.skus[ident] = sku
        self.available[sku, location] = available

    def change(self, sku: str, location: str, units: int) -> None:
        """Adds to available."""
        self.available[sku, location] += units
        self.on_change(sku, location, self.available[sku, location])

    def order(self, lines: Sequence[tuple[str, int]], at: datetime) -> dict[str, Any]:
        """A web order."""
        ident, stamp = self.new_id(), iso(at)
        items = [self._line(sku, quantity) for sku, quantity in lines]
        self.orders[ident] = order = {
            "id": ident,
            "admin_graphql_api_id": f"gid://shopify/Order/{ident}",
            "name": f"#{len(self.orders) + 1001}",
            "created_at": stamp,
            "processed_at": stamp,
            "updated_at": stamp,
            "cancelled_at": None,
            "cancel_reason": None,
            "source_name": "web",
            "location_id": None,
            "test": False,
            "company": None,
            **PERSON,
            "line_items": items,
            "fulfillments": [],
            "refunds": [],
        }
        for sku, quantity in lines:
            if sku in self.items:
                self.change(sku, self.sells_from, -quantity)
                self.committed[sku, self.sells_from] += quantity
        return order

    def _line(self, sku: str, quantity: int) -> dict[str, Any]:
        ident, _ = self.items.get(sku, (None, True))
        return {
            "id": self.new_id(),
            "sku": sku,
            "variant_id": ident and ident + 10_000_000_000,
            "quantity": quantity,
            "current_quantity": quantity,
            "fulfillable_quantity": quantity,
            "gift_card": False,
            "title": sku,
            "price": "1.00",
        }

    def fulfil(self, order_id: int, location: str, lines: Sequence[tuple[str, int]] | None, at: datetime) -> dict[str, Any]:
        """Ships lines of an order (None: all that is open) from a location."""
        order = self.orders[order_id]
        wanted = dict(lines) if lines is not None else None
        shipped = []
        for item in order["line_items"]:
            quantity = item["fulfillable_quantity"] if wanted is None else wanted.get(item["sku"], 0)
            if quantity:
                item["fulfillable_quantity"] -= quantity
                shipped.append({**item, "quantity": quantity})
                self.committed[item["sku"], self.sells_from] -= quantity
        made = {
            "id": self.new_id(),
            "order_id": order_id,
            "status": "success",
            "created_at": iso(at),
            "updated_at": iso(at),
            "location_id": self.locations[location],
            "destination": PERSON["shipping_address"],
            "email": PERSON["email"],
            "line_items": shipped,
        }
        order["fulfillments"].append(made)
        order["updated_at"] = iso(at)
        return made

    def refund(
        self, order_id: int, lines: Sequence[tuple[str, int]], restock: str, location: str | None, at: datetime
    ) -> dict[str, Any]:
        """Refunds lines of an order."""
        order, parts = self.orders[order_id], []
        by_sku = {item["sku"]: item for item in order["line_items"]}
        for sku, quantity in lines:
            item = by_sku[sku]
            item["current_quantity"] -= quantity
            if restock == "return" and location is not None:
                self.change(sku, location, quantity)
            else:
                item["fulfillable_quantity"] -= quantity
                self.committed[sku, self.sells_from] -= quantity
                self.change(sku, self.sells_from, quantity if restock == "cancel" else 0)
            where = self.locations[location] if location is not None and restock != "no_restock" else None
            parts.append(
                {
                    "id": self.new_id(),
                    "line_item_id": item["id"],
                    "quantity": quantity,
                    "restock_type": restock,
                    "location_id": where,
                    "line_item": item,
                }
            )
        made = {"id": self.new_id(), "order_id": order_id, "created_at": iso(at), "note": PERSON["note"]}
        made |= {"restock": restock != "no_restock", "refund_line_items": parts}
        order["refunds"].append(made)
        order["updated_at"] = iso(at)
        return made

    def cancel(self, order_id: int, at: datetime) -> dict[str, Any]:
        """Cancels what is open of an order; its units are restocked."""
        order = self.orders[order_id]
        for item in order["line_items"]:
            quantity, item["fulfillable_quantity"] = item["fulfillable_quantity"], 0
            item["current_quantity"] -= quantity
            self.committed[item["sku"], self.sells_from] -= quantity
            self.change(item["sku"], self.sells_from, quantity)
        order |= {"cancelled_at": iso(at), "updated_at": iso(at), "cancel_reason": "customer"}
        return order

    def level(self, sku: str, location: str, at: datetime) -> dict[str, Any]:
        """The body of an `inventory_levels/update`."""
        item, tracked = self.items[sku]
        return {
            "inventory_item_id": item,
            "location_id": self.locations[location],
            "available": self.available[sku, location] if tracked else None,
            "updated_at": iso(at),
            "admin_graphql_api_id": f"gid://shopify/InventoryLevel/1?inventory_item_id={item}",
        }


def iso(at: datetime) -> str:
    """An instant as Shopify writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
