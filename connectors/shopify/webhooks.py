"""Takes Shopify's webhooks in.

https://shopify.dev/docs/apps/build/webhooks/verify-deliveries: `X-Shopify-Hmac-SHA256` is the base64 of the HMAC-SHA256 of
the raw body. After a rotation the old secret may sign for up to an hour. Next-generation events spell the headers without
the `X-`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bodies import json_object, signed_by, topic_named
from connectors.contract import ChannelSettings, Payload, Secrets
from connectors.errors import Forged, Malformed
from connectors.privacy import PrivacyRequest
from connectors.shopify.allowlist import ORDER_TOPICS, cut
from connectors.shopify.customers import asked
from connectors.shopify.privacy import request
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.wholesale import judged

SIGNING = ("webhook_secret", "webhook_secret_previous")


def receive(
    settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, _path: str
) -> Sequence[Payload] | PrivacyRequest:
    """The document of a webhook, cut down to the allow-list, or what it asks of what is kept of somebody. Raises `Forged`, `Malformed`. An order that only a poll can judge is
    none (`ShopifySettings.wholesale`).

    One app's secret signs for all its shops, so a webhook that names another shop is not this channel's.
    """
    found = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    offered = found.get("shopify-hmac-sha256", "")
    keys = [secrets[name].get_secret_value() for name in SIGNING if name in secrets]
    if not offered.isascii() or not signed_by(offered, [key for key in keys if key], body):
        raise Forged("the Shopify-Hmac-Sha256 header is missing or not this channel's")
    shop = found.get("shopify-shop-domain")
    if shop is not None and isinstance(settings, ShopifySettings) and shop.lower() != settings.shop:
        raise Forged("the webhook is another shop's")
    topic = found.get("shopify-topic")
    if not topic:
        raise Malformed("the Shopify-Topic header is missing")
    topic = topic_named(topic)
    document: Mapping[str, Any] = json_object(body)
    asks = request(topic, document)
    if asks is not None:
        return asks
    if topic not in ORDER_TOPICS or not isinstance(settings, ShopifySettings):
        return [Payload(topic, cut(topic, document))]
    if settings.points:
        return []
    return [Payload(topic, cut(topic, judged(settings, document)), asked(settings, topic, document))]
