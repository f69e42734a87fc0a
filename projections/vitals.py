"""How an installation gets on, as PostgreSQL knows it: for whoever watches it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from projections.queries import Queries

FORGOTTEN = 60.0
"""Seconds after which a worker that says nothing is taken to be gone for good."""

COUNTED = """
    SELECT 'oversells' AS what, cause AS name, count(*)::bigint AS units FROM oversells GROUP BY cause
    UNION ALL SELECT 'letters', stage, count(*) FROM dead_letters WHERE retried_at IS NULL GROUP BY stage
"""


class Word(NamedTuple):
    """What a worker last said of itself, and how many seconds ago by PostgreSQL's clock, which all of them share."""

    worker: str
    ready: bool
    reason: str | None
    ago: float


class Waiting(NamedTuple):
    """How a channel's sink gets on: numbers that wait, and since when the oldest of them, and the platform cannot be told anything."""

    channel: str
    numbers: int
    oldest_since: datetime | None
    failing_since: datetime | None


class Verified(NamedTuple):
    """What the last verification found, and when it ended."""

    at: datetime
    ok: bool
    differences: int


class Vitals:
    """Questions that are asked all the time: each is a matter of a millisecond."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def write(self) -> None:
        """Writes what changes nothing. Raises `DatabaseError` where PostgreSQL is away, or its disk is full."""
        await self._queries.try_to_write()

    async def recorded(self) -> dict[tuple[str, int], int]:
        """How far each partition of each topic is recorded. Raises `DatabaseError`."""
        found = await self._queries.rows("SELECT topic, partition, next_offset FROM offsets")
        return {(row["topic"], row["partition"]): row["next_offset"] for row in found}

    async def say(self, worker: str, reason: str | None) -> None:
        """Says how a worker gets on: why it is not ready, or None. Raises `DatabaseError`."""
        await self._queries.run(
            "INSERT INTO worker_health VALUES (%s, %s, %s, now()) ON CONFLICT (worker) DO UPDATE SET"
            " ready = excluded.ready, reason = excluded.reason, said_at = excluded.said_at",
            [worker, reason is None, reason],
        )

    async def leave(self, worker: str) -> None:
        """Takes a worker off that ends as it should. Raises `DatabaseError`."""
        await self._queries.run("DELETE FROM worker_health WHERE worker = %s", [worker])

    async def workers(self) -> list[Word]:
        """What all workers last said, those not that are gone for good. Raises `DatabaseError`."""
        found = await self._queries.rows(
            "SELECT worker, ready, reason, extract(epoch FROM now() - said_at)::double precision AS ago"
            " FROM worker_health WHERE said_at > now() - make_interval(secs => %s) ORDER BY worker",
            [FORGOTTEN],
        )
        return [Word(**row) for row in found]

    async def waiting(self) -> list[Waiting]:
        """How the sinks get on. Raises `DatabaseError`."""
        found = await self._queries.rows(
            "SELECT channel, waiting AS numbers, oldest_since, failing_since FROM channel_health ORDER BY channel"
        )
        return [Waiting(**row) for row in found]

    async def counted(self) -> dict[str, dict[str, int]]:
        """Oversells by cause, and dead letters that wait by stage. Raises `DatabaseError`."""
        counts: dict[str, dict[str, int]] = {"oversells": {}, "letters": {}}
        for row in await self._queries.rows(COUNTED):
            counts[row["what"]][row["name"]] = row["units"]
        return counts

    async def verified(self) -> Verified | None:
        """The last verification; None: there was none. Raises `DatabaseError`."""
        found = await self._queries.rows("SELECT at, ok, differences FROM verified")
        return Verified(**found[0]) if found else None

    async def verify(self, at: datetime, seconds: float, cells: int, differences: int) -> None:
        """Remembers what a verification found. Raises `DatabaseError`."""
        await self._queries.run(
            "INSERT INTO verified (at, seconds, ok, cells, differences) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (one) DO UPDATE SET at = excluded.at, seconds = excluded.seconds, ok = excluded.ok,"
            " cells = excluded.cells, differences = excluded.differences",
            [at, seconds, differences == 0, cells, differences],
        )
