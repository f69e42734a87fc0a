"""SuiteQL and REST records: paging, what a record needs, and that an external id is taken once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.loopback import answer
from connectors.netsuite.sandbox.books import Books, Posted
from connectors.netsuite.sandbox.gate import Wrong

BASE = "/services/rest"
PAGE_MAX = 1_000
ROWS_MAX = 100_000
"""Rows that one query can page through (Oracle, "Executing SuiteQL Queries Through REST Web Services")."""


class Api:
    """The handlers."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add_to(self, app: web.Application) -> None:
        """Adds the routes. There is no `PUT`: on a record that exists it would add lines, as a `PATCH` adds those that have no
        number; this double refuses them.
        """
        app.add_routes(
            [
                web.post(f"{BASE}/query/v1/suiteql", self._suiteql),
                web.post(f"{BASE}/record/v1/inventoryAdjustment", self._adjust),
                web.post(f"{BASE}/record/v1/salesOrder", self._order),
                web.get(f"{BASE}/record/v1/salesOrder/{{id}}", self._show),
                web.patch(f"{BASE}/record/v1/salesOrder/{{id}}", self._change),
            ]
        )

    async def _suiteql(self, request: web.Request) -> web.Response:
        """A page of a query. Without an order a page is turned round, as the rows' order is not promised then."""
        if request.headers.get("Prefer") != "transient":
            raise Wrong(400, "INVALID_HEADER", "The Prefer header must be transient.")
        limit, offset = (_whole(request, name, other) for name, other in (("limit", PAGE_MAX), ("offset", 0)))
        if not 1 <= limit <= PAGE_MAX or offset % limit:
            raise Wrong(400, "INVALID_PARAMETER", "limit is at most 1000, and offset a multiple of it.")
        query = (await _body(request)).get("q")
        if not isinstance(query, str) or not query.lstrip().upper().startswith("SELECT"):
            raise Wrong(400, "INVALID_PARAMETER", "Invalid search query.")
        if re.search(r"\bLIMIT\b", query):
            raise Wrong(400, "INVALID_PARAMETER", "Invalid search query: LIMIT is not supported.")
        try:
            rows = self._books.select(query)[:ROWS_MAX]
        except sqlite3.Error as error:
            raise Wrong(400, "INVALID_PARAMETER", f"Invalid search query. Detailed: {error}") from None
        if "ORDER BY" not in query:
            rows.reverse()
        page = rows[offset : offset + limit]
        return answer(
            {
                "links": [],
                "count": len(page),
                "hasMore": offset + limit < len(rows),
                "items": [{"links": [], **row} for row in page],
                "offset": offset,
                "totalResults": len(rows),
            }
        )

    async def _adjust(self, request: web.Request) -> web.Response:
        """`POST /record/v1/inventoryAdjustment`: one wrong line refuses the whole record."""
        body = await _body(request)
        _reference(body, "account")
        at = _dated(body)
        rows = _rows(body, "inventory")
        lines = []
        for number, row in enumerate(rows):
            where = f"inventory.items[{number}]"
            line = self._line(row, "adjustQtyBy", where)
            held = self._books.one("SELECT * FROM location WHERE name = ?", line.location)
            if held is None or str(held["subsidiary"]) != _reference(body, "subsidiary"):
                raise Wrong(
                    400, "INVALID_CONTENT", "The location is not of this subsidiary.", f"{where}.location"
                )
            lines.append(line._replace(affecting=True))
        return self._made("InvAdjst", "inventoryAdjustment", body, lines, at, request)

    async def _order(self, request: web.Request) -> web.Response:
        """`POST /record/v1/salesOrder`: an approved one commits its stock at once."""
        body = await _body(request)
        _reference(body, "entity")
        at = _dated(body)
        country = body.get("shippingAddress", {}).get("country", {"id": "US"}).get("id")
        if not re.fullmatch("[A-Z]{2}", country):
            detail = f"Invalid Field Value {country} for the following field: country"
            raise Wrong(400, "INVALID_CONTENT", detail, "shippingAddress.country")
        lines = [
            self._line(row, "quantity", f"item.items[{number}]")
            for number, row in enumerate(_rows(body, "item"))
        ]
        lines = [line._replace(quantity=-line.quantity) for line in lines]
        return self._made("SalesOrd", "salesOrder", body, lines, at, request)

    async def _show(self, request: web.Request) -> web.Response:
        """A sales order, with its lines where `expandSubResources` asks for them."""
        ident, lines = self._lines_of(request)
        shown: dict[str, Any] = {"id": str(ident), "links": []}
        if request.query.get("expandSubResources") == "true":
            items = [
                {"line": row["id"], "isClosed": row["isclosed"] == "T", "quantity": -row["quantity"]}
                for row in lines
            ]
            shown["item"] = {"items": items, "totalResults": len(items)}
        return answer(shown)

    async def _change(self, request: web.Request) -> web.Response:
        """Closes lines by their numbers; an order without an open line is closed."""
        ident, lines = self._lines_of(request)
        numbers = {row["id"] for row in lines}
        for at, row in enumerate(_rows(await _body(request), "item")):
            if row.get("line") not in numbers or row.keys() != {"line", "isClosed"}:
                raise Wrong(400, "INVALID_CONTENT", "This double closes lines only.", f"item.items[{at}]")
            self._books.close_line(ident, row["line"], closed=bool(row["isClosed"]))
        self._books.touch(ident, datetime.now(UTC))
        return web.Response(status=204)

    def _lines_of(self, request: web.Request) -> tuple[int, Sequence[Any]]:
        named = request.match_info["id"]
        known = 'SELECT id FROM "transaction" WHERE id = ? AND type = ?'
        if not named.isdecimal() or self._books.one(known, int(named), "SalesOrd") is None:
            raise Wrong(404, "NONEXISTENT_ID", "The record instance does not exist.")
        lines = 'SELECT * FROM transactionline WHERE "transaction" = ? AND mainline = ? ORDER BY id'
        return int(named), self._books.all(lines, int(named), "F")

    def _line(self, row: Any, quantity: str, path: str) -> Posted:
        if not isinstance(row, dict):
            raise Wrong(400, "INVALID_CONTENT", "Invalid content in the request body.", path)
        item = self._books.one("SELECT * FROM item WHERE id = ?", _reference(row, "item", path))
        place = self._books.one("SELECT * FROM location WHERE id = ?", _reference(row, "location", path))
        number = row.get(quantity)
        if item is None or item["itemtype"] not in {"InvtPart", "Assembly"}:
            raise Wrong(
                400, "INVALID_CONTENT", "Invalid Field Value for the following field: item", f"{path}.item"
            )
        if place is None:
            raise Wrong(400, "INVALID_CONTENT", "Invalid Field Value: location", f"{path}.location")
        if not isinstance(number, int | float) or isinstance(number, bool) or not number:
            raise Wrong(400, "INVALID_CONTENT", f"{quantity} is a number other than 0", f"{path}.{quantity}")
        return Posted(item["itemid"], place["name"], number)

    def _made(
        self,
        kind: str,
        record: str,
        body: Mapping[str, Any],
        lines: list[Posted],
        at: datetime,
        request: web.Request,
    ) -> web.Response:
        status = body.get("orderStatus", {}).get("id", "") if kind == "SalesOrd" else ""
        try:
            ident = self._books.post(kind, lines, at=at, status=status, externalid=body.get("externalId"))
        except sqlite3.IntegrityError:
            raise Wrong(400, "USER_ERROR", "This record already exists.") from None  # the code is inferred
        path = f"{request.scheme}://{request.host}{BASE}/record/v1/{record}/{ident}"
        return web.Response(status=204, headers={"Location": path})


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Wrong(400, "INVALID_CONTENT", "Invalid content in the request body.")
    return found


def _whole(request: web.Request, name: str, otherwise: int) -> int:
    value = request.query.get(name, str(otherwise))
    if not value.isdecimal():
        raise Wrong(400, "INVALID_PARAMETER", f"{name} is not a number.")
    return int(value)


def _rows(body: Mapping[str, Any], sublist: str) -> list[Any]:
    found = body.get(sublist)
    rows = found.get("items") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Wrong(400, "USER_ERROR", "You must enter at least one line item for this transaction.")
    return rows


def _reference(body: Mapping[str, Any], name: str, path: str = "") -> str:
    """`{"id": "…"}`."""
    found = body.get(name)
    if not isinstance(found, dict) or not str(found.get("id", "")).isdecimal():
        raise Wrong(400, "USER_ERROR", f"Please enter value(s) for: {name}", f"{path}.{name}".lstrip("."))
    return str(found["id"])


def _dated(body: Mapping[str, Any]) -> datetime:
    """When a record is made: now. `tranDate` is required, and has no time."""
    try:
        date.fromisoformat(body["tranDate"])
    except (KeyError, TypeError, ValueError):
        raise Wrong(400, "USER_ERROR", "Please enter value(s) for: Date", "tranDate") from None
    return datetime.now(UTC)
