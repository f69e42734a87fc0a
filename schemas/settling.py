"""From all claims about one transaction to what happened: a pure function of the newest version of each document.

Newest and maximum do not care about order or repetition, so duplicates, reordering, delay, and one shipment told by
three platforms change nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime

from schemas.claims import STRICT, Claim, Document
from schemas.counts import EPOCH
from schemas.desks import DESKS
from schemas.flows import Settled, movements
from schemas.movements import Cause, Movement
from schemas.witnesses import FACTS, NOBODY, Authority, Desk, Told, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A document as a transaction holds it: whose it is, and its newest version."""

    __pydantic_config__ = STRICT

    channel: str
    demand_class: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Everything claimed so far about one deal. `offset` is the claims offset it last took a claim from. `joined` names the
    transaction that took it over: from then on this one holds nothing, and sends on what it is told.
    """

    __pydantic_config__ = STRICT

    documents: dict[str, Held] = field(default_factory=dict)
    joined: str | None = None
    offset: int = -1
    v: int = 1


def take(transaction: Transaction, claim: Claim, offset: int) -> Transaction:
    """The transaction after a claim at a claims `offset`: each document's newest version stands.

    Two different contents under one version number are decided by content, so that arrival order still does not matter.
    """
    joined = _joined(transaction, claim)
    if joined is not None:
        return Transaction(joined=joined, offset=offset)
    documents = dict(transaction.documents)
    for document in claim.documents:
        key = f"{claim.channel}/{document.id}"
        held = documents.get(key)
        offered = Held(channel=claim.channel, demand_class=claim.demand_class, document=document)
        if held is None or _outranks(offered, held):
            documents[key] = offered
    return replace(transaction, documents=documents, offset=offset)


def _joined(transaction: Transaction, claim: Claim) -> str | None:
    """The transaction that has what this one is told. Of two that are one deal it is the first by name, so that links told
    from both sides do not go in a circle.
    """
    others = {
        name for name in (transaction.joined, claim.joins) if name is not None and name < claim.transaction
    }
    return min(others, default=None)


def sent_on(transaction: Transaction, claim: Claim) -> list[Claim]:
    """What other transactions must be told because of a claim: all that this one held, where it is joined to another; the
    link itself, where the other is to be joined to this one, or to the one that has it.
    """
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


def _outranks(offered: Held, held: Held) -> bool:
    """Whether an offered document replaces the held one: a newer version, else more of the same by a fixed order."""
    if offered.document.version != held.document.version:
        return offered.document.version > held.document.version
    return offered != held and _content(offered) > _content(held)


def _content(held: Held) -> str:
    """Everything a document says, in a form that does not depend on how it came here (read or made, whose time zone)."""
    lines = [(line.at - EPOCH, *astuple(replace(line, at=EPOCH))) for line in held.document.lines]
    return repr((held.channel, held.demand_class, lines, held.document.skipped))


def settle(transaction: Transaction, authority: Authority = NOBODY) -> Settled:
    """What happened, from the newest version of every document.

    Demand is the most advanced channel's own complete view. What happened at a place is, for each fact, SKU and location,
    the most advanced witness: channels that saw different parcels add up, channels that saw the same one do not.
    """
    told = (
        Told(held.channel, held.document.id, held.demand_class, line)
        for _, held in sorted(transaction.documents.items())
        for line in held.document.lines
    )
    together: dict[tuple[Desk, str], list[Told]] = defaultdict(list)
    for item in standing(told, authority):
        together[FACTS[item.line.fact].desk, item.line.sku].append(item)
    settled: Settled = Counter()
    for (desk, _), lines in together.items():
        settled.update(DESKS[desk](lines))
    return settled


def apply(
    transaction: Transaction,
    claim: Claim,
    recorded_at: datetime,
    cause: Cause,
    authority: Authority = NOBODY,
) -> tuple[Transaction, list[Movement]]:
    """One step of the settle stage: the transaction after the claim, and what the claim posted (maybe nothing)."""
    after = take(transaction, claim, cause.offset)
    if after.documents == transaction.documents:
        return after, []
    posted = movements(
        settle(transaction, authority),
        settle(after, authority),
        claim.transaction,
        recorded_at,
        cause,
    )
    return after, posted
