"""The immutable posted facts, as they stand in the log for ever."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.claims import STRICT, Instant
from schemas.postings import Kind, Leg


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """Where in the `claims` topic a movement comes from: partition, offset, and its index within the claim.

    For one SKU, the causes of one claims partition only grow, so a movement at or below the highest applied one is a
    repeat.
    """

    __pydantic_config__ = STRICT

    partition: int
    offset: int
    index: int

    @property
    def movement_id(self) -> str:
        """The movement's id: the same however often the claim is settled."""
        return f"{self.partition}-{self.offset}-{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """`quantity` units of `sku` moved between accounts; `legs` sum to zero.

    `occurred_at` is the platform's instant of this line; `recorded_at` is when Kafka appended the claim. `channel` is
    whose view this is and `document` the platform's document behind it. `voids` names the kind that a
    `MovementVoided` reverses.
    """

    __pydantic_config__ = STRICT

    id: str
    kind: Kind
    sku: str
    quantity: int
    legs: tuple[Leg, ...]
    transaction: str
    channel: str
    document: str
    occurred_at: Instant
    recorded_at: Instant
    cause: Cause
    reason: str | None = None
    voids: Kind | None = None
    demand_class: str = "retail"
    v: int = 1
