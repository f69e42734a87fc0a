"""Orders that another platform carries out: from what a deal wants at a place, and what was asked for before, to what to ask for now.

Pure, and the clock is an argument. The same question has the same answer, however often the news came and in which order: what is
there to be brought is compared with what was asked for, never one piece of news with the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from schemas.claims import Instant

Units = Mapping[str, int]
"""Units by SKU; none of them is zero."""

SET_ASIDE = "reservation/"
"""What the deals are called that only set goods aside in a shop, for somebody who comes for them there."""

LATE = timedelta(seconds=120)
"""How long a platform may take to do what it was asked for and has not answered: an order that was not there to be cancelled
may still come up so much later.
"""


MENDED = timedelta(minutes=15)
"""After how long a platform that refused is asked once more: somebody may have mended there what was wrong."""


class State(StrEnum):
    """What is known of an order at the platform that carries it out."""

    ASKED = "asked"  # to be created, or cancelled, and maybe it is
    CREATED = "created"
    CANCELLED = "cancelled"
    REFUSED = "refused"  # the platform did not do what it was asked for last
    CHANGED = "changed"  # it is there, with other lines than the deal has now


class Act(StrEnum):
    """What to do about an order."""

    NOTHING = "nothing"
    CREATE = "create"
    CANCEL = "cancel"
    LOOK = "look"  # a person must
    SETTLE = "settle"  # the deal has come back to what was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the journal says of a deal at a place: the units `committed` there now, and those that `left` from there for it.

    `taken_by` are the channels whose documents say that it was ordered, `known_to` those whose documents say that it is to be
    brought from here, `placed_at` is when it was ordered, and `recorded_at` when the newest such document was recorded. `moved_at` is when the newest
    document was recorded that moved what is committed for it anywhere.
    """

    transaction: str
    location: str
    committed: Units = field(default_factory=dict)
    left: Units = field(default_factory=dict)
    taken_by: frozenset[str] = frozenset()
    known_to: frozenset[str] = frozenset()
    placed_at: Instant | None = None
    recorded_at: Instant | None = None
    moved_at: Instant | None = None

    @property
    def lines(self) -> dict[str, int]:
        """All that this place has to bring for the deal, what it has brought included."""
        skus = sorted({*self.committed, *self.left})
        found = {sku: self.committed.get(sku, 0) + self.left.get(sku, 0) for sku in skus}
        return {sku: units for sku, units in found.items() if units}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a platform was asked to carry out of a deal at a place.

    `lines` is what it was asked for, `wanted` what the deal wanted there when this was written, `at` since when it is so. `ref` is
    the platform's name for its order, None unless one is known to be there or to have been. `tried_at` is when it was last asked to
    create one, None where it is certain that it never was. `unsure` says that it was asked for different lines before an answer
    came, so nobody knows which of them it took. `edition` counts how often this was written.
    """

    transaction: str
    location: str
    channel: str
    state: State
    lines: Units
    wanted: Units
    at: Instant
    ref: str | None = None
    detail: str | None = None
    tried_at: Instant | None = None
    unsure: bool = False
    edition: int = 0

    @property
    def there(self) -> bool:
        """Whether an order of ours is known to be at the platform."""
        return self.state in (State.CREATED, State.CHANGED) or (
            self.state is State.REFUSED and self.ref is not None
        )

    @property
    def maybe(self) -> bool:
        """Whether one may be there."""
        return self.there or (self.state is State.ASKED and self.tried_at is not None)


class Decision(NamedTuple):
    """What to do, and why."""

    act: Act
    reason: str


def whose(carried: Carried | None, configured: str | None) -> str | None:
    """The channel that carries a deal out at a place: the one that may have its order, else the configured one."""
    return carried.channel if carried is not None and carried.maybe else configured


def decide(
    wanted: Wanted, carried: Carried | None, channel: str, now: datetime, since: datetime | None = None
) -> Decision:
    """What to do about a deal at a place that `channel` is to carry out. `since` is when its platform came out of shadow: what was
    ordered before then was for somebody else to bring there.
    """
    if carried is None or carried.channel != channel:
        return _new(wanted, channel, since)
    stands = wanted.lines == carried.wanted and now - carried.at < MENDED
    if carried.there:
        return _there(wanted, carried, stands=stands)
    if carried.state is State.ASKED:
        return _asked(wanted, carried, channel, since)
    if carried.state is State.REFUSED:
        if stands:
            return Decision(Act.NOTHING, "it was refused, and the deal wants the same")
        if not wanted.lines:
            return Decision(Act.CANCEL, "nothing is wanted any more")
    return _new(wanted, channel, since)


def _new(wanted: Wanted, channel: str, since: datetime | None) -> Decision:
    """Of a deal that nothing is there of."""
    at = wanted.placed_at
    why_not = {
        "nothing is to be brought": not wanted.committed,
        "it was set aside for somebody who comes for it": wanted.transaction.startswith(SET_ASIDE),
        "nobody says yet that it was ordered": not wanted.taken_by or at is None,
        f"{channel} has taken the order itself": channel in wanted.taken_by,
        f"{channel} has a document of its own about it": channel in wanted.known_to,
        f"it was ordered before {channel} was told anything from here": bool(since and at and at < since),
    }
    for reason, holds in why_not.items():
        if holds:
            return Decision(Act.NOTHING, reason)
    return Decision(Act.CREATE, "it is to be brought")


def _asked(wanted: Wanted, carried: Carried, channel: str, since: datetime | None) -> Decision:
    """Of a deal that an order was asked for, and no answer came."""
    if carried.tried_at is None:
        fresh = _new(wanted, channel, since)
        return fresh if fresh.act is Act.CREATE else Decision(Act.CANCEL, fresh.reason)
    if not wanted.lines:
        return Decision(Act.CANCEL, "nothing is wanted any more")
    if wanted.committed:
        return Decision(Act.CREATE, "the platform has not answered yet")
    if wanted.lines == carried.lines and not carried.unsure:
        return Decision(Act.SETTLE, "all of it has left")
    return Decision(Act.LOOK, "it left before the platform had answered")


def _there(wanted: Wanted, carried: Carried, *, stands: bool) -> Decision:
    """Of a deal whose order is there. `stands` says that a refusal holds."""
    if not wanted.lines:
        if carried.state is State.REFUSED and stands:
            return Decision(Act.NOTHING, "it could not be cancelled, and is still not wanted")
        return Decision(Act.CANCEL, "nothing is wanted any more")
    if carried.unsure or wanted.lines != carried.lines:
        if carried.state is State.CHANGED and wanted.lines == carried.wanted:
            return Decision(Act.NOTHING, "a person was told")
        return Decision(Act.LOOK, _difference(wanted, carried))
    if carried.state is State.CREATED:
        return Decision(Act.NOTHING, "it is carried out")
    return Decision(Act.SETTLE, "it is wanted as it was asked for")


def _difference(wanted: Wanted, carried: Carried) -> str:
    if carried.unsure:
        return f"it was asked for twice before an answer came: see that it has {_shown(wanted.lines)}"
    return f"it was asked for with {_shown(carried.lines)}, and the deal has {_shown(wanted.lines)} now"


def _shown(lines: Units) -> str:
    return ", ".join(f"{units} of {sku}" for sku, units in sorted(lines.items()))


# -- what is written before and after a platform is asked


def asked(wanted: Wanted, carried: Carried | None, channel: str, now: datetime, *, tried: bool) -> Carried:
    """An order that is to be created; `tried` where its platform is asked at this moment. It stands so since it was first wanted."""
    waiting = carried is not None and carried.state is State.ASKED and carried.channel == channel
    if carried is None or not waiting:
        carried = Carried(
            transaction=wanted.transaction,
            location=wanted.location,
            channel=channel,
            state=State.ASKED,
            lines=wanted.lines,
            wanted=wanted.lines,
            at=now,
            edition=0 if carried is None else carried.edition,
        )
    other = carried.tried_at is not None and carried.lines != wanted.lines
    return replace(
        carried,
        lines=wanted.lines,
        wanted=wanted.lines,
        ref=None,
        tried_at=now if tried else carried.tried_at,
        unsure=carried.unsure or other,
    )


def created(carried: Carried, ref: str, now: datetime, *, already: bool) -> Carried:
    """The platform has the order. Where it had `already`, nobody knows with which of several lines it was asked for; else with these."""
    unsure = carried.unsure and already
    return replace(carried, state=State.CREATED, ref=ref, at=now, detail=None, unsure=unsure)


def untouched(carried: Carried, before: Carried, reason: str) -> Carried:
    """The platform has said that it did nothing: it is as if it had not been asked this time."""
    return replace(carried, lines=before.lines, tried_at=before.tried_at, unsure=before.unsure, detail=reason)


def refused(carried: Carried, wanted: Wanted, reason: str, now: datetime) -> Carried:
    """The platform does not do what it was asked for: nothing was changed there."""
    return replace(carried, state=State.REFUSED, wanted=wanted.lines, detail=reason, at=now)


def cancelling(carried: Carried, now: datetime) -> Carried:
    """An order that is to be cancelled, at this moment: until the platform has answered, it may be there and may not."""
    waiting = carried.state is State.ASKED
    return replace(
        carried,
        state=State.ASKED,
        wanted={},
        at=carried.at if waiting else now,
        tried_at=carried.tried_at or now,
    )


def cancelled(carried: Carried, ref: str | None, now: datetime) -> Carried:
    """The order was taken back, or was never there."""
    return replace(
        carried, state=State.CANCELLED, ref=ref or carried.ref, wanted={}, detail=None, at=now, unsure=False
    )


def settled(carried: Carried, wanted: Wanted, reason: str, now: datetime) -> Carried:
    """The order is there and as it must be."""
    return replace(carried, state=State.CREATED, wanted=wanted.lines, detail=reason, at=now)


def changed(carried: Carried, wanted: Wanted, reason: str, now: datetime) -> Carried:
    """The order is there and not as it must be."""
    return replace(carried, state=State.CHANGED, wanted=wanted.lines, detail=reason, at=now)


def may_come_up(carried: Carried, now: datetime) -> bool:
    """Whether an order that is not there may still appear: it was asked for, and the answer was lost, not long ago."""
    return carried.state is State.ASKED and carried.tried_at is not None and now - carried.tried_at < LATE
