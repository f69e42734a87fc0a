"""Takes Shopify's webhooks in.

https://shopify.dev/docs/apps/build/webhooks/verify-deliveries: base64 of HMAC-SHA256 over the raw body. After a rotation
the old secret may sign for an hour, so two are accepted. The new Events drop the `X-` of the headers' names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.bodies import json_object, signed_by
from connectors.contract import ChannelSettings, Forged, Malformed, Payload, Secrets
from connectors.shopify.mapping import reduce


def receive(
    _settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, _path: str
) -> Sequence[Payload]:
    """The document of a webhook. Raises `Forged`, `Malformed`."""
    found = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    known = [secrets[name].get_secret_value() for name in ("webhook_secret", "webhook_secret_previous") if name in secrets]
    if not signed_by(found.get("shopify-hmac-sha256", ""), known, body):
        raise Forged("the X-Shopify-Hmac-SHA256 header is missing or not this channel's")
    topic = found.get("shopify-topic")
    if not topic:
        raise Malformed("the X-Shopify-Topic header is missing")
    return [Payload(topic, reduce(topic, json_object(body)))]
