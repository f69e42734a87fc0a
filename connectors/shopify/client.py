"""What a channel asks Shopify: its catalogue, its levels, orders that changed, and to send webhooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory, Item
from connectors.errors import ConnectorError
from connectors.polite import Http
from connectors.shopify import documents, fields, polled
from connectors.shopify.admin import Admin, Node
from connectors.shopify.allowlist import cut
from connectors.shopify.mapping import TOPICS
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.tokens import Tokens
from schemas.accounts import NETWORK

PAGE = 250
"""The most nodes one page may have (shopify.dev limits)."""

NESTED_PAGE = 25
"""Nodes of a page whose nodes have lists of their own; a query may cost 1,000 points."""

PAGED_MAX = 25_000
"""Shopify pages through this many objects and no further (shopify.dev limits): then the search starts anew."""


class ShopifyClient:
    """One shop, as its token sees it."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        if not isinstance(settings, ShopifySettings):
            raise TypeError("a Shopify channel has ShopifySettings")
        self._settings = settings
        self.admin = Admin(Http(settings.address, {}), settings.graphql_path, Tokens(settings, secrets))

    async def directory(self) -> Directory:
        """Items by SKU, `variant:<id>` and `inventory_item:<id>`; locations by `location:<id>`.

        A SKU that several inventory items carry has no handle: telling one of them would leave the others wrong.
        """
        items: dict[str, Item] = {}
        handles: dict[str, str] = {}
        carriers: Counter[str] = Counter()
        async for page in self.admin.pages(documents.ITEMS, "inventoryItems", PAGE):
            for node in page:
                sku = (node["sku"] or "").strip()
                if not sku:
                    continue
                item = Item(sku, node["tracked"])
                items[sku] = items[f"inventory_item:{node['legacyResourceId']}"] = item
                for variant in (node["variants"] or {"nodes": ()})["nodes"]:
                    items[f"variant:{variant['legacyResourceId']}"] = item
                handles[sku] = node["id"]
                carriers[sku] += 1
        locations: dict[str, str] = {}
        places: dict[str, str] = {}
        async for page in self.admin.pages(documents.LOCATIONS, "locations", PAGE):
            for node in page:
                locations[f"location:{node['legacyResourceId']}"] = node["name"]
                places[node["name"]] = node["id"]
        return Directory(
            items=items,
            locations=locations,
            handles={sku: gid for sku, gid in handles.items() if carriers[sku] == 1},
            places={**places, NETWORK: self._settings.publish_location},
        )

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """Every level of every tracked item, observed at the platform's clock when it answered."""
        async for page in self.admin.pages(documents.LEVELS, "inventoryItems", NESTED_PAGE):
            found: list[Level] = []
            for node in page:
                if not node["tracked"]:
                    continue
                at = self.admin.seen_at
                rows = await self.admin.whole(node, "inventoryLevels", documents.MORE_LEVELS)
                found.extend(_level(node, row, at) for row in rows)
            yield found

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Orders updated since `cursor`, oldest first, in the shape of `orders/updated`.

        The cursor is the newest instant seen and, because many orders may share its second, the orders seen at it.
        """
        since, _, at_it = (cursor or "").partition(" ")
        seen = set(at_it.split())
        more = True
        while more:
            read = 0
            more = False
            search = f"updated_at:>='{since}'" if since else None
            async for page in self.admin.pages(documents.ORDERS, "orders", NESTED_PAGE, {"query": search}):
                fresh = [
                    node
                    for node in page
                    if node["updatedAt"] != since or node["legacyResourceId"] not in seen
                ]
                if fresh:
                    newest = fresh[-1]["updatedAt"]
                    same = {node["legacyResourceId"] for node in fresh if node["updatedAt"] == newest}
                    seen = seen | same if newest == since else same
                    since = newest
                    yield (
                        [await self._order(node) for node in fresh],
                        " ".join([since, *sorted(seen)]),
                    )
                read += len(page)
                if read >= PAGED_MAX and fresh:
                    more = True
                    break

    async def _order(self, node: Node) -> Payload:
        admin, number = self.admin, int(node["legacyResourceId"])
        lines = [polled.line(row) for row in await admin.whole(node, "lineItems", documents.MORE_LINES)]
        parcels = [
            polled.fulfillment(
                part, number, await admin.whole(part, "fulfillmentLineItems", documents.MORE_PARCEL_LINES)
            )
            for part in node["fulfillments"]
        ]
        refunds = [
            polled.refund(
                part, number, await admin.whole(part, "refundLineItems", documents.MORE_REFUND_LINES)
            )
            for part in node["refunds"]
        ]
        topic = "orders/updated"
        return Payload(topic, cut(topic, polled.order(node, lines, parcels, refunds)))

    async def subscribe(self, url: str) -> None:
        """Subscribes `url` to every topic that it does not have yet; Shopify deletes subscriptions that fail too often."""
        have: set[str] = set()
        async for page in self.admin.pages(documents.SUBSCRIPTIONS, "webhookSubscriptions", PAGE):
            have.update(node["topic"] for node in page if node["uri"] == url)
        for topic in TOPICS:
            name = topic.replace("/", "_").upper()
            if name not in have:
                data = await self.admin.call(documents.SUBSCRIBE, {"topic": name, "uri": url})
                _no_errors(data["webhookSubscriptionCreate"]["userErrors"], topic)

    async def close(self) -> None:
        """Gives the connections back."""
        await self.admin.close()


def _level(item: Node, row: Node, at: datetime) -> Level:
    updated = fields.instant(row, "updatedAt")
    return Level(
        item=f"inventory_item:{item['legacyResourceId']}",
        location=f"location:{row['location']['legacyResourceId']}",
        level=row["quantities"][0]["quantity"],
        version=fields.milliseconds(updated),
        observed_at=at,
    )


def _no_errors(errors: Sequence[dict[str, Any]], topic: str) -> None:
    if errors:
        raise ConnectorError(f"Shopify refuses the webhook {topic}: {errors[0]['message']}")
