"""What platforms were told, and what they answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from projections.paging import PAGE_MAX, BadCursor, Page, page_of, read_cursor
from projections.rows import Rows
from schemas.receipts import Outcome

SHOWN = "partition, log_offset, channel, sku, place, quantity, level, own, outcome, pushed_at, stock_offset, ref, detail"

NEWEST = "pushed_at DESC, partition DESC, log_offset DESC"

BEFORE = """
    (%(since)s::timestamptz IS NULL OR pushed_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR pushed_at <= %(until)s)
    AND (%(at)s::timestamptz IS NULL
        OR (pushed_at, partition, log_offset) < (%(at)s::timestamptz, %(partition)s::int, %(offset)s::bigint))
"""

OF_SKU = f"""
    SELECT {SHOWN} FROM receipts
    WHERE sku = %(sku)s AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    AND outcome = ANY(%(outcomes)s::text[]) AND {BEFORE}
    ORDER BY {NEWEST} LIMIT %(limit)s
"""  # noqa: S608  # our own text

OF_ALL = f"""
    WITH RECURSIVE channels AS (
        (SELECT channel FROM receipts WHERE %(channel)s::text IS NULL ORDER BY channel LIMIT 1)
        UNION ALL
        SELECT (SELECT channel FROM receipts AS r WHERE r.channel > c.channel ORDER BY channel LIMIT 1)
        FROM channels AS c WHERE c.channel IS NOT NULL
    )
    SELECT its.* FROM (SELECT channel FROM channels WHERE channel IS NOT NULL UNION ALL SELECT %(channel)s::text) AS c,
    unnest(%(outcomes)s::text[]) AS o (outcome),
    LATERAL (
        SELECT {SHOWN} FROM receipts AS r WHERE r.channel = c.channel AND r.outcome = o.outcome AND {BEFORE}
        ORDER BY {NEWEST} LIMIT %(limit)s
    ) AS its
    ORDER BY {NEWEST} LIMIT %(limit)s
"""  # noqa: S608  # as above
"""The newest of each channel and outcome, and of those the newest: what is rare among millions is found as soon as the rest."""


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

    async def restored_at(self, channel: str) -> datetime | None:
        """When a backup was restored since which some of a channel's numbers have not been told; None where all have. Such words have
        no number of the ledger's.
        """
        found = await self.rows(
            "SELECT max(t.pushed_at) AS at FROM told AS t JOIN receipts AS r USING (channel, sku, place, log_offset)"
            " WHERE channel = %s AND t.outcome = 'asked' AND NOT t.sure AND r.stock_offset < 0",
            [channel],
        )
        at: datetime | None = found[0]["at"]
        return at

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

    async def receipts(
        self,
        *,
        sku: str | None = None,
        channel: str | None = None,
        outcome: Outcome | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        answered: bool = False,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Our words with platforms and their answers, newest first, in an order that does not shift. `id` is `partition-offset`. With
        `answered`, what only was about to be said is left out.
        """
        at, partition, offset = _receipt_cursor(cursor) if cursor else (None, None, None)
        most = min(limit, PAGE_MAX)
        values = {
            "sku": sku,
            "channel": channel,
            "outcomes": [
                one.value
                for one in Outcome
                if outcome in (None, one) and not (answered and one is Outcome.ASKED)
            ],
            "since": since,
            "until": until,
            "at": at,
            "partition": partition,
            "offset": offset,
            "limit": most + 1,
        }
        found = await self.rows(OF_ALL if sku is None else OF_SKU, values)
        page = page_of(
            found,
            most,
            lambda row: [row["pushed_at"].isoformat(), str(row["partition"]), str(row["log_offset"])],
        )
        for row in page.items:
            row["id"] = f"{row.pop('partition')}-{row.pop('log_offset')}"
        return page


def _receipt_cursor(cursor: str) -> tuple[datetime, int, int]:
    at, partition, offset = read_cursor(cursor, 3)
    try:
        return datetime.fromisoformat(at), int(partition), int(offset)
    except ValueError:
        raise BadCursor("not a cursor of this API") from None
