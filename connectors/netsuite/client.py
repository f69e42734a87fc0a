"""NetSuite's SuiteQL and REST records, as one integration's role sees them.

A role that lacks a permission sees an empty list, not an error; so an empty catalogue is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import SlowDown, Unreachable
from connectors.netsuite import queries
from connectors.netsuite.answers import Row, available, codes, ident, listed, more, number, said
from connectors.netsuite.changes import Changes
from connectors.netsuite.kinds import STOCKED
from connectors.netsuite.oauth import ClientCredentials, SignIn, TokenBased
from connectors.netsuite.settings import NetSuiteSettings
from connectors.polite import Http, Reply

PAGE = 1_000
"""The most rows of one answer (Oracle: `limit`)."""

LIMITS = frozenset({"SSS_REQUEST_LIMIT_EXCEEDED", "CONCURRENCY_LIMIT_EXCEEDED"})
"""Error codes of a 400 that mean too many calls at once (Oracle SAFE guide 2025.2; the second is not verified)."""

AGAIN = 2.0
"""Seconds to wait then: NetSuite promises no `Retry-After`."""


class NetSuiteClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, NetSuiteSettings)
        self.settings = settings
        self.subsidiaries: dict[str, str] = {}
        self._http = Http(settings.api, {}, settings.paced(), private=settings.private)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._sign_in: SignIn = (
            TokenBased(settings, secrets)
            if settings.auth == "tba"
            else ClientCredentials(settings, secrets, self._http)
        )
        self._changes = Changes(self)

    async def directory(self) -> Directory:
        """Items by name, locations by name. A name that two of them have stands for neither."""
        items = [row async for rows in self.pages(queries.items, "id") for row in rows]
        places = [row async for rows in self.pages(queries.locations, "id") for row in rows]
        if not items or not places:
            lacking = "items" if not items else "locations"
            raise Unreachable(
                f"NetSuite shows no {lacking}: the role lacks their permission or SuiteAnalytics"
            )
        self.subsidiaries = {
            ident(row, "id"): str(row["subsidiary"]) for row in places if row.get("subsidiary")
        }
        named = Counter(row.get("itemid") for row in items)
        items = [row for row in items if row.get("itemid") and named[row["itemid"]] == 1]
        held = Counter(row.get("name") for row in places)
        stocked = [row for row in items if row.get("itemtype") in STOCKED]
        return Directory(
            items={
                f"item:{ident(row, 'id')}": Item(row["itemid"], row.get("itemtype") in STOCKED)
                for row in items
            },
            locations={f"location:{ident(row, 'id')}": row["name"] for row in places if row.get("name")},
            handles={row["itemid"]: ident(row, "id") for row in stocked},
            places={
                row["name"]: ident(row, "id") for row in places if row.get("name") and held[row["name"]] == 1
            },
        )

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """What is available of each item at each location: on hand less all open demand, so it may be negative.

        NetSuite's own `available` stops at what is committed; what an order still waits for is `backordered`.
        """
        after = (0, 0)
        while True:
            reply = await self.ask(queries.levels(*after))
            rows = listed(reply)
            if not rows:
                return
            at = reply.answered_at
            yield [
                Level(
                    item=f"item:{ident(row, 'item')}",
                    location=f"location:{ident(row, 'location')}",
                    level=available(row),
                    version=int(at.timestamp() * 1000),
                    observed_at=at,
                )
                for row in rows
            ]
            if not more(reply):
                return
            after = number(rows[-1], "item"), number(rows[-1], "location")

    def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Transactions changed since, whole, in the order of change (`changes`)."""
        return self._changes.since(cursor)

    async def subscribe(self, url: str) -> None:
        """Does nothing: NetSuite has no webhooks of its own, it is polled."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def ask(self, query: str) -> Reply:
        """The first page of a query. Raises `SlowDown`, `Unreachable`."""
        page = {"limit": str(PAGE), "offset": "0"}
        path = "/services/rest/query/v1/suiteql"
        reply = await self.call("POST", path, body={"q": query}, query=page, prefer="transient")
        if reply.status != 200:
            raise Unreachable(f"NetSuite answered {reply.status} to a query: {said(reply)}")
        return reply

    async def pages(self, query: Callable[[int], str], key: str) -> AsyncIterator[list[Row]]:
        """All rows of a query that goes on after a key, page by page."""
        after = 0
        while True:
            reply = await self.ask(query(after))
            rows = listed(reply)
            if rows:
                yield rows
            if not rows or not more(reply):
                return
            after = number(rows[-1], key)

    async def find(self, kind: str, external: str) -> str | None:
        """The id of the transaction that has this external id. Raises `SlowDown`, `Unreachable`."""
        rows = listed(await self.ask(queries.named(kind, external)))
        return ident(rows[0], "id") if rows else None

    async def create(self, record: str, body: Mapping[str, Any]) -> Reply:
        """Creates a record. Never `PUT` or `PATCH`: on a record that is there already they add the lines that have no number."""
        return await self.call("POST", f"/services/rest/record/v1/{record}", body=body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        prefer: str | None = None,
    ) -> Reply:
        """One authorised call. Raises `SlowDown`, `Unreachable`."""

        async def send(shown: str) -> Reply:
            headers = {"Authorization": shown, **({"Prefer": prefer} if prefer else {})}
            return await self._http.call(method, path, body=body, query=query, headers=headers)

        async with self._slots:
            reply = await self._sign_in.call(method, path, query or {}, send)
        if reply.status == 401:
            raise Unreachable("NetSuite does not take the credentials (401)")
        if reply.status == 400 and LIMITS & set(codes(reply)):
            raise SlowDown(AGAIN)
        return reply
