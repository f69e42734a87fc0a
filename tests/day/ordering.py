"""The hub's hand that creates orders in platforms, for deals that began on another one."""

from __future__ import annotations

import asyncio

from connectors.contract import Created, NewOrder
from connectors.errors import SlowDown, Unreachable
from streams.directories import Directories
from streams.settings import Settings


class Ordering:
    """The hub's hand that creates orders in platforms."""

    def __init__(self, settings: Settings, directories: Directories) -> None:
        self._settings, self._directories = settings, directories

    async def create(self, channel: str, order: NewOrder) -> Created:
        """Creates an order, asking again as long as a platform wants to be asked again."""
        await self._directories.known(channel)
        make = self._settings.connector(channel).orders
        assert make is not None
        orders = make(self._directories.clients[channel])
        while True:
            try:
                return await orders.create(order, self._directories.of(channel))
            except SlowDown as wait:
                await asyncio.sleep(wait.retry_after)
            except Unreachable:
                await asyncio.sleep(1.0)
