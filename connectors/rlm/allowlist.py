"""The fields of a partner's documents that Onhand keeps. The names, addresses and notes of X12 have no field here at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import allowlist
from connectors.allowlist import Shape, labels, values

TOPICS = ("846", "850", "856", "943", "944", "945", "947", "997", "movements")
"""The transaction sets that are read, and the movements of a CSV file."""

LINE: Shape = {
    **values("quantity", "unit", "pack", "status", "ordered", "reason", "effect", "kind", "number", "error"),
    "items": [{**values("qualifier"), **labels("id")}],
    "quantities": [values("qualifier", "quantity", "unit")],
    "exceptions": [values("quantity", "unit", "condition")],
}
DOCUMENT: Shape = {
    **values(
        "set", "fault", "purpose", "reporting", "report", "status", "group_kind", "date", "time", "type"
    ),
    **values("demand_class", "zone", "level_qualifier", "elsewhere", "damaged_within"),
    **labels("number", "order", "shipment", "purchase_order", "reference", "deal", "item_qualifiers"),
    "control": values("sender", "interchange", "group", "number", "date", "time"),
    "parties": [{**values("code", "ours"), **labels("id")}],
    "dates": [values("qualifier", "date", "time")],
    "lines": [LINE],
}
UNKNOWN: Shape = {"control": values("interchange", "group", "number"), **values("set", "fault")}

SHAPES: Mapping[str, Shape] = dict.fromkeys(TOPICS, DOCUMENT)


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown kind, only its control numbers."""
    return allowlist.cut(body, SHAPES.get(topic, UNKNOWN))
