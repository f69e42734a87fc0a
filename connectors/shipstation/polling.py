"""Reads what is new or changed, list by list. It heals every lost webhook, and finds what none tells of: voids and edits."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson

from connectors.contract import Payload
from connectors.errors import Refused, Unreachable
from connectors.shipstation import fields
from connectors.shipstation.allowlist import (
    FULFILLMENT,
    INVENTORY,
    ORDER,
    V2_FULFILLMENT,
    V2_LABEL,
    V2_SHIPMENT,
    cut,
)
from connectors.shipstation.api import PAGE, V2_PAGE, Api, Row, checked, listed, pages_of
from connectors.shipstation.catalogue import inventory
from connectors.shipstation.feeds import FEEDS, Feed
from connectors.shipstation.settings import ShipStationSettings
from connectors.shipstation.wholesale import store_of, verdict

MAKING, MAKING_MAX = "processing", timedelta(days=1)
"""The status of a V2 label that is being made in a batch ("a few minutes"), and how long that is waited for."""

KNOWN_MAX = 10_000
"""Shipments and orders that are remembered for their labels."""

MARKS: Mapping[str, str] = {FULFILLMENT: "orderId", V2_FULFILLMENT: "shipment_id"}
"""The fulfilments of each API, and what they are of: they name no goods."""


class Poller:
    """One channel's way through its lists, with what it has handed out and may come by again."""

    def __init__(self, api: Api, settings: ShipStationSettings) -> None:
        self._api, self._settings = api, settings
        self._zone = ZoneInfo(settings.time_zone)
        self._taken: dict[str, dict[str, tuple[datetime, bytes]]] = {}
        self._shipments: dict[str, Row] = {}
        self._combined: dict[Any, bool] = {}

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents that are new or changed. The cursor is the newest instant seen of each list.

        Each list is read from `poll_overlap` before its cursor. What the caller has taken before (it came back for the next
        page) and is still the same is not handed out again.
        """
        reached: dict[str, str] = orjson.loads(cursor) if cursor else {}
        for feed in FEEDS[self._settings.documents]:
            start, unmade = self._start(feed, reached.get(feed.name)), list[datetime]()
            taken = self._taken[feed.name] = {
                ident: one
                for ident, one in (self._taken.get(feed.name, {}) if cursor else {}).items()
                if start is None or one[0] >= start
            }
            async for page in self._rows(feed, start):
                rows = [row for row in page if feed.ordered or row.get(feed.at)]
                if not rows:
                    continue
                seen = {
                    str(row[feed.ident]): (
                        self._at(row, feed.at),
                        _digest(feed, row, verdict(self._settings, row)),
                    )
                    for row in rows
                }
                unmade += [seen[str(row[feed.ident])][0] for row in rows if row.get("status") == MAKING]
                fresh = [row for row in rows if taken.get(str(row[feed.ident])) != seen[str(row[feed.ident])]]
                reached[feed.name] = _reached(reached.get(feed.name), [at for at, _ in seen.values()], unmade)
                if fresh:
                    yield await self._payloads(feed, fresh), orjson.dumps(reached).decode()
                taken.update(seen)
        if self._settings.observe and self._settings.inventory:
            async for rows, at in inventory(self._api):
                read = [cut(INVENTORY, {**row, "seen_at": at.isoformat()}) for row in rows]
                yield [Payload(INVENTORY, row) for row in read], orjson.dumps(reached).decode()

    def _start(self, feed: Feed, reached: str | None) -> datetime | None:
        """The instant that a list is read from; None: from its beginning."""
        if feed.windowed:
            return datetime.now(UTC) - timedelta(days=self._settings.void_window)
        if reached is None:
            return feed.first
        return datetime.fromisoformat(reached) - timedelta(seconds=self._settings.poll_overlap)

    async def _rows(self, feed: Feed, start: datetime | None) -> AsyncIterator[list[Row]]:
        """A list, page by page. An ordered one is read on from the last row's instant and not by page number: rows that
        change meanwhile move to its end, and pull others over a page's edge.
        """
        page = 1
        while True:
            query = {**feed.query, "page": str(page)}
            if start is not None:
                query[feed.since] = self._written(start)
            body = await self._page(feed.path, query)
            rows = listed(body, feed.listed)
            if not rows:
                return
            if not all(row.get(feed.ident) for row in rows):
                raise Unreachable(f"a row of a list: {feed.ident} is missing")
            yield rows
            if page >= pages_of(body):
                return
            page += 1
            if feed.ordered:
                last = self._at(rows[-1], feed.at).replace(microsecond=0)
                if start is None or last > start:
                    start, page = last, 1

    async def _page(self, path: str, query: Mapping[str, str]) -> Any:
        if self._settings.documents == "v1":
            return checked(await self._api.v1("GET", path, query={**query, "pageSize": str(PAGE)}))
        return checked(await self._api.v2("GET", path, query={**query, "page_size": str(V2_PAGE)}))

    def _at(self, row: Row, name: str) -> datetime:
        """When a row was made or changed. Raises `Unreachable` where it does not say."""
        try:
            return fields.instant(row, name, self._zone)
        except Refused as error:
            raise Unreachable(f"a row of a list: {error}") from error

    def _written(self, start: datetime) -> str:
        """An instant as a list is asked by it. V1 has no offsets, so around the hour that its clock goes through twice it is
        asked for that much more.
        """
        if self._settings.documents == "v2":
            return start.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        before, after = (
            (start + timedelta(hours=hours)).astimezone(self._zone).utcoffset() or timedelta()
            for hours in (-2, 2)
        )
        local = start.astimezone(self._zone).replace(tzinfo=None) - max(timedelta(), before - after)
        return local.isoformat(sep=" ", timespec="seconds")

    async def _payloads(self, feed: Feed, rows: Sequence[Row]) -> list[Payload]:
        """The rows as documents, with what else belongs into them."""
        if feed.topic in MARKS:
            owner = MARKS[feed.topic]
            fulfilled = self._fulfilled if feed.topic == FULFILLMENT else self._fulfilled_v2
            bodies = [
                await fulfilled(ident, [row for row in rows if row.get(owner) == ident])
                for ident in dict.fromkeys(row.get(owner) for row in rows)
            ]
        elif feed.topic == V2_LABEL:
            bodies = [{**row, "shipment": await self._shipment(row)} for row in rows]
        else:
            bodies = list(rows)
            if feed.topic == ORDER:
                self._learn_combined(rows)
            if feed.topic == V2_SHIPMENT:
                self._shipments |= {row["shipment_id"]: cut(V2_SHIPMENT, row) for row in rows}
        return [Payload(feed.topic, cut(feed.topic, {**body, **self._stamp(body)})) for body in bodies]

    async def _fulfilled(self, order: Any, rows: list[Row]) -> Row:
        """All fulfilments of an order with the order and its labels; without its order, as it is (and is refused then)."""
        if not isinstance(order, int):
            return {"fulfillments": rows}
        reply = await self._api.v1("GET", f"/orders/{order}")
        if reply.status == 404:
            return {"fulfillments": rows}
        query = {"orderId": str(order)}
        made, labels = list[Row](), list[Row]()
        async for page in self._api.v1_list("/fulfillments", "fulfillments", query):
            made += page
        query["includeShipmentItems"] = "true"
        async for page in self._api.v1_list("/shipments", "shipments", query):
            labels += page
        return {"order": checked(reply), "fulfillments": made, "shipments": labels}

    async def _fulfilled_v2(self, ident: Any, rows: list[Row]) -> Row:
        """All fulfilments of a shipment with the shipment and its labels; without it, as it is (and is refused then)."""
        shipment = await self._shipment({"shipment_id": ident})
        if not shipment:
            return {"fulfillments": rows}
        query = {"shipment_id": ident}
        made, labels = list[Row](), list[Row]()
        async for page, _ in self._api.v2_list("/fulfillments", query, "fulfillments"):
            made += page
        async for page, _ in self._api.v2_list("/labels", query, "labels"):
            labels += page
        return {"shipment": shipment, "fulfillments": made, "labels": labels}

    def _learn_combined(self, rows: Sequence[Row]) -> None:
        """Remembers orders that others were combined into: V1's labels do not say it. A label changes its order [inferred],
        so that the same poll has read it before.
        """
        for row in rows:
            if fields.part(row, "advancedOptions").get("mergedIds"):
                self._combined[row["orderId"]] = True
        while len(self._combined) > KNOWN_MAX:
            del self._combined[next(iter(self._combined))]

    async def _shipment(self, label: Row) -> Row:
        """The shipment that a label is for: most often the same poll has read it. One that is gone leaves the label alone
        (and that is refused then).
        """
        ident = label.get("shipment_id")
        if not isinstance(ident, str):
            return {}
        while len(self._shipments) > KNOWN_MAX:
            del self._shipments[next(iter(self._shipments))]
        if ident not in self._shipments:
            reply = await self._api.v2("GET", f"/shipments/{quote(ident, safe='')}")
            self._shipments[ident] = {} if reply.status == 404 else cut(V2_SHIPMENT, checked(reply))
        return self._shipments[ident]

    def _stamp(self, body: Row) -> Row:
        """What the settings say of a document."""
        return {
            "onhand": {
                **verdict(self._settings, body),
                "zone": self._settings.time_zone,
                "shop": self._settings.stores.get(str(store_of(body))),
                "providers": self._settings.providers,
                "combined": body.get("orderId") in self._combined,
            }
        }


def _reached(before: str | None, dates: Sequence[datetime], unmade: Sequence[datetime]) -> str:
    """The newest instant of a list, but not beyond a label that is still being made, which shows no date of its completion.
    One that has been for a day is not waited for.
    """
    newest = max(*dates, datetime.fromisoformat(before)) if before else max(dates)
    waited = [at for at in unmade if at > newest - MAKING_MAX]
    return min((newest, *waited)).isoformat()


def _digest(feed: Feed, row: Row, judged: Row) -> bytes:
    """What a row says, in short, and the verdict on it. A fulfilment's own fields are none of its document's."""
    said = {**(row if feed.topic in MARKS else cut(feed.topic, row)), **judged}
    return hashlib.blake2b(orjson.dumps(said), digest_size=16).digest()
