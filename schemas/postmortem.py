"""What became of an oversell: who took the last units, and what would have prevented it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.oversells import OversellCause

RIVALS_MAX = 10
"""Movements that are told as having taken the last units, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A movement took so many units of what could be sold. `unseen` says that the channel that oversold had not been told of it."""

    movement: str
    kind: str
    channel: str
    transaction: str
    document: str
    location: str
    units: int
    occurred_at: datetime
    recorded_at: datetime
    unseen: bool = False

    @property
    def late(self) -> timedelta:
        """How old it was when it became known."""
        return max(timedelta(0), self.recorded_at - self.occurred_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One oversell: `taking` took units at `place` of which `before` there were only so many. `shown` is what the channel's platform
    showed when it happened, None if that is not known, and `told_at` when it was told next. `rivals` took the last units before it,
    newest news first. `counted_at` is when the shelf was last counted or opened, None if never.
    """

    cause: OversellCause
    place: str
    before: int
    taking: Taking
    shown: int | None = None
    told_at: datetime | None = None
    rivals: Sequence[Taking] = ()
    counted_at: datetime | None = None

    @property
    def short(self) -> int:
        """Units of it that were not there."""
        return self.taking.units - min(self.taking.units, max(0, self.before))


class By(StrEnum):
    """What prevents an oversell."""

    BUFFER = "buffer"  # units held back from the channel
    FASTER_NEWS = "faster_news"  # hearing of a sale sooner
    COUNT = "count"  # counting the shelf
    RULE = "rule"  # other rules of the channel
    ASKING = "asking"  # taking only what is not promised


@dataclass(frozen=True, slots=True, kw_only=True)
class Prevention:
    """What would have prevented an oversell. `units` are those of a buffer; news of what `channel` had sold would have had to be heard
    within `within_seconds`, and took `was_seconds`; the shelf had been counted `days` before, None if never.
    """

    by: By
    text: str
    units: int | None = None
    channel: str | None = None
    location: str | None = None
    within_seconds: float | None = None
    was_seconds: float | None = None
    days: float | None = None


BUFFERED = frozenset({OversellCause.LATENCY, OversellCause.LATE_FACT, OversellCause.WRONG_COUNT})
"""Causes against which units that are held back help."""


def rivals(takings: Sequence[Taking], short: int) -> list[Taking]:
    """Of what was taken before, newest first, the last that make up the units that were short."""
    found: list[Taking] = []
    for taking in takings[:RIVALS_MAX]:
        if sum(one.units for one in found) >= short:
            break
        found.append(taking)
    return found


def preventions(case: Case) -> Iterator[Prevention]:
    """What would have prevented it, each for itself; at least one thing for every cause.

    A buffer has to cover what the platform showed beyond what was there: with it, the number that the customer saw would have been one
    that could be kept. Where that number is not known, it has to cover the units that were short. Faster news helps where what was not
    known in time had happened before it could do harm.
    """
    if case.cause is OversellCause.WRONG_COUNT:
        yield _count(case)
    yield from _news(case)
    if case.cause in BUFFERED:
        yield _buffer(case)
    elif case.cause is OversellCause.RULE:
        sold = f"it sold {case.taking.units}, and {max(0, case.before)} were there"
        text = f"a number of {case.taking.channel} that what {case.place} has bounds: {sold}"
        yield Prevention(by=By.RULE, text=text, channel=case.taking.channel, location=case.place)
    else:
        text = f"taking only what is not promised: {case.short} of the {case.taking.units} units were"
        yield Prevention(by=By.ASKING, text=text, channel=case.taking.channel, location=case.place)


def _buffer(case: Case) -> Prevention:
    beyond = 0 if case.shown is None else case.shown - max(0, case.before)
    units, channel = max(case.short, beyond), case.taking.channel
    return Prevention(
        by=By.BUFFER,
        text=f"{units} more held back from {channel} at {case.place}",
        units=units,
        channel=channel,
        location=case.place,
    )


def _count(case: Case) -> Prevention:
    """The books were wrong since somewhere between the last count and then."""
    if case.counted_at is None:
        return Prevention(by=By.COUNT, text=f"a count at {case.place}: there was none", location=case.place)
    days = max(0.0, (case.taking.occurred_at - case.counted_at) / timedelta(days=1))
    text = f"a count at {case.place}: the last was {days:.0f} days before"
    return Prevention(by=By.COUNT, text=text, location=case.place, days=round(days, 2))


def _news(case: Case) -> Iterator[Prevention]:
    """What came to be known too late: a late fact to whoever sold the units since, or the last sale before to the channel that oversold."""
    own = case.taking
    if case.cause is OversellCause.LATE_FACT:
        after = [one.occurred_at for one in case.rivals if one.occurred_at > own.occurred_at]
        if after:
            yield _sooner("the hub", own, min(after), own.recorded_at)
    elif case.cause is OversellCause.LATENCY:
        before = [one for one in case.rivals if one.unseen and one.occurred_at < own.occurred_at]
        if before:
            last = max(before, key=lambda one: one.occurred_at)
            yield _sooner(own.channel, last, own.occurred_at, case.told_at)


def _sooner(who: str, taking: Taking, by: datetime, heard: datetime | None) -> Prevention:
    within = (by - taking.occurred_at).total_seconds()
    was = None if heard is None else (heard - taking.occurred_at).total_seconds()
    text = f"{who} hearing of {taking.channel}/{taking.document} within {within:g} s"
    return Prevention(
        by=By.FASTER_NEWS,
        text=text if was is None else f"{text}: it took {was:g} s",
        channel=taking.channel,
        within_seconds=within,
        was_seconds=was,
    )
