"""The orders of a Shopify shop as its signed webhooks: what a twin of the shop's sandbox says, made before it is sent."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.shopify.sandbox import ShopifySandbox, orders, payloads

SECRET, PLACE, OPENING, LINES, SEED = "sandbox", "WH", 1_000_000, 2, 1


def sku(number: int) -> str:
    return f"SKU-{number:05d}"


def shop_of(name: str, skus: int, **how: object) -> ShopifySandbox:
    """A shop without a limit that anybody would feel, which has plenty of everything. Twins give everything the same ids."""
    shop = ShopifySandbox(
        shop=f"{name}.myshopify.com",
        access_token=SECRET,
        webhook_secret=SECRET,
        locations=[PLACE],
        sells_from=PLACE,
        restore_rate=1_000_000,
        **how,  # type: ignore[arg-type]
    )
    for number in range(skus):
        shop.seed(sku(number), PLACE, OPENING)
    return shop


class Orders:
    """Orders of two SKUs each, one after the other, in an order of their own: each SKU comes again when all others have come."""

    def __init__(self, shop: str, skus: int) -> None:
        self.shop = shop_of(shop, skus)
        self._turn = list(range(skus))
        random.Random(SEED).shuffle(self._turn)
        self._next = 0

    def next(self) -> tuple[int, bytes]:
        """The number of the next order, and the request that tells of it."""
        skus = [sku(self._turn[(self._next + n) % len(self._turn)]) for n in range(LINES)]
        self._next += LINES
        order = orders.place(self.shop.shop, [(one, 1) for one in skus], datetime.now(UTC))
        body, headers = self.shop.signed("orders/create", payloads.order(order, self.shop.shop_name))
        self.shop.shop.orders[order.id] = None  # type: ignore[assignment]  # its number stays taken
        return order.id, request("/webhooks/web", headers, body)


def request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{said}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
