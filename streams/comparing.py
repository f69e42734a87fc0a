"""Adds up what other rules would have come to, SKU by SKU, and says it: for machines, as tables, as a chart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from typing import Any

from rich.table import Table

from schemas.outcomes import Outcome, Tally
from schemas.whatif import Effect
from streams.charting import Panel, chart

WORST = 20
"""SKUs that are listed one by one."""
SIDES = ("before", "after")
MEASURES = ("asked", "sold", "in_person", "turned_away", "stranded", "oversold", "oversells", "unexplained")
PARCELS = ("orders", "parcels", "orders_split")
SHORT_LABEL = 62


@dataclass(slots=True)
class Parcels:
    """The places that each order's units come from. Almost every order has one, so the others are kept apart."""

    first: dict[str, str] = field(default_factory=dict)
    split: dict[str, set[str]] = field(default_factory=dict)

    def add(self, order: str, place: str) -> None:
        """A SKU of an order comes from a place."""
        known = self.first.setdefault(order, place)
        if known != place:
            self.split.setdefault(order, {known}).add(place)

    def counts(self) -> dict[str, int]:
        """Orders of which anything was sent, their parcels, and how many orders have several."""
        more = sum(len(places) - 1 for places in self.split.values())
        return {"orders": len(self.first), "parcels": len(self.first) + more, "orders_split": len(self.split)}


@dataclass(slots=True)
class OneSide:
    """All SKUs on one side, by channel."""

    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    parcels: dict[str, Parcels] = field(default_factory=lambda: defaultdict(Parcels))

    def add(self, outcome: Outcome) -> None:
        """What came of a SKU."""
        for channel, tally in outcome.by_channel.items():
            self.tallies[channel].add(tally)
        for channel, order, place in outcome.sent:
            self.parcels[channel].add(order, place)

    def figures(self, channel: str | None = None) -> dict[str, int]:
        """Units, orders and parcels of a channel; without one, of all."""
        total, counts = Tally(), dict.fromkeys(PARCELS, 0)
        for name, tally in self.tallies.items():
            if channel in (None, name):
                total.add(tally)
        for name, parcels in self.parcels.items():
            if channel in (None, name):
                counts = {key: counts[key] + number for key, number in parcels.counts().items()}
        return {**asdict(total), **counts}


@dataclass(slots=True)
class Comparison:
    """What came of all SKUs on both sides, and which SKUs it concerns most."""

    before: OneSide = field(default_factory=OneSide)
    after: OneSide = field(default_factory=OneSide)
    skus: int = 0
    concerned: list[tuple[int, str, Tally, Tally]] = field(default_factory=list)

    def add(self, sku: str, effect: Effect) -> None:
        """What came of a SKU."""
        self.skus += 1
        self.before.add(effect.before)
        self.after.add(effect.after)
        weight = _weight(effect.before) + _weight(effect.after)
        if weight:
            self.concerned.append((weight, sku, effect.before.all, effect.after.all))
            if len(self.concerned) > 50 * WORST:
                self.concerned = self._worst()

    def _worst(self) -> list[tuple[int, str, Tally, Tally]]:
        return nlargest(WORST, self.concerned, key=lambda one: (one[0], one[1]))

    def as_json(self) -> dict[str, Any]:
        """`{skus, explained_percent, before, after, channels, worst_skus}`; all figures are units, but orders, parcels and oversells."""
        before, after = self.before.figures(), self.after.figures()
        channels = sorted({*self.before.tallies, *self.after.tallies})
        ordered = before["asked"] - before["in_person"]
        return {
            "skus": self.skus,
            "explained_percent": round(100 * (1 - before["turned_away"] / ordered), 2) if ordered else 100.0,
            "before": before,
            "after": after,
            "channels": {
                name: {"before": self.before.figures(name), "after": self.after.figures(name)}
                for name in channels
            },
            "worst_skus": [
                {"sku": sku, "before": asdict(was), "after": asdict(would)}
                for _, sku, was, would in self._worst()
            ],
        }


def _weight(outcome: Outcome) -> int:
    return sum([tally.oversold + tally.stranded for tally in outcome.by_channel.values()])


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """A comparison for people: all channels and each of them, and the SKUs it concerns most."""
    yield _side_by_side(
        f"{found['skus']} SKUs, {found['movements']} movements, sold again", found["before"], found["after"]
    )
    for name, sides in found["channels"].items():
        if any(sides[side][measure] for side in SIDES for measure in ("turned_away", "oversold", "orders")):
            yield _side_by_side(name, sides["before"], sides["after"])
    if found["worst_skus"]:
        yield _worst_table(found["worst_skus"])


def _side_by_side(title: str, before: Mapping[str, int], after: Mapping[str, int]) -> Table:
    table = Table(title=title)
    table.add_column("")
    for name in ("as it was", "what if", "change"):
        table.add_column(name, justify="right")
    for name in (*MEASURES, *PARCELS):
        if before[name] or after[name]:
            change = after[name] - before[name]
            table.add_row(
                name.replace("_", " "), str(before[name]), str(after[name]), f"{change:+d}" if change else ""
            )
    return table


def _worst_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="the SKUs with most units oversold or stranded")
    table.add_column("sku", overflow="fold")
    for name in ("oversold", "what if", "stranded", "what if", "turned away", "what if"):
        table.add_column(name, justify="right")
    for row in rows:
        figures = [str(row[side][name]) for name in ("oversold", "stranded", "turned_away") for side in SIDES]
        table.add_row(row["sku"], *figures)
    return table


def drawn(found: Mapping[str, Any]) -> str:
    """A comparison as a chart (SVG): all channels and each of them, as it was and what if."""
    rows: dict[str, Mapping[str, int]] = {}
    for name, sides in {"all": found, **found["channels"]}.items():
        rows[f"{name}, as it was"], rows[f"{name}, what if"] = sides["before"], sides["after"]
    panels = [
        Panel(head, note, tuple((row[measure], f"{row[measure]}") for row in rows.values()))
        for measure, head, note in (
            ("oversold", "Oversold", "units"),
            ("stranded", "Stranded", "units turned away though there"),
            ("turned_away", "Turned away", "units"),
            ("parcels", "Parcels", "places that orders come from"),
        )
    ]
    return chart("History under other rules", list(rows), panels, label=SHORT_LABEL)
