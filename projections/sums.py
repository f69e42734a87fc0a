"""What a SKU's movements come to, by either clock and up to an offset of the log: from blocks, and rows where blocks do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncCursor

from projections.blocks import PROMPT, TRACKS
from projections.rows import Rows

Row = dict[str, Any]
Range = tuple[int, int, datetime | None, datetime | None]
"""Of the log, from and to; and between which instants all of it occurred, where that is known."""

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

NEAR = """
    WITH of_sku AS (
        SELECT apart, first_offset, last_offset, occurred_from, occurred_to, {inside} AS inside, {outside} AS outside,
        coalesce(lag(last_offset) OVER in_order, -1) AS before,
        coalesce(lead({inside}) OVER in_order AND lead(first_offset) OVER in_order = last_offset + 1, false) AS goes_on
        FROM blocks WHERE sku = %(sku)s WINDOW in_order AS (PARTITION BY apart ORDER BY last_offset)
    ), judged AS (
        SELECT *, inside AND first_offset = before + 1 AS whole FROM of_sku
    ), counted AS (
        SELECT *, whole::int - goes_on::int AS times, NOT whole AND NOT outside AS straddles, first_offset > before + 1 AS gap
        FROM judged
    )
    SELECT apart, before, first_offset, last_offset, occurred_from, occurred_to, times, straddles, gap
    FROM counted WHERE times <> 0 OR straddles OR gap
"""
"""Blocks that straddle what is asked for, or before which one is missing, so that what they come to is not known; and blocks whose sums
up to their end count how many `times`: what follows each other in the log and lies within what is asked for comes to the sums up to the
last of it, without those up to what is before the first.
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
                values |= await self._taken(cursor, asked, values, tails)
                legs = LEGS.format(movements=STRADDLING.format(counts=counts))
                cells = f"{WHOLE} UNION ALL {legs}"
            # planned for these very values: a plan for any would read a SKU that always moves like one that never does
            await cursor.execute(SUM.format(cells=cells).encode(), values, prepare=False)
            return await cursor.fetchall()

    async def _taken(
        self, cursor: AsyncCursor[Row], asked: Sequence[str], values: Mapping[str, Any], tails: Sequence[Row]
    ) -> dict[str, Any]:
        """Where rows are to be read, as `STRADDLING` wants it, and which blocks count how often, as `WHOLE` does."""
        sql = NEAR.format(inside=_all(INSIDE, asked), outside=_any(OUTSIDE, asked))
        await cursor.execute(sql.encode(), values)
        near = await cursor.fetchall()
        whole = [row for row in near if row["times"]]
        ranges, others = (
            [one for row in near if row["apart"] is apart for one in _ranges(row)] for apart in (False, True)
        )
        prompt, apart = tails
        if prompt["prompt_from"] is not None:
            ranges.append((prompt["last"] + 1, prompt["next_offset"] - 1, prompt["prompt_from"], None))
        others.append((apart["last"] + 1, END, None, None))
        return {
            "lows": [low for low, _, _, _ in ranges],
            "highs": [high for _, high, _, _ in ranges],
            "since": [since for _, _, since, _ in ranges],
            "until": [until for _, _, _, until in ranges],
            "apart_lows": [low for low, _, _, _ in others],
            "apart_highs": [high for _, high, _, _ in others],
            "classes": [row["apart"] for row in whole],
            "ends": [row["last_offset"] for row in whole],
            "times": [row["times"] for row in whole],
            "partition": prompt["partition"],
            "next": prompt["next_offset"],
        }


def _ranges(row: Row) -> Iterator[Range]:
    if row["gap"]:
        yield row["before"] + 1, row["first_offset"] - 1, None, None
    if row["straddles"]:
        yield row["first_offset"], row["last_offset"], row["occurred_from"], row["occurred_to"]


def _all(conditions: Mapping[str, str], asked: Sequence[str]) -> str:
    return " AND ".join(conditions[name] for name in asked) or "true"


def _any(conditions: Mapping[str, str], asked: Sequence[str]) -> str:
    return f"({' OR '.join(conditions[name] for name in asked) or 'false'})"
