"""Takes ShipStation's webhooks in. They carry no document, only the address of a list to read: they are a wake-up.

The address is never followed, so that nobody can make us call it, let alone with our credentials: the poll reads the same
documents by its cursor, and finds those whose webhook was lost as well. So a good webhook becomes no payload.

V1 signs nothing: a secret word in its path is what we know it by. V2 signs `{timestamp}.{body}` with a key of its JWKS
(docs.shipstation.com, webhook validation); older than five minutes, it is a replay.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connectors.bodies import in_force, json_object, signature
from connectors.contract import ChannelSettings, Payload, Secrets
from connectors.errors import Forged, Malformed
from connectors.shipstation.rsa import keys_of, verified
from connectors.shipstation.settings import ShipStationSettings

EVENTS: Mapping[str, tuple[str, ...]] = {
    "v1": ("ORDER_NOTIFY", "SHIP_NOTIFY", "FULFILLMENT_SHIPPED"),
    "v2": ("shipment_created_v2", "label_created_v2", "fulfillment_shipped_v2"),
}
"""What is subscribed to. There is none for what is voided, cancelled or edited (help 360025856252), nor for levels."""

STALE = 300.0
"""Seconds that a signed webhook is good for, either way."""


@dataclass
class Keyring:
    """The keys of a JWKS as last read. `wanted`: a webhook named one that is not among them."""

    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    wanted: bool = True

    def learn(self, jwks: Any) -> None:
        """Takes a JWKS over; one without any usable key changes nothing."""
        self.keys = keys_of(jwks) or self.keys
        self.wanted = not self.keys


_RINGS: dict[str, Keyring] = {}


def keyring(url: str) -> Keyring:
    """The keys of one JWKS. The client reads them, `receive` cannot wait for them: so this process has one of each."""
    return _RINGS.setdefault(url, Keyring())


def address(url: str, settings: ShipStationSettings, secrets: Secrets) -> str | None:
    """Where the webhooks go; None where V1's could not be told from anybody's."""
    if settings.documents == "v2":
        return url
    current = secrets.get("webhook_secret")
    return f"{url}/{_word(current.get_secret_value())}" if current and current.get_secret_value() else None


def _word(secret: str) -> str:
    """The secret word of V1's URL: made from the secret, so that a log of URLs does not show it."""
    return signature(secret, b"shipstation v1 webhook").hex()


def receive(
    settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, path: str
) -> Sequence[Payload]:
    """No payload: what changed is read by the poll. Raises `Forged`, `Malformed`."""
    assert isinstance(settings, ShipStationSettings)
    if settings.documents == "v2":
        _check_signature(settings, {name.lower(): value for name, value in headers.items()}, body)
    else:
        offered = path.strip("/").encode("utf-8", "replace")
        words = [_word(secret).encode() for secret in in_force(secrets, "webhook_secret")]
        if not any([hmac.compare_digest(offered, word) for word in words]):  # noqa: C419  # all, in constant time
            raise Forged("the webhook's URL does not end in this channel's secret word")
    said = json_object(body)
    if not isinstance(said.get("resource_type"), str) or not isinstance(said.get("resource_url"), str):
        raise Malformed("the body names no resource")
    return []


def _check_signature(settings: ShipStationSettings, found: Mapping[str, str], body: bytes) -> None:
    ring = keyring(settings.jwks)
    kid = found.get("x-shipengine-rsa-sha256-key-id", "")
    at = found.get("x-shipengine-timestamp", "")
    try:
        offered = base64.b64decode(found.get("x-shipengine-rsa-sha256-signature", ""), validate=True)
        signed_at = datetime.fromisoformat(at)
        age = abs((datetime.now(UTC) - signed_at).total_seconds())
    except (ValueError, TypeError):
        raise Forged("the signature headers are missing or not ShipStation's") from None
    if kid not in ring.keys:
        ring.wanted = True
        raise Forged("the webhook is signed with a key that is not known yet")
    if not verified(f"{at}.".encode() + body, offered, ring.keys[kid]):
        raise Forged("the signature is not ShipStation's")
    if age > STALE:
        raise Forged("the webhook is older than five minutes")
