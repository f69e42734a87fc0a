"""Builds the sums of blocks of the journal that questions as of an instant take instead of rows: derived data, behind the recorder.

A block is some movements of one SKU that follow each other in the log. It answers for them as a whole where all of them, or none,
lie within what is asked for on both clocks; where it straddles, its rows are read. So a block must be narrow on both clocks. Most news
is prompt, and blocks of it are. One late fact in a block would stretch it over days: what was not recorded promptly has blocks of its
own (`apart`), few enough that those that straddle may be read.

What a block keeps are the sums of its class from the beginning up to its end: blocks that follow each other come to the last one's sums
without those of the block before the first, however many they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from projections import open_orders
from projections.pool import Connection, Pool
from schemas.accounts import TRANSIT_PREFIX
from schemas.postings import TRACKING, Kind

SIZE = 512
"""Movements of a block: what is read at most where one straddles. Less costs more blocks to look through, more takes longer to read."""

SPAN = 10_000
"""Log offsets of a partition that are digested in one transaction."""

PROMPT = "(recorded_at - occurred_at BETWEEN '-1 hour'::interval AND '1 hour'::interval)"
"""The condition of what was recorded promptly. It stands in the index `movements_apart` too."""

SAYS = ", ".join(f"'{kind.value}'" for kind in sorted(TRACKING))

TRACKS = (
    f"CASE WHEN coalesce(voids, kind) = '{Kind.STOCK_COUNTED.value}' AND counted IS NULL THEN 0"
    f" WHEN coalesce(voids, kind) IN ({SAYS}) THEN CASE WHEN voids IS NULL THEN 1 ELSE -1 END ELSE 0 END"
)
"""What a movement adds to how many say that a place is tracked. What the ledger posts for a count says nothing by itself."""

BEHIND = """
    SELECT o.partition, coalesce(p.next_offset, 0) AS start, least(coalesce(p.next_offset, 0) + %(span)s, o.next_offset) AS stop
    FROM offsets AS o LEFT JOIN block_progress AS p USING (partition)
    WHERE o.topic = 'movements' AND coalesce(p.next_offset, 0) < o.next_offset
    ORDER BY o.next_offset - coalesce(p.next_offset, 0) DESC LIMIT 1
"""

BEGIN = (
    "INSERT INTO block_progress VALUES (%(partition)s, %(stop)s) ON CONFLICT DO NOTHING RETURNING next_offset"
)
ADVANCE = """
    UPDATE block_progress SET next_offset = %(stop)s WHERE partition = %(partition)s AND next_offset = %(start)s
    RETURNING next_offset
"""
"""Where a partition was digested to is there, or another process has moved it, or everything is to be built anew: then nothing moves."""

GATHER = f"""
    WITH fresh AS (
        SELECT sku, count(*) FILTER (WHERE {PROMPT}) AS prompt, min(occurred_at) FILTER (WHERE {PROMPT}) AS prompt_from,
        count(*) FILTER (WHERE NOT {PROMPT}) AS apart
        FROM movements WHERE partition = %(partition)s AND log_offset >= %(start)s AND log_offset < %(stop)s GROUP BY sku
    ), kept AS (
        INSERT INTO block_tails AS t SELECT sku, %(partition)s, prompt, prompt_from, apart FROM fresh ORDER BY sku
        ON CONFLICT (sku) DO UPDATE SET prompt = t.prompt + excluded.prompt, apart = t.apart + excluded.apart,
        prompt_from = least(t.prompt_from, excluded.prompt_from)
        RETURNING sku, prompt, apart
    )
    SELECT sku, false AS apart FROM kept WHERE prompt >= %(size)s
    UNION ALL SELECT sku, true FROM kept WHERE apart >= %(size)s
    ORDER BY 1, 2
"""  # noqa: S608  # our own text

BUILD = """
    WITH built AS (
        SELECT * FROM blocks WHERE sku = %(sku)s AND apart = %(apart)s ORDER BY last_offset DESC LIMIT 1
    ), waiting AS (
        SELECT m.*, (row_number() OVER (ORDER BY log_offset) - 1) / %(size)s AS number
        FROM movements AS m WHERE sku = %(sku)s AND {of_class} AND log_offset < %(stop)s
        AND log_offset > coalesce((SELECT last_offset FROM built), -1){since}
    ), spans AS (
        SELECT number, max(log_offset) AS last_offset, min(occurred_at) AS occurred_from,
        max(occurred_at) AS occurred_to, min(recorded_at) AS recorded_from, max(recorded_at) AS recorded_to
        FROM waiting GROUP BY number HAVING count(*) = %(size)s
    ), cells AS (
        SELECT number, leg->>'location' AS location, leg->>'state' AS state, sum((leg->>'quantity')::bigint) AS units,
        sum({tracks}) AS tracking
        FROM waiting JOIN spans USING (number), jsonb_array_elements(legs) AS leg GROUP BY 1, 2, 3
        UNION ALL
        SELECT -1, cell.*  -- before all of them
        FROM built, unnest(upto_locations, upto_states, upto_units, upto_tracking) AS cell
    ), totals AS (
        SELECT number, array_agg(location) AS locations, array_agg(state) AS states, array_agg(units) AS units,
        array_agg(tracking::bigint) AS tracking
        FROM spans, LATERAL (
            SELECT location, state, sum(units) AS units, sum(tracking) AS tracking FROM cells WHERE number <= spans.number
            GROUP BY 1, 2 HAVING sum(units) <> 0 OR NOT starts_with(location, '{transit}')
        ) AS upto GROUP BY number
    )
    INSERT INTO blocks (
        sku, apart, first_offset, last_offset, occurred_from, occurred_to, recorded_from, recorded_to,
        upto_locations, upto_states, upto_units, upto_tracking
    )
    SELECT %(sku)s, %(apart)s, coalesce(lag(last_offset) OVER (ORDER BY number), (SELECT last_offset FROM built), -1) + 1,
    last_offset, occurred_from, occurred_to, recorded_from, recorded_to, coalesce(locations, ARRAY[]::text[]),
    coalesce(states, ARRAY[]::text[]), coalesce(units, ARRAY[]::numeric[]), coalesce(tracking, ARRAY[]::bigint[])
    FROM spans LEFT JOIN totals USING (number)
"""

RECOUNT = """
    UPDATE block_tails SET (prompt, prompt_from) = (
        SELECT count(*), min(occurred_at) FROM movements WHERE sku = %(sku)s AND {prompt} AND log_offset < %(stop)s
        AND log_offset > (SELECT coalesce(max(last_offset), -1) FROM blocks WHERE sku = %(sku)s AND NOT apart){since}
    ) WHERE sku = %(sku)s
"""
RECOUNT_APART = """
    UPDATE block_tails SET apart = (
        SELECT count(*) FROM movements WHERE sku = %(sku)s AND NOT {prompt} AND log_offset < %(stop)s
        AND log_offset > (SELECT coalesce(max(last_offset), -1) FROM blocks WHERE sku = %(sku)s AND apart)
    ) WHERE sku = %(sku)s
"""
SINCE = " AND occurred_at >= %(since)s::timestamptz"


class Blocks:
    """Builds blocks of `size` movements, at most `span` offsets of the log at a time."""

    def __init__(self, pool: Pool, size: int = SIZE, span: int = SPAN) -> None:
        self._pool, self._size, self._span = pool, size, span

    async def run(self, pause: float = 2.0) -> None:
        """Builds until cancelled; rests at least as long as it works, so that the recorder comes first. Raises `DatabaseError`."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            behind = await self.digest()
            await asyncio.sleep(clock() - began if behind else pause)

    async def digest(self) -> bool:
        """Takes in what comes next of the partition that is furthest behind. False: nothing was left."""
        async with self._pool.connection() as connection, connection.transaction():
            found = await connection.execute(BEHIND.encode(), {"span": self._span})
            row = await found.fetchone()
            if row is None:
                return False
            part = {"partition": row[0], "start": row[1], "stop": row[2], "size": self._size}
            moved = await connection.execute((ADVANCE if part["start"] else BEGIN).encode(), part)
            if await moved.fetchone() is None:
                return True
            await open_orders.digest(connection, part)
            full = await connection.execute(GATHER.encode(), part)
            for sku, apart in await full.fetchall():
                await self._build(connection, {**part, "sku": sku, "apart": apart})
            return True

    async def _build(self, connection: Connection, part: Mapping[str, Any]) -> None:
        """Makes blocks of what waits of a SKU, and counts what is left."""
        found = await connection.execute("SELECT prompt_from FROM block_tails WHERE sku = %(sku)s", part)
        since = await found.fetchone()
        bounded = SINCE if not part["apart"] else ""
        values = {**part, "since": since[0] if since else None}
        of_class = f"NOT {PROMPT}" if part["apart"] else PROMPT
        await connection.execute(
            BUILD.format(of_class=of_class, tracks=TRACKS, since=bounded, transit=TRANSIT_PREFIX).encode(),
            values,
        )
        recount = RECOUNT_APART if part["apart"] else RECOUNT
        await connection.execute(recount.format(prompt=PROMPT, since=bounded).encode(), values)
