"""What a channel asks Magento: its catalogue, its sources' levels, and orders that changed.

Magento Open Source sends no webhooks. Adobe Commerce can publish events, but none of a source's level, without the
quantities of a shipment, unordered and at least once: polling is needed with them too, and is enough without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import Refused, Unreachable
from connectors.magento import fields
from connectors.magento.allowlist import ORDER, cut
from connectors.magento.api import Api, Row, any_of
from connectors.magento.customers import person
from connectors.magento.rows import COMPOSITE, NO_SHELF
from connectors.magento.settings import MagentoSettings
from connectors.magento.wholesale import judged

UNTRACKED = COMPOSITE | NO_SHELF | {"grouped"}
"""Types of products that lie on no shelf under their own SKU."""

PARTS = ("/shipments", "/creditmemos")
LISTS = ("/orders", *PARTS)
"""What is polled. Shipments and credit memos too: a partial shipment need not change its order's `updated_at` (magento2#10287)."""

SEEN_TWICE = timedelta(seconds=2)
"""A row as young as this may change again within the second it shows, so it is handed out again by the next poll."""

IDS_MAX = 50
"""Ids or SKUs in one search: the URL of a hundred might be longer than a web server takes."""


LEVEL_ORDER = ("sku", "source_code")
"""The unique order of source items in fields that they show."""


class Name(NamedTuple):
    """One version of a row of a list, by its `updated_at`."""

    path: str
    id: int
    at: str


class MagentoClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        if not isinstance(settings, MagentoSettings):
            raise TypeError("a Magento channel has MagentoSettings")
        self.settings = settings
        self.api = Api(settings, secrets)
        self._taken: set[Name] = set()

    async def directory(self) -> Directory:
        """Products by SKU and `product:<id>`, sources by their code, which is our name of the place.

        A product whose stock Magento does not manage is untracked where the list says so; that it does is inferred.
        """
        items: dict[str, Item] = {}
        async for page in self.api.pages("/products", (), ("entity_id",)):
            for row in page:
                managed = fields.part(row, "extension_attributes", "stock_item").get("manage_stock")
                kept = row.get("type_id") not in UNTRACKED and managed is not False
                items[str(row["sku"])] = items[f"product:{row['id']}"] = Item(str(row["sku"]), kept)
        sources = {str(row["source_code"]): str(row["source_code"]) for row in await self.sources()}
        handles = {item.sku: item.sku for item in items.values() if item.tracked}
        return Directory(items=items, locations=sources, handles=handles, places=dict(sources))

    async def sources(self) -> list[Row]:
        """The sources. Raises `Unreachable` with the reason where the shop has none."""
        path = "/inventory/sources"
        if (await self.api.call("GET", path, query=[("searchCriteria[pageSize]", "1")])).status == 404:
            raise Unreachable("Magento has no inventory sources: its MSI modules are switched off")
        return [row async for page in self.api.pages(path, (), ("source_code",)) for row in page]

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """Every source item. Magento dates none, so each is as old as the answer it came in."""
        path = "/inventory/source-items"
        async for page in self.api.pages(path, (), LEVEL_ORDER):
            at = self.api.seen_at
            yield [
                Level(
                    item=str(row["sku"]),
                    location=str(row["source_code"]),
                    level=units_in(row),
                    version=fields.milliseconds(at),
                    observed_at=at,
                )
                for row in page
            ]

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Orders that changed, or whose shipments or credit memos did, whole; one that Magento cannot show, by its place.

        The cursor is the newest `updated_at` seen in each of the three lists. Reading begins `poll_overlap` earlier; what the
        caller has taken before is not handed out again.
        """
        marks = await self._marks(cursor)
        starts = [_earlier(mark, self.settings.poll_overlap) for mark in marks]
        self._taken = {one for one in self._taken if cursor and one.at >= starts[LISTS.index(one.path)]}
        for at, path in enumerate(LISTS):
            async for rows in self.api.changed(path, starts[at]):
                fresh = [row for row in rows if _name(path, row) not in self._taken]
                handed = {_name(path, row) for row in rows}
                marks[at] = max(marks[at], *(one.at for one in handed))
                if fresh:
                    good = [row for row in fresh if not row.get("unreadable")]
                    payloads, parts = await self.whole(good if at == 0 else await self._orders(good))
                    payloads += [Payload(ORDER, cut(ORDER, row)) for row in fresh if row not in good]
                    handed |= parts
                    yield payloads, ";".join(marks)
                young = stamp(self.api.seen_at - SEEN_TWICE)
                self._taken |= {one for one in handed if one.at < young}

    async def _marks(self, cursor: str | None) -> list[str]:
        """Where each list was read to. The first poll reads every order with its parts, and so of the parts' own lists only
        what changes from then on.
        """
        if cursor:
            found = cursor.split(";")
            if len(found) == len(LISTS):
                return found
        await self.api.search(LISTS[0], (), ("entity_id",), size=1)
        now = stamp(self.api.seen_at)
        return ["", now, now]

    async def _orders(self, parts: Iterable[Row]) -> list[Row]:
        """The orders that shipments or credit memos are of."""
        ids = dict.fromkeys(str(row["order_id"]) for row in parts)
        return await self.listed(LISTS[0], "entity_id", ids)

    async def whole(self, orders: Sequence[Row]) -> tuple[list[Payload], set[Name]]:
        """The orders with their shipments and credit memos in them, and the names of these."""
        ids = [str(order["entity_id"]) for order in orders]
        names: set[Name] = set()
        parts: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for path in PARTS:
            for row in await self.listed(path, "order_id", ids):
                parts[path, str(row["order_id"])].append(row)
                names.add(_name(path, row))
        whole = [
            self._told(order, *(parts[path, ident] for path in PARTS))
            for order, ident in zip(orders, ids, strict=True)
        ]
        asks = self.settings.customers
        return [
            Payload(ORDER, cut(ORDER, order), person(ORDER, order) if asks else None) for order in whole
        ], names

    def _told(self, order: Row, shipments: Iterable[Row], memos: Iterable[Row]) -> Row:
        """An order with its parts, and with what only the channel's settings say of them."""
        single = {"source_code": self.settings.single_source}
        return {
            **judged(self.settings, order),
            "shipments": [
                row
                if fields.part(row, "extension_attributes").get("source_code")
                else {**row, "extension_attributes": single}
                for row in shipments
            ],
            "creditmemos": [{**row, "returned_to_stock": self.settings.refunds_restock} for row in memos],
        }

    async def listed(
        self, path: str, field: str, values: Iterable[str], sort: Sequence[str] = ("entity_id",)
    ) -> list[Row]:
        """All rows of a list with one of these values."""
        wanted, found = list(values), list[Row]()
        for start in range(0, len(wanted), IDS_MAX):
            group = any_of(field, wanted[start : start + IDS_MAX])
            async for page in self.api.pages(path, (group,), sort):
                found += page
        return found

    async def subscribe(self, url: str) -> None:
        """Does nothing: there is nothing to subscribe to."""

    async def close(self) -> None:
        """Closes the connections."""
        await self.api.close()


def units_in(row: Row) -> int:
    """A source item's level in whole units. Raises `Unreachable` for one that is no number: it came from something else."""
    try:
        return fields.whole_units(row.get("quantity"), "a level")
    except Refused as error:
        raise Unreachable(str(error)) from error


def _name(path: str, row: Row) -> Name:
    """Raises `Unreachable` for a row without an id or an instant: it came from something else."""
    try:
        return Name(path, int(row["entity_id"]), row["updated_at"])
    except (KeyError, ValueError, TypeError):
        raise Unreachable(f"Magento answered {path} with a row without entity_id or updated_at") from None


def stamp(at: datetime) -> str:
    """An instant as Magento's search criteria want it."""
    return at.strftime(fields.STAMP)


def _earlier(mark: str, seconds: int) -> str:
    """A mark moved back. One that is no instant begins anew."""
    try:
        at = datetime.strptime(mark, fields.STAMP).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return stamp(at - timedelta(seconds=seconds))
