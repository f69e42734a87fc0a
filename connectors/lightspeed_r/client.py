"""R-Series' API V3, as one account's authorisation sees it: its calls, one after another, within its limits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import Refused, Unreachable
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.feeds import Feeds
from connectors.lightspeed_r.settings import LightspeedRSettings
from connectors.lightspeed_r.tokens import tokens
from connectors.polite import Http, Reply
from connectors.tokens import bearer

WRONG = frozenset({400, 404, 409, 422})
"""Answers to a write that is not acceptable (docs: Errors)."""

WAIT_MAX = 30.0
"""Seconds of the longest wait for room in the bucket before a call is made all the same, to be told how long to
wait.
"""


class LightspeedRClient:
    """Calls of one channel.

    Only one is made at a time: the account is drained by one or two drips a second, and counts requests in a second
    too. Every answer says how full the bucket is, so that the next call waits until there is room for it.
    """

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, LightspeedRSettings)
        self.settings = settings
        self.answered_at = datetime.now(UTC)
        self._http = Http(settings.api, {}, settings.paced(), private=settings.private)
        self._site = Http(settings.token_url, {}, private=settings.private)
        self._tokens = tokens(settings, secrets, self._site)
        self._turn = asyncio.Lock()
        self._room_at = 0.0
        self._feeds = Feeds(self)

    async def call(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """One request; again with a new access token where the old one is turned away. Raises `SlowDown`,
        `Unreachable`.
        """
        async with self._turn:
            await asyncio.sleep(min(WAIT_MAX, max(0.0, self._room_at - time.monotonic())))
            reply = await self._tokens.call(
                lambda token: self._http.call(method, path, body=body, query=query, headers=bearer(token))
            )
            self._room_at = time.monotonic() + room_after(reply.headers)
            self.answered_at = reply.answered_at
            return reply

    async def pages(
        self, path: str, name: str, query: Mapping[str, str]
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """The rows of a list, page by page, by the address of the next page that each one names (docs: Pagination)."""
        asked: Mapping[str, str] | None = {"limit": "100", **query}
        while path:
            body = checked(await self.call("GET", path, query=asked))
            try:
                rows = list(fields.rows(body, name))
            except Refused as error:
                raise Unreachable(f"R-Series answered something else: {error}") from error
            if rows:
                yield rows
            following = self._after(body)
            if following == path:
                raise Unreachable("R-Series' page names itself as the next one")
            path, asked = following, None

    def _after(self, body: Mapping[str, Any]) -> str:
        """The path of the next page, empty after the last. Only the account's own API is ever followed."""
        found = fields.part(body, "@attributes").get("next")
        if not found:
            return ""
        parts, here = urlsplit(str(found)), urlsplit(self.settings.api).path
        if not parts.path.startswith(f"{here}/"):
            raise Unreachable("R-Series names a next page that is not the account's")
        return f"{parts.path.removeprefix(here)}?{parts.query}"

    async def directory(self) -> Directory:
        """Items by the field that holds our SKU, shops by name.

        An item whose SKU is empty, or is another item's too, is left out: its documents are refused rather than
        guessed. An archived item counts only where no other has its SKU: an item that was made anew is common.
        """
        query = {"archived": "true", "sort": "itemID"}
        rows = [row async for page in self.pages("/Item.json", "Item", query) for row in page]
        named = [(str(row.get(self.settings.sku_field) or ""), row) for row in rows]
        active = Counter(sku for sku, row in named if row.get("archived") != "true")
        every = Counter(sku for sku, _ in named)
        known = [
            (sku, row)
            for sku, row in named
            if sku and ((active[sku] == 1 and row.get("archived") != "true") or every[sku] == 1)
        ]
        shops: dict[str, str] = {}
        async for page in self.pages("/Shop.json", "Shop", {"archived": "true"}):
            shops |= {str(row["shopID"]): str(row["name"]) for row in page}
        uses = Counter(shops.values())
        return Directory(
            items={
                f"item:{row['itemID']}": Item(sku, row.get("itemType") != "non_inventory")
                for sku, row in known
            },
            locations={f"shop:{ident}": name for ident, name in shops.items()},
            handles={sku: str(row["itemID"]) for sku, row in known},
            places={name: ident for ident, name in shops.items() if uses[name] == 1},
        )

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """All levels: `qoh`, which may be negative, is what can be sold, as what is reserved has left it [inferred].

        Shop 0 is the sum over all shops (docs: ItemShop). A level stood when it was asked for, whenever it last
        changed.
        """
        async for page in self.pages("/ItemShop.json", "ItemShop", {"sort": "itemShopID"}):
            yield [
                Level(
                    item=f"item:{ident_in(row, 'itemID')}",
                    location=f"shop:{row['shopID']}",
                    level=units_in(row, "qoh"),
                    version=int(self.answered_at.timestamp() * 1_000),
                    observed_at=self.answered_at,
                )
                for row in page
                if row.get("shopID") != "0"
            ]

    def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents that changed since `cursor`; see `feeds`."""
        return self._feeds.poll(cursor)

    async def subscribe(self, url: str) -> None:
        """Nothing: R-Series has no webhooks."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()
        await self._site.close()


def checked(reply: Reply) -> Mapping[str, Any]:
    """The body of a good answer. Raises `Unreachable` for any other."""
    if not 200 <= reply.status < 300 or not isinstance(reply.body, Mapping):
        raise Unreachable(f"R-Series answered {reply.status}")
    return reply.body


def ident_in(row: Mapping[str, Any], name: str) -> str:
    """An id in an answer. Raises `Unreachable` where there is none: it came from something else."""
    try:
        return fields.ident(row, name)
    except Refused as error:
        raise Unreachable(f"R-Series answered something else: {error}") from error


def units_in(row: Mapping[str, Any], name: str) -> int:
    """A number of units in an answer. Raises `Unreachable` where there is none."""
    try:
        return fields.units(row, name, "an item")
    except Refused as error:
        raise Unreachable(f"R-Series answered something else: {error}") from error


def said(reply: Reply) -> str:
    """R-Series' own words about a write that is not acceptable, if it has any."""
    message = reply.body.get("message") if isinstance(reply.body, Mapping) else None
    return f"R-Series answered {reply.status}: {message or 'no reason'}"[:200]


def room_after(headers: Mapping[str, str]) -> float:
    """Seconds until the next call has room: in the bucket, whose level is a decimal number (`92.57/90`) and falls by
    the drip rate, and among the requests of this second. The request that fills the bucket is still let through
    (docs: Rate Limiting).
    """
    try:
        level, size = map(float, headers["X-LS-API-Bucket-Level"].split("/"))
        wait = (level - size + 1.0) / float(headers.get("X-LS-Api-Drip-Rate", "1"))
        made, most = map(float, headers.get("X-LS-API-Burst-Level", "0/1").split("/"))
    except (KeyError, ValueError, ZeroDivisionError):
        return 0.0
    return max(0.0, wait, 1.0 if made >= most else 0.0)
