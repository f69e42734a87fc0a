"""What a story of an oversell says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.oversells import OversellCause
from schemas.postmortem import Case, Prevention, Taking, preventions
from schemas.receipts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that came to be known `at`: a platform was `told` that so many may be sold, somebody `took` units, or it was
    `oversold`. What happened somewhere has the instant at which it did, and how late it was known. `unseen` says that the
    channel that oversold had not been told of it.
    """

    what: Literal["told", "took", "oversold"]
    at: datetime
    text: str
    channel: str
    place: str
    units: int
    occurred_at: datetime | None = None
    late_seconds: float | None = None
    kind: str | None = None
    movement: str | None = None
    transaction: str | None = None
    document: str | None = None
    outcome: str | None = None
    unseen: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How a movement came to oversell at one place: it took `units` of which `short` were not there, and left `available`.

    `shown` is what its channel's platform showed when it happened, as far as that is known. `events` are in the order in which they
    came to be known, and each of `prevented_by` would have been enough.
    """

    movement: str
    sku: str
    place: str
    available: int
    cause: OversellCause
    kind: str
    transaction: str
    document: str
    channel: str
    occurred_at: datetime
    recorded_at: datetime
    units: int
    short: int
    shown: int | None
    events: tuple[Event, ...]
    prevented_by: tuple[Prevention, ...]


def story_of(row: Mapping[str, Any], case: Case, words: Iterable[Mapping[str, Any]]) -> Story:
    """The story of a recorded oversell, from its case and the words with the platforms around it."""
    events = [
        *map(_word_event, words),
        *(_took(one, "took", ", which it had not been told" if one.unseen else "") for one in case.rivals),
        _took(case.taking, "oversold", f", and {case.short} of them were not there"),
    ]
    about = ("sku", "place", "available", "kind", "transaction", "channel", "occurred_at", "recorded_at")
    return Story(
        movement=row["movement"],
        cause=case.cause,
        document=case.taking.document,
        units=case.taking.units,
        short=case.short,
        shown=case.shown,
        events=tuple(sorted(events, key=lambda one: (one.at, one.what == "oversold"))),
        prevented_by=tuple(preventions(case)),
        **{name: row[name] for name in about},
    )


def _word_event(word: Mapping[str, Any]) -> Event:
    text = f"{word['channel']} was told {word['level']}" + (
        "" if word["outcome"] == Outcome.PUSHED else f" ({word['outcome']})"
    )
    return Event(
        what="told",
        at=word["pushed_at"],
        text=text,
        channel=word["channel"],
        place=word["place"],
        units=word["level"],
        outcome=word["outcome"],
    )


def _took(one: Taking, what: Literal["took", "oversold"], more: str) -> Event:
    return Event(
        what=what,
        at=one.recorded_at,
        text=f"{one.kind} of {one.channel}/{one.document} took {one.units}{more}",
        channel=one.channel,
        place=one.location,
        units=one.units,
        occurred_at=one.occurred_at,
        late_seconds=one.late.total_seconds(),
        kind=one.kind,
        movement=one.movement,
        transaction=one.transaction,
        document=one.document,
        unseen=one.unseen,
    )
