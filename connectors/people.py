"""What of a platform's raw document names a person. It is never refused: what is not what it should be is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Recipient

FIELD_MAX = 255
"""Characters of one field. Shopify and Magento allow no more in theirs; longer is no name and no street."""


def text(value: Any) -> str:
    """A text without surrounding blanks; empty where there is none."""
    return value.strip()[:FIELD_MAX] if isinstance(value, str) else ""


def joined(values: Iterable[Any], by: str = " ") -> str:
    """The texts among the values, as one."""
    return by.join(filter(None, map(text, values)))[:FIELD_MAX]


def first(*values: Any) -> str:
    """The first of the values that says something."""
    return next(filter(None, map(text, values)), "")


def part(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """An object inside a document; empty where there is none."""
    for name in names:
        found = body.get(name)
        body = found if isinstance(found, Mapping) else {}
    return body


def identity(value: Any) -> str | None:
    """A platform's id, which is a whole number everywhere so far; None where there is none. 0 is Magento's word for nobody."""
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return digits if digits.isascii() and digits.isdecimal() and len(digits) < 32 and int(digits) else None


def instant(value: Any) -> datetime | None:
    """An instant in UTC, also where the platform writes no zone and means UTC; None where there is none."""
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def known(recipient: Recipient) -> bool:
    """Whether anything is said of somebody."""
    return recipient != Recipient()
