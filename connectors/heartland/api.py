"""Heartland's REST conventions: bearer token, lists by page, filters, and a created record's id in `Location`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from math import floor
from typing import Any, NamedTuple

import orjson
from multidict import MultiDict

from connectors.errors import Refused, Unreachable
from connectors.heartland.fields import number
from connectors.pacing import Pace
from connectors.polite import Http, Reply

PAGE = 200
"""Rows asked for at once. No limit is published; public clients ask for up to 500."""

LINES_PAGE = 500

Row = dict[str, Any]


class Page(NamedTuple):
    """Rows of a list, and when Heartland gave them by its own clock."""

    rows: list[Row]
    at: datetime


class Api:
    """Calls of one account."""

    def __init__(self, base: str, token: str, pace: Pace | None = None, *, private: bool = False) -> None:
        self.http = Http(base, {"Authorization": f"Bearer {token}"}, pace, private=private)

    async def get(self, path: str) -> Row | None:
        """One record; None where there is none. Raises `Unreachable` for any other answer."""
        reply = await self.http.call("GET", f"/{path}")
        if reply.status == 404:
            return None
        found = checked(reply, path)
        if not isinstance(found, dict):
            raise Unreachable("Heartland answered no record")
        return found

    async def create(self, path: str, body: Mapping[str, Any]) -> Reply:
        """A new record. What the answer says is the caller's to read (`created`)."""
        return await self.http.call("POST", f"/{path}", body=body)

    async def change(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Fields of a record."""
        return await self.http.call("PUT", f"/{path}", body=body)

    async def page(self, path: str, query: MultiDict[str]) -> list[Row]:
        """One page of a list."""
        return (await self._page(path, query)).rows

    async def _page(self, path: str, query: MultiDict[str]) -> Page:
        reply = await self.http.call("GET", f"/{path}", query=query)
        rows = _listed(checked(reply, path))
        if not all(isinstance(row.get("id"), int) for row in rows):
            raise Unreachable("Heartland answered a record without an id")
        return Page(rows, reply.answered_at)

    async def rows(self, path: str, *, size: int = LINES_PAGE, **filters: Any) -> list[Row]:
        """A whole list, by id: each page begins behind the last id, so that a change in between moves nothing past us."""
        found: list[Row] = []
        after = 0
        while True:
            query = MultiDict({"per_page": str(size), "sort[]": "id,asc"})
            query["_filter"] = orjson.dumps({"$and": [filters, {"id": {"$gt": after}}]}).decode()
            rows = await self.page(path, query)
            found += rows
            if len(rows) < size:
                return found
            after = rows[-1]["id"]

    async def changed(self, path: str, since: str | None, *, size: int = PAGE) -> AsyncIterator[Page]:
        """Records changed at or after an instant, oldest change first, page by page.

        There is no cursor in the API, and what changes while we read moves to the end of the list; so a page begins at the
        instant where the last one ended, by its number only where more than a page share one instant. Records at that
        instant come again; the caller knows them.
        """
        page = 1
        while True:
            query = MultiDict({"per_page": str(size), "page": str(page)})
            query.extend([("sort[]", "updated_at,asc"), ("sort[]", "id,asc")])
            if since is not None:
                query["~[updated_at][$gte]"] = since
            rows, at = await self._page(path, query)
            if not rows:
                return
            if not all(isinstance(row.get("updated_at"), str) for row in rows):
                raise Unreachable("Heartland answered a record without updated_at")
            reached = rows[-1]["updated_at"]
            yield Page(rows, at)
            if len(rows) < size:
                return
            since, page = reached, page + 1 if reached == since else 1

    async def values(self, *, filled: bool = False, **filters: Any) -> AsyncIterator[Page]:
        """Quantities by item and location, page by page, each with the instant of its answer.

        Without both groups Heartland answers one grand total. The rows have neither ids nor instants, so they are read by
        page numbers. `filled` leaves out cells that have nothing of any kind.
        """
        page = 1
        while True:
            query = MultiDict({"per_page": str(LINES_PAGE), "page": str(page)})
            query.extend([("group[]", "item_id"), ("group[]", "location_id")])
            if filled:
                query["exclude_empty_locations"] = "true"
            if filters:
                query["_filter[]"] = orjson.dumps(filters).decode()
            reply = await self.http.call("GET", "/inventory/values", query=query)
            rows = _listed(checked(reply, "inventory/values"))
            if not all(row.get("item_id") and row.get("location_id") for row in rows):
                raise Unreachable("Heartland answered a level that names no item or no location")
            yield Page(rows, reply.answered_at)
            if len(rows) < LINES_PAGE:
                return
            page += 1


def available(row: Row) -> int:
    """What may be sold, in whole units: rounded down, as what is left of a cut-up unit cannot be sold as one.

    `qty_available` is on hand less committed; accounts without it have `qty_on_hand`, or `qty` (one client tries them in
    this order).
    """
    for name in ("qty_available", "qty_on_hand", "qty"):
        if row.get(name) is not None:
            try:
                return floor(number(row[name], name))
            except Refused as error:
                raise Unreachable(str(error)) from error
    raise Unreachable("Heartland answered a level without a quantity")


def _listed(body: Any) -> list[Row]:
    rows = body.get("results") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreachable("Heartland answered no list")
    return rows


def checked(reply: Reply, path: str = "") -> Any:
    """The body of a good answer. Raises `Unreachable` for any other: 403 is a token that may not see `path`, for example."""
    if not 200 <= reply.status < 300:
        raise Unreachable(f"Heartland answered {reply.status}" + (f" for {path}" if path else ""))
    return reply.body


def created(reply: Reply) -> int:
    """The id of a created record: the end of `Location`; the body is often empty. Raises `Unreachable` where none is."""
    checked(reply)
    named = re.search(r"/(\d+)/?$", reply.headers.get("Location", ""))
    if named is None:
        raise Unreachable("Heartland did not name the record that it created")
    return int(named[1])


def said(reply: Reply) -> str:
    """Which fields Heartland found wrong. Its error body has `details` [seen in one client]; values are not repeated."""
    details = reply.body.get("details") if isinstance(reply.body, Mapping) else None
    fields = ", ".join(sorted(str(name)[:40] for name in details)) if isinstance(details, Mapping) else ""
    return f"Heartland answered {reply.status}" + (f" about {fields}" if fields else "")
