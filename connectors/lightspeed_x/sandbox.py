"""A double of Lightspeed X-Series on a real socket: products, outlets, inventory, sales, adjustments, webhooks.

It follows the OpenAPI document of 2026-07 (paths, fields, limits, sign rules, bare arrays, the descending default order
of `POST /inventory`). What that document leaves open is marked [inferred].
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from connectors.bodies import signature
from connectors.emitter import Emitter, Faults
from connectors.lightspeed_x.mapping import INVENTORY, SALE

NAMESPACE = uuid.UUID("7d0a7f7e-6f0c-4a7e-9d3c-0f5a3b1c2d4e")
SIGNS = {
    **dict.fromkeys(("DAMAGE", "EXPIRY", "INTERNAL_USE", "THEFT", "DONATION"), -1),
    **dict.fromkeys(("STOCK_FOUND", "SAMPLE_FOR_SALE"), 1),
}
PERSON = {  # invented, and there only so that the allow-list has something to keep out
    "customer": {"id": "c0ffee00-0000-4000-8000-000000000001", "first_name": "Canary-First", "email": "canary@example.com"},
    "user": {"id": "c0ffee00-0000-4000-8000-000000000002", "name": "canary-clerk", "email": "clerk@example.com"},
    "note": "canary-note 555-0100",
}

Cell = tuple[str, str]
"""A SKU and an outlet's name."""


class LightspeedXSandbox:
    """One retailer. Outlets have our location names; all ids are made from names, so they can be written down.

    `unlimited` switches the rate limit off. `echo` makes every change of a level send `inventory.update`, as a real
    retailer's subscription would. `on_level` hears every change: SKU, outlet, level, `time.monotonic()`.
    """

    def __init__(
        self,
        *,
        domain_prefix: str,
        access_token: str,
        client_secret: str,
        outlets: Sequence[str],
        faults: Faults | None = None,
        unlimited: bool = False,
        echo: bool = False,
        on_level: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        self.domain_prefix, self._token, self._secret = domain_prefix, access_token, client_secret
        self.outlets = {outlet_id(name): name for name in outlets}
        self.emitter = Emitter(faults=faults or Faults())
        self.url = ""
        self.lose_answers = 0
        self._unlimited, self._echo, self._on_level = unlimited, echo, on_level
        self._levels: dict[Cell, int] = {}
        self._versions: dict[Cell, int] = {}
        self._products: dict[str, tuple[str, bool, int]] = {}
        self._by_id: dict[str, str] = {}
        self._sales: dict[str, dict[str, Any]] = {}
        self._adjustments: list[dict[str, Any]] = []
        self._reasons: dict[str, dict[str, Any]] = {}
        self._hooks: dict[str, dict[str, Any]] = {}
        self._version = 1_000_000
        self._window: tuple[float, int] = (0.0, 0)
        self._runner: web.AppRunner | None = None

    # -- running

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1."""
        app = web.Application(middlewares=[self._guard], client_max_size=8 * 1024 * 1024)
        base = "/api/2026-07"
        app.router.add_get(f"{base}/products", self._get_products)
        app.router.add_get(f"{base}/outlets", self._get_outlets)
        app.router.add_get(f"{base}/registers", self._get_registers)
        app.router.add_post(f"{base}/inventory", self._post_inventory)
        app.router.add_get(f"{base}/inventory/{{product_id}}", self._get_inventory)
        app.router.add_get(f"{base}/sales", self._get_sales)
        app.router.add_get(f"{base}/stock_adjustments", self._get_adjustments)
        app.router.add_post(f"{base}/stock_adjustments", self._post_adjustments)
        app.router.add_get(f"{base}/custom_inventory_adjustment_reasons", self._get_reasons)
        app.router.add_post(f"{base}/custom_inventory_adjustment_reasons", self._post_reason)
        app.router.add_get(f"{base}/webhooks", self._get_webhooks)
        app.router.add_post(f"{base}/webhooks", self._post_webhook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening and sending."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Token, user agent, and the rate limit: 300 x registers + 50 in five minutes."""
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return _json({"error": "Unauthorized"}, 401)
        if not request.headers.get("User-Agent"):
            return _json({"error": "Forbidden", "message": "a User-Agent is required"}, 403)
        limit = 300 * max(1, len(self.outlets)) + 50
        start, used = self._window
        now = time.time()
        if now - start >= 300:
            start, used = now, 0
        self._window = (start, used + 1)
        if used >= limit and not self._unlimited:
            until = format_datetime(datetime.fromtimestamp(start + 300, UTC), usegmt=True)
            return _json({"error": "Too Many Requests"}, 429, {"Retry-After": until, "Date": _now_http()})
        answer: web.StreamResponse = await handler(request)
        answer.headers["X-RateLimit-Limit"] = str(limit)
        answer.headers["X-RateLimit-Remaining"] = str(max(0, limit - used - 1))
        if self.lose_answers and request.method == "POST" and request.path.endswith("/stock_adjustments"):
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.close()
        return answer

    # -- what a shopkeeper does

    def seed(self, sku: str, outlet: str, level: int, tracked: bool = True) -> None:
        """Puts stock there without telling anybody."""
        self._know(sku, tracked)
        cell = (sku, outlet)
        self._levels[cell] = level
        self._versions[cell] = self._next()

    def _know(self, sku: str, tracked: bool = True) -> None:
        if sku not in self._products:
            self._products[sku] = (product_id(sku), tracked, self._next())
            self._by_id[product_id(sku)] = sku

    def level(self, sku: str, outlet: str) -> int:
        """What X-Series shows."""
        return self._levels.get((sku, outlet), 0)

    def sell(
        self,
        outlet: str,
        lines: Sequence[tuple[str, int]],
        *,
        at: datetime,
        tag: str = "",
        webhook: bool = True,
        state: str = "closed",
    ) -> str:
        """Rings a sale up (negative quantities are returns). One `sale.update`, or none: then only a poll finds it."""
        ident = str(uuid.uuid5(NAMESPACE, f"sale {len(self._sales)}"))
        version = self._next()
        rows = [
            {"id": str(uuid.uuid5(NAMESPACE, f"{ident} {n}")), "product": {"id": product_id(sku)}, "quantity": float(units)}
            for n, (sku, units) in enumerate(lines)
        ]
        self._sales[ident] = {
            "id": ident,
            "state": state,
            "attributes": [],
            "date": _stamp(at),
            "updated_at": _stamp(at),
            "source": {"outlet_id": outlet_id(outlet), "register_id": register_id(outlet), "author": PERSON["user"]},
            "customer_id": PERSON["customer"]["id"],  # type: ignore[index]  # a dict of strings
            "note": PERSON["note"],
            "return": {"is_return": all(units < 0 for _, units in lines)},
            "line_items": rows,
            "_metadata": {"version": version},
        }
        if state == "closed":
            for sku, units in lines:
                self._move(sku, outlet, -units)
        if webhook:
            self._send(SALE, self._old_shape(ident), tag)
        return ident

    def void(self, sale_id: str, *, at: datetime, tag: str = "") -> None:
        """Voids a sale: its goods are back. One `sale.update`."""
        sale = self._sales[sale_id]
        outlet = self.outlets[sale["source"]["outlet_id"]]
        sale |= {"state": "voided", "updated_at": _stamp(at), "_metadata": {"version": self._next()}}
        for row in sale["line_items"]:
            self._move(self._by_id[row["product"]["id"]], outlet, int(row["quantity"]))
        self._send(SALE, self._old_shape(sale_id), tag)

    def report_level(self, sku: str, outlet: str, *, at: datetime, tag: str = "") -> None:
        """One `inventory.update` with the level of now."""
        row = self._inventory(sku, outlet)
        self._send(INVENTORY, {**row, "updated_at": _stamp(at)}, tag)

    def _move(self, sku: str, outlet: str, units: int) -> None:
        cell = (sku, outlet)
        if sku in self._products and not self._products[sku][1]:
            return
        self._levels[cell] = level = self._levels.get(cell, 0) + units
        self._versions[cell] = self._next()
        if self._on_level is not None:
            self._on_level(sku, outlet, level, time.monotonic())
        if self._echo and sku in self._products:
            self.report_level(sku, outlet, at=datetime.now(UTC))

    def _next(self) -> int:
        self._version += 1
        return self._version

    # -- webhooks

    def signed(self, topic: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """A delivery as X-Series sends it: form body and headers."""
        assert topic
        fields = {"domain_prefix": self.domain_prefix, "environment": "prod", "payload": orjson.dumps(payload).decode()}
        body = urlencode(fields).encode()
        digest = base64.b64encode(signature(self._secret, body)).decode()
        return body, {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Signature": f"signature={digest},algorithm=HMAC-SHA256",
        }

    def _send(self, topic: str, payload: Mapping[str, Any], tag: str) -> None:
        hooks = [hook for hook in self._hooks.values() if hook["type"] == topic and hook["active"]]
        if hooks:
            body, headers = self.signed(topic, payload)
            for hook in hooks:
                self.emitter.send(hook["url"], body, headers, tag)

    def _old_shape(self, ident: str) -> dict[str, Any]:
        """The webhook's shape, API 1.0: no outlet, decimals as strings."""
        sale = self._sales[ident]
        status = {"closed": "CLOSED", "voided": "VOIDED", "parked": "SAVED"}[sale["state"]]
        return {
            "id": ident,
            "status": status,
            "register_id": sale["source"]["register_id"],
            **PERSON,
            "invoice_number": ident[:8],
            "sale_date": sale["date"],
            "created_at": sale["date"],
            "updated_at": sale["updated_at"],
            "version": sale["_metadata"]["version"],
            "register_sale_products": [
                {"id": row["id"], "product_id": row["product"]["id"], "quantity": f"{row['quantity']:.5f}", "price": "1.00"}
                for row in sale["line_items"]
            ],
        }

    # -- the API

    async def _get_products(self, request: web.Request) -> web.Response:
        after, size = _window(request)
        rows = [(v, sku, ident, tracked) for sku, (ident, tracked, v) in self._products.items() if v > after]
        shown = [
            {"id": ident, "sku": sku, "name": sku, "has_inventory": tracked, "active": True, "version": version}
            for version, sku, ident, tracked in sorted(rows)[:size]
        ]
        return _page(request, shown)

    async def _get_outlets(self, request: web.Request) -> web.Response:
        return _page(request, [{"id": i, "name": n, "version": v} for v, (i, n) in enumerate(self.outlets.items(), 1)])

    async def _get_registers(self, request: web.Request) -> web.Response:
        rows = [
            {"id": register_id(name), "name": f"{name} till 1", "outlet_id": ident, "version": version}
            for version, (ident, name) in enumerate(self.outlets.items(), 1)
        ]
        return _page(request, rows)

    def _inventory(self, sku: str, outlet: str) -> dict[str, Any]:
        ident = uuid.uuid5(NAMESPACE, f"level {sku} {outlet}")
        return {
            "id": str(ident),
            "product_id": product_id(sku),
            "outlet_id": outlet_id(outlet),
            "current_inventory_level": float(self.level(sku, outlet)),
            "quantity_to_procure": 0.0,
            "version": self._versions.get((sku, outlet), 0),
        }

    async def _post_inventory(self, request: web.Request) -> web.Response:
        asked = await request.json()
        after, size = int(asked.get("after", 0)), min(int(asked.get("size", 1_000)), 5_000)
        wanted = self._by_id.get(asked["product_id"]) if "product_id" in asked else None
        if wanted is not None:
            cells = [(self._versions[c], c) for c in ((wanted, name) for name in self.outlets.values()) if c in self._levels]
        else:
            cells = [(version, cell) for cell, version in self._versions.items() if version > after]
        cells.sort(reverse=asked.get("sort_direction", "desc") != "asc")
        return _json([self._inventory(*cell) for _, cell in cells[:size]])

    async def _get_inventory(self, request: web.Request) -> web.Response:
        sku = self._by_id.get(request.match_info["product_id"])
        if sku is None:
            return _json({"error": "Not Found"}, 404)
        return _json([self._inventory(sku, name) for name in self.outlets.values() if (sku, name) in self._levels])

    async def _get_sales(self, request: web.Request) -> web.Response:
        rows = sorted(self._sales.values(), key=lambda sale: sale["_metadata"]["version"])
        return _page(request, [{**sale, "version": sale["_metadata"]["version"]} for sale in rows])

    async def _get_adjustments(self, request: web.Request) -> web.Response:
        return _page(request, self._adjustments)

    async def _post_adjustments(self, request: web.Request) -> web.Response:
        asked = (await request.json()).get("stock_adjustments")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 1_000:
            return _json({"error": "stock_adjustments must have 1 to 1000 items"}, 422)
        if faults := [f"{n}: {fault}" for n, row in enumerate(asked) if (fault := self._fault(row))]:
            return _json({"error": "; ".join(faults[:3])}, 422)
        made = []
        for row in asked:
            now = _stamp(datetime.now(UTC))
            self._move(self._by_id[row["product_id"]], self.outlets[row["outlet_id"]], int(row["quantity"]))
            version = self._next()
            ident = str(uuid.uuid5(NAMESPACE, f"adjustment {version}"))
            author = PERSON["user"]["id"]  # type: ignore[index]  # a dict of strings
            made.append({**row, "id": ident, "user_id": author, "created_at": now, "updated_at": now, "version": version})
        self._adjustments.extend(made)
        return _json({"data": made}, 201)

    def _fault(self, row: Mapping[str, Any]) -> str | None:
        if row.get("product_id") not in self._by_id or row.get("outlet_id") not in self.outlets:
            return "unknown product or outlet"
        quantity, reason = row.get("quantity"), row.get("reason")
        if not isinstance(quantity, str) or not quantity.lstrip("-").isdigit() or int(quantity) == 0:
            return "quantity must be a numeric string other than 0"
        sign = SIGNS.get(str(reason))
        if reason == "CUSTOM":
            custom = self._reasons.get(row.get("custom_inventory_adjustment_reason_id", ""))
            if custom is None:
                return "unknown custom reason"
            sign = 1 if custom["type"] == "POSITIVE" else -1
        if sign is None:
            return "unknown reason"
        return None if int(quantity) * sign > 0 else f"the sign of the quantity does not fit {reason}"

    async def _get_reasons(self, request: web.Request) -> web.Response:
        assert request
        return _json({"data": list(self._reasons.values())})

    async def _post_reason(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("type") not in {"POSITIVE", "NEGATIVE"} or not 1 <= len(asked.get("name", "")) <= 30:
            return _json({"error": "name of 1 to 30 characters and type POSITIVE or NEGATIVE"}, 422)
        if any(row["name"] == asked["name"] for row in self._reasons.values()):
            return _json({"error": "name is taken"}, 409)
        ident = str(uuid.uuid5(NAMESPACE, f"reason {asked['name']}"))
        self._reasons[ident] = {**asked, "id": ident, "is_from_external_source": True}
        return _json({"data": self._reasons[ident]}, 201)

    async def _get_webhooks(self, request: web.Request) -> web.Response:
        assert request
        return _json({"data": list(self._hooks.values())})

    async def _post_webhook(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if any((hook["type"], hook["url"]) == (asked["type"], asked["url"]) for hook in self._hooks.values()):
            return _json({"error": "a webhook of this type and url exists"}, 409)
        ident = str(uuid.uuid5(NAMESPACE, f"hook {asked['type']} {asked['url']}"))
        self._hooks[ident] = {**asked, "id": ident, "retailer_id": str(NAMESPACE)}
        return _json({"data": self._hooks[ident]}, 201)


def product_id(sku: str) -> str:
    """The id of a product in every sandbox."""
    return str(uuid.uuid5(NAMESPACE, f"product {sku}"))


def outlet_id(name: str) -> str:
    """The id of an outlet in every sandbox."""
    return str(uuid.uuid5(NAMESPACE, f"outlet {name}"))


def register_id(name: str) -> str:
    """The id of an outlet's only register."""
    return str(uuid.uuid5(NAMESPACE, f"register {name}"))


def _page(request: web.Request, rows: Sequence[Mapping[str, Any]]) -> web.Response:
    """One page by version, with the envelope `{data, version: {min, max}}`."""
    after, size = _window(request)
    shown = [row for row in rows if row["version"] > after][:size]
    versions = {"min": shown[0]["version"], "max": shown[-1]["version"]} if shown else {"min": None, "max": None}
    return _json({"data": shown, "version": versions})


def _window(request: web.Request) -> tuple[int, int]:
    """The version after which a page begins, and its size."""
    return int(request.query.get("after", 0)), min(int(request.query.get("page_size", 100)), 1_000)


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _now_http() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)
