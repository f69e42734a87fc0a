"""Typed access to the fields of Shopify's documents. What is missing or not of its type is `Refused` by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.errors import Refused

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of a quantity at Shopify (schema 2026-10, INVALID_QUANTITY_TOO_HIGH) and in a claim."""


def identity(body: Body, name: str) -> str:
    """A numeric id as a string: ids grow beyond what a double holds exactly."""
    found = optional_identity(body, name)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_identity(body: Body, name: str) -> str | None:
    """A numeric id as a string, or None where there is none."""
    found = body.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not (
        isinstance(found, int) or (isinstance(found, str) and found.isdecimal())
    ):
        raise Refused(f"{name} is not an id")
    return str(found)


def units(body: Body, name: str) -> int:
    """A quantity of at least zero."""
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < UNITS_MAX:
        raise Refused(f"{name} is not a quantity")
    return found


def level(body: Body, name: str) -> int | None:
    """A stock level, which may be negative; None where the item is not tracked."""
    found = body.get(name)
    if found is not None and (
        not isinstance(found, int) or isinstance(found, bool) or abs(found) > UNITS_MAX
    ):
        raise Refused(f"{name} is not a stock level")
    return found


def instant(body: Body, name: str) -> datetime:
    """An instant with its zone, in UTC, so that one instant is one value whatever zone the shop is in."""
    found = optional_instant(body, name)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_instant(body: Body, name: str) -> datetime | None:
    """An instant in UTC, or None where there is none."""
    found = body.get(name)
    if found is None:
        return None
    try:
        read = datetime.fromisoformat(found)
        if read.tzinfo is None:
            raise Refused(f"{name} has no time zone")
        return read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{name} is not an instant") from None


def milliseconds(moment: datetime) -> int:
    """An instant as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def text(body: Body, name: str) -> str:
    """A text without surrounding blanks; empty where there is none."""
    found = body.get(name)
    return found.strip() if isinstance(found, str) else ""


def named(body: Body, name: str, known: frozenset[str]) -> str:
    """One of Shopify's own words; another is refused, not guessed."""
    found = text(body, name)
    if found not in known:
        raise Refused(f"unknown {name} {found or 'none'}")
    return found


def rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects."""
    found = body.get(name)
    if not isinstance(found, list):
        raise Refused(f"{name} is not a list")
    return found


def optional_rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects; empty where there is none."""
    return rows(body, name) if body.get(name) is not None else ()
