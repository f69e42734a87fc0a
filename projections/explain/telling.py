"""Tells a number step by step: what moved, what the rules made of it, and what the platform was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from projections.explain.answer import Decided, Explained, ExplainedLine, Told
from projections.explain.lines import (
    Skews,
    being_recorded,
    close_count,
    earlier_lines,
    movement_line,
    of_places,
    oversold_line,
    step_line,
)
from projections.explain.pushing import Pushing
from projections.explain.reading import Reading
from schemas.accounts import NETWORK
from schemas.availability import eligible, steps
from schemas.bundles import Bundle, bundle_quantity, part, scarcest
from schemas.ledger import Stock
from schemas.postings import pooled
from schemas.rules import ChannelRules, Rules

OVERSELLS_MAX = 5
"""Oversells that are told with a number, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What the lines are told from. `rules` are those that held, None where none did yet; `events` all changes of them."""

    reading: Reading
    rules: Rules | None
    events: Sequence[Rules]
    recent: int
    skews: Skews

    async def explained(self, sku: str, channel: str) -> Explained:
        """The whole of one number."""
        rules, moment = self.rules, self.reading.as_of
        told: tuple[Told, ...] = ()
        pushed = None
        if rules is None or channel not in rules.channels:
            label = "no rules of this channel were in force" + (" by then" if moment.timed else "")
            lines = [_nothing(label, "no_rules")]
        else:
            its, recipe = rules.channels[channel], rules.bundles.get(sku)
            where = self._of_bundle(sku, channel, rules) if recipe else self._of(sku, channel, rules, its)
            lines, places = await where
            told = await self.reading.told(sku, channel, places)
            pushing = Pushing(reading=self.reading, channel=channel, rules=its, recipe=recipe)
            pushed = await pushing.pushed(sku, places)
        return Explained(
            sku=sku,
            channel=channel,
            quantity=sum(line.amount for line in lines),
            pushed=pushed,
            lines=tuple(lines),
            rules=None if rules is None else Decided.of(rules),
            receipt=told,
            as_of=moment if moment.timed else None,
        )

    async def _of_bundle(
        self, sku: str, channel: str, rules: Rules
    ) -> tuple[list[ExplainedLine], tuple[str, ...]]:
        """At each place the lines of the component that decides, and what they make; what others would allow is told. And the places."""
        recipe, its = rules.bundles[sku], rules.channels[channel]
        known = {name: await self.reading.stock(name) for name in recipe}
        bundle = Bundle(sku=sku, parts={name: part(stock, sku, rules) for name, stock in known.items()})
        number = bundle_quantity(bundle, channel, rules)
        if not number.places:
            label = "its components are not all tracked at a location of this channel"
            return [_nothing(label, "untracked")], ()
        lines: list[ExplainedLine] = []
        for place in number.places:
            decides = scarcest(bundle, channel, rules, place)
            there = its if place == NETWORK else replace(its, locations=(place,))
            found, _ = await self._of(decides, channel, rules, there)
            units = sum(line.amount for line in found)
            made, ref = units // recipe[decides], f"bundle:{sku}"
            lines += [replace(line, label=f"{decides}: {line.label}", sku=decides) for line in found]
            make = f"{recipe[decides]} of {decides} make one"
            lines.append(ExplainedLine(label=make, amount=made - units, ref=ref, sku=decides))
            for name in sorted(recipe.keys() - {decides}):
                allows = bundle.parts[name].numbers[channel].places[place].quantity // recipe[name]
                lines.append(ExplainedLine(label=f"{name} would allow {allows}", amount=0, ref=ref, sku=name))
        return lines, tuple(number.places)

    async def _of(
        self, sku: str, channel: str, rules: Rules, its: ChannelRules
    ) -> tuple[list[ExplainedLine], tuple[str, ...]]:
        """The movements behind a SKU's number, the steps of the rules from there, and what was oversold. And the places of the number."""
        stock = await self.reading.stock(sku)
        where = eligible(stock, its)
        lines = await self._moved(stock, pooled(its.pool), where)
        if where:
            rest = steps(stock, its, available=False)
            lines += [step_line(step, sku, channel, rules, self.events) for step in rest]
        else:
            lines.append(_nothing("not tracked at any location of this channel", "untracked"))
        lines += [oversold_line(row) for row in await self.reading.oversold(sku, where, OVERSELLS_MAX)]
        return lines, ((NETWORK,) if where and its.publish == NETWORK else where)

    async def _moved(self, stock: Stock, state: str, where: tuple[str, ...]) -> list[ExplainedLine]:
        """The lines that sum to the balances at some locations: newest first, and what is older or not recorded yet in sums."""
        found = await self.reading.recent(stock, state, where, self.recent + 1) if where else []
        rows = found[: self.recent]
        lines = []
        if rows:
            instants = [row["occurred_at"] for row in rows]
            counts = await self.reading.counts(stock, min(instants), max(instants), self.skews.most)
            lines = [movement_line(row, close_count(row, counts, self.skews)) for row in rows]
        held = {location: stock.balance(location, state) for location in where}
        summed = recent = of_places(rows)
        if len(found) > len(rows) or any(held[name] != summed[name] for name in where):
            everything = await self.reading.summed(stock, state)
            summed = type(recent)({name: everything[name] for name in where})
        return [*lines, *earlier_lines(summed, recent), *being_recorded(held, summed)]


def _nothing(label: str, ref: str) -> ExplainedLine:
    return ExplainedLine(label=label, amount=0, ref=ref)
