"""What happened, as settled, and the movements that turn one settled state into the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from schemas.accounts import UNROUTED
from schemas.movements import Cause, Movement
from schemas.postings import IN_TRANSIT, TRACKING, Kind, Leg, Places, legs, reverse
from schemas.witnesses import FACTS, Told


class Flow(NamedTuple):
    """One thing that happened: the identity of a posting. Quantities are counted per flow.

    `expected` says that the units had been expected, `negative` that they go the other way.
    """

    kind: Kind
    sku: str
    places: Places
    at: datetime
    channel: str
    document: str
    demand_class: str
    reason: str | None
    negative: bool = False
    expected: bool = False
    bundle: str | None = None

    def legs(self, units: int, transit: str) -> tuple[Leg, ...]:
        """The legs of so many units. A count has none to speak of: the ledger knows what it comes to."""
        if self.kind is Kind.STOCK_COUNTED:
            return legs(self.kind, 0, self.places)
        signed = -units if self.negative else units
        places = self.places._replace(transit=transit) if self.kind in IN_TRANSIT else self.places
        return legs(self.kind, signed, places, expected=units if self.expected else 0)


Settled = Counter[Flow]

LEDGERS = frozenset({Kind.RESERVATION_CONVERTED})
"""Kinds that the ledger has posted itself before a claim tells of them."""


def flow(
    item: Told,
    here: str | None = None,
    there: str | None = None,
    kind: Kind | None = None,
    *,
    expected: bool = False,
) -> Flow:
    """The flow of a line, at its own place unless `here` says another."""
    line, meaning = item.line, FACTS[item.line.fact]
    return Flow(
        kind or meaning.kind,
        line.sku,
        Places(
            here or line.location or UNROUTED,
            there,
            line.state,
            pool=line.pool,
            to_pool=line.to_pool,
        ),
        line.at,
        item.channel,
        item.document,
        item.demand_class,
        line.reason,
        meaning.negative,
        expected,
        line.bundle,
    )


def movements(
    before: Settled, after: Settled, key: str, recorded_at: datetime, cause: Cause
) -> list[Movement]:
    """The movements that turn the posted `before` into `after`: the difference and nothing else.

    `key` is the transaction; `cause` names the claim, with index 0. Voids come first; both sides in the order in which
    they were settled, which depends on nothing but the documents, so that a repeat makes exactly the same movements. What
    platforms have counted otherwise goes with the first movement in their name, else alone.
    """
    changes = sorted(_changes(before, after), key=_order)
    notes = _notes(changes)
    posted: list[Movement] = []
    for one, grows, units in changes:
        note = notes.pop((one.sku, one.channel, one.bundle), None) if notes else None
        alone = one.kind is Kind.WITNESSED
        if alone and note is None:
            continue
        at_index = Cause(cause.partition, cause.offset, len(posted))
        moved = () if alone else one.legs(units, key)
        counted = one.kind is Kind.STOCK_COUNTED
        posted.append(
            Movement(
                id=at_index.movement_id,
                kind=one.kind if grows or alone else Kind.MOVEMENT_VOIDED,
                sku=one.sku,
                quantity=0 if counted or alone else -units if one.negative else units,
                legs=moved if grows else reverse(moved),
                transaction=key,
                channel=one.channel,
                document=one.document,
                occurred_at=one.at,
                recorded_at=recorded_at,
                cause=at_index,
                reason=one.reason,
                voids=None if grows or alone else one.kind,
                demand_class=one.demand_class,
                counted=units if counted else None,
                bundle=one.bundle,
                witnessed=note,
            ),
        )
    return posted


def _order(change: Change) -> tuple[bool, bool]:
    return change.flow.kind is Kind.WITNESSED, change.grows


def _notes(changes: Iterable[Change]) -> dict[tuple[str, str, str | None], dict[str, int]]:
    """By how many units platforms' numbers moved beside what is posted, by SKU, channel and bundle, then by location."""
    notes: dict[tuple[str, str, str | None], Counter[str]] = defaultdict(Counter)
    for one, grows, units in changes:
        if one.kind is Kind.WITNESSED:
            notes[one.sku, one.channel, one.bundle][one.places.here] += (
                units if grows != one.negative else -units
            )
    return {
        name: {location: units for location, units in sorted(note.items()) if units}
        for name, note in notes.items()
        if any(note.values())
    }


class Change(NamedTuple):
    """A flow that appears or grows, or shrinks or vanishes, by so many units."""

    flow: Flow
    grows: bool
    units: int


def _changes(before: Settled, after: Settled) -> Iterator[Change]:
    """What differs between two settled states.

    A flow that makes a place tracked is taken back whole and posted anew, so that the ledger can tell by counting whether
    anything still says that the SKU is kept there: units cannot tell, a place may be opened at zero.
    """
    kept = ((one, old, after.get(one)) for one, old in before.items())
    added = ((one, None, new) for one, new in after.items() if one not in before)
    for one, old, new in chain(kept, added):
        if old == new or one.kind in LEDGERS:
            continue
        if one.kind not in TRACKING:
            more = (new or 0) - (old or 0)
            yield Change(one, grows=more > 0, units=abs(more))
            continue
        if old is not None:
            yield Change(one, grows=False, units=old)
        if new is not None:
            yield Change(one, grows=True, units=new)


def balances(settled: Mapping[Flow, int], transit: str = "") -> Counter[tuple[str, str, str]]:
    """The net effect of settled flows: units by (SKU, location, state). What the ledger must agree with."""
    net: Counter[tuple[str, str, str]] = Counter()
    for one, units in settled.items():
        if one.kind in LEDGERS:
            continue
        for leg in one.legs(units, transit):
            net[one.sku, leg.location, leg.state] += leg.quantity
    return net
