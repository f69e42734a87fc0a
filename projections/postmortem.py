"""The story of an oversell, from the journal and the receipts: in the order in which things came to be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from projections.evidence import COUNTED
from projections.explain.answer import NOW, AsOf, Told
from projections.explain.reading import LOOKED_THROUGH, Reading
from projections.queries import Queries
from projections.recorder import SAYS_NOTHING
from projections.stories import Story, story_of
from schemas.accounts import NETWORK, UNROUTED, State
from schemas.oversells import OversellCause
from schemas.postmortem import RIVALS_MAX, Case, Taking, rivals
from schemas.receipts import Outcome
from schemas.rules import Rules

FOLLOWS_MAX = 64
"""Movements that the ledger posts because of one, at most, that are looked for."""

ITSELF = """
    SELECT id, document, partition, log_offset FROM movements WHERE sku = %(sku)s AND id = %(movement)s
"""

MADE = """
    SELECT m.*, leg->>'state' AS state, leg->>'location' AS location, (leg->>'quantity')::bigint AS units
    FROM movements AS m, jsonb_array_elements(legs) AS leg
    WHERE sku = %(sku)s AND id = ANY(%(ids)s) AND split_part(leg->>'state', '[', 1) = 'available'
"""

TAKEN = """
    WITH newest AS (
        SELECT * FROM movements WHERE sku = %(sku)s AND occurred_at <= %(recorded_at)s AND log_offset < %(offset)s
        ORDER BY occurred_at DESC, id DESC LIMIT %(looked)s
    ), moved AS (
        SELECT id, kind, channel, transaction, document, occurred_at, recorded_at, log_offset,
        leg->>'location' AS location, (leg->>'quantity')::bigint AS units FROM newest, jsonb_array_elements(legs) AS leg
        WHERE transaction <> %(transaction)s AND leg->>'state' = %(state)s
        AND (%(only)s::text IS NULL OR leg->>'location' = %(only)s)
    ), kept AS (
        SELECT transaction, -sum(units)::bigint AS units FROM moved GROUP BY transaction HAVING sum(units) < 0
    ), last AS (
        SELECT DISTINCT ON (transaction) moved.*, kept.units AS kept FROM moved JOIN kept USING (transaction)
        WHERE moved.units < 0 ORDER BY transaction, log_offset DESC
    )
    SELECT * FROM last ORDER BY log_offset DESC LIMIT %(limit)s
"""
"""Who had taken units before, and kept them; newest news first."""

SAID = """
    SELECT DISTINCT ON (channel, place) channel, place, level, outcome, pushed_at FROM receipts
    WHERE sku = %(sku)s AND outcome <> ALL(%(silent)s) AND (%(only)s::text IS NULL OR place IN (%(only)s, 'network'))
"""
BEFORE = f"{SAID} AND pushed_at <= %(recorded_at)s ORDER BY channel, place, pushed_at DESC, log_offset DESC"
AFTER = f"{SAID} AND pushed_at > %(recorded_at)s ORDER BY channel, place, pushed_at, log_offset"
"""The last word about each place with each platform before, and the first one after."""

SILENT = [one.value for one in (*SAYS_NOTHING, Outcome.ASKED)]
"""Outcomes of what a platform was not told, or not yet."""


@dataclass(frozen=True, slots=True)
class Postmortem:
    """Tells stories. `rules` are those in force."""

    queries: Queries
    rules: Callable[[], Rules]

    async def of(self, movement: str) -> list[Story]:
        """The story of each place that a movement oversold; none where it oversold nothing."""
        rows = await self.queries.rows(
            "SELECT * FROM oversells WHERE movement = %s ORDER BY sku, place", [movement]
        )
        return [await self._story(row) for row in rows]

    async def _story(self, row: Mapping[str, Any]) -> Story:
        place = row["place"]
        itself = await self._itself(row)
        offset = itself["log_offset"]
        legs = await self.queries.rows(MADE, {"sku": row["sku"], "ids": _made(itself)})
        state, units = taken(legs, UNROUTED if place == NETWORK else place)
        asked = {**row, "offset": offset, "state": state, "only": None if place == NETWORK else place}
        asked |= {"silent": SILENT, "looked": LOOKED_THROUGH, "limit": RIVALS_MAX}
        word = await self._word(row)
        after = await self.queries.rows(AFTER, asked)
        heard = [one["pushed_at"] for one in after if one["channel"] == row["channel"]]
        before = row["available"] + units
        own = {**row, **itself, "location": place, "kept": units}
        case = Case(
            cause=OversellCause(row["cause"]),
            place=place,
            before=before,
            taking=_taking(own),
            shown=await self._shown(row, word, itself),
            told_at=min(heard, default=None),
            counted_at=await self._counted(row),
        )
        seen = offset if word is None else word.offset  # without a word nobody says what it had been told
        takings = [
            _taking(one, unseen=one["channel"] != row["channel"] and one["log_offset"] > seen)
            for one in await self.queries.rows(TAKEN, asked)
        ]
        case = replace(case, rivals=rivals(takings, case.short))
        words = [*await self.queries.rows(BEFORE, asked), *after]
        return story_of(row, case, words)

    async def _counted(self, row: Mapping[str, Any]) -> datetime | None:
        """When the shelf was last counted or opened before; the network has none."""
        asked = {"skus": [row["sku"]], "location": row["place"], "before": row["occurred_at"]}
        return next((one["counted_at"] for one in await self.queries.rows(COUNTED, asked)), None)

    async def _itself(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Where the movement stands in the log, and whose document it is; in no place of it while it is not recorded yet."""
        found = await self.queries.rows(ITSELF, row)
        none = {"id": row["movement"], "document": "", "partition": 0, "log_offset": -1}
        return found[0] if found else none

    async def _word(self, row: Mapping[str, Any]) -> Told | None:
        """The last word with the channel's platform, about the place or all places, when it happened."""
        then = Reading(self.queries, AsOf(at=row["occurred_at"]))
        words = await then.told(row["sku"], row["channel"], {row["place"], NETWORK}, SILENT)
        return max(words, key=lambda one: one.pushed_at, default=None)

    async def _shown(
        self, row: Mapping[str, Any], word: Told | None, itself: Mapping[str, Any]
    ) -> int | None:
        """What the platform showed: our last word with it, moved on by its own documents that were known before."""
        its = self.rules().channels.get(row["channel"])
        if word is None or word.outcome == Outcome.REFUSED or its is None:
            return None
        where = its.ships_from if word.place == NETWORK else word.place
        reading = Reading(self.queries, NOW, partitions={row["sku"]: itself["partition"]})
        upto = itself["log_offset"] - 1
        own = await reading.own(row["sku"], row["channel"], {where: word.offset}, upto=upto)
        return word.level + own.get(where, 0)


def _made(itself: Mapping[str, Any]) -> list[str]:
    """The ids of a movement and of what the ledger may have posted because of it."""
    name = f"ledger-{itself['partition']}-{itself['log_offset']}"
    return [itself["id"], *(f"{name}-{index}" for index in range(FOLLOWS_MAX))]


def taken(legs: Sequence[Mapping[str, Any]], where: str) -> tuple[str, int]:
    """Which part of `available` most was taken of at a place, and how many units."""
    units: Counter[str] = Counter()
    for leg in legs:
        if leg["location"] == where:
            units[leg["state"]] -= leg["units"]
    return max(units.items(), key=itemgetter(1), default=(State.AVAILABLE.value, 0))


def _taking(row: Mapping[str, Any], *, unseen: bool = False) -> Taking:
    named = ("kind", "channel", "transaction", "document", "location", "occurred_at", "recorded_at")
    said = {name: row[name] for name in named}
    return Taking(movement=row["id"], units=row["kept"], unseen=unseen, **said)
