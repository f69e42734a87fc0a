"""From all claims about one transaction to what happened: a pure function of the newest version of each document.

Newest and maximum do not care about order or repetition, so duplicates, reordering, delay, and one shipment told by
three platforms change nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

from schemas.claims import STRICT, Archive, Claim, Held, Instant, Line
from schemas.counts import EPOCH
from schemas.desks import DESKS
from schemas.flows import Settled, movements
from schemas.movements import Cause, Movement
from schemas.platforms import witnessed
from schemas.reservations import HUB
from schemas.witnesses import FACTS, NOBODY, Authority, Desk, Told, standing


class Known(NamedTuple):
    """What is still known of a document that left the table: its version, and a digest of what it said."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What stays of a transaction that was closed: the claims `offset` of the record that closed it and holds its documents,
    when that was, and by what a repeat of one of them is told from news.
    """

    __pydantic_config__ = STRICT

    offset: int
    at: Instant
    known: dict[str, Known]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Everything claimed so far about one deal. `offset` is the claims offset it last took a claim from. `joined` names the
    transaction that took it over: from then on this one holds nothing, and sends on what it is told. `changed_at` is when
    the claim that last changed what it holds was recorded.

    A `closed` one holds nothing either: its documents have left the table for the log. A marker stays, some 100 bytes and
    60 for each document, so that late news is known to be late.
    """

    __pydantic_config__ = STRICT

    documents: dict[str, Held] = field(default_factory=dict)
    joined: str | None = None
    changed_at: Instant | None = None
    closed: Closed | None = None
    offset: int = -1
    v: int = 1

    def at(self, offset: int) -> Transaction:
        """The same after a claim that changed nothing."""
        return Transaction(
            documents=self.documents,
            joined=self.joined,
            changed_at=self.changed_at,
            closed=self.closed,
            offset=offset,
        )


def take(transaction: Transaction, claim: Claim, recorded_at: datetime, offset: int) -> Transaction:
    """The transaction after a claim at a claims `offset`: each document's newest version stands.

    Two different contents under one version number are decided by content, so that arrival order still does not matter.
    """
    if claim.archive is not None:
        return _filed(transaction, claim, claim.archive, recorded_at, offset)
    if transaction.closed is not None:
        return transaction.at(offset)
    joined = _joined(transaction, claim)
    if joined is not None:
        return Transaction(joined=joined, offset=offset)
    newer: dict[str, Held] = {}
    for key, offered in _offered(claim):
        held = newer.get(key) or transaction.documents.get(key)
        if held is None or _outranks(offered, held):
            newer[key] = offered
    if not newer:
        return transaction.at(offset)
    documents = {**transaction.documents, **newer}
    return Transaction(documents=documents, changed_at=recorded_at, offset=offset)


def _filed(
    transaction: Transaction, claim: Claim, archive: Archive, recorded_at: datetime, offset: int
) -> Transaction:
    """The transaction closed, if it holds exactly what the archive does; reopened, if it is the one that was closed with
    it; else as it is, because something came in between.
    """
    closed = transaction.closed
    if archive.reopens is None and archive.documents and archive.documents == transaction.documents:
        known = {key: _known(held) for key, held in archive.documents.items()}
        return Transaction(closed=Closed(offset=offset, at=claim.occurred_at, known=known), offset=offset)
    if closed is not None and closed.offset == archive.reopens:
        return Transaction(documents=archive.documents, changed_at=recorded_at, offset=offset)
    return transaction.at(offset)


def late(transaction: Transaction, claim: Claim) -> str | None:
    """Why a claim is not taken: its transaction is closed, and it may change something there. What the transaction knew
    before it was closed changes nothing.
    """
    closed = transaction.closed
    if closed is None or claim.archive is not None:
        return None
    linked = claim.joins is not None and claim.joins != claim.transaction
    if not linked and not any(_is_news(held, closed.known.get(key)) for key, held in _offered(claim)):
        return None
    return f"the transaction was closed on {closed.at.astimezone(UTC):%Y-%m-%d}; retry reopens it"


def _offered(claim: Claim) -> Iterator[tuple[str, Held]]:
    """The documents of a claim, as a transaction holds them."""
    for document in claim.documents:
        yield (
            f"{claim.channel}/{document.id}",
            Held(channel=claim.channel, demand_class=claim.demand_class, document=document),
        )


def _known(held: Held) -> Known:
    return Known(held.document.version, hashlib.sha256(_content(held).encode()).hexdigest()[:16])


def _is_news(offered: Held, known: Known | None) -> bool:
    """Whether an offered document may replace one of which only this is known."""
    if known is None or offered.document.version > known.version:
        return True
    return offered.document.version == known.version and _known(offered) != known


def _joined(transaction: Transaction, claim: Claim) -> str | None:
    """The transaction that has what this one is told. Of two that are one deal it is the first by name, so that links told
    from both sides do not go in a circle.
    """
    if transaction.joined is None and claim.joins is None:
        return None
    others = {
        name for name in (transaction.joined, claim.joins) if name is not None and name < claim.transaction
    }
    return min(others, default=None)


def sent_on(transaction: Transaction, claim: Claim) -> list[Claim]:
    """What other transactions must be told because of a claim: all that this one held, where it is joined to another; the
    link itself, where the other is to be joined to this one, or to the one that has it. A closed one tells nothing: it
    would not know what it holds.
    """
    if transaction.closed is not None or (transaction.joined is None and claim.joins is None):
        return []
    joined = _joined(transaction, claim)
    root = joined or claim.transaction
    moved = () if joined is None or transaction.joined is not None else transaction.documents.items()
    told = [
        replace(
            claim,
            transaction=root,
            channel=one.channel,
            documents=(one.document,),
            demand_class=one.demand_class,
            joins=None,
        )
        for _, one in sorted(moved)
    ]
    if joined is not None and claim.documents:
        told.append(replace(claim, transaction=root, joins=None))
    links = {name for name in (transaction.joined, claim.joins) if name is not None and name > root}
    told.extend(replace(claim, transaction=name, documents=(), joins=root) for name in sorted(links))
    return told


SAID = attrgetter(*(one.name for one in fields(Line) if one.name != "at"))
"""What a line says besides its instant."""


def _outranks(offered: Held, held: Held) -> bool:
    """Whether an offered document replaces the held one: a newer version, else more of the same by a fixed order."""
    if offered.document.version != held.document.version:
        return offered.document.version > held.document.version
    return offered != held and _content(offered) > _content(held)


def _content(held: Held) -> str:
    """Everything a document says, in a form that does not depend on how it came here (read or made, whose time zone)."""
    lines = [(line.at - EPOCH, *SAID(line)) for line in held.document.lines]
    return repr((held.channel, held.demand_class, lines, held.document.skipped))


def settle(transaction: Transaction, authority: Authority = NOBODY) -> Settled:
    """What happened, from the newest version of every document.

    Demand is the most advanced channel's own complete view. What happened at a place is, for each fact, SKU and location,
    the most advanced witness: channels that saw different parcels add up, channels that saw the same one do not.
    """
    return _settled(_told(transaction), authority)


class View(NamedTuple):
    """What one channel tells of a transaction, and what that alone comes to."""

    told: list[Told]
    alone: Settled


def noted(
    transaction: Transaction, authority: Authority, views: dict[str, View] | None = None
) -> tuple[Settled, dict[str, View]]:
    """What happened, and what each platform has counted by itself beside that: its own view, whoever is believed. With the
    views, of which those that are handed in are not worked out again where the channel tells the same.
    """
    told = _told(transaction)
    settled = _settled(told, authority)
    channels = {item.channel for item in told}
    seen: dict[str, View] = {}
    if len(channels) > 1 or channels & authority.on_hand:
        for channel in sorted(channels - {HUB}):
            its = [item for item in told if item.channel == channel]
            view = (views or {}).get(channel)
            if view is None or view.told != its:
                view = View(its, _settled(its, authority))
            seen[channel] = view
            settled.update(witnessed(its, view.alone, settled, on_hand=channel in authority.on_hand))
    return settled, seen


def _told(transaction: Transaction) -> list[Told]:
    return [
        Told(held.channel, held.document.id, held.demand_class, line)
        for _, held in sorted(transaction.documents.items())
        for line in held.document.lines
    ]


def _settled(told: Sequence[Told], authority: Authority) -> Settled:
    together: dict[tuple[Desk, str], list[Told]] = defaultdict(list)
    for item in standing(told, authority):
        together[FACTS[item.line.fact].desk, item.line.sku].append(item)
    settled: Settled = Counter()
    for (desk, _), lines in together.items():
        DESKS[desk](lines, settled)
    return settled


class Settler:
    """Settles under an authority, and remembers what the last transactions came to: the next claim starts from there."""

    def __init__(self, authority: Authority = NOBODY, remembers: int = 0) -> None:
        self._authority, self._remembers = authority, remembers
        self._known: OrderedDict[str, tuple[dict[str, Held], Settled, dict[str, View]]] = OrderedDict()

    def of(self, key: str, transaction: Transaction) -> Settled:
        """What happened in the transaction called `key`, and what its platforms counted otherwise."""
        documents, settled, views = self._known.pop(key, ({}, None, {}))
        if settled is None or documents != transaction.documents:
            settled, views = noted(transaction, self._authority, views)
        self._known[key] = transaction.documents, settled, views
        if len(self._known) > self._remembers:
            self._known.popitem(last=False)
        return settled


def apply(
    transaction: Transaction,
    claim: Claim,
    recorded_at: datetime,
    cause: Cause,
    settler: Settler | None = None,
) -> tuple[Transaction, list[Movement]]:
    """One step of the settle stage: the transaction after the claim, and what the claim posted (maybe nothing; and for one
    that closes or reopens nothing at all, because what happened stays what it was).
    """
    after = take(transaction, claim, recorded_at, cause.offset)
    if claim.archive is not None or after.documents is transaction.documents:
        return after, []
    settler, key = settler or Settler(), claim.transaction
    before = settler.of(key, transaction)
    return after, movements(before, settler.of(key, after), key, recorded_at, cause)
