"""Shopify's compliance webhooks: a customer asks what is kept of them, or to be forgotten; a shop that removed the app, of all.

https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance: `customer.id`, `orders_requested` and `orders_to_redact` are ids;
the address and number beside them are not looked at. They come to the one URL that an app names in its own configuration
(`compliance_topics`), since no API subscribes to them, and are signed as all webhooks are. A `shop/redact` follows 48 hours after the
app was removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from connectors import people
from connectors.errors import Forged
from connectors.privacy import PrivacyRequest


class _Kind(NamedTuple):
    """What a topic asks, and the field that lists orders; None: it is about everybody."""

    asks: Literal["show", "forget"]
    orders: str | None

    def shows(self, body: Mapping[str, Any]) -> bool:
        """Whether a document is one that asks this: what asks it of everybody names nothing but the shop."""
        return body.keys() == {"shop_id", "shop_domain"} if self.orders is None else self.orders in body


KINDS: Mapping[str, _Kind] = {
    "customers/data_request": _Kind("show", "orders_requested"),
    "customers/redact": _Kind("forget", "orders_to_redact"),
    "shop/redact": _Kind("forget", None),
}


def request(topic: str, body: Mapping[str, Any], shop: str) -> PrivacyRequest | None:
    """What a webhook asks; None where it is none of these. Whom it does not name well, it does not name. Raises `Forged` where its
    document was not signed for that: no other topic's has these fields, and nobody else's has this shop.
    """
    kind = KINDS.get(topic)
    if kind is None:
        return None
    if not kind.shows(body) or body.get("shop_domain") != shop:
        raise Forged("the document was signed for another topic or shop")
    if kind.orders is None:
        return PrivacyRequest(topic=topic, asks=kind.asks, everybody=True)
    listed = body.get(kind.orders)
    found = map(people.identity, listed if isinstance(listed, list) else ())
    return PrivacyRequest(
        topic=topic,
        asks=kind.asks,
        customer=people.identity(people.part(body, "customer").get("id")),
        orders=tuple(dict.fromkeys(filter(None, found))),
    )
