"""What of an order of ShipStation says that it is wholesale: its store, and its tags. People name tags, so none is kept.

`storeId` and `tagIds`: V1 model Order. `store_id` and `tags`: OpenAPI 2.0.0, partial_shipment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.shipstation import fields
from connectors.shipstation.settings import ShipStationSettings

Row = Mapping[str, Any]


def verdict(settings: ShipStationSettings, body: Row) -> dict[str, str]:
    """Whether a document is wholesale, by the order or shipment in it."""
    return settings.wholesale.verdict(sources=(store_of(body),), tags=_tags(_inner(body)))


def store_of(body: Row) -> Any:
    """The store that a document's order came from."""
    inner = _inner(body)
    return inner.get("store_id") or fields.part(inner, "advancedOptions").get("storeId")


def _inner(body: Row) -> Row:
    found: Row = body.get("order") or body.get("shipment") or body
    return found


def _tags(order: Row) -> Iterable[object]:
    ids, tags = order.get("tagIds"), order.get("tags")
    yield from ids if isinstance(ids, list) else ()
    for tag in tags if isinstance(tags, list) else ():
        yield tag.get("name") if isinstance(tag, Mapping) else None
