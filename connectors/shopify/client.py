"""Shopify's Admin GraphQL API, version 2026-10, as one shop's token sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from connectors.contract import ChannelSettings, ConnectorError, Level, Payload, Secrets, SlowDown, Unreachable
from connectors.directory import Directory, Item
from connectors.polite import Http
from connectors.shopify import documents
from connectors.shopify.mapping import TOPICS
from connectors.shopify.settings import ShopifySettings
from schemas.accounts import NETWORK

SUBSCRIBED = tuple(topic for topic in TOPICS if not topic.startswith("inventory_levels/"))
"""Topics asked for. Levels are not: an echo of every push is only noise, and evidence is read when it is wanted."""


class Answered(ConnectorError):
    """Shopify refused a whole request. `code` is `extensions.code` of its first error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ShopifyClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, ShopifySettings)
        self.settings = settings
        token = secrets["access_token"].get_secret_value()
        self._http = Http(settings.address, {"X-Shopify-Access-Token": token})

    async def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of a request. Raises `SlowDown` when throttled (HTTP 200 and a code), `Answered`, `Unreachable`."""
        body = {"query": document, "variables": variables}
        reply = await self._http.call("POST", self.settings.graphql, body=body)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise Unreachable(f"Shopify answered {reply.status}")
        if errors := reply.body.get("errors"):
            code = errors[0].get("extensions", {}).get("code", "") if isinstance(errors, list) else "ERROR"
            if code == "THROTTLED":
                raise SlowDown(_wait(reply.body.get("extensions", {}).get("cost", {})))
            raise Answered(code, str(errors[0].get("message", "") if isinstance(errors, list) else errors))
        data: dict[str, Any] = reply.body["data"]
        return data

    async def pages(self, document: str, name: str, **variables: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """The nodes of a connection, page by page."""
        after = None
        while True:
            found = (await self.ask(document, {**variables, "after": after}))[name]
            yield found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]

    async def directory(self) -> Directory:
        """Inventory items by SKU and by id, and locations."""
        items: dict[str, Item] = {}
        handles: dict[str, str] = {}
        async for nodes in self.pages(documents.ITEMS, "inventoryItems"):
            for node in nodes:
                if node["sku"]:
                    item = Item(node["sku"], node["tracked"])
                    items[node["sku"]] = items[f"inventory_item:{number(node['id'])}"] = item
                    handles[node["sku"]] = node["id"]
        locations = dict[str, str]()
        async for nodes in self.pages(documents.LOCATIONS, "locations"):
            locations |= {f"location:{number(node['id'])}": node["name"] for node in nodes}
        places = {NETWORK: self.settings.publish_location}
        return Directory(items=items, locations=locations, handles=handles, places=places)

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """Nothing: a shop's number is what it may sell of stock that is kept elsewhere."""
        return
        yield []

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Orders by `updated_at`, in the shape of their webhook."""
        newest = cursor or ""
        query = f"updated_at:>='{cursor}'" if cursor else ""
        async for nodes in self.pages(documents.ORDERS, "orders", query=query):
            if nodes:
                newest = max(newest, *(node["updatedAt"] for node in nodes))
                yield [Payload("orders/updated", as_webhook(node)) for node in nodes], newest

    async def subscribe(self, url: str) -> None:
        """All topics to one URL; those that are there already stay."""
        known = set()
        async for nodes in self.pages(documents.SUBSCRIPTIONS, "webhookSubscriptions"):
            known |= {(node["topic"], node["uri"]) for node in nodes}
        for topic in SUBSCRIBED:
            name = topic.upper().replace("/", "_")
            if (name, url) not in known:
                made = await self.ask(documents.SUBSCRIBE, {"topic": name, "uri": url})
                if errors := made["webhookSubscriptionCreate"]["userErrors"]:
                    raise Answered("SUBSCRIPTION", errors[0]["message"])

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()


def _wait(cost: Mapping[str, Any]) -> float:
    """Seconds until the bucket holds what the request costs."""
    status = cost.get("throttleStatus", {})
    lacking = cost.get("requestedQueryCost", 50) - status.get("currentlyAvailable", 0)
    return float(max(0.1, lacking / max(1.0, status.get("restoreRate", 50))))


def number(gid: str) -> str:
    """The number at the end of a gid."""
    return gid.rsplit("/", 1)[-1]


def as_webhook(node: Mapping[str, Any]) -> dict[str, Any]:
    """An order of the API in the fields and values of the order webhook that the mapping reads."""

    def line(found: Mapping[str, Any]) -> dict[str, Any]:
        variant = found.get("variant")
        return {
            "id": int(number(found["id"])),
            "sku": found["sku"],
            "variant_id": variant and int(variant["legacyResourceId"]),
        }

    def place(found: Mapping[str, Any]) -> int | None:
        return found["location"] and int(found["location"]["legacyResourceId"])

    return {
        "id": int(node["legacyResourceId"]),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "source_name": node["sourceName"],
        "location_id": node["retailLocation"] and int(node["retailLocation"]["legacyResourceId"]),
        "test": node["test"],
        "wholesale": bool(node["purchasingEntity"]),
        "line_items": [
            {
                **line(item),
                "quantity": item["quantity"],
                "fulfillable_quantity": item["unfulfilledQuantity"],
                "gift_card": item["isGiftCard"],
            }
            for item in node["lineItems"]["nodes"]
        ],
        "fulfillments": [
            {
                "id": int(part["legacyResourceId"]),
                "status": part["status"].lower(),
                "created_at": part["createdAt"],
                "updated_at": part["updatedAt"],
                "location_id": place(part),
                "line_items": [
                    {**line(row["lineItem"]), "quantity": row["quantity"]} for row in part["fulfillmentLineItems"]["nodes"]
                ],
            }
            for part in node["fulfillments"]
        ],
        "refunds": [
            {
                "id": int(part["legacyResourceId"]),
                "created_at": part["createdAt"],
                "refund_line_items": [
                    {
                        "line_item_id": line(row["lineItem"])["id"],
                        "quantity": row["quantity"],
                        "restock_type": row["restockType"].lower(),
                        "location_id": place(row),
                        "line_item": {**line(row["lineItem"]), "quantity": row["quantity"]},
                    }
                    for row in part["refundLineItems"]["nodes"]
                ],
            }
            for part in node["refunds"]
        ],
    }
