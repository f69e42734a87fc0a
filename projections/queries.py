"""Questions to PostgreSQL, with typed answers. Times are instants with a zone; limits are bounded."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg.rows import dict_row

from projections.pool import Pool
from schemas.accounts import BOUNDARY, ON_HAND, TRANSIT_PREFIX, UNROUTED
from schemas.availability import ChannelQuantity
from schemas.codec import adapter
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.postings import TRACKING, Kind, Leg
from schemas.reservations import Wanted
from schemas.rules import ChannelRules
from schemas.seals import ANY_CAUSE

PAGE_MAX = 1_000

AGE_MAX = 36_500
"""Days that may be asked for."""

MOVEMENT_COLUMNS = (
    *("id", "sku", "quantity", "transaction", "channel", "document", "occurred_at", "recorded_at"),
    *("reason", "demand_class", "counted", "bundle", "witnessed"),
)
"""The columns of the journal that are fields of a movement as they are."""


COMMITMENTS = """
    WITH held AS (
        SELECT transaction, sku, leg->>'location' AS location, sum((leg->>'quantity')::bigint)::bigint AS units
        FROM movements, jsonb_array_elements(legs) AS leg
        WHERE leg->>'state' = 'committed' AND (%(sku)s::text IS NULL OR sku = %(sku)s)
        AND (%(location)s::text IS NULL OR leg->>'location' = %(location)s)
        GROUP BY 1, 2, 3 HAVING sum((leg->>'quantity')::bigint) > 0
    ), listed AS (
        SELECT held.*, opened.*, jsonb_build_array(transaction, sku, location)::text AS key
        FROM held, LATERAL (  -- a void has the instant of what it voids: together they are nothing
            SELECT occurred_at AS since, channel, demand_class
            FROM movements, jsonb_array_elements(legs) AS leg
            WHERE (transaction, sku) = (held.transaction, held.sku) AND leg->>'state' = 'committed'
            GROUP BY leg->>'location', occurred_at, channel, demand_class
            HAVING sum((leg->>'quantity')::bigint) > 0
            ORDER BY since, channel, demand_class LIMIT 1
        ) AS opened
    )
    SELECT * FROM listed
    WHERE (%(before)s::timestamptz IS NULL OR since < %(before)s)
    AND (%(since)s::timestamptz IS NULL OR (since, key) > (%(since)s::timestamptz, %(key)s::text))
    ORDER BY since, key LIMIT %(limit)s
"""
"""What `commitments` asks: the sums of the journal's legs in the state committed."""


NUMBERS = """
    SELECT sku, quantity, (value->'places')::text AS places FROM channel_quantities
    WHERE channel = %(channel)s AND (%(after)s::text IS NULL OR sku > %(after)s) ORDER BY sku LIMIT %(limit)s
"""
NUMBERS_OF = """
    SELECT sku, quantity, (value->'places')::text AS places FROM channel_quantities
    WHERE channel = %(channel)s AND sku = ANY(%(skus)s)
"""
"""What `availability` asks, of all SKUs page by page and of some. Asked for in an order, or planned for any parameters together
with the other, the named SKUs may be looked for among all of the channel's. Places come as text, which orjson reads in a third of
the time that the driver takes.
"""


OPENED_BY_OTHERS = """
    WITH opened AS (
        SELECT sku, location, min(occurred_at) AS at, min(recorded_at) AS known_at
        FROM movements, unnest(locations) AS location
        WHERE kind = 'StockInitialised' AND channel <> %(channel)s AND NOT starts_with(transaction, %(opening)s)
        GROUP BY sku, location
    )
    SELECT sku, location, at, sum((leg->>'quantity')::bigint)::bigint AS units, count(DISTINCT id)::int AS documents
    FROM opened JOIN movements AS m USING (sku), jsonb_array_elements(m.legs) AS leg
    WHERE m.channel = %(channel)s AND m.occurred_at < at AND m.recorded_at > known_at
    AND leg->>'location' = location AND split_part(leg->>'state', '[', 1) = ANY(%(on_hand)s)
    AND NOT EXISTS (
        SELECT FROM movements AS c WHERE c.sku = m.sku AND location = ANY(c.locations) AND c.kind = 'StockCounted'
        AND c.occurred_at >= m.occurred_at AND c.occurred_at < at
    )
    GROUP BY sku, location, at HAVING sum((leg->>'quantity')::bigint) <> 0 ORDER BY sku, location
"""
"""What `opened_by_others` asks. `documents` counts the movements: it grows with what is known."""


class BadCursor(ValueError):
    """The cursor is not one of ours."""


@dataclass(frozen=True, slots=True)
class SavedDirectory:
    """A channel's directory as plain values: item references to (SKU, tracked), and the other mappings."""

    items: dict[str, tuple[str, bool]]
    locations: dict[str, str]
    handles: dict[str, str]
    places: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and the cursor to the next ones, None at the end."""

    items: list[dict[str, Any]]
    next: str | None


def recorded_since(reached: Mapping[int, int]) -> str:
    """The condition of movements that were recorded since the journal had come so far, by partition. An instant would not do: what is
    recorded late has an earlier one.
    """
    parts = [f"(partition = {int(part)} AND log_offset >= {int(offset)})" for part, offset in reached.items()]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


class Queries:
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """All rows of a statement."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall()

    async def _run(self, sql: str, parameters: Sequence[Any]) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(sql.encode(), parameters)

    # -- stock

    async def stock(self, sku: str) -> Stock | None:
        """The balances of a SKU, None where it never moved."""
        found = await self.rows("SELECT stock FROM stock WHERE sku = %s", [sku])
        return _stock(found[0]["stock"]) if found else None

    async def stocks(self, skus: Iterable[str]) -> dict[str, Stock]:
        """The balances of SKUs; those that never moved are left out."""
        found = await self.rows("SELECT sku, stock FROM stock WHERE sku = ANY(%s)", [sorted(set(skus))])
        return {row["sku"]: _stock(row["stock"]) for row in found}

    async def stock_as_of(self, sku: str, at: datetime | None, known_at: datetime | None) -> Stock | None:
        """The balances of what had occurred by `at`, of what was recorded by `known_at`. None: nothing had."""
        found = await self.rows(
            "SELECT leg->>'location' AS location, leg->>'state' AS state, sum((leg->>'quantity')::bigint)::bigint AS units,"
            " sum(CASE WHEN coalesce(voids, kind) = 'StockCounted' AND counted IS NULL THEN 0"
            " WHEN coalesce(voids, kind) = ANY(%(tracking)s) THEN CASE WHEN voids IS NULL THEN 1 ELSE -1 END"
            " ELSE 0 END) <> 0 AS tracked"
            " FROM movements, jsonb_array_elements(legs) AS leg WHERE sku = %(sku)s"
            " AND (%(at)s::timestamptz IS NULL OR occurred_at <= %(at)s)"
            " AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s) GROUP BY 1, 2",
            {"sku": sku, "at": at, "known": known_at, "tracking": [kind.value for kind in TRACKING]},
        )
        if not found:
            return None
        stock = Stock(sku=sku)
        for row in found:
            if row["state"] == BOUNDARY:
                if row["units"]:
                    stock.boundary[row["location"]] = row["units"]
                continue
            if row["units"]:
                stock.locations.setdefault(row["location"], {})[row["state"]] = row["units"]
            if row["tracked"] and not row["location"].startswith(TRANSIT_PREFIX):
                stock.tracked[row["location"]] = ""
        return stock

    async def all_stock(self) -> AsyncIterator[Stock]:
        """Every SKU's balances, streamed."""
        async for row in self._stream("SELECT stock FROM stock"):
            yield _stock(row["stock"])

    async def _stream(self, sql: str, parameters: Sequence[Any] = ()) -> AsyncIterator[dict[str, Any]]:
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor("streamed", row_factory=dict_row) as cursor,
        ):
            cursor.itersize = 2_000
            await cursor.execute(sql.encode(), parameters)
            async for row in cursor:
                yield row

    async def journal_totals(self, ends: Mapping[int, int]) -> dict[tuple[str, str, str], int]:
        """Units by SKU, location and state, summed from the legs of the journal up to offsets by partition; zero sums
        left out.
        """
        sql = (
            "SELECT sku, leg->>'location' AS location, leg->>'state' AS state,"
            " sum((leg->>'quantity')::bigint)::bigint AS units"
            " FROM movements JOIN unnest(%s::int[], %s::bigint[]) AS upto(number, next)"
            " ON partition = number AND log_offset < next, jsonb_array_elements(legs) AS leg"
            " WHERE leg->>'state' <> 'boundary'"
            " GROUP BY 1, 2, 3 HAVING sum((leg->>'quantity')::bigint) <> 0"
        )
        upto = [list(ends), list(ends.values())]
        return {
            (row["sku"], row["location"], row["state"]): row["units"] async for row in self._stream(sql, upto)
        }

    # -- movements

    async def journal(self) -> AsyncIterator[tuple[int, int, Movement, bytes]]:
        """Every movement as the journal has it, in the order of the log: partition, offset, movement, seal."""
        async for row in self._stream("SELECT * FROM movements ORDER BY partition, log_offset"):
            legs = tuple(Leg(**leg) for leg in row["legs"])
            kept = {name: row[name] for name in MOVEMENT_COLUMNS}
            voids = Kind(row["voids"]) if row["voids"] else None
            movement = Movement(**kept, kind=Kind(row["kind"]), voids=voids, legs=legs, cause=ANY_CAUSE)
            yield row["partition"], row["log_offset"], movement, bytes(row["seal"] or b"")

    async def movements(
        self,
        *,
        sku: str | None = None,
        location: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        transaction: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """The journal, newest first, in an order that does not shift while rows are added behind the cursor."""
        before_at, before_id = _instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            "SELECT id, sku, kind, quantity, legs, transaction, channel, document, occurred_at, recorded_at, reason, voids, counted, bundle"
            " FROM movements WHERE (%(sku)s::text IS NULL OR sku = %(sku)s)"
            " AND (%(location)s::text IS NULL OR %(location)s = ANY(locations))"
            " AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)"
            " AND (%(until)s::timestamptz IS NULL OR occurred_at <= %(until)s)"
            " AND (%(transaction)s::text IS NULL OR transaction = %(transaction)s)"
            " AND (%(at)s::timestamptz IS NULL OR (occurred_at, id) < (%(at)s::timestamptz, %(id)s::text))"
            " ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s",
            {
                "sku": sku,
                "location": location,
                "since": since,
                "until": until,
                "transaction": transaction,
                "at": before_at,
                "id": before_id,
                "limit": min(limit, PAGE_MAX) + 1,
            },
        )
        return _page(found, min(limit, PAGE_MAX), lambda row: [row["occurred_at"].isoformat(), row["id"]])

    async def counts_of(self, sku: str, upto: int) -> list[dict[str, Any]]:
        """The counts of a SKU that stand: location, channel, document, occurred_at. `upto` is the last log offset read."""
        return await self.rows(
            "SELECT location, channel, document, occurred_at FROM movements, unnest(locations) AS location"
            " WHERE sku = %s AND counted IS NOT NULL AND log_offset <= %s"
            " GROUP BY location, channel, document, occurred_at, counted"
            " HAVING sum(CASE WHEN voids IS NULL THEN 1 ELSE -1 END) > 0",
            [sku, upto],
        )

    async def reservation(self, ident: str) -> tuple[Wanted, ...]:
        """The lines of a reservation that was held, in their order; none where it never was."""
        found = await self.rows(
            "SELECT document, sku, quantity, legs FROM movements WHERE transaction = %s"
            " AND kind = %s AND jsonb_array_length(legs) > 0 ORDER BY document",
            [f"reservation/{ident}", Kind.RESERVATION_PLACED.value],
        )
        lines = {
            int(row["document"].rpartition("/")[2]): Wanted(
                sku=row["sku"],
                quantity=row["quantity"],
                rules=ChannelRules(),
                location=None if row["legs"][0]["location"] == UNROUTED else row["legs"][0]["location"],
            )
            for row in found
        }
        return tuple(line for _, line in sorted(lines.items()))

    # -- channels

    async def channel_quantity(self, channel: str, sku: str) -> ChannelQuantity | None:
        """What a channel may sell of a SKU, as published."""
        found = await self.rows(
            "SELECT value FROM channel_quantities WHERE channel = %s AND sku = %s", [channel, sku]
        )
        return _quantity(found[0]["value"]) if found else None

    async def availability(
        self, channel: str, skus: Sequence[str], cursor: str | None = None, limit: int = 100
    ) -> Page:
        """What a channel may sell, by SKU; of all SKUs where none is named."""
        most = min(limit, PAGE_MAX)
        after = _cursor(cursor, 1)[0] if cursor else None
        if skus:
            ahead = [sku for sku in set(skus) if after is None or sku > after]
            named = await self.rows(NUMBERS_OF, {"channel": channel, "skus": ahead})
            found = sorted(named, key=lambda row: row["sku"])[: most + 1]
        else:
            found = await self.rows(NUMBERS, {"channel": channel, "after": after, "limit": most + 1})
        for row in found:
            row["places"] = orjson.loads(row["places"])
        return _page(found, most, lambda row: [row["sku"]])

    async def channel_quantities_of(self, channel: str) -> tuple[list[ChannelQuantity], dict[int, int]]:
        """Every number of a channel, and the offsets of the topic up to which that is all."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            values = await connection.execute(
                "SELECT value FROM channel_quantities WHERE channel = %s", [channel]
            )
            numbers = [_quantity(row[0]) for row in await values.fetchall()]
            return numbers, await self._offsets_in(connection, "channel-quantities")

    async def all_channel_quantities(self) -> AsyncIterator[ChannelQuantity]:
        """Every number of every channel, streamed."""
        async for row in self._stream("SELECT value FROM channel_quantities"):
            yield _quantity(row["value"])

    async def told(
        self, channel: str, since: datetime | None = None
    ) -> tuple[dict[tuple[str, str], tuple[int, int, bool]], dict[int, int]]:
        """By SKU and place: the platform's level at our last word, its own part then, and whether that is sure. A word from before
        `since` is none.

        And the offsets of `receipts` up to which that is all.
        """
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = await connection.execute(
                "SELECT sku, place, level, own, sure FROM told WHERE channel = %s AND outcome <> 'refused'"
                " AND (%s::timestamptz IS NULL OR pushed_at >= %s)",
                [channel, since, since],
            )
            cells = {
                (sku, place): (level, own, sure) for sku, place, level, own, sure in await found.fetchall()
            }
            return cells, await self._offsets_in(connection, "receipts")

    async def refusal(self, channel: str, sku: str, place: str) -> str | None:
        """Why a platform does not take a number; None where it does."""
        found = await self.rows(
            "SELECT coalesce(r.detail, '') AS detail FROM told AS t JOIN receipts AS r"
            " USING (channel, sku, place, log_offset)"
            " WHERE channel = %s AND sku = %s AND place = %s AND t.outcome = 'refused'",
            [channel, sku, place],
        )
        return found[0]["detail"] if found else None

    async def all_told(self) -> AsyncIterator[dict[str, Any]]:
        """Every last word with a platform: channel, sku, place, level, own, sure, outcome, and when it was, where that is known."""
        columns = "channel, sku, place, level, own, sure, outcome, pushed_at"
        async for row in self._stream(f"SELECT {columns} FROM told"):  # noqa: S608  # our own names
            yield row

    async def channels(self) -> list[dict[str, Any]]:
        """Channels with how many SKUs have a number, how many cells were told one, and how their sinks get on: numbers that wait,
        and since when and why nothing can be told.
        """
        return await self.rows(
            "SELECT channel, count(*)::int AS skus, coalesce(sum(quantity), 0)::bigint AS units,"
            " (SELECT count(*)::int FROM told WHERE told.channel = q.channel) AS told,"
            " h.waiting, h.failing_since, h.reason"
            " FROM channel_quantities AS q LEFT JOIN channel_health AS h USING (channel)"
            " GROUP BY channel, h.channel ORDER BY channel"
        )

    async def save_health(
        self, channel: str, waiting: int, failing_since: datetime | None, reason: str | None, now: datetime
    ) -> None:
        """Remembers how a channel's sink gets on."""
        await self._run(
            "INSERT INTO channel_health VALUES (%s, %s, %s, %s, %s) ON CONFLICT (channel) DO UPDATE SET"
            " waiting = excluded.waiting, failing_since = excluded.failing_since, reason = excluded.reason,"
            " said_at = excluded.said_at",
            [channel, waiting, failing_since, reason, now],
        )

    async def oversells(self, sku: str | None = None, limit: int = 100, cursor: str | None = None) -> Page:
        """Movements that took more than there was, newest first, with the one cause of each."""
        at, ident = _instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            "SELECT * FROM oversells WHERE (%(sku)s::text IS NULL OR sku = %(sku)s)"
            " AND (%(at)s::timestamptz IS NULL"
            " OR (recorded_at, movement || place) < (%(at)s::timestamptz, %(id)s::text))"
            " ORDER BY recorded_at DESC, movement || place DESC LIMIT %(limit)s",
            {"sku": sku, "at": at, "id": ident, "limit": min(limit, PAGE_MAX) + 1},
        )
        return _page(
            found,
            min(limit, PAGE_MAX),
            lambda row: [row["recorded_at"].isoformat(), row["movement"] + row["place"]],
        )

    # -- commitments

    async def commitments(
        self,
        now: datetime,
        *,
        sku: str | None = None,
        location: str | None = None,
        older_than_days: int = 0,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Units that were ordered and have neither left nor been cancelled, oldest first, in an order that does not shift:
        by transaction, SKU and location (`@unrouted` where none is chosen yet).

        `since` is the earliest instant from which an order of that SKU still stands in the transaction, with its channel and
        demand class: units keep their age when they are routed elsewhere, and of an order that grew they are told as older
        than they are, never as younger. `age_days` counts whole days at `now`. More than `older_than_days` have passed.
        """
        since, key = _instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            COMMITMENTS,
            {
                "sku": sku,
                "location": location,
                "before": now - timedelta(days=older_than_days) if older_than_days else None,
                "since": since,
                "key": key,
                "limit": min(limit, PAGE_MAX) + 1,
            },
        )
        page = _page(found, min(limit, PAGE_MAX), lambda row: [row["since"].isoformat(), row["key"]])
        for row in page.items:
            del row["key"]
            row["age_days"] = (now - row["since"]).days
        return page

    async def documents_of(self, sku: str, prefix: str) -> int:
        """How many transactions whose names begin so have moved a SKU."""
        found = await self.rows(
            "SELECT count(DISTINCT transaction)::int AS documents FROM movements"
            " WHERE sku = %s AND starts_with(transaction, %s)",
            [sku, prefix],
        )
        return int(found[0]["documents"])

    async def came_late(
        self, channel: str, skus: Sequence[str], *, since: datetime, before: datetime
    ) -> list[dict[str, Any]]:
        """Documents of a channel that were recorded since an instant, and tell of what happened before another: document, SKU and
        locations of each.
        """
        return await self.rows(
            "SELECT DISTINCT document, sku, locations FROM movements"
            " WHERE channel = %s AND sku = ANY(%s) AND recorded_at >= %s AND occurred_at < %s ORDER BY document",
            [channel, list(skus), since, before],
        )

    async def kept(self, skus: Sequence[str]) -> set[str]:
        """Those of some SKUs that are kept anywhere."""
        found = await self.rows("SELECT sku FROM stock WHERE sku = ANY(%s)", [list(skus)])
        return {row["sku"] for row in found}

    async def counted_at(self, sku: str, location: str) -> datetime | None:
        """When a SKU was last counted or opened at a location; None if never."""
        found = await self.rows(
            "SELECT max(occurred_at) AS at FROM movements WHERE sku = %s AND %s = ANY(locations)"
            " AND kind IN ('StockCounted', 'StockInitialised')",
            [sku, location],
        )
        at: datetime | None = found[0]["at"]
        return at

    async def opened_by_others(self, channel: str, opening: str) -> list[dict[str, Any]]:
        """What a channel's documents did to places before others opened them, taken in after that: sku, location, units on hand, and
        when the place was opened. A count between the two has taken it in already. Openings by transactions whose names begin with
        `opening` are the channel's own.
        """
        return await self.rows(
            OPENED_BY_OTHERS, {"channel": channel, "opening": opening, "on_hand": sorted(ON_HAND)}
        )

    # -- dead letters

    async def refused_about(self, channel: str, names: Sequence[str]) -> bool:
        """Whether a document of a channel that was refused, and waits, has one of these names for a value somewhere."""
        values = [value for name in names for value in ([name, int(name)] if name.isdecimal() else [name])]
        found = await self.rows(
            "SELECT 1 FROM dead_letters, jsonb_array_elements(%s::jsonb) AS name"
            " WHERE channel = %s AND retried_at IS NULL"
            " AND jsonb_path_exists(payload, '$.** ? (@ == $name)', jsonb_build_object('name', name)) LIMIT 1",
            [json.dumps(values), channel],
        )
        return bool(found)

    async def dead_letters(
        self, *, pending: bool = True, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """What was refused, newest first; only what was not retried yet, unless `pending` is False."""
        at, ident = _instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            "SELECT partition || '-' || log_offset AS id, channel, topic, stage, reason, ref, received_at, retried_at"
            " FROM dead_letters WHERE (NOT %(pending)s OR retried_at IS NULL)"
            " AND (%(at)s::timestamptz IS NULL"
            " OR (received_at, partition || '-' || log_offset) < (%(at)s::timestamptz, %(id)s::text))"
            " ORDER BY received_at DESC, 1 DESC LIMIT %(limit)s",
            {"pending": pending, "at": at, "id": ident, "limit": min(limit, PAGE_MAX) + 1},
        )
        return _page(found, min(limit, PAGE_MAX), lambda row: [row["received_at"].isoformat(), row["id"]])

    async def dead_letter(self, ident: str) -> dict[str, Any] | None:
        """One dead letter, payload included, by its id `partition-offset`."""
        found = await self.rows(
            "SELECT partition || '-' || log_offset AS id, channel, topic, stage, reason, ref, payload, received_at,"
            " retried_at FROM dead_letters WHERE partition || '-' || log_offset = %s",
            [ident],
        )
        return found[0] if found else None

    async def mark_retried(self, ident: str, at: datetime) -> None:
        """Notes that a dead letter's document is in the log now."""
        await self._run(
            "UPDATE dead_letters SET retried_at = %s WHERE partition || '-' || log_offset = %s", [at, ident]
        )

    # -- directories, cursors, offsets, counts

    async def save_directory(self, channel: str, **directory: Mapping[str, Any]) -> None:
        """Keeps what a platform calls our items and places: `items`, `locations`, `handles`, `places`."""
        await self._run(
            "INSERT INTO directories VALUES (%s, %s)"
            " ON CONFLICT (channel) DO UPDATE SET directory = excluded.directory",
            [channel, orjson.dumps({name: dict(part) for name, part in directory.items()}).decode()],
        )

    async def load_directory(self, channel: str) -> SavedDirectory | None:
        """What was kept, None if nothing ever was."""
        found = await self.rows("SELECT directory FROM directories WHERE channel = %s", [channel])
        if not found:
            return None
        kept = found[0]["directory"]
        items = {ref: (sku, tracked) for ref, (sku, tracked) in kept["items"].items()}
        return SavedDirectory(items, kept["locations"], kept["handles"], kept["places"])

    async def cursor(self, channel: str) -> str | None:
        """How far a channel was polled."""
        found = await self.rows("SELECT cursor FROM cursors WHERE channel = %s", [channel])
        return found[0]["cursor"] if found else None

    async def save_cursor(self, channel: str, cursor: str) -> None:
        """Remembers how far a channel was polled."""
        await self._run(
            "INSERT INTO cursors VALUES (%s, %s) ON CONFLICT (channel) DO UPDATE SET cursor = excluded.cursor",
            [channel, cursor],
        )

    async def offsets(self, topic: str) -> dict[int, int]:
        """How far a topic is recorded, by partition."""
        async with self._pool.connection() as connection:
            return await self._offsets_in(connection, topic)

    async def _offsets_in(self, connection: Any, topic: str) -> dict[int, int]:
        cursor = await connection.execute(
            "SELECT partition, next_offset FROM offsets WHERE topic = %s", [topic]
        )
        return dict(await cursor.fetchall())

    async def progress(self) -> dict[str, int]:
        """Records recorded of movements, dead letters and receipts: cheap enough to be asked all the time."""
        found = await self.rows(
            "SELECT topic, sum(next_offset)::bigint AS records FROM offsets WHERE topic = ANY(%s) GROUP BY topic",
            [["movements", "dead-letters", "receipts"]],
        )
        return {row["topic"]: row["records"] for row in found}

    async def counts(self) -> dict[str, int]:
        """How many movements, SKUs, dead letters (waiting) and oversells there are, and numbers pushed."""
        found = await self.rows(
            "SELECT (SELECT count(*) FROM movements) AS movements, (SELECT count(*) FROM stock) AS skus,"
            " (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL) AS dead_letters,"
            " (SELECT count(*) FROM receipts WHERE outcome = 'pushed') AS channel_updates,"
            " (SELECT count(*) FROM oversells) AS oversells,"
            " (SELECT count(DISTINCT location) FROM stock, jsonb_object_keys(stock->'tracked') AS location) AS locations"
        )
        return {name: int(count) for name, count in found[0].items()}


def _stock(value: Any) -> Stock:
    found: Stock = adapter(Stock).validate_json(orjson.dumps(value))
    return found


def _quantity(value: Any) -> ChannelQuantity:
    found: ChannelQuantity = adapter(ChannelQuantity).validate_json(orjson.dumps(value))
    return found


def _page(rows: list[dict[str, Any]], limit: int, position: Any) -> Page:
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        shown, base64.urlsafe_b64encode(json.dumps(position(shown[-1])).encode()).decode() if more else None
    )


def _cursor(cursor: str, parts: int) -> list[str]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError):
        raise BadCursor("not a cursor of this API") from None
    if not isinstance(found, list) or len(found) != parts or not all(isinstance(part, str) for part in found):
        raise BadCursor("not a cursor of this API")
    return found


def _instant_cursor(cursor: str) -> tuple[datetime, str]:
    at, ident = _cursor(cursor, 2)
    try:
        return datetime.fromisoformat(at), ident
    except ValueError:
        raise BadCursor("not a cursor of this API") from None
