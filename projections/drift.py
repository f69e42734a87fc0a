"""What platforms showed of themselves, beside what we believe that they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        known = await self._known(rows)
        places = {name: await self._places(name) for name in {row["channel"] for row in rows}}
        items = [
            _beside(
                row, known, rules[row["channel"]], _place(row, rules[row["channel"]], places[row["channel"]])
            )
            for row in rows
        ]
        last = [rows[-1][name] for name in ("channel", "sku", "location")] if rows else []
        return Page(items, cursor_of(last) if len(found) > most else None)

    async def _places(self, channel: str) -> Mapping[str, str]:
        """What a platform calls our places."""
        saved = await self.load_directory(channel)
        return {} if saved is None else saved.places

    async def _known(self, rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
        cells = sorted({(row["channel"], row["sku"]) for row in rows})
        asked = {"channels": [channel for channel, _ in cells], "skus": [sku for _, sku in cells]}
        known: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in await self.rows(KNOWN, asked):
            known.setdefault((row["channel"], row["sku"]), []).append(row)
        return known


def _place(row: Mapping[str, Any], rules: ChannelRules, places: Mapping[str, str]) -> str | None:
    """Which of our cells a platform's level is about. One number for all stands where the channel's demand goes."""
    location: str = row["location"]
    if rules.publish != NETWORK:
        return location
    if NETWORK in places and location in places:
        return NETWORK if places[location] == places[NETWORK] else None
    return NETWORK if location == rules.ships_from else None


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
        **row,
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
