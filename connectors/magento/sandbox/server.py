"""The sandbox: a shop behind Magento's REST API, and a shopkeeper's hands on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from connectors.emitter import Emitter
from connectors.loopback import answer, serve
from connectors.magento.sandbox.criteria import searched
from connectors.magento.sandbox.gate import Gate
from connectors.magento.sandbox.shop import ADDRESS, Lines, Row, Shop, Wrong
from connectors.magento.settings import MagentoSettings

TOKEN_LASTS = 86_399
STATUSES = (0, 1)


class MagentoSandbox:
    """One shop, whose sources have our locations' names. `clock` is Magento's own.

    `items_max` is the most rows one write may have, where the shop limits them (`webapi/validation`). A list that would show
    one of the `broken_orders` cannot be shown. `during_save` is called before a write is made.
    """

    def __init__(
        self,
        *,
        settings: MagentoSettings,
        secrets: Mapping[str, str],
        sources: Sequence[str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url = ""
        self.emitter = Emitter()
        self.gate = Gate(settings.auth, secrets, clock)
        self.items_max: int | None = None
        self.msi = True
        self.broken_orders: set[int] = set()
        self.during_save: Callable[[], None] = lambda: None
        self.shop = Shop({code: _source(code) for code in sources})
        self._secrets, self._path = secrets, settings.path
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`."""
        app = web.Application(middlewares=[self.gate.guard])
        lists: dict[str, Callable[[], list[Row]]] = {
            "/orders": lambda: list(self.shop.orders.values()),
            "/shipments": lambda: list(self.shop.shipments.values()),
            "/creditmemos": lambda: list(self.shop.creditmemos.values()),
            "/products": self._products,
            "/inventory/sources": self._sources,
            "/inventory/source-items": self._source_items,
        }
        for path, rows in lists.items():
            app.router.add_get(self._path + path, self._list(rows))
        app.router.add_post(f"{self._path}/inventory/source-items", self._save)
        app.router.add_get(
            f"{self._path}/inventory/get-product-salable-quantity/{{sku}}/{{stock}}", self._salable
        )
        app.router.add_post("/ims/token/v3", self._token)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:
        """Magento Open Source sends nothing: the bare document."""
        assert topic
        return orjson.dumps(payload), {}

    def lose_answers(self, times: int = 1) -> None:
        """The next writes are made, but the connection breaks before their answer."""
        self.gate.lose_answers = times

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Lists a product, and puts stock there without telling anybody; an untracked one is a virtual product."""
        self.shop.products[sku] = "simple" if tracked else "virtual"
        if tracked:
            self.shop.save(sku, location, quantity, int(quantity > 0))

    def quantity(self, sku: str, source: str) -> float:
        """What a source item says is physically there."""
        return self.shop.levels[sku, source][0]

    def order(
        self,
        lines: Lines,
        *,
        at: datetime,
        pickup: str | None = None,
        configurable: bool = False,
        **more: Any,
    ) -> int:
        """Places an order and gives its id. `pickup` is the source where it is picked up; a `configurable` product has a row
        above the simple one, under the same SKU.
        """
        rows: list[Row] = []
        for sku, quantity in lines:
            if configurable:
                parent = self.shop.row(sku, quantity, "configurable")
                rows += [parent, self.shop.row(sku, quantity, parent=parent["item_id"])]
            else:
                rows.append(self.shop.row(sku, quantity))
        extra = {"pickup_location_code": pickup} if pickup else {}
        method = "instore_pickup" if pickup else "flatrate_flatrate"
        shipping = {"method": method, "address": ADDRESS}
        extra["shipping_assignments"] = [{"shipping": shipping, "items": []}]  # type: ignore[assignment]
        made = self.shop.order(rows, at, {"extension_attributes": extra, **more})
        return int(made["entity_id"])

    def ship(self, order: int, source: str, lines: Lines, *, at: datetime, touches: bool = True) -> int:
        """Ships; that does not `touch` the order's `updated_at`, where told so."""
        made = self.shop.ship(self.shop.orders[order], source, lines, at, touches=touches)
        return int(made["entity_id"])

    def cancel(self, order: int, *, at: datetime) -> None:
        """Cancels what is open."""
        self.shop.cancel(self.shop.orders[order], at)

    def refund(self, order: int, lines: Lines, *, at: datetime, to_stock: bool) -> int:
        """Makes a credit memo."""
        return int(self.shop.refund(self.shop.orders[order], lines, at, to_stock=to_stock)["entity_id"])

    def edit(self, order: int, lines: Lines, *, at: datetime) -> int:
        """Edits an order as the admin does: cancels it, and places another."""
        self.cancel(order, at=at)
        return self.order(lines, at=at, relation_parent_id=str(order))

    def _list(self, rows: Callable[[], list[Row]]) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.Response:
            pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
            found = searched(rows(), pairs)
            if any(
                row.get("increment_id") and row["entity_id"] in self.broken_orders for row in found["items"]
            ):
                raise Wrong(500, "Internal Error. Details are available in Magento log file.")
            return answer(found)

        return handler

    def _products(self) -> list[Row]:
        ids = {sku: self.shop.product_id(sku) for sku in self.shop.products}
        return [
            {"entity_id": n, "id": n, "sku": sku, "name": sku, "type_id": self.shop.products[sku]}
            for sku, n in ids.items()
        ]

    def _sources(self) -> list[Row]:
        if not self.msi:
            raise Wrong(404, "Request does not match any route.")
        return list(self.shop.sources.values())

    def _source_items(self) -> list[Row]:
        return [
            {"sku": sku, "source_code": source, "quantity": quantity, "status": status}
            for (sku, source), (quantity, status) in self.shop.levels.items()
        ]

    async def _save(self, request: web.Request) -> web.Response:
        """All rows or none: one database transaction."""
        body = orjson.loads(await request.read())
        rows = body.get("sourceItems") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise Wrong(400, '"%fieldName" is required. Enter and try again.', {"fieldName": "sourceItems"})
        if self.items_max is not None and len(rows) > self.items_max:
            raise Wrong(400, f'Maximum items of type "SourceItemInterface" is {self.items_max}')
        for row in rows:
            _validate(row)
            if row["source_code"] not in self.shop.sources:
                raise Wrong(400, "Could not save Source Item")
        self.during_save()
        for row in rows:
            self.shop.save(row["sku"], row["source_code"], row["quantity"], row["status"])
        return answer([])

    async def _salable(self, request: web.Request) -> web.Response:
        return answer(self.shop.salable(request.match_info["sku"]))

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = {"grant_type": "client_credentials"} | {
            name: self._secrets.get(name, "") for name in ("client_id", "client_secret")
        }
        if any(form.get(name) != value for name, value in asked.items()):
            return answer({"error": "invalid_client", "error_description": "invalid client_secret"}, 400)
        token = hashlib.sha256(f"token {len(self.gate.tokens)}".encode()).hexdigest()
        self.gate.tokens.add(token)
        return answer({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LASTS})


def _source(code: str) -> Row:
    return {
        "source_code": code,
        "name": code,
        "enabled": True,
        "email": ADDRESS["email"],
        "contact_name": "Canary Clerk",
        "extension_attributes": {"is_pickup_location_active": True},
    }


def _validate(row: Any) -> None:
    """The checks of a source item, in Magento's words (magento/inventory: SourceItemsSave/ValidationTest)."""
    faults = [(name, "can not be empty.") for name in ("sku", "source_code") if not _said(row.get(name))]
    faults += [(name, "should be numeric.") for name in ("quantity", "status") if not _numeric(row.get(name))]
    if not faults and row["status"] not in STATUSES:
        faults.append(("status", "should a known status."))
    if faults:
        errors = [{"message": f'"%field" {fault}', "parameters": {"field": name}} for name, fault in faults]
        raise Wrong(400, f'Validation Failed: "{faults[0][0]}" {faults[0][1]}', errors=errors)


def _said(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
