"""API V2: lists with links, the Inventory API, signed webhooks (OpenAPI 2.0.0 of 2025-08-13)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connectors.loopback import answer
from connectors.shipstation.sandbox import v2_shapes, writing
from connectors.shipstation.sandbox.account import Account
from connectors.shipstation.sandbox.gate import Wrong
from connectors.shipstation.sandbox.v1 import body_of

Row = dict[str, Any]
TYPES = frozenset({"increment", "decrement", "adjust", "modify"})
CONDITIONS = frozenset({"sellable", "damaged", "expired", "qa_hold"})
STARTS = {
    "shipments": {"created_at_start": "created_at", "modified_at_start": "modified_at"},
    "labels": {"created_at_start": "created_at"},
    "fulfillments": {"create_date_start": "created_at"},
}
"""By which dates a list can be asked for, and the parameter of each."""
EVENT = re.compile(r"[a-z0-9_]{3,40}")


class V2:
    """The handlers. `origin` gives the address that links begin with; `moved` runs before each write of a level."""

    def __init__(self, account: Account, origin: Callable[[], str]) -> None:
        self.hooks: list[Row] = []
        self.moved: Callable[[], None] = lambda: None
        self._account, self._origin = account, origin

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        app.add_routes(
            [
                web.get("/v2/warehouses", self._warehouses),
                web.get("/v2/inventory_warehouses", self._inventory_warehouses),
                web.get("/v2/inventory_locations", self._inventory_locations),
                web.get("/v2/inventory", self._inventory),
                web.post("/v2/inventory", self._update),
                web.get("/v2/shipments", self._shipments),
                web.get("/v2/shipments/{id}", self._shipment),
                web.get("/v2/labels", self._labels),
                web.get("/v2/fulfillments", self._fulfillments),
                web.get("/v2/environment/webhooks", self._webhooks),
                web.post("/v2/environment/webhooks", self._add_webhook),
            ]
        )

    def _places(self) -> range:
        return range(len(self._account.places))

    async def _warehouses(self, _request: web.Request) -> web.Response:
        return answer({"warehouses": [v2_shapes.warehouse(self._account, at) for at in self._places()]})

    async def _inventory_warehouses(self, request: web.Request) -> web.Response:
        rows = [v2_shapes.inventory_warehouse(self._account, at) for at in self._places()]
        return self._page(request, "inventory_warehouses", rows, "limit")

    async def _inventory_locations(self, request: web.Request) -> web.Response:
        rows = [v2_shapes.inventory_location(self._account, at) for at in self._places()]
        return self._page(request, "inventory_locations", rows, "limit")

    async def _inventory(self, request: web.Request) -> web.Response:
        account, query = self._account, request.query
        merged = query.get("group_by") != "location"
        rows = [
            v2_shapes.level(account, sku, at, merged=merged)
            for sku, at in sorted({*account.on_hand, *account.allocated})
            if query.get("sku", sku) == sku
            and query.get("inventory_location_id", writing.location_id(at)) == writing.location_id(at)
        ]
        return self._page(request, "inventory", rows, "limit")

    async def _update(self, request: web.Request) -> web.Response:
        """One SKU at one location. `adjust` sets what is on hand; what is allocated stays."""
        body = await body_of(request)
        for name in ("transaction_type", "sku", "quantity", "inventory_location_id"):
            if body.get(name) is None:
                raise Wrong(400, f"{name} is required", "field_value_required")
        kind, quantity = body["transaction_type"], body["quantity"]
        if kind not in TYPES or body.get("condition", "sellable") not in CONDITIONS:
            raise Wrong(400, "transaction_type or condition")
        if not isinstance(quantity, int) or quantity < (0 if kind == "adjust" else 1):
            raise Wrong(400, '{"errors":{"quantity":["Must be greater than or equal to 1."]}}')
        places = {writing.location_id(at): at for at in self._places()}
        if body["inventory_location_id"] not in places or not self._account.products.get(body["sku"]):
            raise Wrong(400, "there is no such location or product", "invalid_identifier")
        self.moved()
        cell = body["sku"], places[body["inventory_location_id"]]
        held = self._account.on_hand[cell]
        if kind == "decrement" and quantity > held:
            raise Wrong(400, "not enough on hand")
        changed = {"adjust": quantity, "increment": held + quantity, "decrement": held - quantity}
        self._account.on_hand[cell] = changed.get(kind, held)
        return web.Response(status=200)  # OpenAPI says 204; seen was 200 with an empty body

    async def _shipments(self, request: web.Request) -> web.Response:
        rows = [v2_shapes.shipment(self._account, order) for order in self._account.orders.values()]
        return self._dated(request, "shipments", rows)

    async def _shipment(self, request: web.Request) -> web.Response:
        orders = {f"se-{ident}": order for ident, order in self._account.orders.items()}
        if request.match_info["id"] not in orders:
            raise Wrong(404, "there is no such shipment", "invalid_identifier")
        return answer(v2_shapes.shipment(self._account, orders[request.match_info["id"]]))

    async def _labels(self, request: web.Request) -> web.Response:
        rows = [v2_shapes.label(self._account, label) for label in self._account.labels.values()]
        status = request.query.get("label_status")
        return self._dated(request, "labels", [row for row in rows if status in (None, row["status"])])

    async def _fulfillments(self, request: web.Request) -> web.Response:
        rows = [v2_shapes.fulfillment(made) for made in self._account.fulfillments.values()]
        return self._dated(request, "fulfillments", rows)

    def _dated(self, request: web.Request, name: str, rows: list[Row]) -> web.Response:
        """A page of the rows from a date on, newest first unless told otherwise."""
        query = request.query
        of = query.get("shipment_id")
        rows = [row for row in rows if of in (None, row["shipment_id"])]
        for asked, field in STARTS[name].items():
            if start := query.get(asked):
                try:
                    at = datetime.fromisoformat(start).astimezone(UTC)
                except ValueError:
                    raise Wrong(400, "not a date") from None
                rows = [row for row in rows if datetime.fromisoformat(row[field]) >= at]
        field = query.get("sort_by", "created_at")
        rows.sort(key=lambda row: row[field], reverse=query.get("sort_dir", "desc") == "desc")
        return self._page(request, name, rows, "page_size")

    def _page(self, request: web.Request, name: str, rows: list[Row], sized: str) -> web.Response:
        page, size = int(request.query.get("page", "1")), int(request.query.get(sized, "25"))
        pages = -(-len(rows) // size)

        def link(number: int) -> Row:
            url = request.url.update_query(page=number).relative()
            return {"href": f"{self._origin()}{url}"}

        return answer(
            {
                name: rows[(page - 1) * size : page * size],
                "total": len(rows),
                "page": page,
                "pages": pages,
                "links": {
                    "first": link(1),
                    "last": link(max(1, pages)),
                    "prev": link(page - 1) if page > 1 else {},
                    "next": link(page + 1) if page < pages else {},
                },
            }
        )

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return answer(self.hooks)

    async def _add_webhook(self, request: web.Request) -> web.Response:
        body: Mapping[str, Any] = await body_of(request)
        if not EVENT.fullmatch(str(body.get("event"))) or not body.get("url"):
            raise Wrong(400, "event and url are required", "field_value_required")
        if any((hook["event"], hook["url"]) == (body["event"], body["url"]) for hook in self.hooks):
            raise Wrong(409, "the webhook is there already", "webhook_event_type_conflict")
        made = {"webhook_id": f"se-{self._account.ident()}", "url": body["url"], "event": body["event"]}
        self.hooks.append(made)
        return answer(made)
