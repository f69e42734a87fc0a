"""From all claims about one transaction to what happened: a pure function of the newest version of each document.

Newest and maximum do not care about order or repetition, so duplicates, reordering, delay, and one shipment told by
three platforms change nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.accounts import UNROUTED, State
from schemas.claims import STRICT, Claim, Document, Fact, Line
from schemas.movements import Cause, Movement
from schemas.postings import TRACKING, Kind, Places, legs, reverse

POSTED_AS: dict[Fact, Kind] = {
    Fact.OPENED: Kind.STOCK_INITIALISED,
    Fact.OPENED_BELOW_ZERO: Kind.STOCK_INITIALISED,
    Fact.ORDERED: Kind.ORDER_PLACED,
    Fact.CANCELLED: Kind.ORDER_CANCELLED,
    Fact.SHIPPED: Kind.ORDER_SHIPPED,
    Fact.COLLECTED: Kind.PICKUP_COLLECTED,
    Fact.SHIPMENT_VOIDED: Kind.SHIPMENT_VOIDED,
    Fact.SOLD: Kind.POS_SALE_COMPLETED,
    Fact.SALE_VOIDED: Kind.POS_SALE_VOIDED,
    Fact.RETURNED: Kind.RETURN_RECEIVED,
    Fact.RECEIVED: Kind.GOODS_RECEIVED,
    Fact.ADJUSTED_UP: Kind.STOCK_ADJUSTED,
    Fact.ADJUSTED_DOWN: Kind.STOCK_ADJUSTED,
    Fact.DAMAGED: Kind.STOCK_DAMAGED,
    Fact.SCRAPPED: Kind.STOCK_SCRAPPED,
}
"""The kind of movement a fact is posted as when it grows. When it shrinks, that movement is voided."""

DEMAND = frozenset({Fact.ORDERED, Fact.CANCELLED})
PARCELS = frozenset({Fact.SHIPPED, Fact.COLLECTED, Fact.SHIPMENT_VOIDED})
NEGATIVE = frozenset({Fact.ADJUSTED_DOWN, Fact.OPENED_BELOW_ZERO})
OPENING = frozenset({Fact.OPENED, Fact.OPENED_BELOW_ZERO})

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A document as a transaction holds it: whose it is, and its newest version."""

    __pydantic_config__ = STRICT

    channel: str
    demand_class: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Everything claimed so far about one deal. `offset` is the claims offset it last took a claim from."""

    __pydantic_config__ = STRICT

    documents: dict[str, Held] = field(default_factory=dict)
    offset: int = -1
    v: int = 1


class Flow(NamedTuple):
    """One thing that happened, as settled: the identity of a posting. Quantities are counted per flow."""

    kind: Kind
    sku: str
    here: str
    there: str | None
    state: State
    at: datetime
    channel: str
    document: str
    demand_class: str
    reason: str | None
    negative: bool = False


class Told(NamedTuple):
    """A line with the document and channel that told it."""

    channel: str
    document: str
    demand_class: str
    line: Line


Settled = Counter[Flow]


def take(transaction: Transaction, claim: Claim, offset: int) -> Transaction:
    """The transaction after a claim at a claims `offset`: each document's newest version stands.

    Two different contents under one version number are decided by content, so that arrival order still does not matter.
    """
    documents = dict(transaction.documents)
    for document in claim.documents:
        key = f"{claim.channel}/{document.id}"
        held = documents.get(key)
        offered = Held(channel=claim.channel, demand_class=claim.demand_class, document=document)
        if held is None or _outranks(offered, held):
            documents[key] = offered
    return replace(transaction, documents=documents, offset=offset)


def _outranks(offered: Held, held: Held) -> bool:
    """Whether an offered document replaces the held one: a newer version, else more of the same by a fixed order."""
    if offered.document.version != held.document.version:
        return offered.document.version > held.document.version
    return offered != held and _content(offered) > _content(held)


def _content(held: Held) -> str:
    """Everything a document says, in a form that does not depend on how it came here (read or made, whose time zone)."""
    lines = [(line.at - EPOCH, *astuple(replace(line, at=EPOCH))) for line in held.document.lines]
    return repr((held.channel, held.demand_class, lines, held.document.skipped))


def settle(transaction: Transaction, authority: Sequence[str] = ()) -> Settled:
    """What happened, from the newest version of every document.

    `authority` lists channels, the most trusted first; it decides ties. Demand is the most advanced channel's own
    complete view. What happened at a place is, for each fact, SKU and location, the most advanced witness: channels
    that saw different parcels add up, channels that saw the same one do not. A line of zero units says nothing, unless
    it opens a place.
    """
    trust = {channel: -rank for rank, channel in enumerate(authority)}
    lowest = -len(authority)

    def preference(channel: str) -> tuple[int, str]:
        return trust.get(channel, lowest), channel

    told = [
        Told(held.channel, held.document.id, held.demand_class, line)
        for _, held in sorted(transaction.documents.items())
        for line in held.document.lines
        if line.quantity or line.fact in OPENING
    ]
    views: dict[tuple[str, Fact, str, str | None], dict[str, list[Told]]] = defaultdict(
        lambda: defaultdict(list),
    )
    for item in told:
        fact, line = item.line.fact, item.line
        view = (
            ("demand", Fact.ORDERED, line.sku, None)
            if fact in DEMAND
            else ("", fact, line.sku, line.location)
        )
        views[view][item.channel].append(item)
    settled: Settled = Counter()
    orders: dict[str, list[Told]] = defaultdict(list)
    for (_, fact, sku, _), by_channel in views.items():
        best = max(by_channel, key=lambda channel: (_units(by_channel[channel]), preference(channel)))
        if fact in DEMAND or fact in PARCELS:
            orders[sku].extend(by_channel[best])
        else:
            settled.update(_straight(by_channel[best]))
    for lines in orders.values():
        settled.update(_order(lines))
    return settled


def _units(lines: Iterable[Told]) -> int:
    return sum(item.line.quantity for item in lines)


def _flow(item: Told, here: str, there: str | None = None, kind: Kind | None = None) -> Flow:
    line = item.line
    return Flow(
        kind or POSTED_AS[line.fact],
        line.sku,
        here,
        there,
        line.state,
        line.at,
        item.channel,
        item.document,
        item.demand_class,
        line.reason,
        line.fact in NEGATIVE,
    )


def _straight(lines: Iterable[Told]) -> Settled:
    settled: Settled = Counter()
    for item in lines:
        settled[_flow(item, item.line.location or UNROUTED)] += item.line.quantity
    return settled


def _order(lines: list[Told]) -> Settled:
    """Demand for one SKU and the parcels that met it, with the routing that must lie between them."""
    settled: Settled = Counter()
    open_at: Counter[str] = Counter()

    def post(
        item: Told, here: str, quantity: int, there: str | None = None, kind: Kind | None = None
    ) -> None:
        settled[_flow(item, here, there, kind)] += quantity

    ordered = [item for item in lines if item.line.fact is Fact.ORDERED]
    cancelled = [item for item in lines if item.line.fact is Fact.CANCELLED]
    parcels = sorted((item for item in lines if item.line.fact in PARCELS), key=_when)
    for item in ordered:
        here = item.line.location or UNROUTED
        open_at[here] += item.line.quantity
        post(item, here, item.line.quantity)
    sent = sum(-i.line.quantity if i.line.fact is Fact.SHIPMENT_VOIDED else i.line.quantity for i in parcels)
    unheard_of = sent + _units(cancelled) - _units(ordered)
    if unheard_of > 0:  # a unit that was shipped or cancelled was ordered, even if nobody told us yet
        first = min((*parcels, *cancelled), key=_when)
        open_at[UNROUTED] += unheard_of
        post(first, UNROUTED, unheard_of, kind=Kind.ORDER_PLACED)
    last_parcel: dict[str, Told] = {}
    for item in parcels:
        here = item.line.location or UNROUTED
        open_at[here] += item.line.quantity if item.line.fact is Fact.SHIPMENT_VOIDED else -item.line.quantity
        post(item, here, item.line.quantity)
        last_parcel[here] = item
    for here, item in sorted(last_parcel.items()):
        for origin, quantity in _draw(open_at, -open_at[here]):
            open_at[here] += quantity
            post(item, origin, quantity, there=here, kind=Kind.ORDER_ROUTED)
    for item in sorted(cancelled, key=_when):
        for origin, quantity in _draw(open_at, item.line.quantity, first=item.line.location):
            post(item, origin, quantity)
    return settled


def _when(item: Told) -> tuple[datetime, str, str, str]:
    return item.line.at, item.channel, item.document, item.line.fact


def _draw(
    open_at: Counter[str],
    wanted: int,
    first: str | None = None,
) -> list[tuple[str, int]]:
    """Takes up to `wanted` open units from `first`, else from demand without a place, else from places by name."""
    drawn: list[tuple[str, int]] = []
    for location in sorted(open_at, key=lambda name: (name != first, name != UNROUTED, name)):
        quantity = min(wanted, open_at[location])
        if quantity > 0:
            open_at[location] -= quantity
            wanted -= quantity
            drawn.append((location, quantity))
    return drawn


def movements(
    before: Settled, after: Settled, key: str, recorded_at: datetime, cause: Cause
) -> list[Movement]:
    """The movements that turn the posted `before` into `after`: the difference and nothing else.

    `key` is the transaction; `cause` names the claim, with index 0. Voids come first, both sides in a fixed order, so
    that a repeat makes exactly the same movements.
    """
    changes = sorted(_changes(before, after), key=lambda change: (change.grows, *map(str, change.flow)))
    posted: list[Movement] = []
    for index, (flow, grows, units) in enumerate(changes):
        at_index = Cause(cause.partition, cause.offset, index)
        quantity = -units if flow.negative else units
        moved = legs(flow.kind, quantity, Places(flow.here, flow.there, flow.state))
        posted.append(
            Movement(
                id=at_index.movement_id,
                kind=flow.kind if grows else Kind.MOVEMENT_VOIDED,
                sku=flow.sku,
                quantity=quantity,
                legs=moved if grows else reverse(moved),
                transaction=key,
                channel=flow.channel,
                document=flow.document,
                occurred_at=flow.at,
                recorded_at=recorded_at,
                cause=at_index,
                reason=flow.reason,
                voids=None if grows else flow.kind,
                demand_class=flow.demand_class,
            ),
        )
    return posted


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
    for flow in {**before, **after}:
        old, new = before.get(flow), after.get(flow)
        if old == new:
            continue
        if flow.kind not in TRACKING:
            yield Change(flow, grows=after[flow] > before[flow], units=abs(after[flow] - before[flow]))
            continue
        if old is not None:
            yield Change(flow, grows=False, units=old)
        if new is not None:
            yield Change(flow, grows=True, units=new)


def apply(
    transaction: Transaction,
    claim: Claim,
    recorded_at: datetime,
    cause: Cause,
    authority: Sequence[str] = (),
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


def balances(settled: Mapping[Flow, int]) -> Counter[tuple[str, str, str]]:
    """The net effect of settled flows: units by (SKU, location, state). What the ledger must agree with."""
    net: Counter[tuple[str, str, str]] = Counter()
    for flow, quantity in settled.items():
        signed = -quantity if flow.negative else quantity
        for leg in legs(flow.kind, signed, Places(flow.here, flow.there, flow.state)):
            net[flow.sku, leg.location, leg.state] += leg.quantity
    return net
