"""ShipStation's two APIs over HTTP: who asks, how often, and what a usable answer is.

V1: Basic authentication, 40 calls a minute, `X-Rate-Limit-Limit`, `-Remaining` and `-Reset` (seconds) on every answer. V2: the
header `api-key`, 200 calls a minute, `Retry-After` (docs.shipstation.com/rate-limits).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import encode_basic_auth

from connectors.contract import Secrets
from connectors.errors import Unreachable
from connectors.pacing import Limit
from connectors.polite import Http, Reply, patiently
from connectors.shipstation.settings import ShipStationSettings

PAGE = 500
"""The most rows of a page of V1."""

V2_PAGE = 100
"""Rows asked for at once of V2; a smaller page that comes back changes nothing."""

PAGES_MAX = 10_000
"""Pages of one list at most: a list that never ends is a fault."""

MINUTE = 60.0
V1_CALLS = 40
"""Calls a minute until an answer says otherwise."""

LIMITS = ("Limit", "Remaining", "Reset")
"""What V1's answers say of its limit."""

Row = dict[str, Any]


class Api:
    """Calls of one channel."""

    def __init__(self, settings: ShipStationSettings, secrets: Secrets) -> None:
        key, secret = (secrets[name].get_secret_value() for name in ("api_key", "api_secret"))
        self._v1 = Http(
            settings.v1,
            {"Authorization": encode_basic_auth(key, secret)},
            settings.paced("v1", Limit(V1_CALLS, MINUTE)),
            wait_header="X-Rate-Limit-Reset",
            private=settings.private,
        )
        found = secrets.get("v2_api_key")
        pace = settings.paced("v2", Limit(settings.v2_calls, MINUTE))
        key_of_v2 = {"api-key": found.get_secret_value()} if found else {}
        self._v2 = Http(settings.v2, key_of_v2, pace, private=settings.private) if found else None
        self._keys = Http(settings.jwks, {}, private=settings.private)

    async def v1(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """One call of V1. Once its calls are used up, by whomever, it rests as long as it said. Raises `SlowDown`,
        `Unreachable`.
        """
        reply = await self._v1.call(method, path, body=body, query=query)
        most, left, wait = (reply.headers.get(f"X-Rate-Limit-{name}", "") for name in LIMITS)
        if most.isdecimal():
            self._v1.pace.allow(Limit(int(most), MINUTE))
        if left == "0" and wait.isdecimal():
            self._v1.pace.rest(int(wait))
        return reply

    async def v2(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """One call of V2. Raises `SlowDown`, `Unreachable`."""
        if self._v2 is None:
            raise Unreachable("V2 needs the secret v2_api_key; an account without it has inventory = false")
        return await self._v2.call(method, path, body=body, query=query)

    async def keys(self) -> Any:
        """The JWKS that V2's webhooks are signed with. Raises `SlowDown`, `Unreachable`."""
        return checked(await self._keys.call("GET", ""))

    async def v1_list(self, path: str, name: str, query: Mapping[str, str]) -> AsyncIterator[list[Row]]:
        """A list of V1 by page number: for lists that hardly change while they are read."""
        page = pages = 1
        while page <= pages:
            asked = {**query, "page": str(page), "pageSize": str(PAGE)}
            body = checked(await patiently(partial(self.v1, "GET", path, query=asked)))
            yield listed(body, name)
            pages, page = pages_of(body), page + 1

    async def v2_list(
        self, path: str, query: Mapping[str, str], name: str
    ) -> AsyncIterator[tuple[list[Row], datetime]]:
        """A list of the Inventory API by its own links, each page with the instant it was answered.

        Of a link only the query is used: it must not lead anywhere else. At the end it is `{}` (recorded).
        """
        for _ in range(PAGES_MAX):
            reply = await patiently(partial(self.v2, "GET", path, query=query))
            body = checked(reply)
            yield listed(body, name), reply.answered_at
            links = body.get("links") if isinstance(body, Mapping) else None
            further = links.get("next") if isinstance(links, Mapping) else None
            href = further.get("href") if isinstance(further, Mapping) else None
            if not isinstance(href, str):
                return
            query = dict(parse_qsl(urlsplit(href).query))
        raise Unreachable(f"ShipStation's list of {name} does not end")

    async def close(self) -> None:
        """Closes the connections."""
        for http in (self._v1, self._v2, self._keys):
            if http is not None:
                await http.close()


def checked(reply: Reply) -> Any:
    """The body of a good answer. Raises `Unreachable` for any other, with ShipStation's own word for it."""
    if not 200 <= reply.status < 300:
        raise Unreachable(said(reply))
    return reply.body


def listed(body: Any, name: str) -> list[Row]:
    """The rows of a list, bare or in an object. Raises `Unreachable` for an answer that has none."""
    rows = body.get(name) if isinstance(body, Mapping) else body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreachable(f"ShipStation answered no list of {name}")
    return rows


def pages_of(body: Any) -> int:
    """How many pages a list has. Raises `Unreachable` where it does not say."""
    pages = body.get("pages") if isinstance(body, Mapping) else None
    if not isinstance(pages, int):
        raise Unreachable("ShipStation answered a list without its number of pages")
    return pages


def said(reply: Reply) -> str:
    """What ShipStation says of a request it does not like: V2's error codes and texts, V1's `Message`.

    V1's `ExceptionMessage` is left out: it may quote what was sent, an address among it.
    """
    body = reply.body if isinstance(reply.body, Mapping) else {}
    errors = body.get("errors")
    told = [
        f"{error.get('error_code')}: {error.get('message')}"
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, Mapping)
    ]
    message = "; ".join(told) or body.get("Message")
    return f"ShipStation answered {reply.status}" + (f": {message}"[:200] if message else "")
