"""Late facts: what was recorded after an instant about what had occurred by then. They are all that lies between what was believed at
that instant and what was true. What was believed of an instant at another one is asked for by naming both.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.blocks import PROMPT
from projections.listed import Units
from projections.paging import PAGE_MAX, Page, instant_cursor, page_of
from projections.stocks import Stocks

SHOWN = (
    "id, sku, kind, quantity, legs, locations, transaction, channel, document, occurred_at, recorded_at, reason, voids,"
    " counted, bundle"
)

IS_LATE = "occurred_at <= %(at)s AND recorded_at > %(believed)s AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)"

LATE = f"""
    WITH of_sku AS (
        SELECT first_offset, last_offset, occurred_from, recorded_to,
        coalesce(lag(last_offset) OVER (ORDER BY last_offset), -1) AS before
        FROM blocks WHERE sku = %(sku)s AND apart
    ), ranges AS (
        SELECT first_offset AS low, last_offset AS high FROM of_sku WHERE recorded_to > %(believed)s AND occurred_from <= %(at)s
        UNION ALL SELECT before + 1, first_offset - 1 FROM of_sku WHERE first_offset > before + 1
        UNION ALL SELECT coalesce(max(last_offset), -1) + 1, 9223372036854775807 FROM of_sku
    ), late AS (
        SELECT {SHOWN} FROM movements
        WHERE sku = %(sku)s AND {PROMPT} AND occurred_at >= %(believed)s - '1 hour'::interval AND {IS_LATE}
        UNION ALL
        SELECT m.* FROM ranges, LATERAL (
            SELECT {SHOWN} FROM movements
            WHERE sku = %(sku)s AND NOT {PROMPT} AND log_offset >= low AND log_offset <= high AND {IS_LATE} OFFSET 0
        ) AS m
    )
    SELECT * FROM late WHERE (%(location)s::text IS NULL OR %(location)s = ANY(locations))
    AND (%(after)s::timestamptz IS NULL OR (recorded_at, id) > (%(after)s::timestamptz, %(id)s::text))
    ORDER BY recorded_at, id LIMIT %(limit)s
"""  # noqa: S608  # our own text
"""Prompt news is late by an hour at most, so it occurred in the hour before; the rest is few, and in few of its blocks."""


@dataclass(frozen=True, slots=True)
class Between:
    """What was believed at an instant of what had occurred by then, what became known of it, and what was true: the first two sum to
    the third, in every cell.
    """

    believed: Units
    learned: Units
    true: Units


class Late(Stocks):
    """Questions about late facts."""

    async def late_facts(
        self,
        sku: str,
        at: datetime,
        known_at: datetime | None = None,
        *,
        believed_at: datetime | None = None,
        location: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Movements of a SKU that had occurred by `at` and were recorded after it (after `believed_at`, where that is another instant), by
        `known_at`, in the order in which they became known. Each says by how many seconds it came late, and what it changed (at one location, where one is named).
        """
        after, ident = instant_cursor(cursor) if cursor else (None, None)
        most = min(limit, PAGE_MAX)
        asked = {"sku": sku, "at": at, "believed": believed_at or at, "known": known_at, "location": location}
        position = {"after": after, "id": ident, "limit": most + 1}
        found = await self.rows(LATE, {**asked, **position})
        page = page_of(found, most, lambda row: [row["recorded_at"].isoformat(), row["id"]])
        return Page([_shown(row, location) for row in page.items], page.next)

    async def between(
        self,
        sku: str,
        at: datetime,
        known_at: datetime | None = None,
        location: str | None = None,
        *,
        believed_at: datetime | None = None,
    ) -> Between:
        """What lies between the two clocks at `at`, by what is known by `known_at`: since then, or since `believed_at`."""
        believed = await self.summed(sku, at, believed_at or at)
        true = await self.summed(sku, at, known_at)
        learned = Counter({cell: true[cell] - believed[cell] for cell in true.keys() | believed.keys()})
        return Between(*(_units(one, location) for one in (believed, learned, true)))


def _shown(row: dict[str, Any], location: str | None) -> dict[str, Any]:
    legs = row.pop("legs")
    del row["locations"]
    seconds = (row["recorded_at"] - row["occurred_at"]).total_seconds()
    changed = [leg for leg in legs if location is None or leg["location"] == location]
    return {**row, "late_seconds": seconds, "changed": changed}


def _units(cells: Counter[tuple[str, str]], location: str | None) -> Units:
    """The cells that hold something, by location; those of one, where one is named."""
    shown: Units = {}
    for (place, state), units in sorted(cells.items()):
        if units and location in (None, place):
            shown.setdefault(place, {})[state] = units
    return shown
