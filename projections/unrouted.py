"""Demand that no place was chosen for, from the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from projections.queries import Queries, recorded_since
from schemas.routing import HUB, Demand

OPEN = r"""
    WITH moved AS (
        SELECT DISTINCT transaction FROM movements
        WHERE '@unrouted' = ANY(locations) AND ({since} OR transaction = ANY(%(waiting)s))
    )
    SELECT m.transaction, m.sku,
    sum((leg->>'quantity')::bigint) FILTER (WHERE leg->>'state' = 'committed')::int AS units,
    max(substring(leg->>'state' FROM '^available\[(.*)\]$')) AS pool
    FROM movements AS m JOIN moved USING (transaction), jsonb_array_elements(m.legs) AS leg
    WHERE '@unrouted' = ANY(m.locations) AND leg->>'location' = '@unrouted'
    GROUP BY 1, 2 HAVING sum((leg->>'quantity')::bigint) FILTER (WHERE leg->>'state' = 'committed') > 0
"""

ABOUT = """
    SELECT transaction, min(channel) FILTER (WHERE kind = 'OrderPlaced' AND channel <> %(hub)s) AS channel,
    max(recorded_at) FILTER (WHERE kind = 'OrderPlaced') AS recorded_at,
    count(DISTINCT document) FILTER (WHERE channel = %(hub)s)::int AS routed,
    coalesce(jsonb_agg(jsonb_build_array(sku, locations)) FILTER (WHERE kind = 'PickRejected' AND voids IS NULL), '[]') AS rejected
    FROM movements WHERE '@unrouted' = ANY(locations) AND transaction = ANY(%(names)s) GROUP BY transaction
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Demand):
    """Demand as the journal has it: with the pool that it is taken from, None the common one (a deal has one), and when its newest
    order was recorded.
    """

    pool: str | None = None
    recorded_at: datetime


async def demands(
    queries: Queries, channels: Collection[str], since: Mapping[int, int] | None, waiting: Collection[str]
) -> list[Open]:
    """What is open of transactions that moved since the journal had been recorded so far (None: ever), or that `waiting` names; only
    those of some channels.
    """
    moved = "TRUE" if since is None else recorded_since(since)
    rows = await queries.rows(OPEN.format(since=moved), {"waiting": list(waiting)})
    units: dict[str, dict[str, int]] = defaultdict(dict)
    pools: dict[str, str | None] = {}
    for row in rows:
        units[row["transaction"]][row["sku"]] = row["units"]
        pools[row["transaction"]] = row["pool"]
    about = await queries.rows(ABOUT, {"names": list(units), "hub": HUB})
    return [
        Open(
            transaction=row["transaction"],
            channel=row["channel"],
            units=units[row["transaction"]],
            rejected=_by_sku(row["rejected"]),
            routed=row["routed"],
            pool=pools[row["transaction"]],
            recorded_at=row["recorded_at"],
        )
        for row in about
        if row["channel"] in channels
    ]


def _by_sku(rejected: list[tuple[str, list[str]]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for sku, locations in rejected:
        found[sku] |= {name for name in locations if name != "@unrouted"}
    return dict(found)
