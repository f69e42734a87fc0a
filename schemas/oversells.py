"""More was promised or taken than there was: found at the movement that did it, with exactly one cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from schemas.accounts import NETWORK, UNROUTED
from schemas.allowances import allowance
from schemas.availability import eligible, number_at
from schemas.claims import STRICT, Instant
from schemas.ledger import Book, Stock, is_available
from schemas.movements import Movement
from schemas.postings import Kind, pooled
from schemas.rules import ChannelRules

LATE = timedelta(minutes=1)
"""News that is older than this when it reaches the log is late: no channel could have been told in time."""


class OversellCause(StrEnum):
    """Why more was taken than there was. The first that holds, in this order, is the cause."""

    WRONG_COUNT = "wrong_count"  # the shelf held other than what the books said
    MANUAL_OVERRIDE = "manual_override"  # somebody took units that were promised
    LATE_FACT = "late_fact"  # it had happened long before anybody told
    RULE = "rule"  # the channel's own number, as its rules make it, allowed it, or nothing bounds the channel here
    LATENCY = "latency"  # the channel's number had fallen, but it had sold before it heard


ERRORS = frozenset({OversellCause.WRONG_COUNT, OversellCause.MANUAL_OVERRIDE})
"""Causes that nobody has allowed, whatever a channel may owe."""

MANUAL = frozenset(
    {
        Kind.STOCK_ADJUSTED,
        Kind.STOCK_DAMAGED,
        Kind.STOCK_SCRAPPED,
        Kind.STOCK_SET_ASIDE,
        Kind.POOL_ALLOCATED,
        Kind.KIT_ASSEMBLED,
        Kind.KIT_BROKEN,
        Kind.VENDOR_RETURN_SHIPPED,
        Kind.TRANSFER_SHIPPED,
        Kind.MOVEMENT_VOIDED,
    }
)
"""Kinds that are somebody's decision, and not a customer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversell:
    """A movement took `available` of a SKU at a place, or a pool of it, below zero, or further below, to `available`.

    `place` is a location, or `network` where demand without a place exceeds what all places have.
    """

    __pydantic_config__ = STRICT

    movement: str
    sku: str
    place: str
    available: int
    cause: OversellCause
    kind: Kind
    transaction: str
    channel: str
    occurred_at: Instant
    recorded_at: Instant
    v: int = 1


def oversells(
    before: Stock,
    after: Stock,
    movement: Movement,
    posted: Sequence[Movement],
    rules: Mapping[str, ChannelRules],
) -> Iterator[Oversell]:
    """What a movement, with what the ledger posted because of it, oversold: at most once for each place.

    What its channel may sell beyond what there is, is no oversell. Nor is a reservation ever one: the ledger grants what is free.
    """
    if movement.request is not None:
        return
    its = rules.get(movement.channel)
    for place, state in sorted(_lowered((movement, *posted))):
        then, now = _free(before, place, state), _free(after, place, state)
        if now < 0 and now < then:
            cause = _cause(before, movement, posted, place, state, its)
            if cause not in ERRORS and its is not None and may_be_owed(after, place, state, its):
                continue
            yield Oversell(
                movement=movement.id,
                sku=movement.sku,
                place=place,
                available=now,
                cause=cause,
                kind=movement.kind,
                transaction=movement.transaction,
                channel=movement.channel,
                occurred_at=movement.occurred_at,
                recorded_at=movement.recorded_at,
            )


def may_oversell(book: Book, movement: Movement) -> bool:
    """Whether a movement, or what counts come to because of it, may oversell anything; if not, nobody need know what there was before."""
    if movement.request is not None:
        return False
    if movement.voids is not None or movement.counted is not None:
        return True
    taken = 0
    for leg in movement.legs:
        shelf = book.shelves.get(leg.location)
        if shelf is not None and shelf.counts:
            return True
        if leg.quantity < 0 and is_available(leg.state):
            taken += leg.quantity
    if not taken:
        return False
    return min([_free(book, place, state) for place, state in _lowered((movement,))]) + taken < 0


def may_be_owed(after: Stock, place: str, state: str, rules: ChannelRules) -> bool:
    """Whether all that is owed is within what the channel may sell beyond what there is."""
    if state != pooled(rules.pool) or (place == NETWORK and rules.publish != NETWORK):
        return False
    allowed = allowance(after, rules, eligible(after, rules), place)
    return 0 < allowed.owed <= allowed.preorder + allowed.backorder


def _lowered(movements: Sequence[Movement]) -> set[tuple[str, str]]:
    """Where, and in which pool of `available`, something was taken."""
    return {
        (NETWORK if leg.location == UNROUTED else leg.location, leg.state)
        for one in movements
        for leg in one.legs
        if leg.quantity < 0 and is_available(leg.state)
    }


def _free(stock: Stock | Book, place: str, state: str) -> int:
    if place != NETWORK:
        return stock.balance(place, state)
    return stock.balance(UNROUTED, state) + sum(
        max(0, stock.balance(name, state)) for name in stock.tracked if name != UNROUTED
    )


def _cause(
    before: Stock,
    movement: Movement,
    posted: Sequence[Movement],
    place: str,
    state: str,
    rules: ChannelRules | None,
) -> OversellCause:
    where = UNROUTED if place == NETWORK else place
    taken = -sum(leg.quantity for leg in movement.legs if leg.location == where and leg.state == state)
    recounted = any(one.kind is Kind.STOCK_COUNTED and one.quantity < 0 for one in posted)
    in_hand = movement.kind is Kind.POS_SALE_COMPLETED and place != NETWORK
    if recounted or (in_hand and before.on_hand(place) < taken):  # the books had fewer than somebody held
        return OversellCause.WRONG_COUNT
    if movement.kind in MANUAL:
        return OversellCause.MANUAL_OVERRIDE
    if movement.recorded_at - movement.occurred_at > LATE:
        return OversellCause.LATE_FACT
    offered = None if rules is None else number_at(before, movement.channel, rules, place)
    if offered is None or offered.quantity >= taken:
        return OversellCause.RULE
    return OversellCause.LATENCY
