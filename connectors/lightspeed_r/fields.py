"""How R-Series writes things, and what is refused about them.

Every scalar is a string, a truth value too; one child is an object, several are a list, none is `""` or nothing at all
(recordings of a sandbox account).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.errors import Refused

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

WHOLE = re.compile(r"-?[0-9]{1,12}(\.0{1,6})?")
IDENT = re.compile(r"[0-9]{1,18}")


def ident(body: Mapping[str, Any], name: str) -> str:
    """An id, which is a positive number. Raises `Refused` where it is missing or is none."""
    found = optional_ident(body, name)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_ident(body: Mapping[str, Any], name: str) -> str | None:
    """An id; None where the field is missing, empty or `0`, which is how R-Series says `none`."""
    found = body.get(name)
    if found in (None, "", "0") or (found == 0 and not isinstance(found, bool)):
        return None
    text = "" if isinstance(found, bool) else str(found)
    if not IDENT.fullmatch(text):
        raise Refused(f"{name} is not an id")
    return text


def units(body: Mapping[str, Any], name: str, of: str) -> int:
    """Whole units, negative ones too. Raises `Refused` for anything else, naming the line it is `of`."""
    found = body.get(name)
    if found is None or found == "":
        raise Refused(f"{name} of {of} is missing")
    text = "" if isinstance(found, bool) else str(found)
    if not WHOLE.fullmatch(text):
        raise Refused(f"{name} of {of} is not a whole number of units")
    number = int(text.partition(".")[0])
    if not -UNITS_MAX < number < UNITS_MAX:
        raise Refused(f"{name} of {of} is out of bounds")
    return number


def flag(body: Mapping[str, Any], name: str) -> bool:
    """A truth value: `"true"`, `"false"`, or a JSON one; a missing one is false. Raises `Refused` for others."""
    found = body.get(name)
    if found in (None, "", "false", False):
        return False
    if found in ("true", True):
        return True
    raise Refused(f"{name} is neither true nor false")


def instant(body: Mapping[str, Any], *names: str) -> datetime:
    """The first of these instants that is given, in UTC. Raises `Refused` where none is, or one that is none."""
    found = optional_instant(body, *names)
    if found is None:
        raise Refused(f"{names[0]} is missing")
    return found


def optional_instant(body: Mapping[str, Any], *names: str) -> datetime | None:
    """The first of these instants that is given, in UTC: R-Series stores all times in UTC (docs: Query Parameters)."""
    for name in names:
        value = body.get(name)
        if value in (None, ""):
            continue
        try:
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise Refused(f"{name} is not a date in ISO 8601") from None
    return None


def seconds(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int(at.timestamp())


def children(body: Mapping[str, Any], wrapper: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The rows in `{wrapper: {name: ..}}`, one, several or none. Raises `Refused` for a row that is no object."""
    found = body.get(wrapper)
    if found in (None, "", [], {}):
        return
    if not isinstance(found, Mapping):
        raise Refused(f"{wrapper} is not a list of lines")
    yield from rows(found, name)


def rows(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The rows under a name: one, several or none."""
    found = body.get(name)
    if found in (None, "", []):
        return
    for row in found if isinstance(found, list) else [found]:
        if not isinstance(row, Mapping):
            raise Refused(f"{name} is not a list of lines")
        yield row


def part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside a document; empty where there is none."""
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}
