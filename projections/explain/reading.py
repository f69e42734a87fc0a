"""What an explanation is told from: questions to PostgreSQL about one SKU, as of a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from projections.explain.answer import AsOf, Told
from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.ledger import Stock

LOOKED_THROUGH = 2_000
"""The newest movements of a SKU that are looked through for those behind a number. Of a SKU that moves all the time, a place with
little of it would else be looked for in its whole history; what is older is summed.
"""

TAKEN_AT = "CASE WHEN starts_with(id, 'ledger-') THEN split_part(id, '-', 3)::bigint ELSE log_offset END"
"""The offset at which the stock has a movement in it: its own, and of what the ledger posted by itself, that of what it follows from."""

BEFORE = (
    f"(%(upto)s::bigint IS NULL OR {TAKEN_AT} <= %(upto)s)"
    " AND (%(at)s::timestamptz IS NULL OR occurred_at <= %(at)s)"
    " AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)"
)
"""The condition of movements that had occurred, and were known, by a moment, and that the stock has taken in."""

RECENT = f"""
    WITH newest AS (
        SELECT * FROM movements WHERE sku = %(sku)s AND {BEFORE}
        AND occurred_at <= coalesce(%(known)s::timestamptz + '1 day'::interval, 'infinity')
        ORDER BY occurred_at DESC, id DESC LIMIT %(looked)s
    ), recent AS (
        SELECT newest.*, leg->>'location' AS location, (leg->>'quantity')::bigint AS units
        FROM newest, jsonb_array_elements(legs) AS leg
        WHERE leg->>'state' = %(state)s AND leg->>'location' = ANY(%(where)s)
        ORDER BY occurred_at DESC, newest.id DESC LIMIT %(limit)s
    )
    SELECT recent.id, coalesce(recent.voids, recent.kind) AS about, recent.kind, recent.transaction, recent.document,
    recent.partition, recent.channel, recent.bundle, recent.occurred_at, recent.recorded_at, recent.reason, recent.location, recent.units,
    follows.id AS because_of
    FROM recent LEFT JOIN movements AS follows ON starts_with(recent.id, 'ledger-') AND follows.sku = recent.sku
    AND follows.partition = recent.partition
    AND follows.log_offset = CASE WHEN starts_with(recent.id, 'ledger-') THEN split_part(recent.id, '-', 3)::bigint END
    ORDER BY recent.occurred_at DESC, recent.id DESC
"""  # noqa: S608  # our own condition
"""The newest movements behind a number, a row for each leg, and of those that the ledger posted by itself what they follow from. As of
what was known, those are not looked for that occurred long after it: they have no line of their own, and are summed.
"""

POSTED = f"""
    SELECT leg->>'location' AS location, (leg->>'quantity')::bigint AS units FROM movements, jsonb_array_elements(legs) AS leg
    WHERE sku = %(sku)s AND (%(partition)s::int IS NULL OR partition = %(partition)s) AND log_offset > %(upto)s AND {TAKEN_AT} <= %(upto)s
    AND leg->>'state' = %(state)s
"""  # noqa: S608  # our own condition
"""What the ledger posted by itself because of what is in the stock, and what stands in the log behind that."""

COUNTS = f"""
    SELECT location, channel, document, occurred_at FROM movements, unnest(locations) AS location
    WHERE sku = %(sku)s AND counted IS NOT NULL AND {BEFORE}
    AND occurred_at BETWEEN %(first)s - %(within)s::interval AND %(last)s + %(within)s::interval
    GROUP BY location, channel, document, occurred_at, counted
    HAVING sum(CASE WHEN voids IS NULL THEN 1 ELSE -1 END) > 0
"""  # noqa: S608  # our own condition
"""The counts that stand, of a span of time."""

TOLD = """
    SELECT word.* FROM unnest(%(places)s::text[]) AS asked(name), LATERAL (
        SELECT place, quantity, level, own, outcome, pushed_at, stock_offset AS "offset", ref, detail FROM receipts
        WHERE sku = %(sku)s AND channel = %(channel)s AND place = asked.name
        AND (%(by)s::timestamptz IS NULL OR pushed_at <= %(by)s) AND outcome <> ALL(%(silent)s)
        ORDER BY pushed_at DESC, partition DESC, log_offset DESC LIMIT 1
    ) AS word ORDER BY place
"""
"""The last word about each place."""

OF_CHANNEL = (
    "sku = %(sku)s AND channel = %(channel)s AND bundle IS NOT DISTINCT FROM %(bundle)s"
    f" AND log_offset > %(first)s AND (%(partition)s::int IS NULL OR partition = %(partition)s) AND {BEFORE}"
)
OWN = f"""
    SELECT location, sum(units)::bigint AS units
    FROM unnest(%(locations)s::text[], %(after)s::bigint[]) AS since(location, after) JOIN (
        SELECT log_offset, leg->>'location' AS location, (leg->>'quantity')::bigint AS units
        FROM movements, jsonb_array_elements(legs) AS leg
        WHERE {OF_CHANNEL} AND split_part(leg->>'state', '[', 1) = 'available'
        UNION ALL
        SELECT log_offset, key, value::bigint FROM movements, json_each_text(witnessed) WHERE {OF_CHANNEL}
    ) AS counted USING (location) WHERE log_offset > after GROUP BY location
"""  # noqa: S608  # our own condition
"""What a channel's own documents did to its platform's number, by location: `Stock.told_by`, of the log after an offset each."""

OPENERS = f"""
    SELECT location, min(channel) AS channel FROM (
        SELECT location, channel FROM movements, unnest(locations) AS location
        WHERE sku = %(sku)s AND coalesce(voids, kind) = 'StockInitialised' AND {BEFORE}
        GROUP BY location, channel HAVING sum(CASE WHEN voids IS NULL THEN 1 ELSE -1 END) <> 0
    ) AS opened GROUP BY location
"""  # noqa: S608  # our own condition
"""Whose opening stock each location holds: `Stock.tracked`."""

OVERSOLD = """
    SELECT * FROM oversells WHERE sku = %(sku)s AND place = ANY(%(places)s)
    AND (%(at)s::timestamptz IS NULL OR occurred_at <= %(at)s)
    AND (%(known)s::timestamptz IS NULL OR recorded_at <= %(known)s)
    ORDER BY recorded_at DESC, movement DESC, place DESC LIMIT %(limit)s
"""


@dataclass(slots=True)
class Reading:
    """Questions about SKUs as of one moment. The stock of a SKU is read once, and so is in which partition of the log it is."""

    queries: Queries
    as_of: AsOf
    _stocks: dict[str, Stock] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)

    async def stock(self, sku: str) -> Stock:
        """The balances; of now as the ledger last said them, of another moment as the journal has them."""
        if sku not in self._stocks:
            moment = self.as_of
            found = (
                await self.queries.stock_as_of(sku, moment.at, moment.known_at)
                if moment.timed
                else await self.queries.stock(sku)
            )
            self._stocks[sku] = found or Stock(sku=sku)
        return self._stocks[sku]

    async def recent(
        self, stock: Stock, state: str, where: Sequence[str], limit: int
    ) -> list[dict[str, Any]]:
        """The newest legs of a state at locations that are in the stock, newest first."""
        asked = {"state": state, "where": list(where), "limit": limit, "looked": LOOKED_THROUGH}
        found = await self.queries.rows(RECENT, self._bounds(stock) | asked)
        if found:
            self.partitions[stock.sku] = found[0]["partition"]
        return found

    async def summed(self, stock: Stock, state: str) -> Counter[str]:
        """Units by location, of all movements that are in the stock."""
        if self.as_of.timed:  # then the stock is their sum
            return Counter({name: stock.balance(name, state) for name in stock.locations})
        summed: Counter[str] = Counter()
        for (location, its), units in (await self.queries.summed(stock.sku, upto=stock.offset)).items():
            if its == state:
                summed[location] += units
        asked = {"sku": stock.sku, "partition": self.partitions.get(stock.sku), "upto": stock.offset}
        for row in await self._planned(POSTED, asked | {"state": state}):
            summed[row["location"]] += row["units"]
        return summed

    async def _planned(self, sql: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows of a part of the log, planned for these very values: it may be nothing, or all of it."""
        async with self.queries.moment() as cursor:
            await cursor.execute(sql.encode(), asked, prepare=False)
            return await cursor.fetchall()

    async def counts(
        self, stock: Stock, first: datetime, last: datetime, within: timedelta
    ) -> list[dict[str, Any]]:
        """The counts that stand of a span of time and so much around it: location, channel, document, occurred_at."""
        span = {"first": first, "last": last, "within": within}
        return await self.queries.rows(COUNTS, self._bounds(stock) | span)

    async def told(
        self, sku: str, channel: str, places: Collection[str], silent: Collection[str] = ()
    ) -> tuple[Told, ...]:
        """The last word with the channel's platform about each place by then, of those whose outcome is not one of the `silent`."""
        asked = {"sku": sku, "channel": channel, "places": list(places), "silent": list(silent)}
        rows = await self.queries.rows(TOLD, asked | {"by": self.as_of.decided})
        return tuple(Told(**row) for row in rows)

    async def own(
        self,
        sku: str,
        channel: str,
        after: Mapping[str, int],
        bundle: str | None = None,
        upto: int | None = None,
    ) -> Mapping[str, int]:
        """What the channel's own documents of a SKU, or of a bundle that it is in, did to its platform's number at locations, each
        after an offset of the log, and all by `upto`.
        """
        asked = {"channel": channel, "bundle": bundle, "partition": self.partitions.get(sku)}
        asked |= {"first": min(after.values(), default=-1)}
        since = {"locations": list(after), "after": list(after.values())}
        rows = await self._planned(OWN, self._moment(sku) | asked | since | {"upto": upto})
        return Counter({row["location"]: row["units"] for row in rows})

    async def openers(self, sku: str) -> Mapping[str, str]:
        """Whose opening stock each location holds."""
        rows = await self.queries.rows(OPENERS, self._moment(sku))
        return {row["location"]: row["channel"] for row in rows}

    async def oversold(self, sku: str, where: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """The newest oversells at locations or of the network."""
        asked = self._moment(sku) | {"places": [*where, NETWORK], "limit": limit}
        return await self.queries.rows(OVERSOLD, asked)

    def _moment(self, sku: str) -> dict[str, Any]:
        return {"sku": sku, "upto": None, "at": self.as_of.at, "known": self.as_of.known_at}

    def _bounds(self, stock: Stock) -> dict[str, Any]:
        """What is in the stock. That of another moment is of all partitions' movements by then, whatever their offsets."""
        return self._moment(stock.sku) | {"upto": None if self.as_of.timed else stock.offset}
