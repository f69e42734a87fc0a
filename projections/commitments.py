"""What was ordered and has neither left nor been cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from projections.paging import PAGE_MAX, Page, instant_cursor, page_of
from projections.rows import Rows

AGE_MAX = 36_500
"""Days that may be asked for."""

COMMITMENTS = """
    WITH held AS (
        SELECT transaction, sku, location, sum(units)::bigint AS units FROM (
            SELECT transaction, sku, location, units FROM open_units
            UNION ALL
            SELECT transaction, sku, leg->>'location', (leg->>'quantity')::numeric
            FROM movements, jsonb_array_elements(legs) AS leg WHERE leg->>'state' = 'committed' AND ({undigested})
        ) AS legs
        WHERE (%(sku)s::text IS NULL OR sku = %(sku)s) AND (%(location)s::text IS NULL OR location = %(location)s)
        GROUP BY 1, 2, 3 HAVING sum(units) > 0
    ), listed AS (
        SELECT held.*, opened.*, jsonb_build_array(transaction, sku, location)::text AS key
        FROM held, LATERAL (  -- a void has the instant of what it voids: together they are nothing
            SELECT occurred_at AS since, channel, demand_class
            FROM movements, jsonb_array_elements(legs) AS leg
            WHERE (transaction, sku) = (held.transaction, held.sku) AND leg->>'state' = 'committed'
            GROUP BY leg->>'location', occurred_at, channel, demand_class
            HAVING sum((leg->>'quantity')::bigint) > 0
            ORDER BY since, channel, demand_class LIMIT 1
        ) AS opened
    )
    SELECT * FROM listed
    WHERE (%(before)s::timestamptz IS NULL OR since < %(before)s)
    AND (%(since)s::timestamptz IS NULL OR (since, key) > (%(since)s::timestamptz, %(key)s::text))
    ORDER BY since, key LIMIT %(limit)s
"""
"""What `commitments` asks: the sums of the journal's legs in the state committed. What is digested of them stands in `open_units`."""


class Commitments(Rows):
    """Questions about open orders."""

    async def commitments(
        self,
        now: datetime,
        *,
        sku: str | None = None,
        location: str | None = None,
        older_than_days: int = 0,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Units that were ordered and have neither left nor been cancelled, oldest first, in an order that does not shift:
        by transaction, SKU and location (`@unrouted` where none is chosen yet).

        `since` is the earliest instant from which an order of that SKU still stands in the transaction, with its channel and
        demand class: units keep their age when they are routed elsewhere, and of an order that grew they are told as older
        than they are, never as younger. `age_days` counts whole days at `now`. More than `older_than_days` have passed.
        """
        since, key = instant_cursor(cursor) if cursor else (None, None)
        values = {
            "sku": sku,
            "location": location,
            "before": now - timedelta(days=older_than_days) if older_than_days else None,
            "since": since,
            "key": key,
            "limit": min(limit, PAGE_MAX) + 1,
        }
        async with self.moment() as moment:
            await moment.execute(b"SELECT partition, next_offset FROM block_progress")
            digested = {row["partition"]: row["next_offset"] for row in await moment.fetchall()}
            sql = COMMITMENTS.format(undigested=beyond(digested))
            await moment.execute(sql.encode(), values, prepare=False)
            found = await moment.fetchall()
        page = page_of(found, min(limit, PAGE_MAX), lambda row: [row["since"].isoformat(), row["key"]])
        for row in page.items:
            del row["key"]
            row["age_days"] = (now - row["since"]).days
        return page


def beyond(reached: Mapping[int, int]) -> str:
    """The condition of movements that stand in the log at or after an offset of their partition; of partitions that are not named, of
    all.
    """
    if not reached:
        return "true"
    last = max(reached)
    parts = [f"partition = {part} AND log_offset >= {reached.get(part, 0)}" for part in range(last + 1)]
    return " OR ".join([*parts, f"partition > {last}"])
