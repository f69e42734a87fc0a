"""The posting table: which accounts each kind of movement debits and credits. Data, so that it can be audited."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from schemas.accounts import BOUNDARIES, BOUNDARY, TRANSIT_PREFIX, State


class Kind(StrEnum):
    """Every kind of movement. The names are stored for ever; a name is never reused with another meaning."""

    STOCK_INITIALISED = "StockInitialised"
    SUPPLY_EXPECTED = "SupplyExpected"
    SUPPLY_CANCELLED = "SupplyCancelled"
    GOODS_RECEIVED = "GoodsReceived"
    QUALITY_RELEASED = "QualityReleased"
    RESERVATION_PLACED = "ReservationPlaced"
    RESERVATION_REFUSED = "ReservationRefused"
    RESERVATION_RELEASED = "ReservationReleased"
    RESERVATION_EXPIRED = "ReservationExpired"
    RESERVATION_CONVERTED = "ReservationConverted"
    ORDER_PLACED = "OrderPlaced"
    ORDER_ROUTED = "OrderRouted"
    ORDER_REROUTED = "OrderRerouted"
    PICK_REJECTED = "PickRejected"
    ORDER_CANCELLED = "OrderCancelled"
    PICKUP_LAPSED = "PickupLapsed"
    ORDER_SHIPPED = "OrderShipped"
    PICKUP_COLLECTED = "PickupCollected"
    SHIPMENT_VOIDED = "ShipmentVoided"
    POS_SALE_COMPLETED = "PosSaleCompleted"
    POS_SALE_VOIDED = "PosSaleVoided"
    RETURN_RECEIVED = "ReturnReceived"
    REFUND_ISSUED = "RefundIssued"
    TRANSFER_SHIPPED = "TransferShipped"
    TRANSFER_RECEIVED = "TransferReceived"
    TRANSFER_SHORT_CLOSED = "TransferShortClosed"
    STOCK_COUNTED = "StockCounted"
    STOCK_ADJUSTED = "StockAdjusted"
    STOCK_DAMAGED = "StockDamaged"
    STOCK_SCRAPPED = "StockScrapped"
    STOCK_SET_ASIDE = "StockSetAside"
    STOCK_RETURNED_TO_SHELF = "StockReturnedToShelf"
    POOL_ALLOCATED = "PoolAllocated"
    KIT_ASSEMBLED = "KitAssembled"
    KIT_BROKEN = "KitBroken"
    VENDOR_RETURN_SHIPPED = "VendorReturnShipped"
    MOVEMENT_VOIDED = "MovementVoided"
    WITNESSED = "Witnessed"


POSTINGS: dict[Kind, tuple[str, ...]] = {
    # `source > target` moves the quantity; `here` and `there` are the movement's two places, `?` is its own state,
    # `to_pool` the pool an allocation goes to, and `~` moves only the part that was expected. `available` is that of the
    # movement's own pool.
    Kind.STOCK_INITIALISED: ("@opening > here.available",),
    Kind.SUPPLY_EXPECTED: ("@expected > here.incoming",),
    Kind.SUPPLY_CANCELLED: ("here.incoming > @expected",),
    Kind.GOODS_RECEIVED: ("@supplier > here.?", "~ here.incoming > @expected"),
    Kind.QUALITY_RELEASED: ("here.quality_control > here.?",),
    Kind.RESERVATION_PLACED: ("here.available > here.reserved",),
    Kind.RESERVATION_REFUSED: (),
    Kind.RESERVATION_RELEASED: ("here.reserved > here.available",),
    Kind.RESERVATION_EXPIRED: ("here.reserved > here.available",),
    Kind.RESERVATION_CONVERTED: ("here.reserved > here.committed",),
    Kind.ORDER_PLACED: ("here.available > here.committed",),
    Kind.ORDER_ROUTED: ("here.committed > here.available", "there.available > there.committed"),
    Kind.ORDER_REROUTED: ("here.committed > here.available", "there.available > there.committed"),
    Kind.PICK_REJECTED: ("here.committed > here.available", "there.available > there.committed"),
    Kind.ORDER_CANCELLED: ("here.committed > here.available",),
    Kind.PICKUP_LAPSED: ("here.committed > here.available",),
    Kind.ORDER_SHIPPED: ("here.committed > @customer",),
    Kind.PICKUP_COLLECTED: ("here.committed > @customer",),
    Kind.SHIPMENT_VOIDED: ("@customer > here.committed",),
    Kind.POS_SALE_COMPLETED: ("here.available > @customer",),
    Kind.POS_SALE_VOIDED: ("@customer > here.available",),
    Kind.RETURN_RECEIVED: ("@customer > here.?",),
    Kind.REFUND_ISSUED: (),
    Kind.TRANSFER_SHIPPED: ("here.? > transit", "@expected > there.incoming"),
    Kind.TRANSFER_RECEIVED: ("transit > there.available", "there.incoming > @expected"),
    Kind.TRANSFER_SHORT_CLOSED: ("transit > @loss", "there.incoming > @expected"),
    Kind.STOCK_COUNTED: ("@loss > here.available",),
    Kind.STOCK_ADJUSTED: ("@loss > here.available",),
    Kind.STOCK_DAMAGED: ("here.available > here.damaged",),
    Kind.STOCK_SCRAPPED: ("here.? > @scrap",),
    Kind.STOCK_SET_ASIDE: ("here.available > here.?",),
    Kind.STOCK_RETURNED_TO_SHELF: ("here.? > here.available",),
    Kind.POOL_ALLOCATED: ("here.available > here.to_pool",),
    Kind.KIT_ASSEMBLED: ("@kit > here.available",),
    Kind.KIT_BROKEN: ("here.available > @kit",),
    Kind.VENDOR_RETURN_SHIPPED: ("here.? > @supplier",),
    Kind.WITNESSED: (),  # a platform has counted by itself what is posted in another's name
    Kind.MOVEMENT_VOIDED: (),  # its legs are the voided movement's, reversed: see `reverse`
}

SIGNED = frozenset(
    {
        Kind.STOCK_INITIALISED,
        Kind.STOCK_COUNTED,
        Kind.STOCK_ADJUSTED,
        Kind.KIT_ASSEMBLED,
        Kind.KIT_BROKEN,
        Kind.WITNESSED,
    },
)
"""Kinds whose quantity may be negative (a platform that opens below zero, a shortfall found, the components of a kit): a
negative quantity moves the units the other way. Zero opens or confirms a place without moving a unit."""

TRACKING = frozenset(
    {Kind.STOCK_INITIALISED, Kind.STOCK_COUNTED, Kind.GOODS_RECEIVED, Kind.TRANSFER_RECEIVED},
)
"""Kinds after which a SKU is tracked at the place. Untracked is not zero: it is not published."""


class Posting(NamedTuple):
    """A posting, read: from and to which side and state, and whether only what was expected moves."""

    source: tuple[str, str]
    target: tuple[str, str]
    of_expected: bool

    @classmethod
    def read(cls, written: str) -> Posting:
        """What is written in the table."""
        (source, _, out_of), (target, _, into) = (
            account.partition(".") for account in written.removeprefix("~ ").split(" > ")
        )
        return cls((source, out_of), (target, into), written.startswith("~ "))


PARSED = {kind: [Posting.read(written) for written in row] for kind, row in POSTINGS.items()}

IN_TRANSIT = frozenset(
    kind for kind, row in PARSED.items() if any("transit" in (one.source[0], one.target[0]) for one in row)
)
"""Kinds that move goods to or from a lorry, and need to know whose transfer it is."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a posting: `quantity` units (negative: out of) at an account.

    `location` is a location, `transit:<id>`, or a boundary account such as `@customer` (then `state` is `boundary`).
    """

    location: str
    state: str
    quantity: int


class Places(NamedTuple):
    """What a posting needs to know besides kind and quantity. `state` is where goods land or are taken from."""

    here: str
    there: str | None = None
    state: State = State.AVAILABLE
    transit: str | None = None
    pool: str | None = None
    to_pool: str | None = None


@lru_cache(maxsize=10_000)
def legs(kind: Kind, quantity: int, places: Places, expected: int = 0) -> tuple[Leg, ...]:
    """The legs of a movement of `quantity` units; they sum to zero.

    `expected` is how many of the units were expected (at most `quantity`), for the postings marked `~`.
    Raises `ValueError` for a quantity whose sign the kind does not allow, and for a place that is missing.
    """
    if quantity <= 0 and kind not in SIGNED:
        raise ValueError(f"{kind} moves a positive quantity, not {quantity}")
    posted: list[Leg] = []
    for source, target, of_expected in PARSED[kind]:
        amount = min(expected, quantity) if of_expected else quantity
        if of_expected and amount == 0:
            continue
        posted.append(Leg(*_account(*source, places), -amount))
        posted.append(Leg(*_account(*target, places), amount))
    return tuple(posted)


def reverse(posted: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs that undo `posted` exactly."""
    return tuple(Leg(leg.location, leg.state, -leg.quantity) for leg in posted)


def _account(side: str, state: str, places: Places) -> tuple[str, str]:
    if side in BOUNDARIES:
        return side, BOUNDARY
    if side == "transit":
        if places.transit is None:
            raise ValueError("goods in transit need the transfer's id")
        return TRANSIT_PREFIX + places.transit, State.IN_TRANSIT
    location = places.here if side == "here" else places.there
    if location is None:
        raise ValueError(f"the posting {side}.{state} needs a second location")
    if state == "to_pool":
        return location, pooled(places.to_pool)
    named = places.state.value if state == "?" else state
    return location, pooled(places.pool) if named == State.AVAILABLE else named


AVAILABLE = State.AVAILABLE.value


def pooled(pool: str | None) -> str:
    """The name of the available state of a pool: `available` for the common pool, else `available[pool]`."""
    return AVAILABLE if pool is None else f"{AVAILABLE}[{pool}]"


def pool_named(state: str) -> str | None:
    """The pool whose available state has a name; None for the common pool."""
    return None if state == AVAILABLE else state.removeprefix(f"{AVAILABLE}[").removesuffix("]")
