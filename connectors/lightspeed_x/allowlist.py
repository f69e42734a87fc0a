"""The fields of X-Series' documents that Onhand keeps. All others (customer, user, note, payments) stop here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SALE = "sale.update"
INVENTORY = "inventory.update"

VALUE = object()
"""Stands for a plain value: a string, a number, a truth value, or null."""

NAMES = object()
"""Stands for a list of plain strings."""

Shape = Mapping[str, Any]
"""Field to `VALUE`, to `NAMES`, to the shape of an object, or to a list with the shape of its objects."""


def _values(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, VALUE)


LINE: Shape = {**_values("id", "product_id", "quantity", "status"), "product": _values("id")}
SALE_SHAPE: Shape = {
    **_values("id", "state", "status", "version", "outlet_id", "register_id"),
    **_values("date", "sale_date", "created_at", "updated_at"),
    "attributes": NAMES,
    "_metadata": _values("version"),
    "source": _values("outlet_id", "register_id"),
    "line_items": [LINE],
    "register_sale_products": [LINE],
}
LEVEL_SHAPE: Shape = _values(
    *("product_id", "outlet_id", "current_inventory_level", "inventory_level", "count"),
    *("version", "updated_at", "received_at"),
)
UNKNOWN: Shape = _values("version", "updated_at")

SHAPES: Mapping[str, Shape] = {SALE: SALE_SHAPE, INVENTORY: LEVEL_SHAPE}


def cut(topic: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the allowed fields only; of an unknown topic not even the id, which may be a customer's."""
    return _cut(body, SHAPES.get(topic, UNKNOWN))


def _cut(body: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """A field that is not of its shape is left out: nothing may hide in it."""
    kept: dict[str, Any] = {}
    for name in shape.keys() & body.keys():
        wanted, found = shape[name], body[name]
        if wanted is VALUE:
            if found is None or isinstance(found, str | int | float):
                kept[name] = found
        elif wanted is NAMES:
            if isinstance(found, list):
                kept[name] = [part for part in found if isinstance(part, str)]
        elif isinstance(wanted, list):
            if isinstance(found, list):
                kept[name] = [_cut(part if isinstance(part, Mapping) else {}, wanted[0]) for part in found]
        elif isinstance(found, Mapping):
            kept[name] = _cut(found, wanted)
    return kept
