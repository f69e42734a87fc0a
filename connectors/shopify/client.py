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
from connectors.shopify import documents, fields
from connectors.shopify.admin import Admin, Node
from connectors.shopify.mapping import WEBHOOKS
from connectors.shopify.polling import Poll
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.tokens import tokens
from schemas.accounts import NETWORK

PAGE = 250
"""The most nodes one page may have (shopify.dev limits)."""

NESTED_PAGE = 25
"""Nodes of a page whose nodes have lists of their own; a query may cost 1,000 points."""


class ShopifyClient:
    """One shop, as its token sees it."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        if not isinstance(settings, ShopifySettings):
            raise TypeError("a Shopify channel has ShopifySettings")
        self.settings = settings
        http = Http(settings.address, {}, settings.paced(), private=settings.private)
        self.admin = Admin(http, settings.graphql_path, tokens(settings, secrets, http))

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
            places={**places, NETWORK: self.settings.publish_location},
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

    def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """What changed since `cursor`: orders, oldest first, orders that were routed anew, and transfers."""
        return Poll(self.admin, self.settings).since(cursor)

    async def subscribe(self, url: str) -> None:
        """Subscribes `url` to every topic that it does not have yet; Shopify deletes subscriptions that fail too often."""
        have: set[str] = set()
        async for page in self.admin.pages(documents.SUBSCRIPTIONS, "webhookSubscriptions", PAGE):
            have.update(node["topic"] for node in page if node["uri"] == url)
        for topic in WEBHOOKS:
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
        changed_at=updated,
    )


def _no_errors(errors: Sequence[dict[str, Any]], topic: str) -> None:
    if errors:
        raise ConnectorError(f"Shopify refuses the webhook {topic}: {errors[0]['message']}")
