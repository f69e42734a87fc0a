"""What connectors hand in: claims, observations, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from schemas.accounts import State

Quantity = Annotated[int, Field(ge=0, lt=1_000_000_000)]
"""Units of the base unit; zero says something only where a place is opened at zero. The bound keeps a mistyped barcode
from becoming a quantity."""

REFERENCE_MAX = 255
"""Characters of the longest SKU or location: what the platforms allow, and what an index can hold."""

Reference = Annotated[str, Field(min_length=1, max_length=REFERENCE_MAX)]
"""The name of a SKU or a location."""

Instant = Annotated[datetime, AwareDatetime]
"""A moment with its offset from UTC. One without cannot be compared with the others, so it is refused at the edge."""


def _in_utc(at: datetime) -> datetime:
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise ValueError("UTC's calendar does not have this instant") from None
    return at


ToldAt = Annotated[Instant, AfterValidator(_in_utc)]
"""An instant as somebody else tells it."""

STRICT = ConfigDict(extra="forbid")


class Fact(StrEnum):
    """What a line of a document states. Each is cumulative: so many units up to the document's version.

    `counted` is the one that is absolute: so many units stood there at its instant, whatever had happened before.
    `converted` only the ledger says: so many units of the demand had been reserved, and are committed already.
    """

    OPENED = "opened"
    OPENED_BELOW_ZERO = "opened_below_zero"
    COUNTED = "counted"

    ORDERED = "ordered"
    CANCELLED = "cancelled"
    CONVERTED = "converted"
    PICKUP_LAPSED = "pickup_lapsed"
    REROUTED = "rerouted"
    PICK_REJECTED = "pick_rejected"
    SHIPPED = "shipped"
    COLLECTED = "collected"
    SHIPMENT_VOIDED = "shipment_voided"

    SOLD = "sold"
    SALE_VOIDED = "sale_voided"
    RETURNED = "returned"
    REFUNDED = "refunded"

    EXPECTED = "expected"
    SUPPLY_CANCELLED = "supply_cancelled"
    RECEIVED = "received"
    QUALITY_RELEASED = "quality_released"
    VENDOR_RETURNED = "vendor_returned"

    TRANSFER_SHIPPED = "transfer_shipped"
    TRANSFER_RECEIVED = "transfer_received"
    TRANSFER_SHORT = "transfer_short"

    ADJUSTED_UP = "adjusted_up"
    ADJUSTED_DOWN = "adjusted_down"
    DAMAGED = "damaged"
    SCRAPPED = "scrapped"
    SET_ASIDE = "set_aside"
    RETURNED_TO_SHELF = "returned_to_shelf"
    POOL_ALLOCATED = "pool_allocated"

    KIT_ASSEMBLED = "kit_assembled"
    KIT_COMPONENT_USED = "kit_component_used"
    KIT_BROKEN = "kit_broken"
    KIT_COMPONENT_RECOVERED = "kit_component_recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many units of one SKU at one place, and when that happened there.

    `sku` and `location` are the platform's own references until a directory has resolved them (`connectors.directory`),
    and ours in the log. `location` is None for demand that no place has been chosen for. `at` is the instant of this
    line, not of the document's version, so that it does not matter which versions were seen. `state` is where goods land
    (returned, received, released) or are taken from (transferred, scrapped, returned to the shelf). `there` is the other
    place: where a transfer goes or comes from, or who took over a commitment. `pool` is the part of `available` that is
    meant, None the common one; `to_pool` where an allocation goes. `bundle` is the SKU that was sold, where the units are a
    component's.
    """

    __pydantic_config__ = STRICT

    fact: Fact
    sku: Reference
    quantity: Quantity
    at: ToldAt
    location: Reference | None = None
    state: State = State.AVAILABLE
    reason: str | None = None
    there: Reference | None = None
    pool: str | None = None
    to_pool: str | None = None
    bundle: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A line that moves nothing, and why: a zero quantity, an item whose stock nobody keeps."""

    __pydantic_config__ = STRICT

    item: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of one platform, whole, in one version. A higher `version` replaces a lower one.

    `id` is unique within the channel (`order/1001`, `fulfillment/55`); `version` orders the document's own versions and
    nothing else (the platform's counter, or its `updated_at` in milliseconds).
    """

    __pydantic_config__ = STRICT

    id: str
    version: int
    lines: tuple[Line, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A document as a transaction holds it: whose it is, and its newest version."""

    __pydantic_config__ = STRICT

    channel: str
    demand_class: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All that a transaction held, by channel and document, when it was closed.

    Without `reopens` it closes the transaction that holds exactly this. With it, it gives it back to the one that the
    record at this claims offset closed.
    """

    __pydantic_config__ = STRICT

    documents: dict[str, Held]
    reopens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one payload of one channel says about one transaction.

    A payload may carry several documents (a Shopify order carries its fulfilments and refunds); each is versioned by
    itself. `transaction` is the deal the documents belong to, unique over all channels, and the claim's key in Kafka.
    `joins` names another transaction that turns out to be the same deal. `archive` only the hub tells, of a transaction
    that it closes or reopens.
    """

    __pydantic_config__ = STRICT

    transaction: str
    channel: str
    topic: str
    occurred_at: ToldAt
    documents: tuple[Document, ...]
    demand_class: str = "retail"
    joins: str | None = None
    archive: Archive | None = None
    v: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A platform's own stock level: evidence, never a movement. `level` is None where the item is not tracked."""

    __pydantic_config__ = STRICT

    channel: str
    topic: str
    sku: Reference
    location: Reference
    observed_at: ToldAt
    version: int
    level: int | None = None
    v: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What was refused, why, and what is needed to try again.

    `payload` holds only the fields on the connector's allow-list, so no personal data. `ref` names the document for a
    person. `stage` is where it was refused: `mapping`, `directory`, `settle`, `ledger` or `record`.
    """

    __pydantic_config__ = STRICT

    channel: str
    topic: str
    stage: str
    reason: str
    ref: str
    received_at: Instant
    payload: dict[str, Any] = field(default_factory=dict)
    v: int = 1
