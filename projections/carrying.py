"""What deals want brought from places, from the journal; and what platforms were asked to carry out of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from projections.queries import Queries, recorded_since
from schemas.carrying import Carried, State, Wanted
from schemas.postings import Kind
from schemas.reservations import HUB
from schemas.topics import MOVEMENTS

LEAVING = [kind.value for kind in (Kind.ORDER_SHIPPED, Kind.PICKUP_COLLECTED, Kind.SHIPMENT_VOIDED)]
"""Kinds by which committed units leave their place, or come back to it."""

STANDING = """
    WITH held AS (
        SELECT transaction, leg->>'location' AS location, sum((leg->>'quantity')::bigint) AS open,
        sum((leg->>'quantity')::bigint) FILTER (WHERE coalesce(voids, kind) <> ALL(%(leaving)s)) AS units
        FROM movements, jsonb_array_elements(legs) AS leg
        WHERE locations && %(places)s AND leg->>'state' = 'committed' AND leg->>'location' = ANY(%(places)s)
        GROUP BY 1, 2
    )
    SELECT transaction FROM held WHERE open > 0
    UNION
    SELECT transaction FROM carried_out AS c LEFT JOIN held USING (transaction, location)
    WHERE channel = %(channel)s AND state <> 'cancelled' AND (state = 'asked' OR coalesce(units, 0) <> (
        SELECT coalesce(sum(count::bigint), 0) FROM jsonb_each_text(c.wanted) AS line(sku, count)
    ))
"""
"""Deals with something open at the places, and those that want another sum than when they were last written about."""

NEWS = """
    SELECT DISTINCT transaction FROM movements AS m
    WHERE {since} AND (locations && %(places)s
    OR EXISTS (SELECT FROM carried_out AS c WHERE c.transaction = m.transaction AND c.channel = %(channel)s))
"""

WANTED = """
    SELECT transaction, leg->>'location' AS location, sku, channel,
    coalesce(sum((leg->>'quantity')::bigint) FILTER (WHERE coalesce(voids, kind) <> ALL(%(leaving)s)), 0)::int AS placed,
    coalesce(-sum((leg->>'quantity')::bigint) FILTER (WHERE coalesce(voids, kind) = ANY(%(leaving)s)), 0)::int AS gone,
    max(recorded_at) AS moved_at
    FROM movements, jsonb_array_elements(legs) AS leg
    WHERE transaction = ANY(%(names)s) AND leg->>'state' = 'committed' AND NOT starts_with(leg->>'location', '@')
    GROUP BY 1, 2, 3, 4
"""

TAKEN = """
    SELECT transaction, channel, min(occurred_at) AS at, max(recorded_at) AS recorded_at FROM movements
    WHERE transaction = ANY(%(names)s) AND coalesce(voids, kind) = 'OrderPlaced' AND channel <> %(hub)s
    GROUP BY 1, 2 HAVING sum(CASE WHEN voids IS NULL THEN quantity ELSE -quantity END) > 0
"""

COUNTED = """
    SELECT transaction, channel, key AS location FROM movements, json_each_text(witnessed)
    WHERE transaction = ANY(%(names)s) GROUP BY 1, 2, 3 HAVING sum(value::bigint) < 0
"""
"""Platforms that have taken units of a deal off their number of a place by documents that nobody else's numbers follow."""

COLUMNS = (
    *("transaction", "location", "channel", "state", "lines", "wanted", "at", "ref", "detail"),
    *("tried_at", "unsure", "edition"),
)
SHOWN = "transaction, location, channel, state, lines, wanted, at, ref, detail"
READ = f"SELECT {', '.join(COLUMNS)} FROM carried_out WHERE transaction = ANY(%s)"  # noqa: S608  # our own names
SHOW = f"SELECT {SHOWN} FROM carried_out WHERE transaction = %s ORDER BY location"  # noqa: S608  # as above
INSERT = (
    f"INSERT INTO carried_out ({', '.join(COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"  # noqa: S608  # as above
    " ON CONFLICT DO NOTHING RETURNING edition"
)
UPDATE = (
    f"UPDATE carried_out SET {', '.join(f'{name} = %({name})s' for name in COLUMNS[2:])}"  # noqa: S608  # as above
    " WHERE transaction = %(transaction)s AND location = %(location)s AND edition = %(read)s RETURNING edition"
)


@dataclass(slots=True)
class _Place:
    """A deal at a place while it is added up."""

    placed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gone: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class CarryingOut:
    """The read side and the memory of carrying out. Raises `DatabaseError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def reached(self) -> dict[int, int]:
        """How far the journal is recorded, by partition."""
        return await self._queries.offsets(MOVEMENTS.name)

    async def any_of(self, channel: str) -> bool:
        """Whether something may be there that a channel carries out."""
        sql = "SELECT 1 FROM carried_out WHERE channel = %s AND state <> 'cancelled' LIMIT 1"
        return bool(await self._queries.rows(sql, [channel]))

    async def standing(self, channel: str, places: Collection[str]) -> set[str]:
        """The deals that a channel may have to do something about at some places, whenever they moved."""
        values = {"channel": channel, "places": sorted(places), "leaving": LEAVING}
        return await self._names(STANDING, values)

    async def news(self, channel: str, places: Collection[str], since: Mapping[int, int]) -> set[str]:
        """The same of those that moved since the journal had been recorded so far."""
        values = {"channel": channel, "places": sorted(places)}
        return await self._names(NEWS.format(since=recorded_since(since)), values)

    async def _names(self, sql: str, values: Mapping[str, Any]) -> set[str]:
        return {row["transaction"] for row in await self._queries.rows(sql, values)}

    async def wanted(self, names: Collection[str], on_hand: Collection[str]) -> list[Wanted]:
        """What deals want at every place that anything was ever committed at for them. `on_hand` are the channels whose platforms
        count what is there: those have taken nothing off for an order of theirs.
        """
        asked = {"names": sorted(names), "leaving": LEAVING, "hub": HUB}
        found: dict[tuple[str, str], _Place] = defaultdict(_Place)
        moved: dict[str, list[datetime]] = defaultdict(list)
        for row in await self._queries.rows(WANTED, asked):
            moved[row["transaction"]].append(row["moved_at"])
            place = found[row["transaction"], row["location"]]
            place.placed[row["sku"]] += row["placed"]
            place.gone[row["sku"]] += row["gone"]
            place.by[row["channel"]] += row["placed"]
        taken: dict[str, dict[str, datetime]] = defaultdict(dict)
        recorded: dict[str, list[datetime]] = defaultdict(list)
        for row in await self._queries.rows(TAKEN, asked):
            taken[row["transaction"]][row["channel"]] = row["at"]
            recorded[row["transaction"]].append(row["recorded_at"])
        known: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in await self._queries.rows(COUNTED, asked):
            if row["channel"] not in on_hand:
                known[row["transaction"], row["location"]].add(row["channel"])
        return [
            Wanted(
                transaction=transaction,
                location=location,
                committed=_some((sku, units - place.gone[sku]) for sku, units in place.placed.items()),
                left=_some(place.gone.items()),
                taken_by=frozenset(taken[transaction]),
                known_to=frozenset(
                    known[transaction, location] | {name for name, units in place.by.items() if units > 0}
                ),
                placed_at=min(taken[transaction].values(), default=None),
                recorded_at=max(recorded[transaction], default=None),
                moved_at=max(moved[transaction], default=None),
            )
            for (transaction, location), place in sorted(found.items())
        ]

    async def carried(self, names: Collection[str]) -> dict[tuple[str, str], Carried]:
        """What was asked for of deals, by deal and place."""
        found = await self._queries.rows(READ, [sorted(names)])
        return {
            (row["transaction"], row["location"]): Carried(**{**row, "state": State(row["state"])})
            for row in found
        }

    async def save(self, carried: Carried) -> Carried | None:
        """Keeps what is known of an order now. None: somebody else has written of it since it was read, and nothing is kept."""
        values = {name: getattr(carried, name) for name in COLUMNS}
        values |= {name: Jsonb(dict(values[name])) for name in ("lines", "wanted")}
        values |= {"state": carried.state.value, "edition": carried.edition + 1, "read": carried.edition}
        kept = await self._queries.rows(INSERT if carried.edition == 0 else UPDATE, values)
        return replace(carried, edition=carried.edition + 1) if kept else None

    async def shown(self, transaction: str) -> list[dict[str, Any]]:
        """What was asked for of a deal, as a person may read it."""
        return await self._queries.rows(SHOW, [transaction])


def _some(units: Iterable[tuple[str, int]]) -> dict[str, int]:
    return {sku: count for sku, count in sorted(units) if count > 0}
