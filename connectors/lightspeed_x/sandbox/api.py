"""X-Series' API of 2026-07: paths, paging, and which answers are bare arrays (OpenAPI)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connectors.lightspeed_x.effects import VOIDED
from connectors.lightspeed_x.sandbox import asked, shapes
from connectors.lightspeed_x.sandbox.desk import Desk
from connectors.lightspeed_x.sandbox.feed import Feed
from connectors.lightspeed_x.sandbox.gate import Wrong
from connectors.lightspeed_x.sandbox.retailer import Adjustment, Retailer, Sale
from connectors.loopback import answer

BASE = "/api/2026-07"
PAGE_MAX = 1_000
"""The most rows of a page where OpenAPI names no other number [inferred]."""


class Api:
    """The handlers. `sold` hears of a sale that came in through the API."""

    def __init__(self, retailer: Retailer, sold: Callable[[Sale], None]) -> None:
        self.hooks: dict[str, dict[str, Any]] = {}
        self.desk = Desk(retailer)
        self._retailer, self._sold = retailer, sold
        self._custom: dict[str, dict[str, Any]] = {}

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        custom = f"{BASE}/custom_inventory_adjustment_reasons"
        app.add_routes(
            [
                web.get(f"{BASE}/products", self._products),
                web.get(f"{BASE}/outlets", self._outlets),
                web.get(f"{BASE}/registers", self._registers),
                web.post(f"{BASE}/inventory", self._inventory),
                web.get(f"{BASE}/inventory/{{product_id}}", self._inventory_of),
                web.post(f"{BASE}/inventory_levels", self._inventory_levels),
                web.get(f"{BASE}/stock_adjustments", self._adjustments),
                web.post(f"{BASE}/stock_adjustments", self._adjust),
                web.get(custom, self._reasons),
                web.post(custom, self._add_reason),
                web.get(f"{BASE}/sales", self._sales),
                web.post(f"{BASE}/sales", self._sell),
                web.put(f"{BASE}/sales/{{id}}", self._change_sale),
                web.get(f"{BASE}/webhooks", self._webhooks),
                web.post(f"{BASE}/webhooks", self._add_webhook),
                web.put(f"{BASE}/webhooks/{{id}}", self._change_webhook),
                web.delete(f"{BASE}/webhooks/{{id}}", self._drop_webhook),
                web.get(f"{BASE}/consignments", self._consignments),
            ]
        )
        self.desk.add_to(app, BASE)

    async def _products(self, request: web.Request) -> web.Response:
        return self._page(request, self._retailer.catalogue, shapes.product)

    async def _outlets(self, request: web.Request) -> web.Response:
        return self._places(request, shapes.outlet)

    async def _registers(self, request: web.Request) -> web.Response:
        return self._places(request, shapes.register)

    async def _sales(self, request: web.Request) -> web.Response:
        return self._page(request, self._retailer.sold, shapes.sale)

    async def _adjustments(self, request: web.Request) -> web.Response:
        return self._page(request, self._retailer.adjusted, shapes.adjustment)

    async def _consignments(self, request: web.Request) -> web.Response:
        return self._page(request, self.desk.consignments.feed, self.desk.consignments.shape)

    def _page(
        self, request: web.Request, feed: Feed, shape: Callable[[Retailer, int], dict[str, Any]]
    ) -> web.Response:
        size = min(asked.whole(request.query, "page_size", 100), PAGE_MAX)
        keys = feed.page(asked.whole(request.query, "after", 0), asked.before(request.query), size)
        versions = [feed.versions[key] for key in keys]
        return _enveloped([shape(self._retailer, key) for key in keys], versions)

    def _places(self, request: web.Request, shape: Callable[[Retailer, int], dict[str, Any]]) -> web.Response:
        size = min(asked.whole(request.query, "page_size", 100), PAGE_MAX)
        after = asked.whole(request.query, "after", 0)
        found = [(n, version) for n, version in self._retailer.places.items() if version > after][:size]
        return _enveloped([shape(self._retailer, n) for n, _ in found], [version for _, version in found])

    async def _inventory(self, request: web.Request) -> web.Response:
        """A bare array, and newest first unless told otherwise."""
        body = await asked.body_of(request)
        size = min(asked.whole(body, "size", 1_000), 5_000)
        after, before = asked.whole(body, "after", 0), asked.before(body)
        backwards = asked.newest_first(body, "sort_direction", "desc")
        if "product_id" in body:
            cells = self._cells([body["product_id"]], None, after, before, backwards=backwards)[:size]
        else:
            cells = self._retailer.inventory.page(after, before, size, newest_first=backwards)
        return answer([shapes.inventory(self._retailer, cell) for cell in cells])

    async def _inventory_of(self, request: web.Request) -> web.Response:
        """A bare array, oldest first unless told otherwise."""
        ident = request.match_info["product_id"]
        if self._retailer.products.by_id.get(ident) not in self._retailer.catalogue.versions:
            raise Wrong(404, "there is no such product")
        size = min(asked.whole(request.query, "page_size", 1_000), 5_000)
        after, before = asked.whole(request.query, "after", 0), asked.before(request.query)
        backwards = asked.newest_first(request.query, "order_direction", "asc")
        cells = self._cells([ident], None, after, before, backwards=backwards)[:size]
        return answer([shapes.inventory(self._retailer, cell) for cell in cells])

    async def _inventory_levels(self, request: web.Request) -> web.Response:
        """A bare array, paged by offset; in the order of the products, as none of the documented orders is by place."""
        body = await asked.body_of(request)
        offset, size = asked.whole(body, "offset", 0), min(asked.whole(body, "size", 100), 10_000)
        products, outlets = asked.ids(body, "product_ids"), asked.ids(body, "location_ids")
        if products is None:
            cells = sorted(self._retailer.inventory.versions)
            if outlets is not None:
                wanted = set(self._outlet_numbers(outlets))
                cells = [cell for cell in cells if self._retailer.place(cell)[1] in wanted]
        else:
            cells = sorted(self._cells(products, outlets))
        shown = cells[offset : offset + size]
        return answer([shapes.inventory_level(self._retailer, cell) for cell in shown])

    def _cells(
        self,
        products: Iterable[str],
        outlets: Iterable[str] | None,
        after: int = 0,
        before: int | None = None,
        *,
        backwards: bool = False,
    ) -> list[int]:
        """The cells of some products that have a level, by version."""
        retailer, versions = self._retailer, self._retailer.inventory.versions
        here = range(len(retailer.outlets)) if outlets is None else self._outlet_numbers(outlets)
        numbers = [retailer.products.by_id[ident] for ident in products if ident in retailer.products.by_id]
        cells = (retailer.cell(product, outlet) for product in numbers for outlet in here)
        found = [
            cell
            for cell in cells
            if after < versions.get(cell, -1) and (before is None or versions[cell] < before)
        ]
        return sorted(found, key=versions.__getitem__, reverse=backwards)

    def _outlet_numbers(self, idents: Iterable[str]) -> list[int]:
        known = self._retailer.outlet_by_id
        return [known[ident] for ident in idents if ident in known]

    async def _adjust(self, request: web.Request) -> web.Response:
        rows = asked.adjustments(await asked.body_of(request), self._retailer, self._custom)
        retailer, now = self._retailer, datetime.now(UTC)
        made = [
            retailer.adjust(
                Adjustment(
                    product=retailer.products.by_id[row["product_id"]],
                    outlet=retailer.outlet_by_id[row["outlet_id"]],
                    quantity=int(float(row["quantity"])),
                    reason=row["reason"],
                    custom=row.get(asked.CUSTOM),
                    at=now,
                )
            )
            for row in rows
        ]
        return answer({"data": [shapes.adjustment(retailer, number) for number in made]}, 201)

    async def _reasons(self, _request: web.Request) -> web.Response:
        return answer({"data": list(self._custom.values())})

    async def _add_reason(self, request: web.Request) -> web.Response:
        made = asked.reason(await asked.body_of(request), self._custom)
        ident = self._retailer.made_up("4004", len(self._custom))
        self._custom[ident] = {"id": ident, **made}
        return answer({"data": self._custom[ident]}, 201)

    async def _sell(self, request: web.Request) -> web.Response:
        made = self._retailer.ring_up(**asked.sale(await asked.body_of(request), self._retailer))
        self._sold(made)
        return answer({"data": shapes.sale(self._retailer, made.number)})

    async def _change_sale(self, request: web.Request) -> web.Response:
        """Moves a sale on; of a closed one there is only voiding (docs: Statuses), of a voided one nothing. This double keeps
        the lines as they are.
        """
        try:
            found = self._retailer.find(request.match_info["id"])
        except (KeyError, ValueError):
            raise Wrong(404, "there is no such sale") from None
        state = asked.state(await asked.body_of(request), shapes.sale(self._retailer, found.number))
        if found.state == VOIDED or (found.state == "closed" and state != VOIDED):
            raise Wrong(422, f"a {found.state} sale cannot become {state}")
        if state != found.state:
            self._retailer.change(found, state, datetime.now(UTC))
            self._sold(found)
        return answer({"data": shapes.sale(self._retailer, found.number)})

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return answer({"data": list(self.hooks.values())})

    async def _add_webhook(self, request: web.Request) -> web.Response:
        made = asked.webhook(await asked.body_of(request), self.hooks)
        ident = self._retailer.made_up("4005", self._retailer.take_version() % 2**48)
        self.hooks[ident] = {"id": ident, "retailer_id": self._retailer.made_up("4006", 0), **made}
        return answer({"data": self.hooks[ident]}, 201)

    async def _change_webhook(self, request: web.Request) -> web.Response:
        ident = request.match_info["id"]
        if ident not in self.hooks:
            raise Wrong(404, "there is no such webhook")
        others = {name: hook for name, hook in self.hooks.items() if name != ident}
        self.hooks[ident] |= asked.webhook(await asked.body_of(request), others)
        return answer({"data": self.hooks[ident]})

    async def _drop_webhook(self, request: web.Request) -> web.Response:
        if self.hooks.pop(request.match_info["id"], None) is None:
            raise Wrong(404, "there is no such webhook")
        return web.Response(status=200)


def _enveloped(rows: Sequence[dict[str, Any]], versions: Sequence[int]) -> web.Response:
    """A page with the versions it reaches over; an empty one has none."""
    reach = {"min": versions[0], "max": versions[-1]} if versions else {"min": None, "max": None}
    return answer({"data": rows, "version": reach})
