"""The lines of an explanation, each from one thing that was read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from projections.explain.answer import Decided, ExplainedLine
from schemas.availability import Step
from schemas.counts import CLOCK_SKEW
from schemas.in_force import decided
from schemas.postings import Kind
from schemas.routing import HUB
from schemas.rules import Rules

CLAIMED = re.compile(r"(\d+-\d+)-\d+")
"""The id of a movement that a claim made: the claim's partition and offset, and an index."""


@dataclass(frozen=True, slots=True)
class Skews:
    """By how many seconds each channel's clock may be wrong; one that is not named has `CLOCK_SKEW`."""

    said: Mapping[str, float]

    def of(self, *channels: str) -> float:
        """By how many seconds clocks may differ."""
        return sum(self.said.get(name, CLOCK_SKEW) for name in channels)

    @property
    def most(self) -> timedelta:
        """By how much two clocks may differ at most."""
        return timedelta(seconds=2 * max((CLOCK_SKEW, *self.said.values())))


def claim_of(movement: str) -> str | None:
    """The claim that a movement comes from, as `partition-offset`; None where no claim made it."""
    found = CLAIMED.fullmatch(movement)
    return found and found[1]


def movement_line(row: Mapping[str, Any], close: str | None) -> ExplainedLine:
    """The line of a movement's leg. `close` says of a count that it is too close to, or None."""
    label = (
        f"{row['kind']} at {row['location']}, {row['occurred_at'].isoformat()}"
        + ("" if row["bundle"] is None else f", in {row['bundle']}")
        + (f", {row['reason']}" if row["channel"] == HUB and row["reason"] else "")
    )
    document = f"{row['channel']}/{row['document']}"
    return ExplainedLine(
        label=label if close is None else f"{label}, {close}",
        amount=row["units"],
        ref=f"movement:{row['id']} {row['transaction']}"
        + ("" if row["document"] == row["transaction"] else f" {document}"),
        ambiguous=None if close is None else True,
        movement=row["id"],
        claim=claim_of(row["because_of"] or row["id"]),
        **{name: row[name] for name in COPIED},
    )


COPIED = (
    *("kind", "location", "transaction", "channel", "document", "because_of", "occurred_at", "recorded_at"),
)
"""What a movement's line has as the journal has it."""


def close_count(row: Mapping[str, Any], counts: Iterable[Mapping[str, Any]], skews: Skews) -> str | None:
    """Says how close a movement is to the nearest count that may as well have been on its other side; None: to none."""
    close = []
    for count in counts:
        apart = abs(row["occurred_at"] - count["occurred_at"])
        bound = skews.of(row["channel"], count["channel"])
        own = row["about"] == Kind.STOCK_COUNTED and all(row[name] == value for name, value in count.items())
        if count["location"] == row["location"] and apart <= timedelta(seconds=bound) and not own:
            close.append((apart, f"{count['channel']}/{count['document']}", bound))
    if not close:
        return None
    apart, document, bound = min(close)
    seconds = apart.total_seconds()
    return f"ambiguous: {seconds:g} s from the count {document}, clocks may differ by {bound:g} s"


def earlier_lines(summed: Mapping[str, int], recent: Mapping[str, int]) -> Iterator[ExplainedLine]:
    """What was summed beside the recent movements that have lines of their own, by location."""
    for location in sorted({*summed, *recent}):
        units = summed.get(location, 0) - recent.get(location, 0)
        if units:
            label = f"earlier movements at {location}"
            yield ExplainedLine(label=label, amount=units, ref=f"movements:{location}", location=location)


def being_recorded(held: Mapping[str, int], summed: Mapping[str, int]) -> Iterator[ExplainedLine]:
    """The journal is recorded a moment before or after the stock: what is not in it yet is named, not hidden."""
    for location, level in held.items():
        units = level - summed.get(location, 0)
        if units:
            label = f"being recorded at {location}"
            yield ExplainedLine(label=label, amount=units, ref="stock", location=location)


def of_places(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Units by location."""
    summed: Counter[str] = Counter()
    for row in rows:
        summed[row["location"]] += row["units"]
    return summed


def step_line(step: Step, sku: str, channel: str, rules: Rules, events: Sequence[Rules]) -> ExplainedLine:
    """The line of a step of the rules, with who decided it."""
    rule = step.ref.removeprefix("rule:") if step.ref.startswith("rule:") else None
    made = decided(events, rules, channel, rule, sku, step.location or "") if rule else None
    return ExplainedLine(
        label=step.label,
        amount=step.amount,
        ref=step.ref,
        location=step.location,
        rule=rule,
        decided=None if made is None else Decided.of(made),
    )


def oversold_line(row: Mapping[str, Any]) -> ExplainedLine:
    """What was oversold; it adds nothing to the number."""
    return ExplainedLine(
        label=f"oversold at {row['place']}, to {row['available']}: {row['cause'].replace('_', ' ')}",
        amount=0,
        ref=f"movement:{row['movement']} {row['transaction']}",
        location=row["place"],
        movement=row["movement"],
        claim=claim_of(row["movement"]),
        **{name: row[name] for name in ("kind", "transaction", "channel", "occurred_at", "recorded_at")},
    )
