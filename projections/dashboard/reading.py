"""The dashboard's questions to PostgreSQL. Few run at once, and none runs long: product pages and webhooks come first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from orjson import dumps
from psycopg.rows import dict_row

from projections.pool import Pool
from projections.queries import Queries
from schemas.accounts import NETWORK

AT_ONCE = 2
"""Questions of pages that run at the same time; the others wait."""

LONGEST = "3s"
"""How long one may run."""

MANY = 1_000
"""Rows up to which something is counted exactly."""

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


class Reading(Queries):
    """The read side as pages use it. Raises `DatabaseError`: `QueryCanceled` for a question that took too long."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """All rows of a statement, within bounds."""
        async with (
            self._turn,
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await connection.execute(f"SET LOCAL statement_timeout = '{LONGEST}'".encode())
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall()

    # -- liveness

    async def marks(self) -> dict[str, int]:
        """How far each topic is recorded; under `health`, when a sink last said how it gets on, in milliseconds."""
        found = await self.rows(
            "SELECT topic, sum(next_offset)::bigint AS mark FROM offsets GROUP BY topic UNION ALL"
            " SELECT 'health', (extract(epoch FROM max(said_at)) * 1000)::bigint FROM channel_health"
        )
        return {row["topic"]: row["mark"] or 0 for row in found}

    async def versions(self, skus: Sequence[str], channels: Sequence[str]) -> dict[str, str]:
        """A word for each SKU that is another whenever its stock, a channel's number of it or a word with a platform about it is."""
        found = await self.rows(VERSIONS, {"skus": list(skus), "channels": list(channels)})
        return {row["sku"]: row["version"] for row in found}

    # -- stock

    async def stock_page(
        self,
        *,
        words: str = "",
        below: bool = False,
        after: str | None = None,
        limit: int = 40,
        skus: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """SKUs in their order with their balances: those whose name has `words` in it, and those `below` zero somewhere."""
        escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        asked = {"words": f"%{escaped}%" if words else None, "below": below, "after": after, "limit": limit}
        return await self.rows(STOCKS, asked | {"skus": None if skus is None else list(skus)})

    async def numbers(self, channels: Sequence[str], skus: Sequence[str]) -> list[dict[str, Any]]:
        """What channels may sell of some SKUs, and how that stands with their platforms."""
        return await self.rows(NUMBERS, {"channels": list(channels), "skus": list(skus)})

    async def oversold(self, skus: Sequence[str], since: datetime) -> set[str]:
        """Which of some SKUs were oversold since an instant."""
        sql = "SELECT DISTINCT sku FROM oversells WHERE sku = ANY(%s) AND recorded_at > %s"
        return {row["sku"] for row in await self.rows(sql, [list(skus), since])}

    async def deltas(self, sku: str, upto: int, states: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """What the newest movements of a SKU up to a log offset changed, newest first: location and units of each leg."""
        return await self.rows(DELTAS, {"sku": sku, "upto": upto, "states": list(states), "limit": limit})

    async def extent(self, sku: str) -> tuple[datetime, datetime] | None:
        """When the first and the last movement of a SKU occurred."""
        sql = "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM movements WHERE sku = %s"
        row = (await self.rows(sql, [sku]))[0]
        return None if row["first"] is None else (row["first"], row["last"])

    async def at_location(
        self, location: str, skus: Sequence[str], at: datetime | None, known: datetime | None
    ) -> dict[str, dict[str, int]]:
        """By SKU and state what a place had by one clock and the other."""
        values = {"location": location, "skus": list(skus), "at": at, "known": known}
        found: dict[str, dict[str, int]] = {}
        for row in await self.rows(AT_LOCATION, values):
            found.setdefault(row["sku"], {})[row["state"]] = row["units"]
        return found

    async def kept_at(self, location: str, after: str | None, limit: int) -> list[str]:
        """SKUs that a place has kept, in their order."""
        sql = "SELECT sku FROM stock WHERE (%(after)s::text IS NULL OR sku > %(after)s)"
        sql += " AND (stock->'locations' ? %(location)s OR stock->'tracked' ? %(location)s) ORDER BY sku LIMIT %(limit)s"
        values = {"location": location, "after": after, "limit": limit}
        return [row["sku"] for row in await self.rows(sql, values)]

    async def late(self, sku: str, at: datetime, known: datetime, limit: int = 100) -> list[dict[str, Any]]:
        """What had occurred by `at` and was not recorded by `known`, newest first."""
        return await self.rows(LATE, {"sku": sku, "at": at, "known": known, "limit": limit})

    # -- channels

    async def words_about(
        self, sku: str, channel: str | None = None, limit: int = 40
    ) -> list[dict[str, Any]]:
        """Words with platforms about a SKU that were answered, newest first."""
        return await self.rows(RECEIPTS, {"sku": sku, "channel": channel, "limit": limit})

    async def told_cells(self, since: datetime) -> dict[str, dict[str, Any]]:
        """By channel how many cells its platform was told, and how it took them."""
        return {row["channel"]: row for row in await self.rows(TOLD, {"since": since})}

    async def differing(
        self, channel: str | None, network: Mapping[str, str], *, everything: bool, limit: int = 100
    ) -> list[dict[str, Any]]:
        """What platforms showed beside what they should show, the largest differences first; with `everything` what agrees, and what is
        outdated, too. `network` is, by channel with one
        number for all places, at which place its platform shows that.
        """
        asked = {"channel": channel, "all": everything, "limit": limit}
        return await self.rows(DRIFT, asked | {"network": dumps(dict(network)).decode()})

    # -- what needs a person

    async def overview(self, now: datetime) -> dict[str, int]:
        """What waits now, and what went wrong in the last day."""
        found = await self.rows(OVERVIEW, {"many": MANY, "since": now - timedelta(days=1)})
        return {name: int(count) for name, count in found[0].items()}

    async def alerts(self, limit: int = 8) -> list[dict[str, Any]]:
        """What people were told of, newest first."""
        return await self.rows(
            "SELECT id, kind, since, detail, raised_at FROM alerts ORDER BY raised_at DESC, id LIMIT %s",
            [limit],
        )

    async def edits(self, limit: int = 20) -> list[dict[str, Any]]:
        """Numbers that somebody changed in a platform, newest first, as people were told of them."""
        sql = "SELECT since, detail FROM alerts WHERE kind = 'drift' ORDER BY since DESC, id LIMIT %s"
        return await self.rows(sql, [limit])

    async def story(self, sku: str, place: str, around: datetime, limit: int = 12) -> list[dict[str, Any]]:
        """The movements of a SKU at a place about the time that one was recorded, in the order in which they were."""
        return await self.rows(STORY, {"sku": sku, "place": place, "at": around, "most": limit})

    async def oversell(self, movement: str) -> list[dict[str, Any]]:
        """What one movement oversold, by place."""
        return await self.rows("SELECT * FROM oversells WHERE movement = %s ORDER BY sku, place", [movement])


def shown_at(publish: str, ships_from: str) -> str | None:
    """At which of our places a platform with one number shows it; None where every place has its own."""
    return ships_from if publish == NETWORK else None
