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

RECEIPTS = """
    SELECT channel, place, quantity, level, outcome, pushed_at, ref, detail, partition || '-' || log_offset AS id
    FROM receipts WHERE sku = %(sku)s AND outcome <> 'asked' AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    ORDER BY pushed_at DESC, log_offset DESC LIMIT %(limit)s
"""

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

DRIFT = """
    SELECT * FROM (
        SELECT o.channel, o.sku, p.place, o.level AS shown, o.observed_at, t.pushed_at, t.outcome, coalesce(t.sure, true) AS sure,
        CASE WHEN t.level IS NOT NULL THEN t.level + (q.value->'places'->p.place->>'own')::bigint - t.own
             WHEN (q.value->'places'->p.place->>'opened')::boolean THEN (q.value->'places'->p.place->>'own')::bigint
        END AS believed,
        coalesce(t.pushed_at > o.observed_at, false) OR EXISTS (
            SELECT FROM movements AS m WHERE m.sku = o.sku AND m.occurred_at >= o.observed_at
            AND (p.place = 'network' OR p.place = ANY(m.locations))
        ) AS outdated
        FROM observations AS o
        CROSS JOIN LATERAL (SELECT CASE WHEN %(network)s::jsonb->>o.channel = o.location THEN 'network' ELSE o.location END AS place) AS p
        JOIN channel_quantities AS q ON q.channel = o.channel AND q.sku = o.sku AND q.value->'places' ? p.place
        LEFT JOIN told AS t ON t.channel = o.channel AND t.sku = o.sku AND t.place = p.place AND t.outcome <> 'refused'
        WHERE (%(channel)s::text IS NULL OR o.channel = %(channel)s) AND o.level IS NOT NULL
    ) AS seen
    WHERE %(all)s OR (shown IS DISTINCT FROM believed AND NOT outdated)
    ORDER BY outdated, abs(shown - coalesce(believed, 0)) DESC, observed_at DESC, channel, sku LIMIT %(limit)s
"""
"""What a platform showed when it last said so, beside what it should show now: `schemas.availability.Place.shows`. It is outdated where we
have told the platform something since, or units have moved.
"""

AT_LOCATION = """
    SELECT sku, leg->>'state' AS state, sum((leg->>'quantity')::bigint)::bigint AS units
    FROM movements, jsonb_array_elements(legs) AS leg
    WHERE sku = ANY(%(skus)s) AND leg->>'location' = %(location)s
    AND (%(at)s::timestamptz IS NULL OR occurred_at <= %(at)s) AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
    GROUP BY 1, 2
"""

LATE = """
    SELECT id, sku, kind, quantity, legs, transaction, document, channel, occurred_at, recorded_at, reason FROM movements
    WHERE sku = %(sku)s AND occurred_at <= %(at)s AND recorded_at > %(known)s
    ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s
"""
"""What was true by one instant and not known by another."""

STORY = """
    WITH there AS (
        SELECT * FROM movements WHERE sku = %(sku)s AND (%(place)s = 'network' OR %(place)s = ANY(locations))
    ), told AS (
        (SELECT * FROM there WHERE recorded_at <= %(at)s ORDER BY recorded_at DESC, log_offset DESC LIMIT %(most)s)
        UNION ALL (SELECT * FROM there WHERE recorded_at > %(at)s ORDER BY recorded_at, log_offset LIMIT 4)
    )
    SELECT * FROM told ORDER BY recorded_at, log_offset
"""
