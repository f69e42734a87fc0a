"""Takes X-Series' webhooks in: a signed form with the document in its field `payload`.

https://x-series-api.lightspeedhq.com/docs/webhooks: a message names no event type, so each type has its own URL
(`/webhooks/{channel}/{type}`). The signature is an HMAC-SHA256 of the request body with the application's client secret;
its encoding is not documented, so hex and base64 are both accepted. Webhooks that were set up by hand are not signed
[inferred] and therefore not accepted: poll instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.bodies import json_object, signed_by, topic_named
from connectors.contract import ChannelSettings, Payload, Secrets
from connectors.errors import Forged, Malformed
from connectors.lightspeed_x.allowlist import INVENTORY, SALE, cut
from connectors.lightspeed_x.wholesale import judged

WAKING = ("consignment.send", "consignment.receive")
"""Types whose document is of no use: it names no products [inferred: none is public]. They say that a poll has something."""
WEBHOOKS = (SALE, INVENTORY, *WAKING)
"""The types that are subscribed to (OpenAPI 2026-07, WebhookType)."""
SIGNATURE = re.compile(r"signature=([A-Za-z0-9+/=]+)\s*,\s*algorithm=HMAC-SHA256")
FORM = "application/x-www-form-urlencoded"


def receive(
    settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, path: str
) -> Sequence[Payload]:
    """The document of a webhook, cut down to the allow-list; none of one that only wakes. Raises `Forged`, `Malformed`."""
    found = {name.lower(): value for name, value in headers.items()}
    named = SIGNATURE.fullmatch(found.get("x-signature", "").strip())
    secret = secrets["client_secret"].get_secret_value()
    if not secret or named is None or not signed_by(named[1], [secret], body, hexadecimal=True):
        raise Forged("the X-Signature header is missing or not this channel's")
    if found.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise Malformed(f"the body is not {FORM}")
    document = _document(body)
    topic = topic_named(path.strip("/") or _sniffed(document))
    if topic in WAKING:
        return []
    kept = cut(topic, judged(settings, topic, document))
    if topic == INVENTORY:  # its shape is not public and may carry no date
        kept["received_at"] = datetime.now(UTC).isoformat()
    return [Payload(topic, kept)]


def _document(body: bytes) -> dict[str, Any]:
    try:
        form = parse_qs(body.decode("utf-8"), strict_parsing=True, errors="strict", max_num_fields=20)
        document = form["payload"][0]
    except (ValueError, KeyError):
        raise Malformed("the body is not a form with the field payload") from None
    return json_object(document)


def _sniffed(document: Mapping[str, Any]) -> str:
    """The type of a document whose URL does not tell it: by fields that only one type has [inferred]."""
    if {"sale_date", "register_id"} <= document.keys():
        return SALE
    if {"product_id", "outlet_id"} <= document.keys():
        return INVENTORY
    raise Malformed("the webhook's URL does not name its type, and the document does not show it")
