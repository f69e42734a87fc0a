"""How SuiteQL writes ids, numbers, flags and instants, and what is refused about them.

All values come as strings, a null column is absent, and booleans are `T` and `F`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.errors import Refused

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

PLAIN = re.compile(r"[A-Za-z]{1,20}")
"""What a word of the platform looks like; only such a one is quoted in a refusal."""


def identity(body: Body, name: str) -> str:
    """An internal id: a whole number."""
    found = optional_identity(body, name)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_identity(body: Body, name: str) -> str | None:
    """An internal id, or None where there is none."""
    found = body.get(name)
    if found is None or found == "":
        return None
    text = str(found)
    if isinstance(found, bool) or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refused(f"{name} is not an id")
    return text


def number(body: Body, name: str, what: str) -> Decimal:
    """A number; an absent one is zero. Raises `Refused`, naming `what`."""
    value = body.get(name)
    if value is None or value == "":
        return Decimal(0)
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{name} of {what} is not a number") from None
    if isinstance(value, bool) or not found.is_finite() or not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"{name} of {what} is out of bounds")
    return found


def units(body: Body, name: str, what: str) -> int:
    """Signed whole units of the base unit, which `transactionline.quantity` is in. Raises `Refused` for a fraction."""
    found = number(body, name, what)
    if found != found.to_integral_value():
        raise Refused(f"{name} of {what} is not a whole number of units")
    return int(found)


def flag(body: Body, name: str) -> bool:
    """Whether a `T` stands there. Raises `Refused` for anything that is neither `T` nor `F` nor absent."""
    found = body.get(name)
    if found not in (None, "T", "F"):
        raise Refused(f"{name} is neither T nor F")
    return found == "T"


def word(body: Body, name: str) -> str:
    """A word of the platform; empty where there is none."""
    found = body.get(name)
    return found.strip() if isinstance(found, str) else ""


def quoted(found: str) -> str:
    """A word for a refusal, if it looks like one of the platform's."""
    return found if PLAIN.fullmatch(found) else "that is not a word"


def instant(body: Body, name: str) -> datetime:
    """An instant with its zone, in UTC."""
    try:
        found = datetime.fromisoformat(body[name])
        if found.tzinfo is None:
            raise Refused(f"{name} has no time zone")
        return found.astimezone(UTC)
    except KeyError:
        raise Refused(f"{name} is missing") from None
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{name} is not an instant") from None


def rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects; an absent one is empty."""
    found = body.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise Refused(f"{name} is not a list of objects")
    return found


def item(row: Body) -> str:
    """The reference of a line's item."""
    return f"item:{identity(row, 'item')}"


def location(row: Body, name: str = "location") -> str | None:
    """The reference of a location, or None where there is none."""
    found = optional_identity(row, name)
    return None if found is None else f"location:{found}"


def status(body: Body) -> str:
    """The status: `B`, or `SalesOrd:B` as some interfaces write it."""
    return word(body, "status").rpartition(":")[2].strip()
