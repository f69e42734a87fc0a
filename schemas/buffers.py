"""Earned buffers: how many units of a SKU a store should hold back from channels that sell from afar, by what went wrong there.

Two things make a number that a channel shows larger than what the customer gets. *News*: a sale in the store is heard of later than it
happened. *Books*: the shelf holds fewer than the books say, since some time after the last count.

    news  = sales in the time that 95 % of the news come in (95 % of times no more), each of as many units as 95 % of sales have
    books = what counts found missing for each day, times the days since the last count, rounded; and the units that could not be
            picked since then
    units = news + books; or what an oversell lacked that a buffer helps against, where that is more; and never more than `MOST`

Sales are taken as independent of each other (Poisson), which understates a rush: of a rush, the oversells are evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.rules import ChannelRules

SURELY = 0.95
"""The share of cases that are covered."""

MOST = 50
"""Units that are suggested at most. Where more are needed, the store's number is not fit to be sold from afar at all."""

DAY = 86_400.0

Way = Literal["sku", "location"]
"""Whether a channel's rules hold back so many of each SKU, wherever it is, or at each location, of whatever SKU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a SKU at a store, from `days` of watching.

    `available` is what may be sold there now. `takes` customers took `units` in all, 95 % of them no more than `units_usual` each; 95 % of
    the news came within `news_seconds`, `late` of them after more than a minute, the last after `latest_seconds`. Counts found
    `shrink` units missing; the last count, or the opening, was `counted_days` ago (None: it was never counted). `rejects` picks of
    `missing` units failed since the last count. Each of `lacked` is what an oversell lacked that a buffer helps against
    (`schemas.postmortem.BUFFERED`), of wrong books since the last count; and there were `oversells` of any cause.
    """

    sku: str
    location: str
    days: float
    available: int = 0
    takes: int = 0
    units: int = 0
    units_usual: int = 0
    news_seconds: float = 0.0
    late: int = 0
    latest_seconds: float = 0.0
    shrink: int = 0
    counted_days: float | None = None
    rejects: int = 0
    missing: int = 0
    lacked: tuple[int, ...] = ()
    oversells: int = 0

    @property
    def unheard(self) -> float:
        """Sales, in the mean, that have happened and are not heard of yet."""
        return self.takes / self.days * self.news_seconds / DAY

    @property
    def unbooked(self) -> int:
        """Units that the shelf has probably fewer than the books say."""
        uncounted = self.days if self.counted_days is None else self.counted_days
        return round_half_up(self.shrink / self.days * uncounted) + self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a buffer is expected to do: of the oversells that a buffer helps against it would have `prevented` so many; it keeps `hidden`
    of the units that may be sold now from being offered; and the share of times at which more is sold and not heard of than is held back
    falls from `risk_before` to `risk_after`. What history would have been with it, a what-if says.
    """

    prevented: int
    hidden: int
    risk_before: float
    risk_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """How many units to hold back of a SKU at a store, why, what it is expected to do, and from what it was earned."""

    sku: str
    location: str
    units: int
    reason: str
    effect: Effect
    evidence: Evidence


def suggested(evidence: Evidence) -> Suggestion:
    """The buffer that a store has earned for a SKU."""
    units = min(MOST, max(_news(evidence) + evidence.unbooked, *evidence.lacked, 0))
    return Suggestion(
        sku=evidence.sku,
        location=evidence.location,
        units=units,
        reason="; ".join(_reasons(evidence, units)) or "nothing speaks for one",
        effect=Effect(
            prevented=sum(lacked <= units for lacked in evidence.lacked),
            hidden=min(units, max(0, evidence.available)),
            risk_before=_risk(evidence, 0),
            risk_after=_risk(evidence, units),
        ),
        evidence=evidence,
    )


def _news(evidence: Evidence) -> int:
    return most_events(evidence.unheard) * max(1, evidence.units_usual)


def _reasons(evidence: Evidence, units: int) -> Iterator[str]:
    news, shrunk = _news(evidence), evidence.unbooked - evidence.missing
    if news:
        yield f"{news} for sales that are heard of within {evidence.news_seconds:.0f} s ({SURELY:.0%} of them)"
    if shrunk:
        since = (
            "never counted"
            if evidence.counted_days is None
            else f"counted {evidence.counted_days:.0f} days ago"
        )
        yield f"{shrunk} for shrink, {since}"
    if evidence.missing:
        yield f"{evidence.missing} that {evidence.rejects} picks did not find since the last count"
    if units > news + evidence.unbooked:
        yield f"{units} that an oversell lacked"
    if units == MOST:
        yield f"no more than {MOST} are suggested: a count, or faster news, would do more"


def most_events(mean: float) -> int:
    """How many independent events of a mean there are at most in `SURELY` of cases; bounded by `MOST`."""
    if mean >= MOST:
        return MOST
    return next((number for number in range(MOST) if at_most(number, mean) >= SURELY), MOST)


def at_most(number: int, mean: float) -> float:
    """The share of cases in which there are no more than `number` independent events of a mean (Poisson)."""
    return (
        math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(number + 1))
        if mean
        else 1.0
    )


def _risk(evidence: Evidence, held: int) -> float:
    return round(max(0.0, 1.0 - at_most(held // max(1, evidence.units_usual), evidence.unheard)), 4)


def round_half_up(value: float) -> int:
    """The nearest whole number; of two the larger, so that more never becomes less."""
    return math.floor(value + 0.5)


# -- as rules


def by_sku(suggestions: Iterable[Suggestion]) -> dict[str, int]:
    """Of each SKU what the store needs that needs most of it: the rule `safety_stock_by_sku`, which holds at every location alike."""
    most: dict[str, int] = {}
    for one in suggestions:
        most[one.sku] = max(one.units, most.get(one.sku, 0))
    return dict(sorted(most.items()))


def by_location(suggestions: Iterable[Suggestion]) -> dict[str, int]:
    """Of each store what is enough for `SURELY` of its SKUs: the rule `safety_stock_by_location`, which holds for every SKU alike."""
    needed: dict[str, list[int]] = {}
    for one in suggestions:
        needed.setdefault(one.location, []).append(one.units)
    return {
        location: sorted(units)[math.ceil(SURELY * len(units)) - 1]
        for location, units in sorted(needed.items())
    }


def patched(
    suggestions: Iterable[Suggestion], channels: Mapping[str, ChannelRules], way: Way
) -> dict[str, dict[str, dict[str, int]]]:
    """What to change in the rules of channels, for one rule for each SKU or for each location: by channel and rule what differs from what
    holds now. Of each channel those stores count whose stock it sells.
    """
    made, found = list(suggestions), {}
    for channel, its in sorted(channels.items()):
        sold = [one for one in made if _sells(its, one.location)]
        if way == "location":
            rule = "safety_stock_by_location"
            said = {
                name: units
                for name, units in by_location(sold).items()
                if its.holds("", name, 0)["safety_stock"] != units
            }
        else:
            rule, needed = "safety_stock_by_sku", by_sku(sold)
            differing = {
                one.sku
                for one in sold
                if its.holds(one.sku, one.location, 0)["safety_stock"] != needed[one.sku]
            }
            said = {sku: units for sku, units in needed.items() if sku in differing}
        if said:
            found[channel] = {rule: said}
    return found


def _sells(rules: ChannelRules, location: str) -> bool:
    return (rules.locations is None or location in rules.locations) and not rules.leaves_out(location)
