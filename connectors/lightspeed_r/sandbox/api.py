"""R-Series' API V3: paths, relations, and what a write needs (developers.lightspeedhq.com/retail, Endpoints)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.lightspeed_r.sandbox.account import Account, Row
from connectors.lightspeed_r.sandbox.gate import Wrong
from connectors.lightspeed_r.sandbox.lists import Children, listed, single

CANARY = "canary-note, call 555-0100"
"""An invented note and telephone number, there only so that the allow-list has something to keep out."""


class Api:
    """The handlers of one account."""

    def __init__(self, account: Account, account_id: str) -> None:
        self._account = account
        self._base = f"/API/V3/Account/{account_id}"

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        base = self._base
        app.add_routes(
            [
                web.get(f"{base}/Item.json", self._items),
                web.get(f"{base}/Shop.json", self._shops),
                web.get(f"{base}/Register.json", self._registers),
                web.get(f"{base}/ItemShop.json", self._item_shops),
                web.get(f"{base}/InventoryLog.json", self._logs),
                web.get(f"{base}/Inventory/Transfer.json", self._transfers),
                web.get(f"{base}/Inventory/Transfer/{{id}}/TransferItems.json", self._transfer_items),
                web.get(f"{base}/Order.json", self._orders),
                web.get(f"{base}/Sale.json", self._sales),
                web.post(f"{base}/Sale.json", self._sell),
                web.get(f"{base}/SaleLine.json", self._lines),
                web.post(f"{base}/SaleLine.json", self._reserve),
                web.delete(f"{base}/SaleLine/{{id}}.json", self._release),
                web.get(f"{base}/Customer.json", self._customers),
                web.post(f"{base}/Customer.json", self._add_customer),
            ]
        )

    async def _items(self, request: web.Request) -> web.Response:
        return listed(request, "Item", "itemID", self._account.items.values(), ("timeStamp",))

    async def _shops(self, request: web.Request) -> web.Response:
        rows = [{"shopID": n, "name": name, "archived": False} for n, name in self._account.shops.items()]
        return listed(request, "Shop", "shopID", rows, ())

    async def _registers(self, request: web.Request) -> web.Response:
        """Each shop has one register, whose id is ten times the shop's."""
        rows = [
            {"registerID": n * 10, "shopID": n, "name": f"{name} till", "open": True, "archived": False}
            for n, name in self._account.shops.items()
        ]
        return listed(request, "Register", "registerID", rows, ())

    async def _item_shops(self, request: web.Request) -> web.Response:
        """With a summary row (shop 0) for every item, as the real one has."""
        totals: dict[int, Row] = {}
        for cell in self._account.levels.values():
            total = totals.setdefault(
                cell["itemID"],
                {**cell, "itemShopID": 1_000_000 + cell["itemID"], "shopID": 0, "qoh": 0},
            )
            total["qoh"] += cell["qoh"]
        rows = [*self._account.levels.values(), *totals.values()]
        shown = [
            {
                **{name: row[name] for name in ("itemShopID", "itemID", "shopID", "qoh", "timeStamp")},
                "sellable": max(0, row["qoh"]),
            }
            for row in rows
        ]
        return listed(request, "ItemShop", "itemShopID", shown, ("timeStamp",))

    async def _logs(self, request: web.Request) -> web.Response:
        return listed(request, "InventoryLog", "inventoryLogID", self._account.logs, ("itemID",))

    async def _transfers(self, request: web.Request) -> web.Response:
        rows = self._account.transfers.values()
        return listed(request, "Transfer", "transferID", rows, ("timeStamp",))

    async def _transfer_items(self, request: web.Request) -> web.Response:
        transfer = self._account.transfers.get(int(request.match_info["id"]))
        if transfer is None:
            raise Wrong(
                404, f"Object of type 'Transfer' not found with primary ID '{request.match_info['id']}'."
            )
        return listed(request, "TransferItem", "transferItemID", transfer["_items"], ("timeStamp",))

    async def _orders(self, request: web.Request) -> web.Response:
        def shape(row: Mapping[str, Any], relations: Sequence[str]) -> Mapping[str, Any]:
            return {**row, "OrderLines": Children("OrderLine", row["_lines"])} if relations else row

        rows = self._account.orders.values()
        return listed(request, "Order", "orderID", rows, ("timeStamp",), shape)

    async def _sales(self, request: web.Request) -> web.Response:
        def shape(row: Mapping[str, Any], relations: Sequence[str]) -> Mapping[str, Any]:
            if "SaleLines" not in relations:
                return row
            inner = [name.removeprefix("SaleLines.") for name in relations]
            lines = [_line(line, inner) for line in self._account.lines_of(row["saleID"])]
            return {**row, "SaleLines": Children("SaleLine", lines)}

        rows = self._account.sales.values()
        return listed(request, "Sale", "saleID", rows, ("timeStamp", "updatetime", "completeTime"), shape)

    async def _lines(self, request: web.Request) -> web.Response:
        rows = self._account.lines.values()
        return listed(request, "SaleLine", "saleLineID", rows, ("timeStamp", "saleID"), _line)

    async def _sell(self, request: web.Request) -> web.Response:
        """A sale with its lines. A completed one has to be balanced: here only lines without a price are."""
        body, now = await _body(request), datetime.now(UTC)
        shop, register = _number(body, "shopID"), _number(body, "registerID")
        if shop not in self._account.shops or register != shop * 10 or not _number(body, "employeeID"):
            raise Wrong(400, "Sale not created. A shop, a register of it and an employee are required.")
        rows = body.get("SaleLines", {}).get("SaleLine", [])
        rows = rows if isinstance(rows, list) else [rows]
        for row in rows:
            if _number(row, "itemID") not in self._account.items:
                raise Wrong(422, f"Item {row.get('itemID')} does not exist")
        completed = str(body.get("completed", "false")).lower() == "true"
        if completed and any(float(row.get("unitPrice", 1)) for row in rows):
            raise Wrong(422, "Sale cannot be completed: payments do not equal the total")
        names = ("referenceNumber", "referenceNumberSource")
        sale = self._account.add_sale(shop, now, **{name: str(body.get(name, "")) for name in names})
        for row in rows:
            units = _number(row, "unitQuantity")
            self._account.add_line(sale["saleID"], shop, _number(row, "itemID"), units, now)
        if completed:
            self._account.complete(sale, now, now)
        return single("Sale", sale)

    async def _reserve(self, request: web.Request) -> web.Response:
        """A layaway (docs: Reservations); a special order is not offered here."""
        body, now, account = await _body(request), datetime.now(UTC), self._account
        item, shop, customer = (_number(body, name) for name in ("itemID", "shopID", "customerID"))
        units = _number(body, "unitQuantity")
        if str(body.get("isLayaway")).lower() != "true" or units <= 0 or not _number(body, "employeeID"):
            raise Wrong(400, "isLayaway or isSpecialOrder must be true, unitQuantity positive")
        if item not in account.items or shop not in account.shops or customer not in account.customers:
            raise Wrong(422, "There is no such item, shop or customer")
        note = body.get("Note", {}).get("note", "")
        line = account.add_line(0, shop, item, units, now, isLayaway=True, customerID=customer, _note=note)
        try:
            account.reserve(line, now, whole=str(body.get("requireFullReservation")).lower() == "true")
        except Wrong:
            del account.lines[line["saleLineID"]]
            raise
        return single("SaleLine", _line(line, ("InventorySales", "Note")))

    async def _release(self, request: web.Request) -> web.Response:
        line = self._account.lines.get(int(request.match_info["id"]))
        if line is None:
            raise Wrong(
                404, f"Object of type 'SaleLine' not found with primary ID '{request.match_info['id']}'."
            )
        if line["saleID"]:  # [inferred]
            raise Wrong(400, "SaleLine not deleted. It is on a sale.")
        self._account.release(line, datetime.now(UTC))
        return single("SaleLine", _line(line, ()))

    async def _customers(self, request: web.Request) -> web.Response:
        return listed(request, "Customer", "customerID", self._account.customers.values(), ())

    async def _add_customer(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if not body.get("firstName") and not body.get("lastName"):
            raise Wrong(400, "Customer not created. A customer must have a name.")
        emails = body.get("Contact", {}).get("Emails", {}).get("ContactEmail", {})
        return single("Customer", add_customer(self._account, body, str(emails.get("address", ""))))


def add_customer(account: Account, body: Mapping[str, Any], email: str) -> Row:
    """A new customer."""
    ident = account.take("customer")
    names = {name: str(body.get(name, "")) for name in ("firstName", "lastName")}
    account.customers[ident] = {
        "customerID": ident,
        **names,
        "archived": False,
        "Contact": {"email": email, "phone": CANARY},
    }
    return account.customers[ident]


def _line(line: Mapping[str, Any], relations: Sequence[str]) -> Mapping[str, Any]:
    """A sale line with its relations; a reservation's lots are one or two, so that both shapes occur."""
    found = dict(line)
    if "InventorySales" in relations:
        units = line["_reserved"]
        lots = [1, units - 1] if units > 1 and line["isLayaway"] else [units] if units > 0 else []
        sold = [{"inventorySaleID": n, "quantity": lot} for n, lot in enumerate(lots, start=1)]
        found["InventorySales"] = Children("InventorySale", sold)
    if "Note" in relations:
        found["Note"] = {"note": line.get("_note") or CANARY, "isPublic": False}
    return found


def _number(body: Mapping[str, Any], name: str) -> int:
    try:
        return int(body.get(name, 0))
    except (TypeError, ValueError):
        raise Wrong(400, f"{name} is not a number") from None


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Wrong(400, "invalid JSON payload") from None
    if not isinstance(found, dict):
        raise Wrong(400, "invalid JSON payload")
    return found
