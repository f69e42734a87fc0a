"""How a shop signs its webhooks."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from connectors.bodies import signature


class Signer:
    """Signs bodies with one secret, and numbers the deliveries: the same deliveries have the same ids in every run."""

    def __init__(self, shop: str, secret: str, api_version: str) -> None:
        self._shop = shop
        self._secret = secret
        self._api_version = api_version
        self._numbers = itertools.count(1)

    def sign(self, topic: str, payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """The body of a webhook and the headers that Shopify sends with it."""
        body = orjson.dumps(payload)
        delivery = str(UUID(int=next(self._numbers)))
        return body, {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": base64.b64encode(signature(self._secret, body)).decode(),
            "X-Shopify-Shop-Domain": self._shop,
            "X-Shopify-API-Version": self._api_version,
            "X-Shopify-Webhook-Id": delivery,
            "X-Shopify-Event-Id": delivery,
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
