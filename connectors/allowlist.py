"""Allow-lists: what is kept of a platform's document. All other fields, personal data among them, stop here.

A field that is kept may hold what does not belong into it, because somebody typed it there. So its text has to look like what
the field is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any


class Keep(Enum):
    """What is kept of a field: its plain value, which is an id, a word, a number or an instant; its plain value, which is a name
    that the shop itself gives to goods, places or documents; only whether it says anything; or a list's names.
    """

    VALUE = 1
    LABEL = 2
    PRESENCE = 3
    NAMES = 4


TEXT_MAX = 255
"""Characters of one text: no platform's reference has more."""

UNFIT = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]|[\x00-\x1f\x7f\ud800-\udfff]")
"""What is in no reference of a platform: an e-mail address, a line's end, and what neither JSON nor PostgreSQL can hold."""

VALUE = re.compile(
    r"[^\s@]*|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4} \d\d?(:\d\d){1,2}(\.\d+)?( ?([AP]M|Z|[+-]\d\d:?\d\d))?"
)
"""A word without a blank, or an instant: no sentence, no person's full name, no address, no telephone number as people write it."""


Shape = Mapping[str, Any]
"""Field to `Keep`, to the shape of an object, or to a list with the shape of its objects."""


def values(*names: str) -> dict[str, Any]:
    """The shape of fields with plain values: a word, a number, a truth value, or null."""
    return dict.fromkeys(names, Keep.VALUE)


def labels(*names: str) -> dict[str, Any]:
    """The shape of fields with a name that the shop gives: a SKU, an order's number. It may have blanks, and be a number."""
    return dict.fromkeys(names, Keep.LABEL)


def cut(body: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The document with the fields of the shape only. A field of another kind is left out, and so is a text that does not look like
    what its field is for: nothing may hide in it.
    """
    kept: dict[str, Any] = {}
    for name in (name for name in shape if name in body):
        wanted, found = shape[name], body[name]
        if wanted is Keep.PRESENCE:
            kept[name] = bool(found)
        elif wanted is Keep.NAMES:
            if isinstance(found, list):
                kept[name] = [part for part in found if isinstance(part, str) and _passes(part, Keep.LABEL)]
        elif isinstance(wanted, Keep):
            if _passes(found, wanted):
                kept[name] = found
        elif isinstance(wanted, list):
            if isinstance(found, list):
                kept[name] = [cut(part if isinstance(part, Mapping) else {}, wanted[0]) for part in found]
        elif isinstance(found, Mapping):
            kept[name] = cut(found, wanted)
    return kept


def _passes(value: Any, wanted: Keep) -> bool:
    """Whether a value looks like what a field is for."""
    if not isinstance(value, str):
        return value is None or isinstance(value, int | float)
    if len(value) > TEXT_MAX or UNFIT.search(value.strip()):
        return False
    return wanted is Keep.LABEL or VALUE.fullmatch(value.strip()) is not None
