"""How R-Series lists, filters, sorts and pages its rows, and how it writes them: every scalar a string, one child an
object.

Sources: developers.lightspeedhq.com/retail, Query Parameters, Pagination; recordings of a sandbox account.
"""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from yarl import URL

from connectors.lightspeed_r.sandbox.gate import Wrong
from connectors.loopback import answer

LIMIT = 100
META = frozenset({"sort", "limit", "after", "load_relations", "archived"})
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}

Row = Mapping[str, Any]


def listed(
    request: web.Request,
    name: str,
    key: str,
    rows: Iterable[Row],
    sortable: Sequence[str],
    shape: Callable[[Row, Sequence[str]], Row] = lambda row, _relations: row,
) -> web.Response:
    """One page of an endpoint's rows."""
    query = request.query
    sort = query.get("sort", key)
    field, backwards = sort.removeprefix("-"), sort.startswith("-")
    if field not in (key, *sortable):
        raise Wrong(400, f"Invalid sort parameter. Allowed: {', '.join((key, *sortable))}")
    limit = int(query.get("limit", LIMIT))
    if not 0 < limit <= LIMIT:
        raise Wrong(400, "limit must be between 1 and 100")
    found = [row for row in rows if _wanted(row, query)]
    found.sort(key=lambda row: (row[field], int(row[key])), reverse=backwards)
    if "after" in query:
        at = orjson.loads(base64.urlsafe_b64decode(query["after"]))
        last = (_valued(found, field, at[0]), at[1])
        beyond = operator.lt if backwards else operator.gt
        found = [row for row in found if beyond((row[field], int(row[key])), last)]
    page = found[:limit]
    following = ""
    if len(found) > limit:
        last_row = page[-1]
        mark = base64.urlsafe_b64encode(orjson.dumps([wire(last_row[field]), int(last_row[key])])).decode()
        kept = {**query, "sort": sort, "limit": str(limit), "after": mark}
        following = str(URL("https://api.lightspeedapp.com").with_path(request.path).with_query(kept))
    relations = orjson.loads(query.get("load_relations") or b"[]")
    shown = [wire(shape(row, relations)) for row in page]
    return answer({"@attributes": {"next": following, "previous": ""}, **_children(name, shown)})


def single(name: str, row: Row) -> web.Response:
    """The answer about one row."""
    return answer({"@attributes": {"count": "1"}, name: wire(row)})


def wire(value: Any) -> Any:
    """A value as R-Series writes it; a list in a row becomes what its children are called: `{"SaleLine": [..]}`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return {name: wire(part) for name, part in value.items() if not name.startswith("_")}
    if isinstance(value, Children):
        rows = [wire(row) for row in value.rows]
        return _children(value.name, rows) or ""
    return str(value)


class Children:
    """A relation with its rows: written as `{name: row or rows}`, or `""` without one."""

    def __init__(self, name: str, rows: Sequence[Row]) -> None:
        self.name, self.rows = name, rows


def _children(name: str, rows: Sequence[Any]) -> dict[str, Any]:
    if not rows:
        return {}
    return {name: rows[0] if len(rows) == 1 else rows}


def _wanted(row: Row, query: Mapping[str, str]) -> bool:
    archived = query.get("archived", "false")
    if row.get("archived") is not None and archived != "true" and row["archived"] != (archived == "only"):
        return False
    return all(_matches(row, name, text) for name, text in query.items() if name not in META)


def _matches(row: Row, name: str, text: str) -> bool:
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise Wrong(400, f"Invalid field: {name}")
        value = value[part]
    if text.startswith("IN,"):
        wanted = text.removeprefix("IN,").strip("[]").split(",")
        if len(wanted) > LIMIT:
            raise Wrong(400, "IN takes at most 100 values")
        return wire(value) in wanted
    sign, comma, operand = text.partition(",")
    if not comma or sign not in OPERATORS:
        sign, operand = "=", text
    return bool(OPERATORS[sign](value, _like(value, operand)))


def _valued(rows: Sequence[Row], field: str, text: str) -> Any:
    return _like(rows[0][field], text) if rows else text


def _like(value: Any, text: str) -> Any:
    """An operand in the kind of the value that it is compared with."""
    try:
        if isinstance(value, bool):
            return text == "true"
        if isinstance(value, int):
            return int(text)
        if isinstance(value, datetime):
            return datetime.fromisoformat(text)
    except ValueError:
        raise Wrong(400, "Invalid search value") from None
    return text
