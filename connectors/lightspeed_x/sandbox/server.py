"""The sandbox: a retailer behind X-Series' API, a shopkeeper's hands on it, and its webhooks."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web

from connectors.bodies import signature
from connectors.emitter import Emitter, Faults
from connectors.lightspeed_x.allowlist import INVENTORY, SALE
from connectors.lightspeed_x.effects import VOIDED, by_state
from connectors.lightspeed_x.sandbox import retailer, webhooks
from connectors.lightspeed_x.sandbox.api import Api
from connectors.lightspeed_x.sandbox.gate import GRANT_PATH, Gate
from connectors.lightspeed_x.sandbox.retailer import Adjustment, Retailer, Sale
from connectors.lightspeed_x.sandbox.tokens import Tokens
from connectors.loopback import answer, serve

NO_FAULTS = Faults()
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

CONSIGNED = {"SENT": "consignment.send", "RECEIVED": "consignment.receive"}
"""The webhook that a consignment's status sends."""


class LightspeedXSandbox:
    """One retailer. Outlets have our location names; ids of products and outlets follow from names alone.

    The rate limit is X-Series' own, 300 calls for each register and 50 more in five minutes, unless `allowance` names
    another or `unlimited` lifts it. With `echo` every change of a level sends `inventory.update`, as a real subscription
    would; without, only `report_level` does. `on_level` hears every change: SKU, outlet, level, `time.monotonic()`.
    """

    def __init__(
        self,
        *,
        domain_prefix: str,
        access_token: str,
        client_secret: str,
        outlets: Sequence[str],
        faults: Faults = NO_FAULTS,
        unlimited: bool = False,
        allowance: int | None = None,
        echo: bool = False,
        client_id: str = "",
        refresh_token: str = "",
        on_level: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        if allowance is None:
            allowance = 300 * max(1, len(outlets)) + 50
        self.url = ""
        self.emitter = Emitter(faults=faults)
        self.tokens = Tokens(access_token, client_id, client_secret, refresh_token)
        self.gate = Gate(self.tokens, None if unlimited else allowance)
        self._domain_prefix, self._secret = domain_prefix, client_secret
        self._echo, self._on_level = echo, on_level
        self._retailer = Retailer(outlets, self._moved)
        self._api = Api(self._retailer, self._send_sale)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1, at `url`."""
        app = web.Application(middlewares=[self.gate.guard], client_max_size=8 * 1024 * 1024)
        self._api.add_to(app)
        app.add_routes([web.post(GRANT_PATH, self._token)])
        self._runner, self.url = await serve(app, port)
        await self.emitter.start()

    async def stop(self) -> None:
        """Stops sending and listening."""
        await self.emitter.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        """A new pair of tokens. It is asked for with a form."""
        if request.content_type != "application/x-www-form-urlencoded":
            return answer({"error": "invalid_request"}, 400)
        found = self.tokens.refresh(await request.post(), self._domain_prefix)
        return answer({"error": "invalid_grant"}, 400) if found is None else answer(found)

    def lose_answers(self, count: int = 1) -> None:
        """The next stock adjustments or sales are made, but the connection breaks before their answer."""
        self.gate.lose_answers = count

    @staticmethod
    def product_id(sku: str) -> str:
        """The id of a SKU's product, known or not."""
        return retailer.product_id(sku)

    @staticmethod
    def outlet_id(name: str) -> str:
        """The id of an outlet."""
        return retailer.outlet_id(name)

    @staticmethod
    def register_id(outlet: str) -> str:
        """The id of an outlet's register."""
        return retailer.register_id(outlet)

    def seed(self, sku: str, outlet: str, level: int, tracked: bool = True) -> None:
        """Lists a product and puts stock there without telling anybody."""
        self._retailer.seed(sku, outlet, level, tracked)

    def compose(self, sku: str, components: Mapping[str, int]) -> None:
        """Lists a composite product, made of so many units of others."""
        self._retailer.compose(sku, components)

    def level(self, sku: str, outlet: str) -> int:
        """What X-Series shows; zero where it shows nothing."""
        product = self._retailer.products.by_sku.get(sku, -1)
        cell = self._retailer.cell(product, self._retailer.outlet_by_name[outlet])
        return self._retailer.levels.get(cell, 0)

    def sell(
        self,
        outlet: str,
        lines: Sequence[tuple[str, int]],
        *,
        at: datetime,
        tag: str = "",
        webhook: bool = True,
        state: str = "closed",
        attributes: tuple[str, ...] = (),
        fulfilled_at: str | None = None,
    ) -> str:
        """Rings a sale up (negative quantities are returns) and gives its id.

        It sends one `sale.update`, or none: then only a poll finds it. A SKU that was never seeded is sold as a product
        that the products feed does not list.
        """
        if by_state(state, attributes) is None:
            raise ValueError(f"there is no sale in the state {state!r}")
        number = self._retailer.products.number
        items = [(number(sku), quantity) for sku, quantity in lines]
        here = self._retailer.outlet_by_name[outlet]
        there = None if fulfilled_at is None else self._retailer.outlet_by_name[fulfilled_at]
        sale = self._retailer.ring_up(
            here, items, at=at, state=state, attributes=attributes, fulfilled_at=there
        )
        if webhook:
            self._send_sale(sale, tag)
        return sale.id

    def sales_of(self, reference: str) -> list[dict[str, Any]]:
        """The sales that somebody else's reference stands behind: their `state`, their `outlet`, and whom each is for as a
        `customer`, None for nobody that was named.
        """
        named = {row["id"]: row for row in self._api.desk.customers}
        return [
            {
                "id": sale.id,
                "state": sale.state,
                "outlet": self._retailer.outlets[sale.outlet].name,
                "customer": named.get(sale.customer or ""),
            }
            for sale in self._retailer.sales
            if sale.source[0] == reference
        ]

    def hand_over(self, sale_id: str, lines: Mapping[int, int], *, at: datetime, tag: str = "") -> None:
        """Fulfils so many units of some lines (by their place) of a sale that waits for it."""
        sale = self._retailer.find(sale_id)
        if sale.state != "pending" or sale.handed is None:
            raise ValueError(f"a {sale.state} sale has nothing to hand over")
        self._retailer.hand_over(sale, lines, at)
        self._send_sale(sale, tag)

    def consign(
        self, kind: str, outlet: str, goods: Mapping[str, int], *, at: datetime, source: str | None = None
    ) -> str:
        """Opens a consignment and gives its id: an order (SUPPLIER), a transfer from `source` (OUTLET), a return (RETURN), a
        count (STOCKTAKE).
        """
        outlets, number = self._retailer.outlet_by_name, self._retailer.products.number
        counts = {number(sku): units for sku, units in goods.items()}
        there = None if source is None else outlets[source]
        made = self._api.desk.consignments.open(kind, outlets[outlet], counts, at, there)
        return self._api.desk.consignments.ident(made)

    def step(
        self, consignment: str, status: str, *, at: datetime, received: Mapping[str, int] | None = None
    ) -> None:
        """Moves a consignment on to a status, with the units that came or were counted."""
        held, number = self._api.desk.consignments, self._retailer.products.number
        found = next(one for one in held.all if held.ident(one) == consignment)
        held.step(found, status, at, {number(sku): units for sku, units in (received or {}).items()})
        if topic := CONSIGNED.get(status):
            self._send(topic, lambda: webhooks.consignment(held.shape(self._retailer, found.number)), "")

    def adjust(self, sku: str, outlet: str, units: int, *, at: datetime, reason: str = "STOCK_FOUND") -> None:
        """A stock adjustment by somebody in the shop."""
        product, here = self._retailer.products.number(sku), self._retailer.outlet_by_name[outlet]
        self._retailer.adjust(Adjustment(product, here, units, reason, None, at))

    def close(self, sale_id: str, *, at: datetime, tag: str = "") -> None:
        """Completes a parked or pending sale."""
        self._change(sale_id, "closed", {"parked", "pending"}, at, tag)

    def void(self, sale_id: str, *, at: datetime, tag: str = "") -> None:
        """Voids a sale: its goods are back."""
        self._change(sale_id, VOIDED, {"parked", "pending", "closed"}, at, tag)

    def _change(self, sale_id: str, state: str, allowed: set[str], at: datetime, tag: str) -> None:
        sale = self._retailer.find(sale_id)
        if sale.state not in allowed:
            raise ValueError(f"a {sale.state} sale cannot become {state}")
        self._retailer.change(sale, state, at)
        self._send_sale(sale, tag)

    def report_level(self, sku: str, outlet: str, *, at: datetime, tag: str = "") -> None:
        """One `inventory.update` with the level of now."""
        here = self._retailer.outlet_by_name[outlet]
        self._send_level(self._retailer.products.number(sku), here, at, tag)

    def signed(self, topic: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002  # what all doubles are asked
        """A delivery as X-Series sends it: a form and its headers. Nothing in it names the `topic`: the URL does."""
        document = _quoted(orjson.dumps(payload).decode())
        body = f"domain_prefix={self._domain_prefix}&environment=prod&payload={document}".encode()
        digest = base64.b64encode(signature(self._secret, body)).decode()
        return body, {"Content-Type": FORM, "X-Signature": f"signature={digest},algorithm=HMAC-SHA256"}

    def _moved(self, product: int, outlet: int, level: int) -> None:
        if self._on_level is not None:
            name = self._retailer.outlets[outlet].name
            self._on_level(self._retailer.products.skus[product], name, level, time.monotonic())
        if self._echo:
            self._send_level(product, outlet, datetime.now(UTC), "")

    def _send_level(self, product: int, outlet: int, at: datetime, tag: str) -> None:
        cell = self._retailer.cell(product, outlet)
        self._send(INVENTORY, lambda: webhooks.inventory(self._retailer, cell, at), tag)

    def _send_sale(self, sale: Sale, tag: str = "") -> None:
        self._send(SALE, lambda: webhooks.sale(self._retailer, sale.number), tag)

    def _send(self, topic: str, payload: Callable[[], Mapping[str, Any]], tag: str) -> None:
        """One delivery for each subscription; the body is made once, and only if there is one."""
        hooks = [hook for hook in self._api.hooks.values() if hook["type"] == topic and hook["active"]]
        if hooks:
            body, headers = self.signed(topic, payload())
            for hook in hooks:
                self.emitter.send(hook["url"], body, headers, tag)


def _quoted(text: str) -> str:
    """`urllib.parse.quote`, many times faster for a long text of few different characters."""
    for char in sorted(set(text) - SAFE, key=lambda found: found != "%"):
        text = text.replace(char, quote(char, safe=""))
    return text
