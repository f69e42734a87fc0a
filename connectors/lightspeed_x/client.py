"""X-Series' API, version 2026-07, as one retailer's token sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from connectors.contract import ChannelSettings, Level, Payload, Secrets, Unreachable
from connectors.directory import Directory, Item
from connectors.lightspeed_x.mapping import INVENTORY, SALE, instant, reduce, units
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.polite import Http, Reply

OVERLAP = 50
"""Versions that a poll reads again: a version may become visible after a higher one."""

EPOCH = "1970-01-01T00:00:00+00:00"


class LightspeedXClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, LightspeedXSettings)
        self.settings = settings
        token = secrets["access_token"].get_secret_value()
        self.http = Http(settings.api, {"Authorization": f"Bearer {token}"})

    async def directory(self) -> Directory:
        """Products, outlets and registers."""
        items: dict[str, Item] = {}
        handles: dict[str, str] = {}
        async for products in self.pages("/products"):
            for product in products:
                items[f"product:{product['id']}"] = Item(product["sku"], bool(product.get("has_inventory", True)))
                handles[product["sku"]] = product["id"]
        places, locations = dict[str, str](), dict[str, str]()
        async for outlets in self.pages("/outlets"):
            for outlet in outlets:
                places[outlet["name"]] = outlet["id"]
                locations[f"outlet:{outlet['id']}"] = outlet["name"]
        async for registers in self.pages("/registers"):
            for register in registers:
                if name := locations.get(f"outlet:{register['outlet_id']}"):
                    locations[f"register:{register['id']}"] = name
        return Directory(items=items, locations=locations, handles=handles, places=places)

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """All levels, oldest change first. The order must be asked for: the default skips rows behind the cursor."""
        after = 0
        while True:
            body = {"after": after, "sort_direction": "asc", "size": 5_000}
            rows = checked(await self.http.call("POST", "/inventory", body=body))
            if not rows:
                return
            yield [
                Level(
                    item=f"product:{row['product_id']}",
                    location=f"outlet:{row['outlet_id']}",
                    level=units(row["current_inventory_level"], row["product_id"]),
                    version=row["version"],
                    observed_at=instant(row.get("updated_at") or EPOCH),
                )
                for row in rows
                if not row.get("deleted_at")
            ]
            after = max(row["version"] for row in rows)

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Sales by version."""
        after = max(0, int(cursor or 0) - OVERLAP)
        async for sales in self.pages("/sales", after):
            newest = max(sale["_metadata"]["version"] for sale in sales)
            yield [Payload(SALE, reduce(SALE, sale)) for sale in sales], str(max(newest, int(cursor or 0)))

    async def pages(self, path: str, after: int = 0) -> AsyncIterator[list[dict[str, Any]]]:
        """A list by its version cursor. Only an empty page ends it, whatever `version` says."""
        while True:
            reply = await self.http.call("GET", path, query={"after": str(after), "page_size": "1000"})
            answer = checked(reply)
            if not answer["data"]:
                return
            yield answer["data"]
            after = answer["version"]["max"]

    async def subscribe(self, url: str) -> None:
        """One webhook for each type, each at its own URL. 409: it is there already."""
        for topic in (SALE, INVENTORY):
            body = {"active": True, "type": topic, "url": f"{url}/{topic}"}
            reply = await self.http.call("POST", "/webhooks", body=body)
            if reply.status != 409:
                checked(reply)

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.close()


def checked(reply: Reply) -> Any:
    """The body of a good answer. Raises `Unreachable` for any other."""
    if reply.status >= 300:
        raise Unreachable(f"X-Series answered {reply.status}")
    return reply.body
