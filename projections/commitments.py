"""What was ordered and has neither left nor been cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta

from projections.open_orders import COMMITS, STANDING
from projections.paging import PAGE_MAX, Page, instant_cursor, page_of
from projections.rows import Rows

AGE_MAX = 36_500
"""Days that may be asked for."""

BEHIND = """
    SELECT o.partition, coalesce(p.next_offset, 0) AS low, o.next_offset - coalesce(p.next_offset, 0) AS waiting
    FROM offsets AS o LEFT JOIN block_progress AS p USING (partition)
    WHERE o.topic = 'movements' AND coalesce(p.next_offset, 0) < o.next_offset
"""
"""Where the journal is not digested yet, and how much."""

NEAR = 20_000
"""Movements that are read whatever their SKU. Where more wait, those of one SKU are found by it."""

WAITING = "unnest(%(partitions)s::int[], %(lows)s::bigint[]) AS w (partition, low)"

BY_PLACE = f"""
    SELECT m.* FROM {WAITING}, LATERAL (
        SELECT transaction, sku, legs FROM movements WHERE partition = w.partition AND log_offset >= w.low AND {COMMITS} OFFSET 0
    ) AS m WHERE %(sku)s::text IS NULL OR sku = %(sku)s
"""  # noqa: S608  # our own text
BY_SKU = f"""
    SELECT m.* FROM (
        SELECT transaction, sku, legs, partition, log_offset FROM movements WHERE sku = %(sku)s AND {COMMITS} OFFSET 0
    ) AS m JOIN {WAITING} USING (partition) WHERE log_offset >= low
"""  # noqa: S608  # as above
"""What is not digested yet, by either. `OFFSET 0` keeps a plan from taking the other way, which it may think short and is not."""

MOVED = "(SELECT DISTINCT transaction, sku FROM held WHERE moved AND units > 0)"

COMMITMENTS = f"""
    WITH waiting AS MATERIALIZED (
        SELECT transaction, sku, leg->>'location' AS location, sum((leg->>'quantity')::bigint) AS units
        FROM ({{waiting}}) AS m, jsonb_array_elements(legs) AS leg WHERE leg->>'state' = 'committed' GROUP BY 1, 2, 3
    ), held AS MATERIALIZED (
        SELECT transaction, sku, location, sum(units) AS units, max(since) AS since, max(channel) AS channel,
        max(demand_class) AS demand_class, bool_or(bool_or(moved)) OVER (PARTITION BY transaction, sku) AS moved
        FROM (
            SELECT transaction, sku, location, units, since, channel, demand_class, false AS moved FROM open_units
            WHERE %(sku)s::text IS NULL OR sku = %(sku)s
            UNION ALL SELECT transaction, sku, location, units, NULL, NULL, NULL, true FROM waiting
        ) AS known GROUP BY 1, 2, 3
    ), standing AS (
        SELECT transaction, sku, location, units, since, channel, demand_class FROM held WHERE NOT moved
        UNION ALL {STANDING.format(deals=MOVED, counts="true")}
    ), listed AS (
        SELECT transaction, sku, location, units::bigint, since, channel, demand_class,
        jsonb_build_array(transaction, sku, location)::text AS key
        FROM standing WHERE units > 0 AND (%(location)s::text IS NULL OR location = %(location)s)
    )
    SELECT * FROM listed
    WHERE (%(before)s::timestamptz IS NULL OR since < %(before)s)
    AND (%(since)s::timestamptz IS NULL OR (since, key) > (%(since)s::timestamptz, %(key)s::text))
    ORDER BY since, key LIMIT %(limit)s
"""  # noqa: S608  # as above
"""What `commitments` asks: the sums of the journal's legs in the state committed. What is digested of them stands in `open_units`; deals
that moved since are added up from the journal.
"""


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
            await moment.execute(BEHIND.encode())
            behind = await moment.fetchall()
            waiting = {
                "partitions": [row["partition"] for row in behind],
                "lows": [row["low"] for row in behind],
            }
            far = sku is not None and sum(row["waiting"] for row in behind) > NEAR
            sql = COMMITMENTS.format(waiting=BY_SKU if far else BY_PLACE)
            await moment.execute(sql.encode(), {**values, **waiting}, prepare=False)
            found = await moment.fetchall()
        page = page_of(found, min(limit, PAGE_MAX), lambda row: [row["since"].isoformat(), row["key"]])
        for row in page.items:
            del row["key"]
            row["age_days"] = (now - row["since"]).days
        return page
