"""The sandbox: an account behind R-Series' API, and a shopkeeper's hands on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.emitter import Emitter
from connectors.lightspeed_r.sandbox.account import Account
from connectors.lightspeed_r.sandbox.api import Api, add_customer
from connectors.lightspeed_r.sandbox.gate import Gate
from connectors.loopback import serve


class LightspeedRSandbox:
    """One account. Shops have our location names, and each has a register; ids are numbers in the order of making.

    With `lasting` the first refresh token never dies, so that several processes can begin with it. The rate limit is
    R-Series' own; `gate.size` and `gate.burst` may be set to others. `on_level` hears every change: SKU, shop, level,
    `time.monotonic()`.
    """

    def __init__(
        self,
        *,
        account_id: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        shops: Sequence[str],
        lasting: bool = False,
        on_level: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        self.url = ""
        self.emitter = Emitter()
        self.gate = Gate(client_id, client_secret, refresh_token, max(1, len(shops)), lasting=lasting)
        self._on_level = on_level
        self.account = Account(shops, self._moved)
        self._api = Api(self.account, account_id)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`."""
        app = web.Application(middlewares=[self.gate.guard])
        self._api.add_to(app)
        app.router.add_post("/auth/oauth/token", self.gate.token)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Lists an item and puts stock there without telling anybody."""
        self.account.seed(sku, location, quantity, tracked=tracked)

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:
        """R-Series sends no webhooks; a document is only ever asked for."""
        assert topic
        return orjson.dumps(payload), {}

    def lose_answers(self, count: int = 1) -> None:
        """The next writes are done, but the connection breaks before their answer."""
        self.gate.answers_to_lose = count

    def level(self, sku: str, shop: str) -> int:
        """What R-Series shows; zero where it shows nothing."""
        return self.account.level(sku, shop)

    def sell(
        self,
        shop: str,
        lines: Sequence[tuple[str, int]],
        *,
        at: datetime,
        completed: bool = True,
        changed: datetime | None = None,
        **more: Any,
    ) -> int:
        """Rings a sale up (negative quantities are returns) and gives its id. It may be dated back: `changed` is when
        it was last touched.
        """
        here = self.account.shop_by_name[shop]
        sale = self.account.add_sale(here, changed or at, **more)
        for sku, units in lines:
            self.account.add_line(sale["saleID"], here, self.account.item(sku), units, at)
        if completed:
            self.account.complete(sale, at, changed or at)
        return int(sale["saleID"])

    def complete(self, sale: int, *, at: datetime) -> None:
        """Completes an open sale."""
        self.account.complete(self.account.sales[sale], at, at)

    def void(self, sale: int, *, at: datetime) -> None:
        """Voids a sale: its goods are back."""
        self.account.void(self.account.sales[sale], at)

    def lay_away(self, shop: str, sku: str, units: int, *, at: datetime, special: bool = False) -> int:
        """Reserves goods for a customer, as many as there are; a special order reserves none yet. Gives the line's
        id.
        """
        here, item = self.account.shop_by_name[shop], self.account.item(sku)
        line = self.account.add_line(0, here, item, units, at, isLayaway=not special, isSpecialOrder=special)
        if not special:
            self.account.reserve(line, at)
        return int(line["saleLineID"])

    def collect(self, lines: Sequence[int], *, at: datetime, completed: bool = True) -> int:
        """Puts reserved lines into a sale, and completes it."""
        rows = [self.account.lines[ident] for ident in lines]
        sale = self.account.add_sale(rows[0]["shopID"], at)
        for row in rows:
            row.update(saleID=sale["saleID"], timeStamp=at)
        if completed:
            self.account.complete(sale, at, at)
        return int(sale["saleID"])

    def let_go(self, line: int, *, at: datetime) -> None:
        """Removes a reservation."""
        self.account.release(self.account.lines[line], at)

    def adjust(self, shop: str, sku: str, units: int, *, at: datetime, reason: str, **causes: int) -> None:
        """A row of the log that no document tells of."""
        here = self.account.shop_by_name[shop]
        self.account.move(self.account.item(sku), here, units, reason, at, **causes)

    def transfer(self, origin: str, to: str, items: Mapping[str, int], *, at: datetime) -> int:
        """Sends goods to another shop, and gives the transfer's id."""
        here, there = (self.account.shop_by_name[name] for name in (origin, to))
        ident = self.account.take("transfer")
        rows = []
        for sku, units in items.items():
            item = self.account.item(sku)
            self.account.move(item, here, -units, "RemoveForTransfer", at, transferID=ident)
            row = {"transferItemID": self.account.take("transferItem"), "itemID": item, "toSend": units}
            rows.append({**row, "sent": units, "received": 0, "timeStamp": at})
        self.account.transfers[ident] = {
            "transferID": ident,
            "status": "sent",
            "archived": False,
            "createTime": at,
            "sentOn": at,
            "timeStamp": at,
            "sendingShopID": here,
            "receivingShopID": there,
            "_items": rows,
        }
        return ident

    def receive(self, transfer: int, items: Mapping[str, int], *, at: datetime) -> None:
        """Receives goods of a transfer."""
        found = self.account.transfers[transfer]
        for row in found["_items"]:
            units = items.get(self.account.items[row["itemID"]]["customSku"], 0)
            there = found["receivingShopID"]
            self.account.move(row["itemID"], there, units, "AddForTransfer", at, transferID=transfer)
            row.update(received=row["received"] + units, timeStamp=at)
        found.update(status="received", timeStamp=at)

    def order(self, shop: str, items: Mapping[str, int], *, at: datetime) -> int:
        """Orders goods from a vendor, and gives the purchase order's id."""
        ident = self.account.take("order")
        rows = [
            {
                "orderLineID": self.account.take("orderLine"),
                "orderID": ident,
                "itemID": self.account.item(sku),
                "quantity": units,
                "checkedIn": 0,
                "numReceived": 0,
                "timeStamp": at,
            }
            for sku, units in items.items()
        ]
        self.account.orders[ident] = {
            "orderID": ident,
            "shopID": self.account.shop_by_name[shop],
            "orderedDate": at,
            "createTime": at,
            "timeStamp": at,
            "complete": False,
            "archived": False,
            "_lines": rows,
        }
        return ident

    def check_in(self, order: int, items: Mapping[str, int], *, at: datetime, complete: bool = False) -> None:
        """Takes goods of a purchase order into stock; `complete` says that no more will come."""
        found = self.account.orders[order]
        for row in found["_lines"]:
            units = items.get(self.account.items[row["itemID"]]["customSku"], 0)
            self.account.move(row["itemID"], found["shopID"], units, "GenericReason", at, orderID=order)
            row.update(checkedIn=row["checkedIn"] + units, timeStamp=at)
        found.update(timeStamp=at, complete=complete)

    def customer(self, name: str, email: str = "") -> int:
        """A customer, and its id."""
        return int(add_customer(self.account, {"firstName": name}, email)["customerID"])

    def _moved(self, sku: str, shop: str, level: int) -> None:
        if self._on_level is not None:
            self._on_level(sku, shop, level, time.monotonic())
