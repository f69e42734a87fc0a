"""What a platform was told, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.claims import STRICT, Instant


class Outcome(StrEnum):
    """What came of telling a platform a number.

    Whoever finds `asked` or `overruled` as the last word does not know what the platform shows.
    """

    ASKED = "asked"  # about to be told
    PUSHED = "pushed"  # the platform took the number
    UNCHANGED = "unchanged"  # it already had it
    REFUSED = "refused"  # it refused this SKU for good, `detail` says why
    HELD = "held"  # not settled yet, `detail` says why; tried again later
    DRIFTED = "drifted"  # somebody changed it by hand, and it stays so; `detail` says what became of that
    OVERRULED = "overruled"  # somebody changed it by hand, and it will be told our number again


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One number told to one place of one channel.

    `level` is what the platform shows afterwards, by the documents of its own that we had seen, and `own` is `Place.own`
    at that moment: together they say what the platform must show now, as its documents move on. `quantity` is what was
    asked for. Of a hand edit `level` is what was found, and `quantity` what should have been there. `offset` is the `stock`
    offset the number came from. `ref` is the platform's own reference for the write, for its history and ours.
    """

    __pydantic_config__ = STRICT

    channel: str
    sku: str
    place: str
    quantity: int
    level: int
    own: int
    outcome: Outcome
    pushed_at: Instant
    offset: int
    ref: str | None = None
    detail: str | None = None
    v: int = 1
