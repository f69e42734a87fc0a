"""How X-Series writes numbers and instants, and what is refused about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.errors import Refused

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`; beyond it a number is a mistake, or an attack on whoever turns it into units."""


def needed(body: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that says something. Raises `Refused` where none does."""
    for name in names:
        if body.get(name) not in (None, ""):
            return body[name]
    raise Refused(f"{names[0]} is missing")


def reference(body: Mapping[str, Any], *names: str) -> str:
    """The first of these fields, which is an id."""
    found = needed(body, *names)
    if not isinstance(found, str) or len(found) > 64:
        raise Refused(f"{names[0]} is not an id")
    return found


def number(value: Any, what: str) -> Decimal:
    """A number, which X-Series writes as a JSON number in one place and as a decimal string in another."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{what} is not a number") from None
    if not found.is_finite() or not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"{what} is out of bounds")
    return found


def units(value: Any, what: str) -> int:
    """Whole units; `1.00000` is one. Raises `Refused` for a fraction, naming `what`."""
    found = number(value, what)
    if found != found.to_integral_value():
        raise Refused(f"{what} is not a whole number of units: {str(found)[:20]}")
    return int(found)


def whole_units(value: Any, what: str) -> int:
    """A level in whole units, rounded down: what is left of a cut-up unit cannot be sold as one."""
    return math.floor(number(value, what))


def version(value: Any) -> int:
    """X-Series' version number: one counter for everything, an int64."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused("version is not a version number")
    return int(text)


def instant(value: Any) -> datetime:
    """An instant in UTC. X-Series writes UTC, in its old shapes without saying so."""
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refused("a date is not in ISO 8601") from None
