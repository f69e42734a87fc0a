"""Orders of bundles, taken once more: a channel shows as many as its numbers of the components allow, less what it has sold itself since. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd

from schemas.happened import ORDERED, Cell, Entry
from schemas.hearing import Heard
from schemas.outcomes import Side
from schemas.rules import ChannelRules, Recipe
from schemas.worlds import World

Sold = tuple[str, str, str, int]
"""Channel, transaction, bundle, and the instant."""


class Bundles:
    """The orders of bundles on one side, and how many of each were sold. `was` has the recipes by which they were ordered."""

    def __init__(
        self,
        worlds: Mapping[str, World],
        side: Side,
        was: Mapping[str, Recipe],
        delays: Mapping[str, int],
    ) -> None:
        self.worlds, self.side, self.delays = worlds, side, delays
        self.heard: dict[tuple[str, str], Heard] = {}
        self.sold: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.lines: dict[Sold, dict[str, tuple[int, Cell, int]]] = {}
        self.taken: dict[Sold, int] = {}
        for sku, world in worlds.items():
            for entry in world.log:
                for sold, cell in _ordered(entry):
                    units, _, known = self.lines.setdefault(sold, {}).get(sku, (0, cell, 0))
                    self.lines[sold][sku] = units + entry[2].units, cell, max(known, entry[1])
        self.wanted = {sold: _wanted(was.get(sold[2]), lines) for sold, lines in self.lines.items()}

    def sell(self, entry: Entry) -> int:
        """The units of one component that are sold, of a movement of an order."""
        sold = next(_ordered(entry))[0]
        if sold not in self.taken:
            self.taken[sold] = self._take(sold)
        return entry[2].units * self.taken[sold] // self.wanted[sold]

    def _take(self, sold: Sold) -> int:
        """How many bundles of an order are sold."""
        channel, _, bundle, at = sold
        wanted, lines = self.wanted[sold], self.lines[sold]
        rules = self.side.at(at).get(channel)
        recipe = self.side.bundles.get(bundle) or {
            sku: units // wanted for sku, (units, _, _) in lines.items()
        }
        shown = None if rules is None or rules.shadow else self._number(channel, rules, recipe, lines, at)
        before = self.sold.setdefault((channel, bundle), [])
        if shown is not None:
            due = at - self.delays.get(channel, 0)
            shown -= sum(units for known, units in before if known > due)
        taken = wanted if shown is None else max(0, min(wanted, shown))
        before.append((max(known for _, _, known in lines.values()), taken))
        return taken

    def _number(
        self,
        channel: str,
        rules: ChannelRules,
        recipe: Recipe,
        lines: Mapping[str, tuple[int, Cell, int]],
        at: int,
    ) -> int | None:
        """What a channel's numbers of the components allow; None where it has none of one of them."""
        anywhere = next(iter(lines.values()))[1]
        found: int | None = None
        for sku, each in recipe.items():
            world = self.worlds.get(sku)
            if world is None:
                return None
            heard = self.heard.get((channel, sku))
            if heard is None:
                heard = self.heard[channel, sku] = Heard(sku, channel, rules, self.delays.get(channel, 0))
            if heard.rules is not rules:
                heard.rule(rules)
            world.tell(heard, at, 0)
            location, state = lines[sku][1] if sku in lines else anywhere
            number = heard.meter.number(location) if state == heard.meter.state else None
            if number is None:
                return None
            found = number // each if found is None else min(found, number // each)
        return found


def _ordered(entry: Entry) -> Iterator[tuple[Sold, Cell]]:
    """The order of a bundle that a movement is part of, and where it takes units from."""
    at, _, move, channel, transaction, _, _ = entry
    if move.act is ORDERED and move.bundle is not None and move.source is not None:
        yield (channel, transaction, move.bundle, at), move.source


def _wanted(recipe: Recipe | None, lines: Mapping[str, tuple[int, Cell, int]]) -> int:
    """How many bundles an order was for: as its recipe says, or, where that has changed since, the most that its lines divide into."""
    units = {sku: line[0] for sku, line in lines.items()}
    if recipe is not None and recipe.keys() == units.keys():
        numbers = {number // recipe[sku] for sku, number in units.items() if not number % recipe[sku]}
        if len(numbers) == 1:
            return numbers.pop()
    return gcd(*units.values())
