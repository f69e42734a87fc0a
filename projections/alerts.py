"""What a person should look at: the conditions, as queries, and which of them were told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from projections.pool import Pool

AT_ONCE = 100
"""Alerts that are raised of one kind, or sent, in one go."""

NEWS = timedelta(days=1)
"""How old an oversell or a hand edit may be that is still told: an installation that was made anew does not tell its whole history."""

CONDITIONS: Mapping[str, str] = {
    "oversell": """
        SELECT movement || '/' || place AS key, recorded_at AS since,
        jsonb_build_object('sku', sku, 'place', place, 'available', available, 'cause', cause, 'channel', channel,
            'transaction', transaction) AS detail
        FROM oversells WHERE recorded_at > %(now)s - %(news)s
    """,
    "drift": """
        SELECT concat_ws('/', channel, sku, place, log_offset) AS key, pushed_at AS since,
        jsonb_build_object('channel', channel, 'sku', sku, 'place', place, 'shown', level,
            'expected', quantity, 'done', detail) AS detail
        FROM receipts WHERE outcome IN ('drifted', 'overruled') AND pushed_at > %(now)s - %(news)s
    """,
    "stuck_channel": """
        SELECT channel || '/' || extract(epoch FROM failing_since) AS key, failing_since AS since,
        jsonb_build_object('channel', channel, 'waiting', waiting, 'reason', reason) AS detail
        FROM channel_health WHERE failing_since < %(now)s - %(stuck_after)s
    """,
    "dead_letters": """
        SELECT extract(epoch FROM received_at)::text AS key, received_at AS since,
        jsonb_build_object('waiting', (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL),
            'limit', %(dead_letters)s::int) AS detail
        FROM (
            SELECT received_at FROM dead_letters WHERE retried_at IS NULL
            ORDER BY received_at OFFSET %(dead_letters)s LIMIT 1
        ) AS first_above
    """,
    "not_carried_out": """
        SELECT concat_ws('/', transaction, location, state, md5(wanted::text)) AS key, at AS since,
        jsonb_build_object('transaction', transaction, 'location', location, 'channel', channel, 'state', state,
            'reason', detail, 'wanted', wanted) AS detail
        FROM carried_out WHERE state IN ('refused', 'changed') OR (state = 'asked' AND at < %(now)s - %(stuck_after)s)
    """,
}
"""By kind: what stands now. `key` names it for as long as it is the same. The one dead letter above the limit names the crossing."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that stands `since` an instant; `detail` says what, without anything personal."""

    id: str
    kind: str
    since: datetime
    detail: dict[str, Any]


class Alerts:
    """The alerts of an installation."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def raised(self, kind: str, now: datetime, limits: Mapping[str, Any]) -> list[Alert]:
        """What stands now and was not told before, oldest first, and is to be sent from now on."""
        return await self._alerts(
            "INSERT INTO alerts (id, kind, since, detail, raised_at)"  # noqa: S608  # our own text
            " SELECT %(kind)s || '/' || key, %(kind)s, since, detail, %(now)s"
            f" FROM ({CONDITIONS[kind]}) AS standing"
            " WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE id = %(kind)s || '/' || key)"
            " ORDER BY since, key LIMIT %(most)s ON CONFLICT (id) DO NOTHING RETURNING id, kind, since, detail",
            {"kind": kind, "now": now, "news": NEWS, "most": AT_ONCE, **limits},
        )

    async def add(self, alert: Alert, now: datetime) -> bool:
        """Raises an alert that no query of here finds. False: it was told before."""
        return bool(
            await self._alerts(
                "INSERT INTO alerts (id, kind, since, detail, raised_at)"
                " VALUES (%(id)s, %(kind)s, %(since)s, %(detail)s, %(now)s)"
                " ON CONFLICT (id) DO NOTHING RETURNING id, kind, since, detail",
                {
                    "id": alert.id,
                    "kind": alert.kind,
                    "since": alert.since,
                    "detail": Jsonb(alert.detail),
                    "now": now,
                },
            )
        )

    async def unsent(self) -> list[Alert]:
        """What is to be sent, oldest first."""
        return await self._alerts(
            "SELECT id, kind, since, detail FROM alerts WHERE sent_at IS NULL ORDER BY raised_at, id LIMIT %(most)s",
            {"most": AT_ONCE},
        )

    async def sent(self, alert: Alert, now: datetime) -> None:
        """An alert has been taken."""
        async with self._pool.connection() as connection:
            await connection.execute("UPDATE alerts SET sent_at = %s WHERE id = %s", [now, alert.id])

    async def _alerts(self, query: str, values: Mapping[str, Any]) -> list[Alert]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query.encode(), values)
            return [Alert(**row) for row in await cursor.fetchall()]
