"""What platforms were told, and what they answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from projections.rows import Rows


class Told(Rows):
    """Questions about our words with platforms."""

    async def told(
        self, channel: str, since: datetime | None = None
    ) -> tuple[dict[tuple[str, str], tuple[int, int, bool]], dict[int, int]]:
        """By SKU and place: the platform's level at our last word, its own part then, and whether that is sure. A word from before
        `since` is none.

        And the offsets of `receipts` up to which that is all.
        """
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = await connection.execute(
                "SELECT sku, place, level, own, sure FROM told WHERE channel = %s AND outcome <> 'refused'"
                " AND (%s::timestamptz IS NULL OR pushed_at >= %s)",
                [channel, since, since],
            )
            cells = {
                (sku, place): (level, own, sure) for sku, place, level, own, sure in await found.fetchall()
            }
            return cells, await self.offsets_in(connection, "receipts")

    async def refusal(self, channel: str, sku: str, place: str) -> str | None:
        """Why a platform does not take a number; None where it does."""
        found = await self.rows(
            "SELECT coalesce(r.detail, '') AS detail FROM told AS t JOIN receipts AS r"
            " USING (channel, sku, place, log_offset)"
            " WHERE channel = %s AND sku = %s AND place = %s AND t.outcome = 'refused'",
            [channel, sku, place],
        )
        return found[0]["detail"] if found else None

    async def all_told(self) -> AsyncIterator[dict[str, Any]]:
        """Every last word with a platform: channel, sku, place, level, own, sure, outcome, and when it was, where that is known."""
        columns = "channel, sku, place, level, own, sure, outcome, pushed_at"
        async for row in self.stream(f"SELECT {columns} FROM told"):  # noqa: S608  # our own names
            yield row
