"""The fields of NetSuite's transactions that Onhand keeps. All others (entity, memo, addresses, amounts) stop here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Shape, values
from connectors.links import OURS

TRANSACTION = "transaction"
"""The one topic: a whole transaction as SuiteQL shows it now, put together by the client."""

SHAPE: Shape = {
    **values("id", "type", "status", "externalid", "location", "created", "modified", "demand_class"),
    "lines": [
        values(
            *("uniquekey", "item", "itemtype", "location", "quantity", "quantityshiprecv"),
            *("isclosed", "isinventoryaffecting", "iscogs", "dropship"),
        )
    ],
    "origins": [values("id", "type", "externalid", "origin", "destination")],
}
UNKNOWN: Shape = values("modified")


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The transaction with the allowed fields only. An external id that is not ours may say anything, so it goes too."""
    kept = allowlist.cut(body, SHAPE if topic == TRANSACTION else UNKNOWN)
    for part in (kept, *kept.get("origins", ())):
        if not str(part.get("externalid") or "").startswith(OURS):
            part.pop("externalid", None)
    return kept
