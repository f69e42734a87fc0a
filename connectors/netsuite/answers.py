"""What NetSuite's answers say: rows of SuiteQL, and the reasons in its error bodies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from connectors.errors import Refused, Unreachable
from connectors.netsuite import fields
from connectors.polite import Reply

Row = Mapping[str, Any]


def listed(reply: Reply) -> list[Row]:
    """The rows of an answer. Raises `Unreachable` for one that has none: it came from something else."""
    rows = reply.body.get("items") if isinstance(reply.body, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unreachable("NetSuite answered no rows")
    return rows


def more(reply: Reply) -> bool:
    """Whether rows follow those of an answer; an answer that does not say so may have more."""
    return not isinstance(reply.body, Mapping) or reply.body.get("hasMore") is not False


def available(row: Row) -> int:
    """On hand less all open demand, in whole units, rounded down. Raises `Unreachable` for a level that is no number."""
    try:
        left = fields.number(row, "quantityavailable", "a level")
        return math.floor(left - fields.number(row, "quantitybackordered", "a level"))
    except Refused as error:
        raise Unreachable(str(error)) from error


def whole(row: Row, name: str) -> int:
    """A column of whole units. Raises `Unreachable` for one that is none."""
    try:
        return fields.units(row, name, "an answer")
    except Refused as error:
        raise Unreachable(str(error)) from error


def number(row: Row, name: str) -> int:
    """A column that is an id. Raises `Unreachable` for one that is not."""
    try:
        return int(fields.identity(row, name))
    except Refused as error:
        raise Unreachable(f"NetSuite answered a row whose {error}") from error


def ident(row: Row, name: str) -> str:
    """A column that is an id, as NetSuite writes it. Raises `Unreachable` for one that is not."""
    return str(number(row, name))


def _errors(reply: Reply) -> list[Row]:
    found = reply.body.get("o:errorDetails") if isinstance(reply.body, Mapping) else None
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def codes(reply: Reply) -> list[str]:
    """The error codes of an answer."""
    return [str(part.get("o:errorCode", "")) for part in _errors(reply)]


def said(reply: Reply) -> str:
    """NetSuite's own words about what was wrong, if it has any."""
    return "; ".join(str(part.get("detail", "")) for part in _errors(reply))[:200] or "no reason"


def places(reply: Reply) -> str:
    """By which codes and in which fields something was wrong: NetSuite's words without anybody's data in them."""
    named = (
        f"{part.get('o:errorCode', '')} {part.get('o:errorPath', '')}".strip() for part in _errors(reply)
    )
    return "; ".join(named)[:200] or "no reason"
