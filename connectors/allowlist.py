"""Allow-lists: what is kept of a platform's document. All other fields, personal data among them, stop here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Keep(Enum):
    """What is kept of a field: its plain value, only whether it says anything, or a list's plain strings."""

    VALUE = 1
    PRESENCE = 2
    NAMES = 3


Shape = Mapping[str, Any]
"""Field to `Keep`, to the shape of an object, or to a list with the shape of its objects."""


def values(*names: str) -> dict[str, Any]:
    """The shape of fields with plain values: a string, a number, a truth value, or null."""
    return dict.fromkeys(names, Keep.VALUE)


def cut(body: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The document with the fields of the shape only. A field of another kind is left out: nothing may hide in it."""
    kept: dict[str, Any] = {}
    for name in (name for name in shape if name in body):
        wanted, found = shape[name], body[name]
        if wanted is Keep.PRESENCE:
            kept[name] = bool(found)
        elif wanted is Keep.VALUE:
            if found is None or isinstance(found, str | int | float):
                kept[name] = found
        elif wanted is Keep.NAMES:
            if isinstance(found, list):
                kept[name] = [part for part in found if isinstance(part, str)]
        elif isinstance(wanted, list):
            if isinstance(found, list):
                kept[name] = [cut(part if isinstance(part, Mapping) else {}, wanted[0]) for part in found]
        elif isinstance(found, Mapping):
            kept[name] = cut(found, wanted)
    return kept
