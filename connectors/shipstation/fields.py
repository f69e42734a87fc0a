"""Typed access to the fields of ShipStation's documents. What is missing or not of its type is `Refused` by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.errors import Refused

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

PACIFIC = "America/Los_Angeles"
"""The zone of V1's dates, where nobody says another [inferred]."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""V1's ids are numbers, V2's begin with `se-`; both are opaque here."""


def identity(body: Body, name: str) -> str:
    """An id."""
    found = optional_identity(body, name)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_identity(body: Body, name: str) -> str | None:
    """An id, or None where there is none. V2 mixes numbers into its ids (recorded: `package_id`)."""
    found = body.get(name)
    if found is None or found == "":
        return None
    text = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
    if not ID.fullmatch(text):
        raise Refused(f"{name} is not an id")
    return text


def text(body: Body, name: str) -> str:
    """A text without surrounding blanks; empty where there is none."""
    found = body.get(name)
    if found is not None and not isinstance(found, str):
        raise Refused(f"{name} is not a text")
    return (found or "").strip()


def reference(body: Body, name: str, most: int = 100) -> str:
    """A reference as shops write it, a number among them; empty where there is none."""
    found = body.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    named = text({name: found}, name)
    if len(named) > most:
        raise Refused(f"{name} is longer than {most} characters")
    return named


def flag(body: Body, name: str) -> bool:
    """A truth value; false where there is none."""
    found = body.get(name)
    if found is not None and not isinstance(found, bool):
        raise Refused(f"{name} is neither true nor false")
    return bool(found)


def number(body: Body, name: str) -> int:
    """A whole number within the bounds of a quantity, either way."""
    found = body.get(name)
    whole = isinstance(found, int) or (isinstance(found, float) and found.is_integer())
    if isinstance(found, bool) or found is None or not whole or not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"{name} is not a whole number of units")
    return int(found)


def units(body: Body, name: str) -> int:
    """A quantity of at least zero."""
    found = number(body, name)
    if found < 0:
        raise Refused(f"{name} is negative")
    return found


def instant(body: Body, name: str, zone: ZoneInfo | None = None) -> datetime:
    """An instant in UTC. V1's dates name no offset and are in `zone`; without a zone an offset is needed.

    The hour that a clock goes through twice in autumn is read as its first time: nothing tells the two apart.
    """
    found = optional_instant(body, name, zone)
    if found is None:
        raise Refused(f"{name} is missing")
    return found


def optional_instant(body: Body, name: str, zone: ZoneInfo | None = None) -> datetime | None:
    """An instant in UTC, or None where there is none."""
    found = body.get(name)
    if found is None or found == "":
        return None
    try:
        read = datetime.fromisoformat(found)
        if read.tzinfo is None and zone is None:
            raise Refused(f"{name} has no time zone")
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{name} is not an instant") from None


def milliseconds(moment: datetime) -> int:
    """An instant as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def zone(body: Body) -> ZoneInfo:
    """The zone of a V1 document's dates."""
    name = part(body, "onhand").get("zone") or PACIFIC
    try:
        return ZoneInfo(name)
    except (TypeError, ValueError, OSError, KeyError):
        raise Refused("the zone is no time zone") from None


def part(body: Body, name: str) -> Body:
    """An object inside a document; empty where there is none."""
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise Refused(f"{name} is not a list")
    return found
