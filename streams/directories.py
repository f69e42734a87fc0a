"""What each channel's references mean, kept fresh: from PostgreSQL at once, from the platform when it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from connectors.contract import Client
from connectors.directory import Directory, Item, overlay
from connectors.errors import ConnectorError
from projections.queries import Queries
from schemas.accounts import UNROUTED
from streams.settings import Settings

log = structlog.get_logger()

STALE = 30.0
"""Seconds after which an unknown reference is worth another question to the platform."""

SHARE, STALE_MAX = 20, 600.0
"""A catalogue that took a second to read is not asked for again within so many seconds, but within ten minutes at the latest:
a long one must not keep everybody busy."""


@dataclass(slots=True)
class Directories:
    """The directory of every channel."""

    settings: Settings
    clients: Mapping[str, Client]
    queries: Queries
    found: dict[str, Directory] = field(default_factory=dict)
    _asked: dict[str, tuple[float, float]] = field(default_factory=dict)
    _overlaid: dict[str, Directory] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of(self, channel: str) -> Directory:
        """What is known of a channel now, with the configuration laid over it; only our own locations count."""
        known = self._overlaid.get(channel)
        if known is None:
            its = self.settings.channels[channel]
            laid = overlay(self.found.get(channel, Directory()), its.locations, its.skus)
            allowed = {*self.settings.locations, UNROUTED}
            ours = {ref: name for ref, name in laid.locations.items() if name in allowed}
            known = self._overlaid[channel] = replace(laid, locations=ours)
        return known

    def configure(self, settings: Settings) -> None:
        """Takes a changed configuration over."""
        self.settings = settings
        self._overlaid.clear()

    async def load(self) -> None:
        """Takes what was known when we last ran, of channels of which we know nothing."""
        for channel in self.settings.channels.keys() - self.found.keys():
            if (saved := await self.queries.load_directory(channel)) is not None:
                self.found[channel] = Directory(
                    items={ref: Item(*item) for ref, item in saved.items.items()},
                    locations=saved.locations,
                    handles=saved.handles,
                    places=saved.places,
                )
                self._overlaid.pop(channel, None)

    async def refresh(self, channel: str, stale: float = STALE) -> bool:
        """Asks the platform, unless it was asked `stale` seconds ago. False: it did not answer, or was not asked."""
        async with self._turn:
            asked_at, took = self._asked.get(channel, (-float("inf"), 0.0))
            began = time.monotonic()
            if began - asked_at < max(stale, min(SHARE * took, STALE_MAX)):
                return False
            try:
                self.found[channel] = found = await self.clients[channel].directory()
            except ConnectorError as error:
                log.warning("no directory", channel=channel, reason=str(error))
                return False
            finally:
                now = time.monotonic()
                self._asked[channel] = now, now - began if channel in self.found else 0.0
            self._overlaid.pop(channel, None)
            await self.queries.save_directory(
                channel,
                items={ref: (item.sku, item.tracked) for ref, item in found.items.items()},
                locations=found.locations,
                handles=found.handles,
                places=found.places,
            )
            log.info("directory", channel=channel, items=len(found.items), locations=len(found.locations))
            return True

    async def known(self, channel: str) -> bool:
        """Whether the channel's directory was ever had, by whichever process; asks once if not."""
        if channel not in self.found:
            await self.load()
        return channel in self.found or await self.refresh(channel)
