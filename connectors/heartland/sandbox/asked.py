"""What a request asks for: filters, order, page (the conventions of the official Ruby client's README)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

import orjson
from multidict import MultiMapping

from connectors.heartland.sandbox.books import Record
from connectors.heartland.sandbox.gate import Wrong

FIELD = re.compile(r"~\[([a-z_@?]+)\](?:\[(\$[a-z]+)\])?")
PAGE = 20
"""Rows of a page unless asked otherwise (the official client's default)."""
PAGE_MAX = 500

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda held, asked: held == asked,
    "$neq": lambda held, asked: held != asked,
    "$gt": lambda held, asked: held is not None and held > asked,
    "$gte": lambda held, asked: held is not None and held >= asked,
    "$lt": lambda held, asked: held is not None and held < asked,
    "$lte": lambda held, asked: held is not None and held <= asked,
}


def page(rows: Sequence[Record], query: MultiMapping[str]) -> dict[str, Any]:
    """The page of a list that a query asks for."""
    filters = [_json(value) for name, value in query.items() if name in {"_filter", "_filter[]"}]
    found = [row for row in rows if _matches(row, query) and all(_all(row, part) for part in filters)]
    for order in reversed(query.getall("sort[]", [])):
        field, _, direction = order.partition(",")
        found.sort(key=lambda row, by=field: _key(row, by), reverse=direction == "desc")  # type: ignore[misc]
    size, number = _size(query, len(found)), _whole(query.get("page", "1"))
    start = (number - 1) * size
    return {
        "total": len(found),
        "pages": max(1, ceil(len(found) / size)),
        "results": found[start : start + size],
    }


def _size(query: MultiMapping[str], total: int) -> int:
    asked = query.get("per_page", str(PAGE))
    return max(1, total) if asked == "all" else min(_whole(asked), PAGE_MAX)


def _whole(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise Wrong(400, "page and per_page are numbers")
    return int(value)


def _key(row: Record, field: str) -> Any:
    if field not in row:
        raise Wrong(400, f"there is nothing to sort by called {field}")
    return row[field]


def _matches(row: Record, query: MultiMapping[str]) -> bool:
    for name, value in query.items():
        if (named := FIELD.fullmatch(name)) and not _holds(row, named[1], named[2] or "$eq", value):
            return False
        if name in row and not _holds(row, name, "$eq", value):
            return False
    return True


def _json(value: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Wrong(400, "_filter is not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "_filter is not an object")
    return found


def _all(row: Record, wanted: Mapping[str, Any]) -> bool:
    return all(_one(row, field, value) for field, value in wanted.items())


def _one(row: Record, field: str, value: Any) -> bool:
    if field == "$and":
        return all(_all(row, part) for part in value)
    if field == "$or":
        return any(_all(row, part) for part in value)
    if isinstance(value, dict):
        return all(_holds(row, field, operator, part) for operator, part in value.items())
    return _holds(row, field, "$eq", value)


def _holds(row: Record, field: str, operator: str, asked: Any) -> bool:
    held = row.get(field)
    if operator in {"$in", "$nin"}:
        return _among(held, asked) is (operator == "$in")
    if operator not in OPERATORS:
        raise Wrong(400, "there is no such operator")
    return OPERATORS[operator](*_alike(field, held, asked))


def _among(held: Any, asked: Iterable[Any]) -> bool:
    return str(held) in {str(one) for one in asked}


def _alike(field: str, held: Any, asked: Any) -> tuple[Any, Any]:
    """Both sides as instants, numbers or texts, whatever the record has."""
    try:
        if field.endswith("_at") and held is not None:
            return datetime.fromisoformat(held), datetime.fromisoformat(asked)
        if isinstance(held, int | float) and not isinstance(held, bool):
            return held, float(asked)
    except (TypeError, ValueError):
        raise Wrong(400, f"{field} cannot be compared with that") from None
    return (None, asked) if held is None else (str(held).lower(), str(asked).lower())
