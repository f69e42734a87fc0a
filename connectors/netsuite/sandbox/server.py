"""The sandbox: an account behind NetSuite's API, and the hands of its staff in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from connectors.emitter import Emitter
from connectors.loopback import serve
from connectors.netsuite.oauth import TOKEN_PATH
from connectors.netsuite.sandbox.api import Api
from connectors.netsuite.sandbox.books import Books, Posted, made_up
from connectors.netsuite.sandbox.gate import Gate
from connectors.netsuite.settings import NetSuiteSettings

Lines = Sequence[tuple[str, int]]
"""Names of items, and how many units."""

SUBSIDIARY = "1"


class NetSuiteSandbox:
    """One account. Locations have our names; ids of items and locations follow from names alone.

    Every hand in it says `at` which instant; a document that is changed has changed then. NetSuite sends no webhooks, so
    `emitter` never sends. `limit` is the account's concurrency (5: the smallest tier).
    """

    def __init__(
        self,
        settings: NetSuiteSettings,
        secrets: Mapping[str, str],
        places: Sequence[str],
        *,
        limit: int = 5,
    ) -> None:
        self.url = ""
        self.emitter = Emitter()
        self.books = Books(settings.zone)
        self.gate = Gate(settings.realm, secrets, limit)
        for place in places:
            self.books.add_location(place, SUBSIDIARY)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`."""
        app = web.Application(middlewares=[self.gate.guard], client_max_size=8 * 1024 * 1024)
        app.router.add_post(TOKEN_PATH, self.gate.token)
        Api(self.books).add_to(app)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self.books.close()

    def lose_answers(self, count: int = 1) -> None:
        """The next records are made, but the connection breaks before their answer."""
        self.gate.lose_answers = count

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:
        """NetSuite sends nothing, so nothing is signed."""
        raise NotImplementedError(f"NetSuite sends no webhook {topic}: {payload!r:.0}")

    @staticmethod
    def item_id(sku: str) -> str:
        """The id of an item, known or not."""
        return str(made_up("item", sku))

    @staticmethod
    def location_id(name: str) -> str:
        """The id of a location."""
        return str(made_up("location", name))

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Stock from before all transactions; an untracked item is a gift certificate."""
        item = self.books.add_item(sku, "InvtPart" if tracked else "GiftCert")
        place = self.books.add_location(location, SUBSIDIARY)
        if tracked:
            self.books.open(item, place, quantity)

    def level(self, sku: str, location: str) -> int:
        """On hand less open demand; zero where there never was anything."""
        row = self._cell(sku, location)
        return 0 if row is None else int(row["quantityavailable"] - row["quantitybackordered"])

    def on_hand(self, sku: str, location: str) -> int:
        """What NetSuite has there."""
        row = self._cell(sku, location)
        return 0 if row is None else int(row["quantityonhand"])

    def _cell(self, sku: str, location: str) -> Any:
        query = "SELECT * FROM inventoryitemlocations WHERE item = ? AND location = ?"
        return self.books.one(query, made_up("item", sku), made_up("location", location))

    def sell(self, location: str, lines: Lines, *, at: datetime) -> int:
        """A cash sale: its goods are gone at once. Negative quantities come back."""
        return self.books.post("CashSale", _moved(lines, location, -1), at=at, status="B")

    def order(
        self,
        lines: Lines,
        *,
        at: datetime,
        location: str | None = None,
        status: str = "B",
        externalid: str | None = None,
    ) -> int:
        """A sales order: it commits, and moves nothing."""
        asked = [Posted(sku, location, -quantity) for sku, quantity in lines]
        return self.books.post("SalesOrd", asked, at=at, status=status, externalid=externalid)

    def mark(
        self,
        transaction: int,
        *,
        category: int | None = None,
        form: int | None = None,
        of_class: int | None = None,
    ) -> None:
        """A transaction is for a customer of a category, entered with a form, of a class."""
        customer = made_up("customer", str(category))
        self.books.write("INSERT OR IGNORE INTO customer VALUES (?, ?)", customer, category)
        values = (customer, form, transaction)
        self.books.write('UPDATE "transaction" SET entity = ?, customform = ? WHERE id = ?', *values)
        self.books.write(
            'UPDATE transactionline SET class = ? WHERE "transaction" = ?', of_class, transaction
        )

    def purchase(self, lines: Lines, *, location: str, at: datetime) -> int:
        """A purchase order, approved."""
        asked = [Posted(sku, location, quantity) for sku, quantity in lines]
        return self.books.post("PurchOrd", asked, at=at, status="B")

    def take_back(self, lines: Lines, *, location: str, at: datetime, source: int | None = None) -> int:
        """A return authorisation, perhaps of a sales order."""
        asked = [Posted(sku, location, quantity) for sku, quantity in lines]
        return self.books.post("RtnAuth", asked, at=at, status="B", source=source)

    def order_transfer(self, lines: Lines, *, origin: str, destination: str, at: datetime) -> int:
        """A transfer order: a leg that is to be shipped and one that is to be received, each a line of its own."""
        legs = [Posted(sku, origin, -quantity) for sku, quantity in lines]
        legs += [Posted(sku, destination, quantity) for sku, quantity in lines]
        return self.books.post("TrnfrOrd", legs, at=at, status="B")

    def fulfil(self, order: int, lines: Lines, *, location: str, at: datetime, status: str = "C") -> int:
        """An item fulfilment; its goods leave when it is shipped (`C`)."""
        shipped = status == "C"
        legs = [Posted(sku, location, -quantity, affecting=shipped) for sku, quantity in lines]
        ident = self.books.post("ItemShip", legs, at=at, status=status, source=order)
        if shipped:
            self._carried_out(order, lines, at, -1)
        return ident

    def ship(self, fulfilment: int, *, at: datetime) -> None:
        """A picked or packed fulfilment leaves."""
        rows = self.books.all(
            'SELECT * FROM transactionline WHERE "transaction" = ? AND item > 0', fulfilment
        )
        self.books.write('UPDATE "transaction" SET status = ? WHERE id = ?', "C", fulfilment)
        self.books.write(
            'UPDATE transactionline SET isinventoryaffecting = ? WHERE "transaction" = ? AND item > 0',
            "T",
            fulfilment,
        )
        self.books.touch(fulfilment, at)
        for row in rows:
            self._handle(row["createdfrom"], row["item"], -row["quantity"], -1)
        self.books.touch(rows[0]["createdfrom"], at)

    def receive(self, source: int, lines: Lines, *, location: str, at: datetime) -> int:
        """An item receipt of a purchase order, a return or a transfer order."""
        ident = self.books.post("ItemRcpt", _moved(lines, location, 1), at=at, source=source)
        self._carried_out(source, lines, at, 1)
        return ident

    def _carried_out(self, order: int, lines: Lines, at: datetime, sign: int) -> None:
        for sku, quantity in lines:
            self._handle(order, made_up("item", sku), quantity, sign)
        self.books.touch(order, at)

    def _handle(self, order: int, item: int, quantity: float, sign: int) -> None:
        self.books.write(
            "UPDATE transactionline SET quantityshiprecv = quantityshiprecv + ? WHERE uniquekey = (SELECT MIN(uniquekey)"
            ' FROM transactionline WHERE "transaction" = ? AND item = ? AND quantity * ? > 0)',
            *(quantity, order, item, sign),
        )

    def end(self, order: int, *, at: datetime, status: str = "H") -> None:
        """An order is closed (`H`) or cancelled (`C`)."""
        self.books.write('UPDATE "transaction" SET status = ? WHERE id = ?', status, order)
        self.books.touch(order, at)

    def transfer(self, lines: Lines, *, origin: str, destination: str, at: datetime) -> int:
        """An inventory transfer: both legs at once."""
        legs = _moved(lines, origin, -1) + _moved(lines, destination, 1)
        return self.books.post("InvTrnfr", legs, at=at)

    def adjust(self, location: str, lines: Lines, *, at: datetime, kind: str = "InvAdjst") -> int:
        """An adjustment by hand, or a count's variance (`InvCount`)."""
        return self.books.post(kind, _moved(lines, location, 1), at=at)

    def build(self, location: str, assembly: tuple[str, int], components: Lines, *, at: datetime) -> int:
        """An assembly is made of components."""
        legs = _moved([assembly], location, 1) + _moved(components, location, -1)
        return self.books.post("Build", legs, at=at)

    def edit(self, transaction: int, sku: str, quantity: int, *, at: datetime) -> None:
        """Somebody changes a line's signed quantity; zero removes the line."""
        where = (transaction, made_up("item", sku))
        if quantity:
            self.books.write(
                'UPDATE transactionline SET quantity = ? WHERE "transaction" = ? AND item = ?',
                quantity,
                *where,
            )
        else:
            self.books.write('DELETE FROM transactionline WHERE "transaction" = ? AND item = ?', *where)
        self.books.touch(transaction, at)


def _moved(lines: Lines, location: str, sign: int) -> list[Posted]:
    return [Posted(sku, location, sign * quantity, affecting=True) for sku, quantity in lines]
