"""A double of a Shopify shop on a real socket: the Admin GraphQL endpoint, and signed webhooks of what happens there."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from aiohttp import web

from connectors.bodies import signature
from connectors.emitter import Emitter, Faults
from connectors.shopify.graphql import Endpoint, schema
from connectors.shopify.shop import Shop


class ShopifySandbox:
    """One shop. `sells_from` is the location that web orders are taken from and that the channel's number is told to; it
    gets id 1. `restore_rate` is the plan's cost points a second (Standard 100, Plus 1000). `on_level` hears every change
    of an available quantity: SKU, location, quantity, `time.monotonic()`.
    """

    def __init__(
        self,
        *,
        shop: str,
        access_token: str,
        webhook_secret: str,
        sells_from: str,
        locations: Sequence[str] = (),
        faults: Faults | None = None,
        restore_rate: float = 100.0,
        on_level: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        self.domain, self._token, self._secret = shop, access_token, webhook_secret
        self.shop = Shop(sells_from=sells_from)
        for number, name in enumerate([sells_from, *(name for name in locations if name != sells_from)], start=1):
            self.shop.locations[name] = number
        if on_level is not None:
            self.shop.on_change = lambda sku, location, level: on_level(sku, location, level, time.monotonic())
        self.endpoint = Endpoint(self.shop, restore_rate)
        self.emitter = Emitter(faults=faults or Faults())
        self.url = ""
        self.lose_answers = 0
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1."""
        schema()
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/admin/api/{version}/graphql.json", self._graphql)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening and sending."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _graphql(self, request: web.Request) -> web.Response:
        if request.match_info["version"] != "2026-10":
            return web.json_response({"errors": "Not Found"}, status=404)
        if request.headers.get("X-Shopify-Access-Token") != self._token:
            refusal = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return web.json_response({"errors": refusal}, status=401)
        asked = orjson.loads(await request.read())
        answer = orjson.dumps(self.endpoint.answer(asked))
        if self.lose_answers and "inventorySetQuantities" in asked["query"]:
            self.lose_answers -= 1
            assert request.transport is not None
            request.transport.close()
        return web.Response(body=answer, content_type="application/json")

    # -- what happens in the shop; each call sends exactly one webhook

    def seed(self, sku: str, location: str, available: int, tracked: bool = True) -> None:
        """Puts stock there without telling anybody."""
        self.shop.stock(sku, location, available, tracked)

    def available(self, sku: str, location: str) -> int:
        """What the shop shows."""
        return self.shop.available[sku, location]

    def order(self, lines: Sequence[tuple[str, int]], *, at: datetime, tag: str = "") -> int:
        """A web order."""
        order = self.shop.order(lines, at)
        self._send("orders/create", order, tag)
        return int(order["id"])

    def fulfil(
        self,
        order_id: int,
        location: str,
        lines: Sequence[tuple[str, int]] | None = None,
        *,
        at: datetime,
        tag: str = "",
    ) -> int:
        """Ships from a location."""
        made = self.shop.fulfil(order_id, location, lines, at)
        self._send("fulfillments/create", made, tag)
        return int(made["id"])

    def refund(
        self,
        order_id: int,
        lines: Sequence[tuple[str, int]],
        *,
        restock: Literal["return", "cancel", "no_restock"],
        location: str | None,
        at: datetime,
        tag: str = "",
    ) -> int:
        """Refunds units, and says what becomes of them."""
        made = self.shop.refund(order_id, lines, restock, location, at)
        self._send("refunds/create", made, tag)
        return int(made["id"])

    def cancel(self, order_id: int, *, at: datetime, tag: str = "") -> None:
        """Cancels what is open of an order."""
        self._send("orders/cancelled", self.shop.cancel(order_id, at), tag)

    def report_level(self, sku: str, location: str, *, at: datetime, tag: str = "") -> None:
        """Tells the level of now, whether or not anybody subscribed to levels."""
        body, headers = self.signed("inventory_levels/update", self.shop.level(sku, location, at))
        for url in {subscription["uri"] for subscription in self.endpoint.subscriptions}:
            self.emitter.send(url, body, headers, tag)

    def signed(self, topic: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """A delivery as Shopify sends it: body and headers."""
        body = orjson.dumps(payload)
        return body, {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": str(uuid.uuid4()),
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
            "X-Shopify-Hmac-Sha256": base64.b64encode(signature(self._secret, body)).decode(),
        }

    def _send(self, topic: str, payload: Mapping[str, Any], tag: str) -> None:
        name = topic.upper().replace("/", "_")
        urls = [subscription["uri"] for subscription in self.endpoint.subscriptions if subscription["topic"] == name]
        if urls:
            body, headers = self.signed(topic, payload)
            for url in urls:
                self.emitter.send(url, body, headers, tag)
