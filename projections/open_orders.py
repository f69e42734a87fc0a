"""What a deal's committed units come to by the journal, and how a digest keeps that of what is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.pool import Connection

COMMITS = """legs @? '$[*] ? (@.state == "committed")'"""
"""The condition of movements that commit units, or free them."""

STANDING = """
    SELECT transaction, sku, location, sum(units) AS units, since, channel, demand_class FROM (
        SELECT transaction, sku, location, units,
        first_value(CASE WHEN units > 0 THEN occurred_at END) OVER oldest AS since,
        first_value(CASE WHEN units > 0 THEN channel END) OVER oldest AS channel,
        first_value(CASE WHEN units > 0 THEN demand_class END) OVER oldest AS demand_class
        FROM (  -- a void has the instant of what it voids: together they are nothing
            SELECT deal.transaction, deal.sku, leg->>'location' AS location, occurred_at, channel, demand_class,
            sum((leg->>'quantity')::bigint) AS units
            FROM {deals} AS deal (transaction, sku), LATERAL (
                SELECT legs, occurred_at, channel, demand_class FROM movements AS m
                WHERE m.transaction = deal.transaction AND m.sku = deal.sku AND {counts} OFFSET 0
            ) AS m, jsonb_array_elements(legs) AS leg
            WHERE leg->>'state' = 'committed' GROUP BY 1, 2, 3, 4, 5, 6
        ) AS stood
        WINDOW oldest AS (PARTITION BY transaction, sku ORDER BY units > 0 DESC, occurred_at, channel, demand_class)
    ) AS told GROUP BY transaction, sku, location, since, channel, demand_class HAVING sum(units) <> 0
"""
"""Of some deals and SKUs: units that are committed, by location, and the earliest instant from which an order still stands, with its
channel and demand class. Fewer than none where more has left than was ordered; without an instant where nothing that was ordered stands.
"""

TOUCHED = f"""
    SELECT DISTINCT transaction, sku FROM movements
    WHERE partition = %(partition)s AND log_offset >= %(start)s AND log_offset < %(stop)s AND {COMMITS}
"""  # noqa: S608  # our own text

DEALS = "unnest(%(transactions)s::text[], %(skus)s::text[])"

FORGET = f"""
    DELETE FROM open_units AS o USING {DEALS} AS deal (transaction, sku)
    WHERE (o.transaction, o.sku) = (deal.transaction, deal.sku)
"""  # noqa: S608  # as above

KEEP = f"""
    INSERT INTO open_units (transaction, sku, location, units, since, channel, demand_class, partition)
    SELECT standing.*, %(partition)s FROM ({STANDING.format(deals=DEALS, counts="log_offset < %(stop)s")}) AS standing
"""  # noqa: S608  # as above


async def digest(connection: Connection, part: Mapping[str, Any]) -> None:
    """Adds up anew the deals that move from `start` to before `stop` in the log of `partition`. A deal that was closed may open again, as
    old as it was, and a void may make one younger: neither can be said without what was before.
    """
    found = await connection.execute(TOUCHED.encode(), part)
    touched = await found.fetchall()
    deals = {"transactions": [row[0] for row in touched], "skus": [row[1] for row in touched]}
    for sql in (FORGET, KEEP):
        await connection.execute(sql.encode(), {**part, **deals}, prepare=False)  # planned for so many
