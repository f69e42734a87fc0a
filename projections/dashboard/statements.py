"""What the dashboard asks PostgreSQL, as SQL. Every statement has a limit, or names what it reads by a key."""

from __future__ import annotations

STOCKS = """
    SELECT sku, version, stock->'locations' AS locations, stock->'tracked' AS tracked FROM stock
    WHERE (%(after)s::text IS NULL OR sku > %(after)s)
    AND (%(words)s::text IS NULL OR sku ILIKE %(words)s)
    AND (NOT %(below)s OR EXISTS (
        SELECT FROM jsonb_each(stock->'locations') AS cell
        WHERE NOT starts_with(cell.key, '@') AND (cell.value->>'available')::bigint < 0
    ))
    AND (%(skus)s::text[] IS NULL OR sku = ANY(%(skus)s))
    ORDER BY sku LIMIT %(limit)s
"""

NUMBERS = """
    SELECT q.channel, q.sku, q.quantity, h.failing_since,
    (SELECT bool_and(sure) FROM told AS t WHERE t.channel = q.channel AND t.sku = q.sku) AS sure,
    (SELECT bool_or(outcome = 'refused') FROM told AS t WHERE t.channel = q.channel AND t.sku = q.sku) AS refused,
    (SELECT max(pushed_at) FROM told AS t WHERE t.channel = q.channel AND t.sku = q.sku) AS told_at
    FROM channel_quantities AS q LEFT JOIN channel_health AS h USING (channel)
    WHERE q.channel = ANY(%(channels)s) AND q.sku = ANY(%(skus)s)
"""
"""What channels may sell of some SKUs, and how their platforms took it."""

VERSIONS = """
    SELECT sku, concat_ws('.', version,
        (SELECT sum(version) FROM channel_quantities AS q WHERE q.sku = s.sku AND q.channel = ANY(%(channels)s)),
        (SELECT sum(log_offset) FROM told AS t WHERE t.sku = s.sku AND t.channel = ANY(%(channels)s))) AS version
    FROM stock AS s WHERE sku = ANY(%(skus)s)
"""

DELTAS = """
    SELECT id, kind, voids, transaction, document, channel, occurred_at, recorded_at, reason, leg->>'location' AS location,
    (leg->>'quantity')::bigint AS units
    FROM (
        SELECT * FROM movements WHERE sku = %(sku)s AND log_offset <= %(upto)s ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s
    ) AS newest, jsonb_array_elements(legs) AS leg
    WHERE leg->>'state' = ANY(%(states)s) ORDER BY occurred_at DESC, id DESC
"""
"""What the newest movements of a SKU changed in some states of its places."""

OVERVIEW = """
    SELECT (SELECT count(*) FROM (SELECT FROM dead_letters WHERE retried_at IS NULL LIMIT %(many)s) AS one) AS letters,
    (SELECT count(*) FROM (SELECT FROM oversells WHERE recorded_at > %(since)s LIMIT %(many)s) AS one) AS oversells,
    (SELECT count(*) FROM (SELECT FROM stock LIMIT 1000000) AS one) AS skus,
    (SELECT coalesce(sum(waiting), 0) FROM channel_health) AS waiting,
    (SELECT count(*) FROM channel_health WHERE failing_since IS NOT NULL) AS failing,
    (SELECT count(*) FROM (SELECT FROM alerts WHERE raised_at > %(since)s LIMIT %(many)s) AS one) AS alerts
"""

TOLD = """
    SELECT channel, count(*)::int AS cells, max(pushed_at) AS last_at,
    count(*) FILTER (WHERE NOT sure)::int AS unsure, count(*) FILTER (WHERE outcome = 'refused')::int AS refused,
    count(*) FILTER (WHERE pushed_at > %(since)s)::int AS lately
    FROM told GROUP BY channel
"""

AT_LOCATION = """
    SELECT sku, leg->>'state' AS state, sum((leg->>'quantity')::bigint)::bigint AS units
    FROM movements, jsonb_array_elements(legs) AS leg
    WHERE sku = ANY(%(skus)s) AND leg->>'location' = %(location)s
    AND (%(at)s::timestamptz IS NULL OR occurred_at <= %(at)s) AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
    GROUP BY 1, 2
"""
