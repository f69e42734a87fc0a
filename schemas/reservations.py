"""What was asked of the ledger, and what is held because of it: requests may be refused, facts never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.accounts import UNROUTED
from schemas.claims import STRICT, Instant, Reference
from schemas.rules import ChannelRules

HUB = "onhand"
"""The channel of what the hub itself does: no platform has counted it by itself."""

REMEMBERED = timedelta(days=1)
"""How long the end of a reservation is remembered, so that the same request again gets the same answer."""

TTL_MAX = 30 * 86_400
"""Seconds a reservation may last at most."""


class Ask(StrEnum):
    """What may be asked of a reservation."""

    PLACE = "place"
    RELEASE = "release"
    CONVERT = "convert"
    EXPIRE = "expire"


class Outcome(StrEnum):
    """What became of a reservation. All but `held` are for good."""

    HELD = "held"
    REFUSED = "refused"
    RELEASED = "released"
    EXPIRED = "expired"
    CONVERTED = "converted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """So many units of a SKU: of the channel's number at `location`, or of its number for all of them together.
    `rules` are the channel's at the moment of asking, as far as they are about
    this SKU.
    """

    __pydantic_config__ = STRICT

    sku: Reference
    quantity: Annotated[int, Field(ge=1, lt=1_000_000_000)]
    rules: ChannelRules
    location: Reference | None = None

    @property
    def held_at(self) -> str:
        """The place whose units are held; without one they are held back from the network."""
        return self.location or UNROUTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something asked of the ledger about the reservation `id`, for its line `index`.

    A reservation of several lines goes from SKU to SKU: each that can be held passes the request on to the next, and the
    first that cannot sends the ones before back. So it is held whole or not at all, and no line waits for another.
    `ttl` is how many seconds it lasts. `transaction` is the deal that a converted one belongs to.
    """

    __pydantic_config__ = STRICT

    id: str
    ask: Ask
    channel: str
    lines: tuple[Wanted, ...]
    index: int = 0
    ttl: Annotated[int, Field(ge=0, le=TTL_MAX)] = 0
    transaction: str | None = None

    @property
    def line(self) -> Wanted:
        """The line it is about."""
        return self.lines[self.index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What one reservation holds of one SKU, or what became of it. `expires_at` bounds a held one; of another it is when
    it is forgotten. `pool` is what its units were taken from.
    """

    __pydantic_config__ = STRICT

    location: str
    quantity: int
    outcome: Outcome
    expires_at: Instant
    pool: str | None = None
