"""X-Series' API, version 2026-07, as one retailer's token sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from multidict import MultiDict

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import Refused, Unreachable
from connectors.lightspeed_x import feeds
from connectors.lightspeed_x.allowlist import cut
from connectors.lightspeed_x.api import Absent, Api
from connectors.lightspeed_x.fields import whole_units
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.lightspeed_x.webhooks import WEBHOOKS
from connectors.lightspeed_x.wholesale import judged
from connectors.polite import Reply

PAGE = 1_000
"""Rows asked for at once; a smaller page that comes back changes nothing."""

LEVELS_PAGE = 5_000
"""The most rows of `POST /inventory` (OpenAPI 2026-07, InventoryRequest.size)."""


class LightspeedXClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, LightspeedXSettings)
        self.settings = settings
        self.http = Api(settings, secrets)
        self.reason_names: dict[str, str] = {}
        self._taken: dict[str, set[tuple[str, int]]] = {feed.path: set() for feed in feeds.FEEDS}

    async def directory(self) -> Directory:
        """Products by SKU, outlets by name, registers by their outlet.

        A product without a SKU, or with one that another product has too, is left out: its documents are refused rather
        than guessed. A composite has no stock of its own (docs: Creating Composite Products), so no level can be told of it;
        its components' levels follow from a bundle of ours.
        """
        products = [row async for rows in self.pages("/products") for row in rows if row.get("sku")]
        uses = Counter(row["sku"] for row in products)
        products = [row for row in products if uses[row["sku"]] == 1]
        outlets = {row["id"]: row["name"] async for rows in self.pages("/outlets") for row in rows}
        registers = [row async for rows in self.pages("/registers") for row in rows]
        return Directory(
            items={
                f"product:{row['id']}": Item(row["sku"], bool(row.get("has_inventory", True)))
                for row in products
            },
            locations={
                **{f"outlet:{ident}": name for ident, name in outlets.items()},
                **{
                    f"register:{row['id']}": outlets[row["outlet_id"]]
                    for row in registers
                    if row["outlet_id"] in outlets
                },
            },
            handles={row["sku"]: row["id"] for row in products if not row.get("is_composite")},
            places={name: ident for ident, name in outlets.items()},
        )

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """All levels, oldest change first. The order must be asked for: the default skips rows behind the cursor.

        X-Series dates no level, so each is as old as the answer it came in.
        """
        after = 0
        while True:
            body = {"after": after, "sort_direction": "asc", "size": LEVELS_PAGE}
            reply = await self.http.call("POST", "/inventory", body=body)
            rows = listed(checked(reply))
            if not rows:
                return
            at = reply.answered_at
            yield [
                Level(
                    item=f"product:{row['product_id']}",
                    location=f"outlet:{row['outlet_id']}",
                    level=units_in(row["current_inventory_level"]),
                    version=row["version"],
                    observed_at=at,
                )
                for row in rows
                if not row.get("deleted_at")
            ]
            after = _further(after, max(row["version"] for row in rows))

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Sales, consignments and adjustments by version; the newest version of each list is the cursor (`feeds`).

        Each list starts `poll_overlap` versions early. What the caller has taken before (it came back for the next page)
        is not handed out again.
        """
        asked = feeds.reached(cursor)
        reached = dict(asked)
        for feed in feeds.FEEDS:
            start = max(0, asked[feed.path] - self.settings.poll_overlap)
            taken = self._taken[feed.path] = {one for one in self._taken[feed.path] if one[1] > start}
            async for rows in self.pages(f"/{feed.path}", start):
                versions = [(row["id"], feed.version(row)) for row in rows]
                reached[feed.path] = max(reached[feed.path], *(version for _, version in versions))
                fresh = [
                    row
                    for row, (ident, version) in zip(rows, versions, strict=True)
                    if version > asked[feed.path] or (ident, version) not in taken
                ]
                if fresh:
                    whole = await feed.whole(self, fresh)
                    judge = partial(judged, self.settings, feed.topic)
                    kept = [Payload(feed.topic, cut(feed.topic, judge(row))) for row in whole]
                    yield kept, feeds.written(reached)
                taken.update(versions)

    async def pages(self, path: str, after: int = 0) -> AsyncIterator[list[dict[str, Any]]]:
        """A list by its version cursor. Only an empty page ends it, whatever `version` says (docs: Pagination). Some lists have
        no `version` beside their rows (OpenAPI 2026-07, TaxCollection); then the rows' own say how far it is.
        """
        while True:
            query = {"after": str(after), "page_size": str(PAGE)}
            answer = checked(await self.http.call("GET", path, query=query))
            rows = listed(enveloped(answer))
            if not rows:
                return
            yield rows
            newest = (answer.get("version") or {}).get("max")
            after = _further(after, newest or max(row.get("version", 0) for row in rows))

    async def subscribe(self, url: str) -> None:
        """One webhook for each type, each at its own URL. One that was deleted is made again, one that was switched off is
        switched on.
        """
        rows = listed(enveloped(checked(await self.http.call("GET", "/webhooks"))))
        there = {(row["type"], row["url"]): row for row in rows}
        for topic in WEBHOOKS:
            wanted = {"active": True, "type": topic, "url": f"{url}/{topic}"}
            found = there.get((topic, wanted["url"]))
            if found is None:
                reply = await self.http.call("POST", "/webhooks", body=wanted)
                if reply.status != 409:  # somebody else was faster
                    checked(reply)
            elif not found["active"]:
                checked(await self.http.call("PUT", f"/webhooks/{found['id']}", body=wanted))

    async def fulfillments(self, sales: Sequence[str]) -> Sequence[dict[str, Any]]:
        """The fulfilments of some sales. They are paged by number, so a page is full or the last. 404: there are none."""
        found: list[dict[str, Any]] = []
        number = 1
        while True:
            size = {"page_number": str(number), "page_size": str(feeds.FULFILLMENTS_PAGE)}
            query = MultiDict([*size.items(), *(("sale_id", ident) for ident in sales)])
            reply = await self.http.call("GET", "/fulfillments", query=query)
            if reply.status == 404:
                return found
            rows = listed(enveloped(checked(reply)))
            found += rows
            if len(rows) < feeds.FULFILLMENTS_PAGE:
                return found
            number += 1

    async def reasons(self) -> Mapping[str, Mapping[str, Any]]:
        """The custom reasons of adjustments by their names; `reason_names` has their names by their ids then."""
        reply = await self.http.call("GET", "/custom_inventory_adjustment_reasons")
        rows = listed(enveloped(checked(reply)))
        self.reason_names = {row["id"]: row["name"] for row in rows}
        return {row["name"]: row for row in rows}

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.close()


def checked(reply: Reply) -> Any:
    """The body of a good answer. Raises `Absent` for 404, `Unreachable` for any other."""
    if reply.status == 404:
        raise Absent("X-Series answered 404")
    if not 200 <= reply.status < 300:
        raise Unreachable(f"X-Series answered {reply.status}")
    return reply.body


def enveloped(body: Any) -> Any:
    """What is in the envelope `{data, version}`. Raises `Unreachable` for an answer without one."""
    if not isinstance(body, Mapping) or "data" not in body:
        raise Unreachable("X-Series answered without data")
    return body["data"]


def listed(rows: Any) -> list[dict[str, Any]]:
    """The rows of a list. Raises `Unreachable` for an answer that is none: it came from something else."""
    if not isinstance(rows, list):
        raise Unreachable("X-Series answered no list")
    return rows


def units_in(level: Any) -> int:
    """A level in whole units. Raises `Unreachable` for one that is no number: it came from something else."""
    try:
        return whole_units(level, "a level")
    except Refused as error:
        raise Unreachable(str(error)) from error


def _further(after: int, reached: int) -> int:
    """The next cursor. Raises `Unreachable` where it stands still, which would ask for the same page for ever."""
    if reached <= after:
        raise Unreachable("X-Series' version cursor does not move")
    return reached
