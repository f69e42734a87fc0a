"""What a channel's platform shows, by our last word with it and by its own documents since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from projections.explain.answer import Told
from projections.explain.reading import Reading
from projections.recorder import SAYS_NOTHING
from schemas.accounts import NETWORK
from schemas.availability import Shown
from schemas.receipts import Outcome
from schemas.rules import ChannelRules, Recipe

PUSHED = """
    SELECT place, level, own FROM told WHERE channel = %s AND sku = %s AND outcome <> 'refused'
    AND (%s::timestamptz IS NULL OR pushed_at >= %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """One channel's word with its platform about a SKU. `recipe` is that of a bundle."""

    reading: Reading
    channel: str
    rules: ChannelRules
    recipe: Recipe | None

    async def pushed(self, sku: str, places: Sequence[str]) -> int | None:
        """What the platform shows in all its places, and in those that it has no more, as far as that is known: nothing while somebody
        else tells it. As of a moment only in those that it had then.
        """
        if self.rules.shadow:
            return None
        levels = await (self._then(sku, places) if self.reading.as_of.timed else self._now(sku))
        return sum(levels) if levels else None

    async def _now(self, sku: str) -> list[int]:
        """By the numbers as they were published."""
        queries, since = self.reading.queries, self.rules.told_since
        number = await queries.channel_quantity(self.channel, sku)
        if number is None:
            return []
        rows = await queries.rows(PUSHED, [self.channel, sku, since, since])
        told = {row["place"]: Shown(row["level"], row["own"]) for row in rows}
        shown = [
            number.at(name).shows(told.get(name))
            for name in (*number.places, *number.left(told))
            if since is None or name in told
        ]
        return [level for level in shown if level is not None]

    async def _then(self, sku: str, places: Sequence[str]) -> list[int]:
        """By the words and the platform's own documents up to the moment."""
        words = await self.reading.told(sku, self.channel, places, [one.value for one in SAYS_NOTHING])
        told = {word.place: word for word in words if self._counts(word)}
        if self.recipe is not None:
            return await self._of_bundle(sku, told, self.recipe)
        return await self._of_kept(sku, told, places)

    def _counts(self, word: Told) -> bool:
        since = self.rules.told_since
        return word.outcome != Outcome.REFUSED and (since is None or word.pushed_at >= since)

    async def _of_kept(self, sku: str, told: Mapping[str, Told], places: Sequence[str]) -> list[int]:
        """Our last word at each place, moved on; where there was none, what the platform opened the place with itself."""
        after = {self._where(place): word.offset for place, word in told.items()}
        untold = [] if self.rules.told_since else [name for name in places if name not in told]
        openers = await self.reading.openers(sku) if untold else {}
        opened = [name for name in untold if openers.get(name) == self.channel]
        own = await self.reading.own(sku, self.channel, after | dict.fromkeys(opened, -1))
        moved = [word.level + own.get(self._where(place), 0) for place, word in told.items()]
        return moved + [own.get(name, 0) for name in opened]

    async def _of_bundle(self, sku: str, told: Mapping[str, Told], recipe: Recipe) -> list[int]:
        """A platform has counted so many of a bundle by itself as the components say that it took."""
        after = {self._where(place): -1 for place in told}
        own = {name: await self.reading.own(name, self.channel, after, sku) for name in recipe}
        return [
            word.level
            + min(own[name].get(self._where(place), 0) // each for name, each in recipe.items())
            - word.own
            for place, word in told.items()
        ]

    def _where(self, place: str) -> str:
        """Where the documents count that move the number of a place."""
        return self.rules.ships_from if place == NETWORK else place
