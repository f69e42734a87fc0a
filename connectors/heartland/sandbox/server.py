"""The sandbox: an account behind Heartland's API, and a shopkeeper's hands on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.emitter import Emitter
from connectors.heartland.sandbox.api import Api
from connectors.heartland.sandbox.books import Books, Cell, number_of
from connectors.heartland.sandbox.gate import Gate
from connectors.loopback import serve

Lines = Sequence[tuple[str, int]]
CANARY = {
    "customer_name": "Canary Customer",
    "sales_rep": "canary-clerk",
    "note": "canary-note, call 555-0100",
}
"""What must never come out of the allow-list."""


class HeartlandSandbox:
    """One account. Locations have our names; ids of items and locations follow from names alone.

    `at` is when something happened in the shop; that a document was changed now (`updated_at`) is the clock's word.
    """

    def __init__(self, *, token: str, locations: Sequence[str], reason: str = "Onhand") -> None:
        self.url = ""
        self.emitter = Emitter()
        self.gate = Gate(token)
        self.books = Books(locations, reason)
        self.api = Api(self.books)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`."""
        app = web.Application(middlewares=[self.gate.guard])
        self.api.add_to(app)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def lose_answers(self, count: int = 1, on: str = "") -> None:
        """The next writes (whose method and path contain `on`) are done, but the connection breaks before their answer."""
        self.gate.lose, self.gate.lose_on = count, on

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:
        """A webhook as Heartland sends it: the bare record, without its event's name and without a signature."""
        assert topic
        return orjson.dumps(payload), {"Content-Type": "application/json"}

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Lists an item and puts stock there without a document."""
        item = self.books.item(sku, tracked=tracked)
        if tracked:
            self.books.on_hand[Cell(item, self.at(location))] = quantity

    @staticmethod
    def at(location: str) -> int:
        """The id of a location."""
        return number_of("location", location)

    @staticmethod
    def item(sku: str) -> int:
        """The id of an item, listed or not."""
        return number_of("item", sku)

    def on_hand(self, sku: str, location: str) -> int:
        """What is physically there."""
        return self.books.on_hand[Cell(self.item(sku), self.at(location))]

    def available(self, sku: str, location: str) -> int:
        """On hand less committed."""
        cell = Cell(self.item(sku), self.at(location))
        return self.books.on_hand[cell] - self.books.committed[cell]

    def document(self, path: str, lines: Lines, *, at: datetime, status: str = "", **fields: Any) -> int:
        """A new document with its lines, moved on through `status` (several, by blanks). Gives its id."""
        made = self.api.create(path, fields, at)
        for sku, quantity in lines:
            self.line(path, made["id"], sku, quantity, at=at)
        for word in status.split():
            self.become(path, made["id"], word, at=at)
        return int(made["id"])

    def line(self, path: str, ident: int, sku: str, quantity: float, *, at: datetime, **fields: Any) -> None:
        """Another line. An item that was never listed is made up, without being listed."""
        row: dict[str, Any] = {"item_id": self.item(sku), "qty": quantity, **fields}
        self.books.add(f"{path}/{ident}/lines", row, at=at)
        self.api.after(f"{path}/{ident}/lines", row, at)

    def become(self, path: str, ident: int, status: str, *, at: datetime) -> None:
        """Moves a document on."""
        self.api.change(path, ident, {"status": status}, at)

    def sell(
        self, location: str, lines: Lines, *, at: datetime, status: str = "complete", **fields: Any
    ) -> int:
        """Rings a ticket up (negative quantities are returns) and gives its id."""
        head = {"type": "Ticket", "station_id": 1, "source_location_id": self.at(location)}
        made = self.api.create("sales/tickets", {**head, "affect_inventory": True, **CANARY, **fields}, at)
        for sku, quantity in lines:
            self.line("sales/tickets", made["id"], sku, quantity, at=at, type="ItemLine", unit_price=1.0)
        for word in status.split():
            self.become("sales/tickets", made["id"], word, at=at)
        return int(made["id"])

    def carry(self, transfer: int, event: str, lines: Lines, *, at: datetime) -> None:
        """An event of a transfer: `ship`, `receive`, `loss` or `return`."""
        path = f"inventory/transfers/{transfer}/events"
        made = self.api.create(path, {"type": event}, at)
        for sku, quantity in lines:
            self.line(path, made["id"], sku, quantity, at=at)

    def count(self, location: str, lines: Lines, *, at: datetime, scope: str = "partial") -> int:
        """Counts shelves; nothing moves before `become(..., "accepted")`."""
        path = "inventory/physical_counts"
        fields = {"location_id": self.at(location), "scope": scope, "adjustment_reason_id": 1}
        made = self.api.create(path, fields, at)
        batch = self.api.create(f"{path}/{made['id']}/batches", {"description": "front"}, at)
        for sku, quantity in lines:
            self.line(f"{path}/{made['id']}/batches", batch["id"], sku, quantity, at=at)
        for word in ("counting", "finalizing"):
            self.become(path, made["id"], word, at=at)
        return int(made["id"])
