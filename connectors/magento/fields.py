"""How Magento writes ids, quantities and instants, and what is refused about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.errors import Refused
from schemas.claims import REFERENCE_MAX

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

STAMP = "%Y-%m-%d %H:%M:%S"
"""How Magento writes an instant: UTC, in whole seconds, without saying so (magento2#28181)."""


def identity(body: Body, name: str) -> int:
    """An `entity_id` or `item_id`: Magento numbers its documents from 1."""
    found = body.get(name)
    text = str(found)
    if isinstance(found, bool) or not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) < 1:
        raise Refused(f"{name} is not an id")
    return int(text)


def reference(body: Body, name: str) -> str:
    """A SKU or a source's code."""
    found = body.get(name)
    if not isinstance(found, str) or not found or len(found) > REFERENCE_MAX:
        raise Refused(f"{name} is missing or no reference")
    return found


def number(value: Any, what: str) -> Decimal:
    """A quantity as Magento has it: decimal(12,4), as a JSON number or a string."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{what} is not a number") from None
    if isinstance(value, bool) or not found.is_finite() or not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"{what} is not a number of units")
    return found


def units(body: Body, name: str, *, absent: int | None = None) -> int:
    """Whole units, zero or more; `absent` stands for a field that says nothing. Raises `Refused` for a fraction."""
    if absent is not None and body.get(name) is None:
        return absent
    found = number(body.get(name), name)
    if found != found.to_integral_value():
        raise Refused(f"{name} is not a whole number of units")
    if found < 0:
        raise Refused(f"{name} is below zero")
    return int(found)


def whole_units(value: Any, what: str) -> int:
    """A level in whole units, rounded down: what is left of a cut-up unit cannot be sold as one."""
    return math.floor(number(value, what))


def instant(body: Body, *names: str) -> datetime:
    """The first of these fields that says something, as an instant in UTC."""
    found = next((body[name] for name in names if body.get(name)), None)
    try:
        at = datetime.fromisoformat(found)  # type: ignore[arg-type]
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{names[0]} is missing or no date") from None


def milliseconds(at: datetime) -> int:
    """An instant as a document's version."""
    return round(at.timestamp() * 1_000)


def rows(body: Body, name: str) -> list[Body]:
    """A list of objects; one that is absent has none."""
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise Refused(f"{name} is not a list of rows")
    return found


def part(body: Body, *names: str) -> Body:
    """An object inside a document; empty where there is none."""
    for name in names:
        found = body.get(name)
        body = found if isinstance(found, Mapping) else {}
    return body
