"""Deals, the ones that moved last first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from projections.paging import PAGE_MAX, Page, cursor_of, instant_cursor
from projections.rows import Rows

WALK = 1_000
"""Movements that are looked at in one go."""

WALKS = 10
"""How often that is done for one page: where few deals are among very many movements, a page may have less than it might."""

SKUS_SHOWN = 10
"""SKUs of a deal that are named."""

COUNTED = 1_000
"""Movements of a deal that are counted."""

NEWEST = """
    SELECT occurred_at, id, transaction, channel FROM movements
    WHERE {counts} AND (%(before)s::timestamptz IS NULL OR (occurred_at, id) < (%(before)s::timestamptz, %(id)s::text))
    ORDER BY occurred_at DESC, id DESC LIMIT %(walk)s
"""

SEEN = """
    SELECT DISTINCT transaction FROM movements WHERE transaction = ANY(%(names)s)
    AND (occurred_at, id) >= (%(before)s::timestamptz, %(id)s::text) AND {counts}
    AND (%(channel)s::text IS NULL OR channel = %(channel)s)
"""
"""Which of some deals were on a page before this one."""

DETAILS = """
    SELECT name AS transaction, min(occurred_at) AS began_at, max(occurred_at) AS moved_at, max(recorded_at) AS recorded_at,
    array_agg(DISTINCT channel) AS channels, (array_agg(DISTINCT sku))[:%(skus)s] AS skus,
    count(DISTINCT sku)::int AS sku_count, count(*)::int AS movements
    FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked (name, place), LATERAL (
        SELECT * FROM movements AS m WHERE m.transaction = name LIMIT %(counted)s
    ) AS its
    GROUP BY name, place ORDER BY place
"""

CONDITIONS = {
    "sku": "sku = %(sku)s",
    "since": "occurred_at >= %(since)s",
    "until": "occurred_at <= %(until)s",
}


class Transactions(Rows):
    """Questions about deals."""

    async def transactions(
        self,
        *,
        sku: str | None = None,
        channel: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Deals by their newest movement (of the SKU, the channel and the time asked for), newest first: transaction, when it began
        and moved last, when that was recorded last, its channels, its first SKUs and how many they are, and how many movements (at
        most a thousand are counted).

        A deal that does not move while the pages are read is on one of them once; one that moves is the newest again. A page may be
        short, or empty, and have a next one still.
        """
        most = min(limit, PAGE_MAX)
        asked = {"sku": sku, "channel": channel, "since": since, "until": until}
        counts = " AND ".join(text for name, text in CONDITIONS.items() if asked[name] is not None) or "true"
        start = instant_cursor(cursor) if cursor else None
        names, at, more = await self._walked(asked, counts, start, most)
        found = await self.rows(DETAILS, {"names": names, "skus": SKUS_SHOWN, "counted": COUNTED})
        return Page(found, cursor_of([at[0].isoformat(), at[1]]) if more and at else None)

    async def _walked(
        self, asked: Mapping[str, Any], counts: str, start: tuple[datetime, str] | None, most: int
    ) -> tuple[list[str], tuple[datetime, str] | None, bool]:
        """The next deals, where the last movement looked at stands, and whether there are more."""
        names: dict[str, None] = {}
        at = start
        for _ in range(WALKS):
            before, ident = at or (None, None)
            position = {"before": before, "id": ident, "walk": WALK}
            rows = await self.rows(NEWEST.format(counts=counts), {**asked, **position})
            fresh = await self._unseen(rows, asked, counts, start, names)
            for row in rows:
                name = row["transaction"]
                if name in fresh and name not in names:
                    if len(names) == most:
                        return list(names), at, True
                    if asked["channel"] in (None, row["channel"]):
                        names[name] = None
                at = row["occurred_at"], row["id"]
            if len(rows) < WALK:
                return list(names), at, False
        return list(names), at, True

    async def _unseen(
        self,
        rows: Sequence[Mapping[str, Any]],
        asked: Mapping[str, Any],
        counts: str,
        start: tuple[datetime, str] | None,
        names: Mapping[str, None],
    ) -> set[str]:
        """Which deals of some movements were on no page before."""
        found = {row["transaction"] for row in rows} - names.keys()
        if start is None or not found:
            return found
        values = {**asked, "names": sorted(found), "before": start[0], "id": start[1]}
        seen = await self.rows(SEEN.format(counts=counts), values)
        return found - {row["transaction"] for row in seen}
