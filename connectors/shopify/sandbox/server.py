"""The double of a shop as a server, and what a player can make happen in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.bodies import json_object
from connectors.emitter import Emitter, Faults
from connectors.errors import Malformed
from connectors.loopback import serve
from connectors.shopify.sandbox import orders, payloads
from connectors.shopify.sandbox.api import Api, schema
from connectors.shopify.sandbox.bucket import Bucket
from connectors.shopify.sandbox.door import Door
from connectors.shopify.sandbox.inventory import Inventory
from connectors.shopify.sandbox.orders import Lines, Restock
from connectors.shopify.sandbox.shop import Level, Order, Parcel, Shop
from connectors.shopify.sandbox.signing import Signer

API_VERSION = "2026-10"
BODY_MAX = 4 * 1024 * 1024
ECHO_AFTER = 0.2
"""Seconds after a write until its level webhooks are made, so that several changes of one level share one."""

UNAUTHORISED = {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


class ShopifySandbox:
    """One shop, entered with `access_token`, as the app `client` (id and secret), or also with `refresh_token`.

    A payload goes to every URL that subscribed to its topic; without a subscription it goes nowhere.

    `locations` maps our names to Shopify's names for them (a sequence: the same names); their gids count from 1001 in that
    order. `sells_from` is our name or the gid of the location that web orders are taken from. `on_level` is called as
    `(sku, our location, available, time.monotonic())` whenever `available` changes. With `echo`, a write through the API
    sends level webhooks as a real shop does; with `moves`, a parcel sent from another location first moves the demand
    there, as a real shop does. Every method that makes something happen returns after the state changed and the webhook
    was queued; `tag` is handed to `emitter.accepted` when the first delivery is accepted.
    """

    def __init__(
        self,
        *,
        shop: str,
        access_token: str | None = None,
        client: tuple[str, str] | None = None,
        refresh_token: str | None = None,
        webhook_secret: str,
        locations: Mapping[str, str] | Sequence[str],
        sells_from: str,
        faults: Faults | None = None,
        restore_rate: float = 100,
        on_level: Callable[[str, str, int, float], None] | None = None,
        echo: bool = False,
        moves: bool = True,
    ) -> None:
        named = locations if isinstance(locations, Mapping) else {name: name for name in locations}
        self.shop_name = shop
        self.shop = Shop(named, sells_from, on_level)
        self.emitter = Emitter(faults=faults or Faults())
        self.url = ""
        self.answers_to_lose = 0
        """So many next answers to writes are lost after the write was done."""
        self.tokens_to_lose = 0
        """So many next answers of the token endpoint are lost after the token was given."""
        self.door = Door(access_token, client, refresh_token)
        self._signer = Signer(shop, webhook_secret, API_VERSION)
        self._bucket = Bucket(restore_rate)
        self._api = Api(self.shop, Inventory(self.shop, self._written), self._bucket)
        self._echo = echo
        self._moves = moves
        self._dirty: dict[tuple[int, int], Level] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; `url` says where."""
        schema()
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_post("/admin/oauth/access_token", self._token)
        app.router.add_post("/admin/api/{version}/graphql.json", self._graphql)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops listening and sending."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def seed(self, sku: str, location: str, available: int, tracked: bool = True) -> None:
        """Stock that the shop has from the start; no webhook tells of it."""
        item, place, now = self.shop.add_item(sku, tracked), self.shop.locations[location], datetime.now(UTC)
        level = self.shop.level(item, place, now)
        self.shop.move(item, place, now, available=available - level.available)

    def available(self, sku: str, location: str) -> int:
        """What the shop shows."""
        found = self.shop.levels.get((self.shop.items[sku].id, self.shop.locations[location].id))
        return 0 if found is None else found.available

    def order(
        self,
        lines: Lines,
        *,
        at: datetime,
        tag: str = "",
        routed_to: str | None = None,
        pick_up: bool = False,
        till: bool = False,
        tags: Sequence[str] = (),
        person: Mapping[str, Any] | None = None,
    ) -> int:
        """An order, to be sent from a place, picked up or taken over the counter there, for a `person` in the fields of a
        payload. One webhook, `orders/create`.
        """
        order = orders.place(self.shop, lines, at, routed_to=routed_to, pick_up=pick_up, till=till)
        order.tags, order.person = tuple(tags), person
        self._emit("orders/create", payloads.order(order, self.shop_name), tag)
        return order.id

    def fulfil(
        self,
        order_id: int,
        location: str,
        lines: Lines | None = None,
        *,
        at: datetime,
        tag: str = "",
        topics: Sequence[str] = ("fulfillments/create",),
    ) -> int:
        """Sends units of an order (None: all that are left). One webhook for each of `topics`; the first has the tag."""
        parcel = orders.fulfil(self.shop, self.shop.orders[order_id], location, lines, at, move=self._moves)
        self._emit_about(topics, parcel, tag)
        return parcel.id

    def unfulfil(
        self,
        fulfillment_id: int,
        *,
        at: datetime,
        tag: str = "",
        topics: Sequence[str] = ("fulfillments/update",),
    ) -> None:
        """Cancels a parcel. One webhook for each of `topics`."""
        parcel = next(
            part for order in self.shop.orders.values() for part in order.parcels if part.id == fulfillment_id
        )
        orders.unfulfil(self.shop, parcel, at)
        self._emit_about(topics, parcel, tag)

    def refund(
        self,
        order_id: int,
        lines: Lines,
        *,
        restock: Restock,
        location: str | None,
        at: datetime,
        tag: str = "",
    ) -> int:
        """Refunds units. One webhook, `refunds/create`."""
        made = orders.refund(
            self.shop, self.shop.orders[order_id], lines, restock=restock, location=location, at=at
        )
        self._emit("refunds/create", payloads.refund(made), tag)
        return made.id

    def cancel(self, order_id: int, *, at: datetime, tag: str = "") -> int:
        """Cancels an order and restocks what was not sent. One webhook, `orders/cancelled`."""
        order = self.shop.orders[order_id]
        orders.cancel(self.shop, order, at)
        self._emit("orders/cancelled", payloads.order(order, self.shop_name), tag)
        return order_id

    def reroute(self, order_id: int, to: str, lines: Lines | None = None, *, at: datetime) -> None:
        """Moves units that wait (None: all) to another place. Its webhook carries ids only, so none is sent."""
        orders.move(self.shop, self.shop.orders[order_id], to, lines, at)

    def prepare(self, order_id: int, *, at: datetime) -> None:
        """An order is ready to be picked up. Its webhook carries ids only, so none is sent."""
        orders.prepare(self.shop.orders[order_id], at)

    def give_back(self, order_id: int, lines: Lines, *, kind: str, location: str, at: datetime) -> int:
        """A return of which no refund tells. Its webhooks carry ids only, so none is sent."""
        return orders.give_back(self.shop, self.shop.orders[order_id], lines, kind, location, at).id

    def tell(self, order_id: int, topic: str = "orders/updated", *, tag: str = "") -> None:
        """One webhook with an order as it is now."""
        self._emit(topic, payloads.order(self.shop.orders[order_id], self.shop_name), tag)

    def report_level(self, sku: str, location: str, *, at: datetime, tag: str = "") -> None:
        """One webhook `inventory_levels/update` with what is available now."""
        level = self.shop.level(self.shop.items[sku], self.shop.locations[location], at)
        level.updated_at = max(level.updated_at, at)
        self._emit("inventory_levels/update", payloads.level(level), tag)

    def signed(self, topic: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of a webhook."""
        return self._signer.sign(topic, payload)

    def _emit_about(self, topics: Sequence[str], parcel: Parcel, tag: str) -> None:
        for number, topic in enumerate(topics):
            about: Order | Parcel = parcel.order if topic.startswith("orders/") else parcel
            body = (
                payloads.order(about, self.shop_name)
                if isinstance(about, Order)
                else payloads.fulfillment(about)
            )
            self._emit(topic, body, tag if number == 0 else "")

    def _emit(self, topic: str, payload: Mapping[str, Any], tag: str) -> None:
        name = topic.replace("/", "_").upper()
        targets = [held["uri"] for held in self._api.subscriptions if held["topic"] == name]
        if targets:
            body, headers = self._signer.sign(topic, payload)
            for target in targets:
                self.emitter.send(target, body, headers, tag)

    def _written(self, level: Level) -> None:
        """A level that the API changed: told once, with what is true a moment later."""
        if not self._echo:
            return
        if not self._dirty:
            asyncio.get_running_loop().call_later(ECHO_AFTER, self._tell_written)
        self._dirty[level.item.id, level.location.id] = level

    def _tell_written(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for level in dirty.values():
            self._emit("inventory_levels/update", payloads.level(level), "")

    async def _token(self, request: web.Request) -> web.Response:
        """The token endpoint; a lost answer is lost here too, after the token was given."""
        try:
            status, body = self.door.answer(json_object(await request.read()))
        except Malformed as error:
            return web.json_response(
                {"error": "invalid_request", "error_description": str(error)}, status=400
            )
        if self.tokens_to_lose and request.transport is not None:
            self.tokens_to_lose -= 1
            request.transport.abort()
        return web.json_response(body, status=status)

    async def _graphql(self, request: web.Request) -> web.Response:
        if request.match_info["version"] != API_VERSION:
            return web.json_response({"errors": "Not Found"}, status=404)
        if not self.door.lets_in(request.headers.get("X-Shopify-Access-Token")):
            return web.json_response(UNAUTHORISED, status=401)
        try:
            asked = json_object(await request.read())
        except Malformed as error:
            return web.json_response({"errors": str(error)}, status=400)
        query, variables = asked.get("query"), asked.get("variables")
        if not isinstance(query, str) or not isinstance(variables, dict | None):
            return web.json_response({"errors": "Required parameter missing or invalid"}, status=400)
        body = self._api.answer(query, variables, asked.get("operationName"))
        if self.answers_to_lose and "inventorySetQuantities" in body.get("data", ()):
            self.answers_to_lose -= 1
            if request.transport is not None:
                request.transport.abort()
        return web.Response(body=orjson.dumps(body), content_type="application/json")
