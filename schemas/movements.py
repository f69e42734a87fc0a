"""The immutable posted facts, as they stand in the log for ever."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.claims import STRICT, Instant
from schemas.postings import Kind, Leg
from schemas.reservations import Request


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """Where in the log a movement comes from: partition, offset, and its index within the record.

    The record is in `claims`, or, where the ledger itself posted, in `movements`: then `partition` is `OWN` minus the
    number. For one SKU, the causes of one partition only grow, so a movement at or below the highest applied one is a
    repeat.
    """

    __pydantic_config__ = STRICT

    partition: int
    offset: int
    index: int

    @property
    def own(self) -> bool:
        """Whether the ledger posted this itself."""
        return ASKED < self.partition <= OWN

    @property
    def movement_id(self) -> str:
        """The movement's id: the same however often its cause is taken."""
        name = f"ledger-{OWN - self.partition}" if self.own else str(self.partition)
        return f"{name}-{self.offset}-{self.index}"


def counted_for(channel: str, bundle: str | None = None) -> str:
    """The name under which a stock keeps what a channel's documents took of it, directly or in a bundle."""
    return channel if bundle is None else f"{channel}|{bundle}"


ASKED = -(2**31)
"""The partition of the cause of a request, which is in no topic before it is in `movements`."""

OWN = -1
"""The partition of a cause is this minus the `movements` partition where the ledger posts itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """`quantity` units of `sku` moved between accounts; `legs` sum to zero.

    `occurred_at` is the platform's instant of this line; `recorded_at` is when Kafka appended the claim. `channel` is
    whose view this is and `document` the platform's document behind it. `voids` names the kind that a
    `MovementVoided` reverses. `counted` is how many units a count found: that movement moves nothing by itself, and what it
    comes to (count minus on hand at its instant) the ledger posts as movements of its own, again whenever late news of
    the time before changes it. `request` is something asked of the ledger, which moves nothing by itself either: what is
    granted, or refused, follows as a movement of the ledger's own. `bundle` is the SKU that was sold, where the units are a
    component's. `witnessed` is by how many units, at each location, the number of the channel's own platform moved by itself
    beside what the legs of movements in the channel's name say.
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
    counted: int | None = None
    request: Request | None = None
    bundle: str | None = None
    witnessed: dict[str, int] | None = None
    v: int = 1

    @property
    def counted_by(self) -> str:
        """Whose platform has counted these units by itself: of a bundle it has counted the bundle."""
        return counted_for(self.channel, self.bundle)
