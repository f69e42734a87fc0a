"""What platforms call our items and places, and how far each was polled. Not from the log: asked again at will."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from projections.rows import Rows


@dataclass(frozen=True, slots=True)
class SavedDirectory:
    """A channel's directory as plain values: item references to (SKU, tracked), and the other mappings."""

    items: dict[str, tuple[str, bool]]
    locations: dict[str, str]
    handles: dict[str, str]
    places: dict[str, str]


class Directories(Rows):
    """What is kept of a platform between two polls."""

    async def save_directory(self, channel: str, **directory: Mapping[str, Any]) -> None:
        """Keeps what a platform calls our items and places: `items`, `locations`, `handles`, `places`."""
        await self.run(
            "INSERT INTO directories VALUES (%s, %s)"
            " ON CONFLICT (channel) DO UPDATE SET directory = excluded.directory",
            [channel, orjson.dumps({name: dict(part) for name, part in directory.items()}).decode()],
        )

    async def load_directory(self, channel: str) -> SavedDirectory | None:
        """What was kept, None if nothing ever was."""
        found = await self.rows("SELECT directory FROM directories WHERE channel = %s", [channel])
        if not found:
            return None
        kept = found[0]["directory"]
        items = {ref: (sku, tracked) for ref, (sku, tracked) in kept["items"].items()}
        return SavedDirectory(items, kept["locations"], kept["handles"], kept["places"])

    async def cursor(self, channel: str) -> str | None:
        """How far a channel was polled."""
        found = await self.rows("SELECT cursor FROM cursors WHERE channel = %s", [channel])
        return found[0]["cursor"] if found else None

    async def save_cursor(self, channel: str, cursor: str) -> None:
        """Remembers how far a channel was polled."""
        await self.run(
            "INSERT INTO cursors VALUES (%s, %s) ON CONFLICT (channel) DO UPDATE SET cursor = excluded.cursor",
            [channel, cursor],
        )
