"""What platforms showed of themselves, beside what we believe that they show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orjson import dumps

from projections.channel_numbers import quantity_of
from projections.directories import Directories
from projections.paging import PAGE_MAX, Page, cursor_of, read_cursor
from schemas.accounts import NETWORK
from schemas.availability import Shown
from schemas.rules import ChannelRules

SEEN = """
    SELECT channel, sku, location, level, observed_at FROM observations
    WHERE channel = ANY(%(channels)s) AND (%(sku)s::text IS NULL OR sku = %(sku)s)
    AND (%(location)s::text IS NULL OR location = %(location)s)
    AND (%(after)s::text IS NULL OR (channel, sku, location) > (%(after)s, %(after_sku)s::text, %(after_location)s::text))
    ORDER BY channel, sku, location LIMIT %(limit)s
"""

KNOWN = """
    SELECT q.channel, q.sku, q.value, t.place, t.level, t.own, t.sure, t.pushed_at
    FROM unnest(%(channels)s::text[], %(skus)s::text[]) AS asked (channel, sku)
    JOIN channel_quantities AS q USING (channel, sku)
    LEFT JOIN told AS t ON (t.channel, t.sku) = (q.channel, q.sku) AND t.outcome <> 'refused'
"""

LARGEST = """
    SELECT * FROM (
        SELECT o.channel, o.sku, o.location, o.level, o.observed_at,
        CASE WHEN t.level IS NOT NULL THEN t.level + (q.value->'places'->p.place->>'own')::bigint - t.own
             WHEN (q.value->'places'->p.place->>'opened')::boolean THEN (q.value->'places'->p.place->>'own')::bigint
        END AS rough,
        coalesce(t.pushed_at > o.observed_at, false) OR EXISTS (
            SELECT FROM movements AS m WHERE m.sku = o.sku AND m.occurred_at >= o.observed_at
            AND (p.place = 'network' OR p.place = ANY(m.locations))
        ) AS outdated
        FROM observations AS o
        CROSS JOIN LATERAL (
            SELECT CASE WHEN NOT %(network)s::jsonb ? o.channel THEN o.location
                        WHEN %(network)s::jsonb->o.channel ? o.location THEN 'network' END AS place
        ) AS p
        JOIN channel_quantities AS q ON q.channel = o.channel AND q.sku = o.sku AND q.value->'places' ? p.place
        LEFT JOIN told AS t ON t.channel = o.channel AND t.sku = o.sku AND t.place = p.place AND t.outcome <> 'refused'
        WHERE o.channel = ANY(%(channels)s) AND o.level IS NOT NULL
    ) AS seen
    WHERE %(all)s OR (level IS DISTINCT FROM rough AND NOT outdated)
    ORDER BY outdated, abs(level - coalesce(rough, 0)) DESC, observed_at DESC, channel, sku LIMIT %(limit)s
"""
"""Only finds and orders: what is believed is said by `Place.shows`, whose sum `rough` is before it is asked whose word the last one was."""


class Drift(Directories):
    """Questions about differences with platforms."""

    async def drift(
        self,
        rules: Mapping[str, ChannelRules],
        *,
        sku: str | None = None,
        location: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page:
        """The newest observation of each cell of some channels, in the order of channel, SKU and location.

        `place` is the cell of ours that it is about; None where the channel's one number stands elsewhere. `believed` is what we
        believe that the platform shows there now: our last word with it, moved on by its own documents since; None where that is not
        known, or where somebody else tells it. `quantity` is what may be sold there. `difference` is how much more was seen. It means something where it is `settled`: our
        last word was answered, and before it was looked. Documents of the platform that came since, or are still to come, differ too.
        """
        most = min(limit, PAGE_MAX)
        after = read_cursor(cursor, 3) if cursor else (None, None, None)
        position = dict(zip(("after", "after_sku", "after_location"), after, strict=True))
        asked = {"channels": sorted(rules), "sku": sku, "location": location, "limit": most + 1}
        found = await self.rows(SEEN, {**asked, **position})
        rows = found[:most]
        items = await self._compared(rows, rules, await self._network(rules))
        last = [rows[-1][name] for name in ("channel", "sku", "location")] if rows else []
        return Page(items, cursor_of(last) if len(found) > most else None)

    async def largest_drift(
        self, rules: Mapping[str, ChannelRules], *, everything: bool = False, limit: int = 100
    ) -> list[dict[str, Any]]:
        """What some channels' platforms showed and we do not believe that they show, the largest differences first: rows as `drift` has
        them. `outdated` says that units moved, or the platform was told something, since it was looked: with `everything` such rows
        follow, and so does what agrees.
        """
        network = await self._network(rules)
        asked = [name for name, its in rules.items() if everything or not its.shadow]
        named = dumps({name: sorted(where) for name, where in network.items()}).decode()
        rows = await self.rows(
            LARGEST, {"channels": asked, "network": named, "all": everything, "limit": limit}
        )
        items = await self._compared(rows, rules, network)
        return [row for row in items if everything or row["difference"]]

    async def _compared(
        self,
        rows: list[dict[str, Any]],
        rules: Mapping[str, ChannelRules],
        network: Mapping[str, Collection[str]],
    ) -> list[dict[str, Any]]:
        """Observations beside what is believed. `network` says where platforms with one number for all places show it."""
        known = await self._known(rows)
        return [
            _beside(row, known, rules[row["channel"]], _place(row, network.get(row["channel"])))
            for row in rows
        ]

    async def _network(self, rules: Mapping[str, ChannelRules]) -> dict[str, set[str]]:
        """By channel with one number for all its places: at which of them its platform shows it, as far as we know what it calls them."""
        names = [name for name, its in rules.items() if its.publish == NETWORK]
        sql = "SELECT channel, directory->'places' AS places FROM directories WHERE channel = ANY(%s)"
        saved = {row["channel"]: row["places"] or {} for row in await self.rows(sql, [names])}
        return {name: _shown_at(rules[name], saved.get(name, {})) for name in names}

    async def _known(self, rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
        cells = sorted({(row["channel"], row["sku"]) for row in rows})
        asked = {"channels": [channel for channel, _ in cells], "skus": [sku for _, sku in cells]}
        known: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in await self.rows(KNOWN, asked):
            known.setdefault((row["channel"], row["sku"]), []).append(row)
        return known


def _shown_at(rules: ChannelRules, places: Mapping[str, str]) -> set[str]:
    """Where a platform shows its one number. `places` is what it calls ours; unless that says, it is where the channel's demand goes."""
    named = {name for name, ref in places.items() if ref == places.get(NETWORK)}
    return named if rules.ships_from in places and named else named | {rules.ships_from}


def _place(row: Mapping[str, Any], network: Collection[str] | None) -> str | None:
    """Which of our cells a platform's level is about. One number for all stands in some of the places only."""
    location: str = row["location"]
    if network is None:
        return location
    return NETWORK if location in network else None


def _beside(
    row: dict[str, Any],
    known: Mapping[tuple[str, str], list[dict[str, Any]]],
    rules: ChannelRules,
    place: str | None,
) -> dict[str, Any]:
    words = known.get((row["channel"], row["sku"]), [])
    number = quantity_of(words[0]["value"]).places.get(place) if words and place is not None else None
    word = next(
        (one for one in words if place is not None and one["place"] == place and _holds(one, rules)), None
    )
    believed = None
    if number is not None and not rules.shadow and (rules.told_since is None or word is not None):
        believed = number.shows(None if word is None else Shown(word["level"], word["own"]))
    told_at = None if word is None else word["pushed_at"]
    level = row["level"]
    return {
        **{name: value for name, value in row.items() if name != "rough"},
        "place": place,
        "believed": believed,
        "quantity": None if number is None else number.quantity,
        "difference": None if believed is None or level is None else level - believed,
        "told_at": told_at,
        "settled": word is None or (word["sure"] and told_at is not None and told_at <= row["observed_at"]),
    }


def _holds(word: Mapping[str, Any], rules: ChannelRules) -> bool:
    """Whether a word with the platform is one of ours: before the channel came out of shadow somebody else told it."""
    return rules.told_since is None or (
        word["pushed_at"] is not None and word["pushed_at"] >= rules.told_since
    )
