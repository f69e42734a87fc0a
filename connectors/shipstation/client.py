"""What a channel asks ShipStation: its catalogue, its levels, documents that changed, and to send webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from connectors.contract import ChannelSettings, Level, Payload, Secrets
from connectors.directory import Directory
from connectors.shipstation import catalogue
from connectors.shipstation.api import Api, checked, listed
from connectors.shipstation.polling import Poller
from connectors.shipstation.settings import ShipStationSettings
from connectors.shipstation.webhooks import EVENTS, address, keyring


class ShipStationClient:
    """Calls of one channel."""

    def __init__(self, settings: ChannelSettings, secrets: Secrets) -> None:
        assert isinstance(settings, ShipStationSettings)
        self.settings, self.api = settings, Api(settings, secrets)
        self._secrets, self._poller = secrets, Poller(self.api, settings)

    async def directory(self) -> Directory:
        """Its products, its Ship-From warehouses and its inventory locations."""
        return await catalogue.directory(self.api, self.settings)

    async def levels(self) -> AsyncIterator[Sequence[Level]]:
        """What is available at every inventory location; nothing where the account has no Inventory API."""
        if self.settings.inventory:
            async for page in catalogue.levels(self.api):
                yield page

    async def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents that are new or changed since the cursor."""
        ring = keyring(self.settings.jwks)
        if self.settings.documents == "v2" and ring.wanted:
            ring.learn(await self.api.keys())
        async for found in self._poller.poll(cursor):
            yield found

    async def subscribe(self, url: str) -> None:
        """Creates the webhooks that are missing. V1's are not signed: without a secret word for their URL there are none."""
        target = address(url, self.settings, self._secrets)
        if target is None:
            return
        if self.settings.documents == "v2":
            keyring(self.settings.jwks).learn(await self.api.keys())
            rows = listed(checked(await self.api.v2("GET", "/environment/webhooks")), "webhooks")
            have = {(row.get("event"), row.get("url")) for row in rows}
        else:
            rows = listed(checked(await self.api.v1("GET", "/webhooks")), "webhooks")
            have = {(row.get("HookType"), row.get("Url")) for row in rows if row.get("Active")}
        for event in EVENTS[self.settings.documents]:
            if (event, target) not in have:
                await self._hook(event, target)

    async def _hook(self, event: str, target: str) -> None:
        if self.settings.documents == "v2":
            body = {"name": "Onhand", "event": event, "url": target}
            checked(await self.api.v2("POST", "/environment/webhooks", body=body))
        else:
            named = {"target_url": target, "event": event, "store_id": None, "friendly_name": "Onhand"}
            checked(await self.api.v1("POST", "/webhooks/subscribe", body=named))

    async def close(self) -> None:
        """Closes the connections."""
        await self.api.close()
