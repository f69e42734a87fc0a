"""Takes X-Series' webhooks in: a signed form with the document in its field `payload`.

https://x-series-api.lightspeedhq.com/docs/webhooks: the message names no event type, so each type has its own URL
(`/webhooks/{channel}/{type}`); the encoding of the signature is not documented, so hex and base64 are both accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from connectors.bodies import json_object, signed_by
from connectors.contract import ChannelSettings, Forged, Malformed, Payload, Secrets
from connectors.lightspeed_x.mapping import INVENTORY, SALE, reduce


def receive(
    _settings: ChannelSettings, secrets: Secrets, headers: Mapping[str, str], body: bytes, path: str
) -> Sequence[Payload]:
    """The document of a webhook. Raises `Forged`, `Malformed`."""
    found = {name.lower(): value for name, value in headers.items()}
    named = re.search(r"signature=([^,\s]+)", found.get("x-signature", ""))
    if named is None or not signed_by(
        named[1], [secrets["client_secret"].get_secret_value()], body, hexadecimal=True
    ):
        raise Forged("the X-Signature header is missing or not this channel's")
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=20)
        document = fields["payload"][0]
    except (UnicodeDecodeError, ValueError, KeyError):
        raise Malformed("the body is not a form with the field payload") from None
    content = json_object(document)
    topic = path.strip("/") or _sniffed(content)
    return [Payload(topic, reduce(topic, content))]


def _sniffed(content: Mapping[str, Any]) -> str:
    """The type of a document whose URL does not tell."""
    if "sale_date" in content and "register_id" in content:
        return SALE
    if "product_id" in content and "outlet_id" in content:
        return INVENTORY
    raise Malformed("the webhook's URL does not name its type, and the document does not show it")
