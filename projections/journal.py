"""The journal: every movement, as it was recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from projections.paging import PAGE_MAX, Page, cursor_of, instant_cursor, page_of
from projections.rows import Rows
from schemas.accounts import ON_HAND, UNROUTED
from schemas.movements import Movement
from schemas.postings import Kind, Leg
from schemas.reservations import Wanted
from schemas.rules import ChannelRules
from schemas.seals import ANY_CAUSE

MOVEMENT_COLUMNS = (
    *("id", "sku", "quantity", "transaction", "channel", "document", "occurred_at", "recorded_at"),
    *("reason", "demand_class", "counted", "bundle", "witnessed"),
)
"""The columns of the journal that are fields of a movement as they are."""

OPENED_BY_OTHERS = """
    WITH opened AS (
        SELECT sku, location, min(occurred_at) AS at, min(recorded_at) AS known_at
        FROM movements, unnest(locations) AS location
        WHERE kind = 'StockInitialised' AND channel <> %(channel)s AND NOT starts_with(transaction, %(opening)s)
        GROUP BY sku, location
    )
    SELECT sku, location, at, sum((leg->>'quantity')::bigint)::bigint AS units, count(DISTINCT id)::int AS documents
    FROM opened JOIN movements AS m USING (sku), jsonb_array_elements(m.legs) AS leg
    WHERE m.channel = %(channel)s AND m.occurred_at < at AND m.recorded_at > known_at
    AND leg->>'location' = location AND split_part(leg->>'state', '[', 1) = ANY(%(on_hand)s)
    AND NOT EXISTS (
        SELECT FROM movements AS c WHERE c.sku = m.sku AND location = ANY(c.locations) AND c.kind = 'StockCounted'
        AND c.occurred_at >= m.occurred_at AND c.occurred_at < at
    )
    GROUP BY sku, location, at HAVING sum((leg->>'quantity')::bigint) <> 0 ORDER BY sku, location
"""
"""What `opened_by_others` asks. `documents` counts the movements: it grows with what is known."""

WALK = 10_000
"""Movements that are looked at for one page of one location."""

SHOWN = """
    id, sku, kind, quantity, legs, transaction, channel, document, occurred_at, recorded_at, reason, voids, counted, bundle
"""

CONDITIONS = {
    "sku": "sku = %(sku)s",
    "since": "occurred_at >= %(since)s",
    "until": "occurred_at <= %(until)s",
    "transaction": "transaction = %(transaction)s",
    "before": "(occurred_at, id) < (%(before)s, %(id)s)",
}

LISTED = f"SELECT {SHOWN} FROM movements WHERE {{counts}} ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s"  # noqa: S608  # our own text

OF_LOCATION = f"""
    SELECT {SHOWN} FROM (
        SELECT * FROM movements WHERE {{counts}} ORDER BY occurred_at DESC, id DESC LIMIT %(walk)s
    ) AS walked
    WHERE %(location)s = ANY(locations) ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s
"""  # noqa: S608  # as above

LAST = """
    SELECT occurred_at, id FROM movements WHERE {counts} ORDER BY occurred_at DESC, id DESC OFFSET %(walk)s - 1 LIMIT 1
"""
"""The last of the movements that were looked at, if there were so many."""


class Journal(Rows):
    """Questions about movements."""

    async def journal_totals(self, ends: Mapping[int, int]) -> dict[tuple[str, str, str], int]:
        """Units by SKU, location and state, summed from the legs of the journal up to offsets by partition; zero sums
        left out.
        """
        sql = (
            "SELECT sku, leg->>'location' AS location, leg->>'state' AS state,"
            " sum((leg->>'quantity')::bigint)::bigint AS units"
            " FROM movements JOIN unnest(%s::int[], %s::bigint[]) AS upto(number, next)"
            " ON partition = number AND log_offset < next, jsonb_array_elements(legs) AS leg"
            " WHERE leg->>'state' <> 'boundary'"
            " GROUP BY 1, 2, 3 HAVING sum((leg->>'quantity')::bigint) <> 0"
        )
        upto = [list(ends), list(ends.values())]
        return {
            (row["sku"], row["location"], row["state"]): row["units"] async for row in self.stream(sql, upto)
        }

    async def journal(self) -> AsyncIterator[tuple[int, int, Movement, bytes]]:
        """Every movement as the journal has it, in the order of the log: partition, offset, movement, seal."""
        async for row in self.stream("SELECT * FROM movements ORDER BY partition, log_offset"):
            legs = tuple(Leg(**leg) for leg in row["legs"])
            kept = {name: row[name] for name in MOVEMENT_COLUMNS}
            voids = Kind(row["voids"]) if row["voids"] else None
            movement = Movement(**kept, kind=Kind(row["kind"]), voids=voids, legs=legs, cause=ANY_CAUSE)
            yield row["partition"], row["log_offset"], movement, bytes(row["seal"] or b"")

    async def movements(
        self,
        *,
        sku: str | None = None,
        location: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        transaction: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """The journal, newest first, in an order that does not shift while rows are added behind the cursor. A page of one location
        may be short, or empty, and have a next one still: no more than `WALK` movements are looked at for it.
        """
        before, ident = instant_cursor(cursor) if cursor else (None, None)
        most = min(limit, PAGE_MAX)
        asked = {"sku": sku, "since": since, "until": until, "transaction": transaction, "before": before}
        values = {**asked, "location": location, "id": ident, "limit": most + 1, "walk": WALK}
        counts = " AND ".join(text for name, text in CONDITIONS.items() if asked[name] is not None) or "true"
        found = await self.rows((LISTED if location is None else OF_LOCATION).format(counts=counts), values)
        page = page_of(found, most, _position)
        if location is None or page.next is not None:
            return page
        last = await self.rows(LAST.format(counts=counts), values)
        return Page(page.items, cursor_of(_position(last[0])) if last else None)

    async def counts_of(self, sku: str, upto: int) -> list[dict[str, Any]]:
        """The counts of a SKU that stand: location, channel, document, occurred_at. `upto` is the last log offset read."""
        return await self.rows(
            "SELECT location, channel, document, occurred_at FROM movements, unnest(locations) AS location"
            " WHERE sku = %s AND counted IS NOT NULL AND log_offset <= %s"
            " GROUP BY location, channel, document, occurred_at, counted"
            " HAVING sum(CASE WHEN voids IS NULL THEN 1 ELSE -1 END) > 0",
            [sku, upto],
        )

    async def reservation(self, ident: str) -> tuple[Wanted, ...]:
        """The lines of a reservation that was held, in their order; none where it never was."""
        found = await self.rows(
            "SELECT document, sku, quantity, legs FROM movements WHERE transaction = %s"
            " AND kind = %s AND jsonb_array_length(legs) > 0 ORDER BY document",
            [f"reservation/{ident}", Kind.RESERVATION_PLACED.value],
        )
        lines = {
            int(row["document"].rpartition("/")[2]): Wanted(
                sku=row["sku"],
                quantity=row["quantity"],
                rules=ChannelRules(),
                location=None if row["legs"][0]["location"] == UNROUTED else row["legs"][0]["location"],
            )
            for row in found
        }
        return tuple(line for _, line in sorted(lines.items()))

    async def documents_of(self, sku: str, prefix: str) -> int:
        """How many transactions whose names begin so have moved a SKU."""
        found = await self.rows(
            "SELECT count(DISTINCT transaction)::int AS documents FROM movements"
            " WHERE sku = %s AND starts_with(transaction, %s)",
            [sku, prefix],
        )
        return int(found[0]["documents"])

    async def came_late(
        self, channel: str, skus: Sequence[str], *, since: datetime, before: datetime
    ) -> list[dict[str, Any]]:
        """Documents of a channel that were recorded since an instant, and tell of what happened before another: document, SKU and
        locations of each.
        """
        return await self.rows(
            "SELECT DISTINCT document, sku, locations FROM movements"
            " WHERE channel = %s AND sku = ANY(%s) AND recorded_at >= %s AND occurred_at < %s ORDER BY document",
            [channel, list(skus), since, before],
        )

    async def counted_at(self, sku: str, location: str) -> datetime | None:
        """When a SKU was last counted or opened at a location; None if never."""
        found = await self.rows(
            "SELECT max(occurred_at) AS at FROM movements WHERE sku = %s AND %s = ANY(locations)"
            " AND kind IN ('StockCounted', 'StockInitialised')",
            [sku, location],
        )
        at: datetime | None = found[0]["at"]
        return at

    async def opened_by_others(self, channel: str, opening: str) -> list[dict[str, Any]]:
        """What a channel's documents did to places before others opened them, taken in after that: sku, location, units on hand, and
        when the place was opened. A count between the two has taken it in already. Openings by transactions whose names begin with
        `opening` are the channel's own.
        """
        return await self.rows(
            OPENED_BY_OTHERS, {"channel": channel, "opening": opening, "on_hand": sorted(ON_HAND)}
        )


def recorded_since(reached: Mapping[int, int]) -> str:
    """The condition of movements that were recorded since the journal had come so far, by partition. An instant would not do: what is
    recorded late has an earlier one.
    """
    parts = [f"(partition = {int(part)} AND log_offset >= {int(offset)})" for part, offset in reached.items()]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def _position(row: dict[str, Any]) -> list[str]:
    return [row["occurred_at"].isoformat(), row["id"]]
