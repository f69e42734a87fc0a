"""Takes Shopify's webhooks in.

https://shopify.dev/docs/apps/build/webhooks/verify-deliveries: `X-Shopify-Hmac-SHA256` is the base64 of the HMAC-SHA256 of
the raw body. After a rotation the old secret may sign for up to an hour. Next-generation events spell the headers without
the `X-`.

The headers are not signed: what a document is, and for whom, must show in the document wherever it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bodies import in_force, json_object, signed_by, topic_named
from connectors.contract import ChannelSettings, Payload, Secrets
from connectors.errors import Forged, Malformed
from connectors.privacy import PrivacyRequest
from connectors.shopify.allowlist import ORDER_TOPICS, cut, kind_of
from connectors.shopify.customers import asked
from connectors.shopify.privacy import request
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.wholesale import judged


def receive(
    settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, _path: str
) -> Sequence[Payload] | PrivacyRequest:
    """The document of a webhook, cut down to the allow-list, or what it asks of what is kept of somebody. Raises `Forged`, `Malformed`. An order that only a poll can judge is
    none (`ShopifySettings.wholesale`).

    One app's secret signs for all its shops, so a webhook that names another shop, or none, is not this channel's. A sandbox's need
    not say: it has only the one.
    """
    found = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    offered = found.get("shopify-hmac-sha256", "")
    if not offered.isascii() or not signed_by(offered, in_force(secrets, "webhook_secret"), body):
        raise Forged("the Shopify-Hmac-Sha256 header is missing or not this channel's")
    assert isinstance(settings, ShopifySettings)
    shop = found.get("shopify-shop-domain", settings.shop if settings.sandbox is not None else "")
    if shop.lower() != settings.shop:
        raise Forged("the webhook is another shop's")
    topic = found.get("shopify-topic")
    if not topic:
        raise Malformed("the Shopify-Topic header is missing")
    topic = topic_named(topic)
    document: Mapping[str, Any] = json_object(body)
    if (kind := kind_of(document)) is not None and topic not in kind:
        raise Forged("the document was signed for another topic")
    asks = request(topic, document, settings.shop)
    if asks is not None:
        return asks
    if topic not in ORDER_TOPICS:
        return [Payload(topic, cut(topic, document))]
    if settings.points:
        return []
    return [Payload(topic, cut(topic, judged(settings, document)), asked(settings, topic, document))]
