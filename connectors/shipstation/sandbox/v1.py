"""API V1: lists by page, dates without an offset, orders by upsert (docs.shipstation.com)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.loopback import answer
from connectors.shipstation.sandbox import v1_shapes, writing
from connectors.shipstation.sandbox.account import UPDATABLE, Account, Lines, Order
from connectors.shipstation.sandbox.gate import Wrong

PAGE_MAX = 500
MANUAL_STORE = 1
"""The store of orders that name none."""

Row = dict[str, Any]


async def body_of(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of a request."""
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Wrong(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "the body is not an object")
    return found


class V1:
    """The handlers. `told` hears of an order that was created or changed."""

    def __init__(self, account: Account, told: Callable[[Order], None]) -> None:
        self.hooks: list[Row] = []
        self._account, self._told = account, told

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        app.add_routes(
            [
                web.get("/products", self._products),
                web.get("/warehouses", self._warehouses),
                web.get("/orders", self._orders),
                web.get("/orders/{id}", self._order),
                web.post("/orders/createorder", self._create),
                web.get("/shipments", self._shipments),
                web.get("/fulfillments", self._fulfillments),
                web.get("/webhooks", self._webhooks),
                web.post("/webhooks/subscribe", self._subscribe),
            ]
        )

    async def _products(self, request: web.Request) -> web.Response:
        return _page(
            request, "products", [v1_shapes.product(self._account, sku) for sku in self._account.products]
        )

    async def _warehouses(self, _request: web.Request) -> web.Response:
        return answer([v1_shapes.warehouse(self._account, at) for at in range(len(self._account.places))])

    async def _orders(self, request: web.Request) -> web.Response:
        number = request.query.get("orderNumber", "")
        found = [o for o in self._account.orders.values() if o.number.startswith(number)]
        return _dated(request, "orders", [v1_shapes.order(self._account, order) for order in found])

    async def _order(self, request: web.Request) -> web.Response:
        ident = request.match_info["id"]
        order = self._account.orders.get(int(ident)) if ident.isdecimal() else None
        if order is None:
            raise Wrong(404, "there is no such order")
        return answer(v1_shapes.order(self._account, order))

    async def _shipments(self, request: web.Request) -> web.Response:
        items = request.query.get("includeShipmentItems", "false").lower() == "true"
        rows = [
            v1_shapes.shipment(self._account, one, items=items) for one in _of(request, self._account.labels)
        ]
        return _dated(request, "shipments", rows)

    async def _fulfillments(self, request: web.Request) -> web.Response:
        made = _of(request, self._account.fulfillments)
        return _dated(request, "fulfillments", [v1_shapes.fulfillment(self._account, one) for one in made])

    async def _create(self, request: web.Request) -> web.Response:
        """Creates, or replaces the whole order with this key, if it may still be updated."""
        body = await body_of(request)
        for name in ("orderNumber", "orderDate", "orderStatus", "billTo", "shipTo"):
            if not body.get(name):
                raise Wrong(400, f"{name} is required")
        account, lines = self._account, _lines(body)
        now, placed = datetime.now(UTC), _instant(body["orderDate"])
        options = body.get("advancedOptions") or {}
        place = _place(account, options.get("warehouseId"))
        held = account.by_key(body.get("orderKey") or "")
        if held is None:
            ident = account.ident()
            held = account.add(
                Order(
                    id=ident,
                    key=body.get("orderKey") or f"{ident:x}",
                    number=str(body["orderNumber"]),
                    store=options.get("storeId") or MANUAL_STORE,
                    place=place,
                    lines=lines,
                    placed=placed,
                    created=now,
                    modified=now,
                    status=body["orderStatus"],
                )
            )
        elif held.status not in UPDATABLE:
            raise Wrong(400, f"an order with the status {held.status} cannot be updated")
        else:
            account.change(held, now, lines=lines, status=body["orderStatus"])
        self._told(held)
        return answer(v1_shapes.order(account, held))

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return answer({"webhooks": self.hooks})

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if not body.get("target_url") or not body.get("event"):
            raise Wrong(400, "target_url and event are required")
        made = {
            "WebHookID": self._account.ident(),
            "StoreID": body.get("store_id"),
            "HookType": body["event"],
            "Url": body["target_url"],
            "Name": body.get("friendly_name"),
            "Active": True,
        }
        self.hooks.append(made)
        return answer({"id": made["WebHookID"]}, 201)


def _of(request: web.Request, made: Mapping[int, Any]) -> Iterable[Any]:
    """Of one order, if one is asked for."""
    asked = request.query.get("orderId")
    return [one for one in made.values() if asked is None or str(one.order.id) == asked]


def _dated(request: web.Request, name: str, rows: list[Row]) -> web.Response:
    """A page of the rows between dates, in the order asked for."""
    for key, value in request.query.items():
        for ending, keeps in (("DateStart", _from), ("DateEnd", _until)):
            if key.endswith(ending):
                at, field = _written(value), key.removesuffix(ending) + "Date"
                rows = [row for row in rows if row.get(field) is not None and keeps(row[field], at)]
    by = request.query.get("sortBy", "")
    if by:
        field = by[0].lower() + by[1:]
        rows.sort(key=lambda row: row[field], reverse=request.query.get("sortDir", "ASC").upper() == "DESC")
    return _page(request, name, rows)


def _from(found: str, at: str) -> bool:
    return found >= at


def _until(found: str, at: str) -> bool:
    return found <= at


def _written(value: str) -> str:
    """A date of a query as rows have it, in the same zone."""
    try:
        return datetime.fromisoformat(value).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
    except ValueError:
        raise Wrong(400, "not a date") from None


def _page(request: web.Request, name: str, rows: list[Row]) -> web.Response:
    page, size = int(request.query.get("page", "1")), int(request.query.get("pageSize", "100"))
    if not 1 <= size <= PAGE_MAX or page < 1:
        raise Wrong(400, "page or pageSize")
    shown, pages = rows[(page - 1) * size : page * size], max(1, -(-len(rows) // size))
    return answer({name: shown, "total": len(rows), "page": page, "pages": pages})


def _lines(body: Mapping[str, Any]) -> Lines:
    rows = body.get("items") or []
    if not all(
        isinstance(row.get("quantity"), int) and row["quantity"] > 0 and row.get("name") for row in rows
    ):
        raise Wrong(400, "items")
    return tuple((row.get("sku") or "", row["quantity"]) for row in rows)


def _instant(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value).replace(tzinfo=writing.PACIFIC)
    except ValueError:
        raise Wrong(400, "orderDate") from None


def _place(account: Account, warehouse: int | None) -> int:
    """The Ship-From warehouse; the first one where none is named."""
    ids = {writing.warehouse_id(at): at for at in range(len(account.places))}
    if warehouse is not None and warehouse not in ids:
        raise Wrong(400, "there is no such warehouse")
    return 0 if warehouse is None else ids[warehouse]
