"""Takes X-Series' webhooks in: a signed form with the document in its field `payload`.

https://x-series-api.lightspeedhq.com/docs/webhooks: a message names no event type, so each type has its own URL
(`/webhooks/{channel}/{type}`). That URL is not signed, so a document that shows its type is taken under no other. One application's
secret signs for all its retailers: a form that names another one (`domain_prefix`, which it need not have) is not this channel's. The
signature is an HMAC-SHA256 of the request body with the application's client secret; its encoding is not documented, so hex and base64
are both accepted. Webhooks that were set up by hand are not signed [inferred] and therefore not accepted: poll instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.bodies import in_force, json_object, signed_by, topic_named
from connectors.contract import ChannelSettings, Payload, Secrets
from connectors.errors import Forged, Malformed
from connectors.lightspeed_x.allowlist import INVENTORY, SALE, cut
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.lightspeed_x.wholesale import judged

WAKING = ("consignment.send", "consignment.receive")
"""Types whose document is of no use: it names no products [inferred: none is public]. They say that a poll has something."""
WEBHOOKS = (SALE, INVENTORY, *WAKING)
"""The types that are subscribed to (OpenAPI 2026-07, WebhookType)."""
SIGNATURE = re.compile(r"signature=([A-Za-z0-9+/=]+)\s*,\s*algorithm=HMAC-SHA256")
SOLD = frozenset({"register_sale_products", "line_items"})
FORM = "application/x-www-form-urlencoded"


def receive(
    settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, path: str
) -> Sequence[Payload]:
    """The document of a webhook, cut down to the allow-list; none of one that only wakes. Raises `Forged`, `Malformed`."""
    found = {name.lower(): value for name, value in headers.items()}
    named = SIGNATURE.fullmatch(found.get("x-signature", "").strip())
    keys = in_force(secrets, "client_secret")
    if named is None or not signed_by(named[1], keys, body, hexadecimal=True):
        raise Forged("the X-Signature header is missing or not this channel's")
    if found.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise Malformed(f"the body is not {FORM}")
    assert isinstance(settings, LightspeedXSettings)
    form = _form(body)
    if form.get("domain_prefix", settings.domain_prefix).lower() != settings.domain_prefix.lower():
        raise Forged("the webhook is another retailer's")
    document = json_object(form["payload"])
    of_url, shown = path.strip("/"), _shown(document)
    topic = topic_named(of_url) if of_url else shown
    if topic is None:
        raise Malformed("the webhook's URL does not name its type, and the document does not show it")
    if shown is not None and topic != shown:
        raise Forged("the document was signed for another type")
    if topic in WAKING:
        return []
    kept = cut(topic, judged(settings, topic, document))
    if topic == INVENTORY:  # its shape is not public and may carry no date
        kept["received_at"] = datetime.now(UTC).isoformat()
    return [Payload(topic, kept)]


def _form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("utf-8")
        fields = parse_qs(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
        form = {name: values[0] for name, values in fields.items()}
        form["payload"]  # it has one, or is none
    except (ValueError, KeyError):
        raise Malformed("the body is not a form with the field payload") from None
    return form


def _shown(document: Mapping[str, Any]) -> str | None:
    """The type of a document by fields that only one type has [inferred]; None where it does not show."""
    if {"sale_date", "register_id"} <= document.keys() or SOLD & document.keys():
        return SALE
    if {"product_id", "outlet_id"} <= document.keys():
        return INVENTORY
    return None
