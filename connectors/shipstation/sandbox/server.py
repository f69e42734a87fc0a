"""The sandbox: an account behind both APIs, a warehouse's hands on it, and its webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.bodies import signature
from connectors.emitter import Emitter, Faults
from connectors.loopback import answer, serve
from connectors.shipstation.sandbox import signing
from connectors.shipstation.sandbox.account import CANCELLED, Account, Fulfillment, Label, Order
from connectors.shipstation.sandbox.gate import Gate
from connectors.shipstation.sandbox.v1 import MANUAL_STORE, V1
from connectors.shipstation.sandbox.v2 import V2

NO_FAULTS = Faults()
LIMITS: Mapping[str, int | None] = {"v1": 40, "v2": 200}
"""Calls a minute (docs.shipstation.com/rate-limits)."""

Lines = Sequence[tuple[str, int]]
V2_EVENTS = {
    "ORDER_NOTIFY": ("shipment_created_v2", "shipments"),
    "SHIP_NOTIFY": ("label_created_v2", "labels"),
    "FULFILLMENT_SHIPPED": ("fulfillment_shipped_v2", "fulfillments"),
}
"""V2's events beside V1's, and the list that each points at."""


class ShipStationSandbox:
    """One account. Places have our location names; ids are counted from one start.

    `limits` are the calls a minute by API, None for any number.
    """

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        v2_api_key: str,
        places: Sequence[str],
        faults: Faults = NO_FAULTS,
        limits: Mapping[str, int | None] = LIMITS,
    ) -> None:
        self.url = ""
        self.emitter = Emitter(faults=faults)
        self.gate = Gate(api_key, api_secret, v2_api_key, limits)
        self.account = Account(list(places))
        self.v1 = V1(self.account, lambda order: self._notify("ORDER_NOTIFY", order))
        self.v2 = V2(self.account, lambda: self.url)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`: V1 at its root, V2 below `/v2`, the keys at `/jwks`."""
        app = web.Application(middlewares=[self.gate.guard])
        self.v1.add_to(app)
        self.v2.add_to(app)
        app.router.add_get("/jwks", self._jwks)
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops sending and listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _jwks(self, _request: web.Request) -> web.Response:
        return answer(signing.jwks())

    def lose_answers(self, count: int = 1) -> None:
        """The next writes are done, but the connection breaks before their answer."""
        self.gate.answers_to_lose = count

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Lists a product and puts stock there without telling anybody."""
        self.account.seed(sku, location, quantity, tracked)

    def available(self, sku: str, place: str) -> int:
        """What ShipStation shows as available: on hand less allocated."""
        return self.account.available(sku, self.account.places.index(place))

    def on_hand(self, sku: str, place: str) -> int:
        """What ShipStation shows as on hand."""
        return self.account.on_hand[sku, self.account.places.index(place)]

    def order(
        self,
        lines: Lines,
        *,
        at: datetime,
        place: str | None = None,
        store: int = MANUAL_STORE,
        key: str | None = None,
        number: str | None = None,
        external: str | None = None,
        webhook: bool = True,
    ) -> int:
        """An order comes in, and gives its id."""
        ident = self.account.ident()
        order = Order(
            id=ident,
            key=key or f"{ident:x}",
            number=number or str(ident),
            store=store,
            place=self.account.places.index(place) if place else 0,
            lines=tuple(lines),
            placed=at,
            created=at,
            modified=at,
            external=external,
        )
        self._told("ORDER_NOTIFY", self.account.add(order), webhook=webhook)
        return ident

    def edit(self, ident: int, lines: Lines, *, at: datetime) -> None:
        """Somebody edits an order: no webhook tells of it (help 360025856252)."""
        self.account.change(self.account.orders[ident], at, lines=tuple(lines))

    def cancel(self, ident: int, *, at: datetime) -> None:
        """Somebody cancels an order: no webhook tells of it."""
        self.account.change(self.account.orders[ident], at, status=CANCELLED)

    def split(self, ident: int, lines: Lines, *, at: datetime) -> int:
        """Moves goods of an order into a new one of the same number."""
        whole, moved = self.account.orders[ident], dict(lines)
        left = tuple((sku, n - moved.get(sku, 0)) for sku, n in whole.lines if n > moved.get(sku, 0))
        self.account.change(whole, at, lines=left)
        made = self.account.ident()
        self.account.add(
            Order(
                id=made,
                key=f"{whole.key}-{made:x}",
                number=whole.number,
                store=whole.store,
                place=whole.place,
                lines=tuple(lines),
                placed=whole.placed,
                created=at,
                modified=at,
                external=whole.external,
                parent=ident,
            )
        )
        return made

    def combine(self, ident: int, other: int, *, at: datetime) -> None:
        """Moves all goods of another order into one; the other is gone (V2: Merge shipments; inferred for V1)."""
        whole, gone = self.account.orders[ident], self.account.orders[other]
        lines = (*whole.lines, *gone.lines)
        self.account.change(gone, at, lines=())
        del self.account.orders[other]
        whole.merged.append(other)
        self.account.change(whole, at, lines=lines)

    def label(
        self,
        ident: int,
        *,
        at: datetime,
        lines: Lines | None = None,
        returns: bool = False,
        test: bool = False,
        webhook: bool = True,
    ) -> int:
        """A label is made, for the whole order if not for these lines: its goods leave. It gives the label's id."""
        order, made = self.account.orders[ident], self.account.ident()
        goods = tuple(lines) if lines is not None else order.lines if returns else self.account.open_of(order)
        label = Label(id=made, order=order, lines=goods, made=at, returns=returns, test=test)
        self.account.send(order, label)
        self._told("SHIP_NOTIFY", order, webhook=webhook and not returns)
        return made

    def mark_shipped(self, ident: int, *, at: datetime, provider: str | None = None) -> int:
        """An order is marked as shipped, or sent by a provider, without a label: a fulfilment without goods."""
        order, made = self.account.orders[ident], self.account.ident()
        order.provider = provider
        lines = self.account.open_of(order)
        self.account.send(order, Fulfillment(id=made, order=order, lines=lines, made=at, provider=provider))
        self._told("FULFILLMENT_SHIPPED", order, webhook=True)
        return made

    def void(self, ident: int, *, at: datetime) -> None:
        """A label or a fulfilment is voided: no webhook tells of it."""
        found = self.account.labels.get(ident) or self.account.fulfillments[ident]
        self.account.void(found, at)

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002  # what all doubles are asked
        """A webhook of V2: its body and headers, signed now."""
        body = orjson.dumps(payload)
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return body, {
            "Content-Type": "application/json",
            "x-shipengine-rsa-sha256-key-id": signing.KID,
            "x-shipengine-rsa-sha256-signature": signing.sign(f"{at}.".encode() + body),
            "x-shipengine-timestamp": at,
        }

    def _notify(self, event: str, order: Order) -> None:
        self._told(event, order, webhook=True)

    def _told(self, event: str, order: Order, *, webhook: bool) -> None:
        """One delivery for each subscription. It names a list to read; V1's are not signed."""
        if not webhook:
            return
        path = {"ORDER_NOTIFY": "orders", "SHIP_NOTIFY": "shipments"}.get(event, "fulfillments")
        batch = signature("batch", str(order.id).encode()).hex()[:8]
        for hook in self.v1.hooks:
            if hook["HookType"] == event:
                url = f"{self.url}/{path}?storeID={order.store}&batchId={batch}&includeShipmentItems=False"
                body = orjson.dumps({"resource_url": url, "resource_type": event})
                self.emitter.send(hook["Url"], body, {"Content-Type": "application/json"})
        named, rows = V2_EVENTS[event]
        for hook in self.v2.hooks:
            if hook["event"] == named:
                url = f"{self.url}/v2/{rows}?batch_id=se-{batch}"
                pointer = {"resource_type": hook["event"].upper(), "resource_url": url}
                body, headers = self.signed(hook["event"], pointer)
                self.emitter.send(hook["url"], body, headers)
