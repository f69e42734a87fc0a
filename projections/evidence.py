"""What the journal says for holding units back: of each SKU at each place, over some time. For `schemas.buffers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from projections.paging import cursor_of, read_cursor
from projections.queries import Queries
from schemas.buffers import Evidence
from schemas.oversells import LATE, OversellCause
from schemas.postings import Kind
from schemas.postmortem import BUFFERED

DAYS = 90
"""Days whose evidence counts, unless others are asked for."""

DAYS_MAX = 3_650

PLACES_MAX = 500
"""Places of SKUs in one page, at most."""

TAKES = [
    kind.value
    for kind in (
        *(
            Kind.POS_SALE_COMPLETED,
            Kind.ORDER_PLACED,
            Kind.ORDER_ROUTED,
            Kind.ORDER_REROUTED,
            Kind.PICK_REJECTED,
        ),
        Kind.RESERVATION_PLACED,
    )
]
"""Kinds by which customers take what may be sold at a place."""

CELLS = """
    SELECT sku, location, coalesce((stock->'locations'->location->>'available')::bigint, 0) AS available
    FROM stock, jsonb_object_keys(stock->'tracked') AS location
    WHERE location <> '@unrouted' AND (%(sku)s::text IS NULL OR sku = %(sku)s)
    AND (%(location)s::text IS NULL OR location = %(location)s)
    AND (%(after)s::text IS NULL OR (sku >= %(after)s AND (sku, location) > (%(after)s, %(place)s::text)))
    ORDER BY sku, location LIMIT %(limit)s
"""
"""Where a SKU is kept, and how many may be sold there."""

LEGS = """
    SELECT m.*, leg->>'location' AS location, (leg->>'quantity')::bigint AS moved
    FROM movements AS m, jsonb_array_elements(legs) AS leg
    WHERE sku = ANY(%(skus)s) AND occurred_at >= %(since)s AND split_part(leg->>'state', '[', 1) = 'available'
    AND (%(location)s::text IS NULL OR leg->>'location' = %(location)s)
"""

OPENED = """
    SELECT sku, location, min(occurred_at) AS opened_at FROM movements, unnest(locations) AS location
    WHERE sku = ANY(%(skus)s) AND kind IN ('StockCounted', 'StockInitialised')
    AND (counted IS NOT NULL OR kind = 'StockInitialised') AND (%(location)s::text IS NULL OR location = %(location)s)
    GROUP BY sku, location
"""

TAKEN = f"""
    WITH opened AS ({OPENED}), moved AS (
        SELECT sku, location, occurred_at, -moved AS units,
        greatest(0, extract(epoch FROM recorded_at - occurred_at))::float8 AS seconds
        FROM ({LEGS}) AS legs LEFT JOIN opened USING (sku, location)
        WHERE kind = ANY(%(takes)s) AND (moved < 0 OR kind = 'PickRejected') AND occurred_at >= coalesce(opened_at, '-infinity')
    )
    SELECT sku, location, count(*) FILTER (WHERE units > 0)::int AS takes,
    coalesce(sum(units) FILTER (WHERE units > 0), 0)::bigint AS units,
    coalesce(percentile_disc(0.95) WITHIN GROUP (ORDER BY units) FILTER (WHERE units > 0), 0) AS units_usual,
    coalesce(percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE units > 0), 0) AS news_seconds,
    count(*) FILTER (WHERE units > 0 AND seconds > %(late)s)::int AS late,
    coalesce(max(seconds) FILTER (WHERE units > 0), 0) AS latest_seconds,
    array_agg(occurred_at) FILTER (WHERE units < 0) AS rejected_at, array_agg(-units) FILTER (WHERE units < 0) AS rejected
    FROM moved GROUP BY sku, location
"""  # noqa: S608  # our own text
"""What customers took since the place was opened, how late that was known, and the picks that failed: their units count as available there
again. What had happened before that is told when the hub begins; it is not late.
"""

SHRUNK = f"""
    SELECT sku, location, sum(greatest(0, -variance))::bigint AS shrink FROM (
        SELECT sku, location, sum(moved) AS variance FROM ({LEGS} AND kind = 'StockCounted' AND counted IS NULL) AS legs
        GROUP BY sku, location, channel, document, occurred_at
    ) AS counts GROUP BY sku, location
"""  # noqa: S608  # as above
"""What counts found missing, each with all that late news changed in it since; what was taken back is nothing."""

COUNTED = """
    SELECT sku, location, max(occurred_at) AS counted_at FROM (
        SELECT sku, location, occurred_at FROM movements AS m, unnest(locations) AS location
        WHERE sku = ANY(%(skus)s) AND kind IN ('StockCounted', 'StockInitialised')
        AND (counted IS NOT NULL OR kind = 'StockInitialised') AND (%(location)s::text IS NULL OR location = %(location)s)
        AND (%(before)s::timestamptz IS NULL OR occurred_at < %(before)s)
        GROUP BY sku, location, channel, document, occurred_at, kind, counted
        HAVING count(*) > (
            SELECT count(*) FROM movements AS v WHERE v.sku = m.sku AND v.occurred_at = m.occurred_at AND v.voids = m.kind
            AND v.channel = m.channel AND v.document = m.document AND location = ANY(v.locations)
            AND v.counted IS NOT DISTINCT FROM m.counted
        )
    ) AS counts GROUP BY sku, location
"""
"""When each was last counted or opened before an instant, by what was not taken back."""

OVERSOLD = """
    SELECT sku, place AS location, cause, available, occurred_at FROM oversells
    WHERE sku = ANY(%(skus)s) AND occurred_at >= %(since)s AND (%(location)s::text IS NULL OR place = %(location)s)
"""

COPIED = ("takes", "units", "units_usual", "news_seconds", "late", "latest_seconds")
"""Evidence as it was asked for."""

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Evidences:
    """Questions about what went wrong where, in the `days` before an instant (one at least)."""

    queries: Queries
    now: datetime
    days: float

    async def page(
        self,
        *,
        sku: str | None = None,
        location: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> tuple[list[Evidence], str | None]:
        """The evidence of each place of each SKU, in this order, and the cursor to more. Raises `BadCursor`."""
        after, place = read_cursor(cursor, 2) if cursor else (None, None)
        most = min(limit, PLACES_MAX)
        asked = {"sku": sku, "location": location, "after": after, "place": place, "limit": most + 1}
        rows = await self.queries.rows(CELLS, asked)
        cells, more = rows[:most], len(rows) > most
        found = await self._of(cells, location)
        return found, cursor_of([cells[-1]["sku"], cells[-1]["location"]]) if more else None

    async def _of(self, cells: Sequence[Mapping[str, Any]], location: str | None) -> list[Evidence]:
        skus = sorted({cell["sku"] for cell in cells})
        since = self.now - timedelta(days=self.days)
        asked = {"skus": skus, "since": since, "location": location}
        asked |= {"takes": TAKES, "late": LATE.total_seconds(), "before": None}
        taken = _by_cell(await self.queries.rows(TAKEN, asked))
        shrunk = _by_cell(await self.queries.rows(SHRUNK, asked))
        counted = _by_cell(await self.queries.rows(COUNTED, asked))
        opened = _by_cell(await self.queries.rows(OPENED, asked))
        oversold = await self.queries.rows(OVERSOLD, asked)
        return [
            self._evidence(
                cell,
                taken.get(_cell(cell), {}),
                shrunk.get(_cell(cell), {}).get("shrink", 0),
                self._watched(opened.get(_cell(cell), {}).get("opened_at")),
                counted.get(_cell(cell), {}).get("counted_at"),
                [row for row in oversold if _cell(row) == _cell(cell)],
            )
            for cell in cells
        ]

    def _watched(self, opened_at: datetime | None) -> float:
        """The days of watching: since the place was opened, at least one."""
        since = self.days if opened_at is None else (self.now - opened_at) / timedelta(days=1)
        return min(self.days, max(1.0, since))

    def _evidence(
        self,
        cell: Mapping[str, Any],
        taken: Mapping[str, Any],
        shrink: int,
        watched: float,
        counted_at: datetime | None,
        oversold: Sequence[Mapping[str, Any]],
    ) -> Evidence:
        picks = zip(taken.get("rejected_at") or (), taken.get("rejected") or (), strict=True)
        uncounted = [units for at, units in picks if counted_at is None or at > counted_at]
        age = None if counted_at is None else max(0.0, (self.now - counted_at) / timedelta(days=1))
        return Evidence(
            **cell,
            **{name: taken[name] for name in COPIED if name in taken},
            days=watched,
            shrink=shrink,
            counted_days=age,
            rejects=len(uncounted),
            missing=sum(uncounted),
            lacked=tuple(-row["available"] for row in oversold if _helped(row, counted_at)),
            oversells=len(oversold),
        )


def _helped(row: Mapping[str, Any], counted_at: datetime | None) -> bool:
    """Whether a buffer helps against an oversell; books that were wrong are right again since the last count."""
    cause = OversellCause(row["cause"])
    mended = counted_at is not None and row["occurred_at"] <= counted_at
    return cause in BUFFERED and not (cause is OversellCause.WRONG_COUNT and mended)


def _cell(row: Mapping[str, Any]) -> Cell:
    return row["sku"], row["location"]


def _by_cell(rows: Sequence[Mapping[str, Any]]) -> dict[Cell, Mapping[str, Any]]:
    return {_cell(row): row for row in rows}
