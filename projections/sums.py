"""What a SKU's movements come to, by either clock and up to an offset of the log: from blocks, and rows where blocks do not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncCursor

from projections.blocks import PROMPT, TRACKS
from projections.rows import Rows

Row = dict[str, Any]

INSIDE = {
    "at": "occurred_to <= %(at)s",
    "known": "recorded_to <= %(known)s",
    "upto": "last_offset <= %(upto)s",
}
"""By what is asked for: when a block lies wholly within it."""

OUTSIDE = {
    "at": "occurred_from > %(at)s",
    "known": "recorded_from > %(known)s",
    "upto": "first_offset > %(upto)s",
}
"""When it lies wholly without."""

COUNTS = {
    "at": "occurred_at <= %(at)s",
    "known": "recorded_at <= %(known)s",
    "upto": "log_offset <= %(upto)s",
}
"""When a movement counts."""

TAIL = """
    SELECT t.partition, t.prompt_from, p.next_offset, class.apart, coalesce(last, -1) AS last
    FROM block_tails AS t JOIN block_progress AS p USING (partition), (VALUES (false), (true)) AS class (apart),
    LATERAL (SELECT max(last_offset) AS last FROM blocks AS b WHERE b.sku = t.sku AND b.apart = class.apart) AS newest
    WHERE t.sku = %(sku)s ORDER BY class.apart
"""

RANGES = """
    WITH of_sku AS (
        SELECT apart, first_offset, last_offset, occurred_from, occurred_to, {inside} AS inside, {outside} AS outside,
        coalesce(lag(last_offset) OVER in_order, -1) AS before
        FROM blocks WHERE sku = %(sku)s WINDOW in_order AS (PARTITION BY apart ORDER BY last_offset)
    ), judged AS (
        SELECT *, inside AND first_offset = before + 1 AS whole FROM of_sku
    ), counted AS (
        SELECT *, whole::int - coalesce(lead(whole) OVER in_order, false)::int AS times
        FROM judged WINDOW in_order AS (PARTITION BY apart ORDER BY last_offset)
    )
    SELECT apart, first_offset AS low, last_offset AS high, occurred_from AS since, occurred_to AS until, 0 AS times
    FROM counted WHERE NOT whole AND NOT outside
    UNION ALL
    SELECT apart, before + 1, first_offset - 1, NULL, NULL, 0 FROM counted WHERE first_offset > before + 1
    UNION ALL
    SELECT apart, NULL, last_offset, NULL, NULL, times FROM counted WHERE times <> 0
"""
"""Where rows are to be read: blocks that straddle what is asked for, blocks before which one is missing (what they come to is not known),
and where blocks are missing. And which blocks' sums up to their end count how many `times`: what follows each other in the log and lies
within what is asked for comes to the sums up to the last of it, without those up to what is before the first.
"""

LEGS = f"""
    SELECT leg->>'location' AS location, leg->>'state' AS state, (leg->>'quantity')::bigint AS units, {TRACKS} AS tracking
    FROM ({{movements}}) AS m, jsonb_array_elements(legs) AS leg
"""  # noqa: S608  # our own text

NEEDED = "legs, kind, voids, counted"

OF_SKU = f"SELECT {NEEDED} FROM movements WHERE sku = %(sku)s AND {{counts}}"  # noqa: S608  # as above

STRADDLING = f"""
    SELECT m.* FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS r (low, high, since, until),
    LATERAL (
        SELECT {NEEDED} FROM movements
        WHERE sku = %(sku)s AND {PROMPT} AND occurred_at >= coalesce(r.since, '-infinity')
        AND occurred_at <= coalesce(r.until, 'infinity') AND log_offset >= r.low AND log_offset <= r.high AND {{counts}}
        OFFSET 0
    ) AS m
    UNION ALL
    SELECT m.* FROM unnest(%(apart_lows)s::bigint[], %(apart_highs)s::bigint[]) AS r (low, high),
    LATERAL (
        SELECT {NEEDED} FROM movements
        WHERE sku = %(sku)s AND NOT {PROMPT} AND log_offset >= r.low AND log_offset <= r.high AND {{counts}}
        OFFSET 0
    ) AS m
    UNION ALL
    SELECT {NEEDED} FROM movements
    WHERE sku = %(sku)s AND {PROMPT} AND partition = %(partition)s AND log_offset >= %(next)s AND {{counts}}
"""  # noqa: S608  # as above
"""The movements that blocks do not answer for: prompt ones are found by when they occurred, the others by their place in the log, and
what is not digested yet at the end of its partition.
"""

WHOLE = """
    SELECT location, state, units * times AS units, tracking * times AS tracking
    FROM unnest(%(classes)s::boolean[], %(ends)s::bigint[], %(times)s::int[]) AS e (apart, last_offset, times),
    LATERAL (
        SELECT * FROM blocks AS b
        WHERE sku = %(sku)s AND b.apart = e.apart AND b.last_offset = e.last_offset OFFSET 0
    ) AS b, unnest(upto_locations, upto_states, upto_units, upto_tracking) AS cell (location, state, units, tracking)
"""

SUM = "SELECT location, state, sum(units)::bigint AS units, sum(tracking)::bigint AS tracking FROM ({cells}) AS cells GROUP BY 1, 2"

END = 2**63 - 1


class Sums(Rows):
    """Questions about sums of the journal."""

    async def sums(
        self, sku: str, at: datetime | None, known_at: datetime | None, upto: int | None
    ) -> list[Row]:
        """By location and state: units, and how many movements that stand say that the place is tracked. No row: nothing counts."""
        limits = {"at": at, "known": known_at, "upto": upto}
        values = {"sku": sku, **limits}
        asked = [name for name, limit in limits.items() if limit is not None]
        counts = _all(COUNTS, asked)
        async with self.moment() as cursor:
            await cursor.execute(TAIL.encode(), values)
            tails = await cursor.fetchall()
            if all(tail["last"] < 0 for tail in tails):
                cells = LEGS.format(movements=OF_SKU.format(counts=counts))
            else:
                values |= await self._ranges(cursor, asked, values, tails)
                legs = LEGS.format(movements=STRADDLING.format(counts=counts))
                cells = f"{WHOLE} UNION ALL {legs}"
            # planned for these very values: a plan for any would read a SKU that always moves like one that never does
            await cursor.execute(SUM.format(cells=cells).encode(), values, prepare=False)
            return await cursor.fetchall()

    async def _ranges(
        self, cursor: AsyncCursor[Row], asked: Sequence[str], values: Mapping[str, Any], tails: Sequence[Row]
    ) -> dict[str, Any]:
        """Where rows are to be read, as `STRADDLING` wants it, and which blocks count how often, as `WHOLE` does."""
        sql = RANGES.format(inside=_all(INSIDE, asked), outside=_any(OUTSIDE, asked))
        await cursor.execute(sql.encode(), values)
        rows = await cursor.fetchall()
        whole, found = [row for row in rows if row["times"]], [row for row in rows if not row["times"]]
        prompt, apart = tails
        ranges = [row for row in found if not row["apart"]]
        if prompt["prompt_from"] is not None:
            waiting = {"since": prompt["prompt_from"], "until": None}
            ranges.append({"low": prompt["last"] + 1, "high": prompt["next_offset"] - 1, **waiting})
        others = [row for row in found if row["apart"]] + [{"low": apart["last"] + 1, "high": END}]
        return {
            "lows": [row["low"] for row in ranges],
            "highs": [row["high"] for row in ranges],
            "since": [row["since"] for row in ranges],
            "until": [row["until"] for row in ranges],
            "apart_lows": [row["low"] for row in others],
            "apart_highs": [row["high"] for row in others],
            "classes": [row["apart"] for row in whole],
            "ends": [row["high"] for row in whole],
            "times": [row["times"] for row in whole],
            "partition": prompt["partition"],
            "next": prompt["next_offset"],
        }


def _all(conditions: Mapping[str, str], asked: Sequence[str]) -> str:
    return " AND ".join(conditions[name] for name in asked) or "true"


def _any(conditions: Mapping[str, str], asked: Sequence[str]) -> str:
    return f"({' OR '.join(conditions[name] for name in asked) or 'false'})"
