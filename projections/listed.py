"""What the lists answer with, typed: the items of each, and its pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.receipts import Outcome

Units = dict[str, dict[str, int]]
"""Units by location and state."""


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A SKU: units by location and state, on their way between locations, and what channels may sell of it."""

    sku: str
    locations: Units
    in_transit: int
    channels: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Skus:
    """SKUs in their order."""

    items: list[SkuRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal: of its first thousand movements how many there are, of how many SKUs, and the first of these."""

    transaction: str
    began_at: datetime
    moved_at: datetime
    recorded_at: datetime
    channels: list[str]
    skus: list[str]
    sku_count: int
    movements: int


@dataclass(frozen=True, slots=True)
class Deals:
    """Deals, the one that moved last first."""

    items: list[Deal]
    next: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One word with a platform: `quantity` was asked for, `level` is what it showed then, by its documents that had been seen (`own` is
    their part), `stock_offset` the stock that the number came from.
    """

    id: str
    channel: str
    sku: str
    place: str
    quantity: int
    level: int
    own: int
    outcome: Outcome
    pushed_at: datetime
    stock_offset: int
    ref: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts, newest first."""

    items: list[Receipt]
    next: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """What a platform showed of itself, beside what we believe that it shows there."""

    channel: str
    sku: str
    location: str
    level: int | None
    observed_at: datetime
    place: str | None
    believed: int | None
    quantity: int | None
    difference: int | None
    told_at: datetime | None
    settled: bool


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells in the order of channel, SKU and location."""

    items: list[Cell]
    next: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Units that came to (below zero: left) a state of a location, or a boundary account."""

    location: str
    state: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LateFact:
    """A movement that became known after the instant, by how many seconds late, and what it changed."""

    id: str
    sku: str
    kind: str
    quantity: int
    transaction: str
    channel: str
    document: str
    occurred_at: datetime
    recorded_at: datetime
    reason: str | None
    voids: str | None
    counted: int | None
    bundle: str | None
    late_seconds: float
    changed: list[Change]


@dataclass(frozen=True, slots=True)
class LateFacts:
    """What was `believed` at `at`, what became known of it since by `known_at`, and what was `true`: the first two sum to the third."""

    sku: str
    at: datetime
    known_at: datetime | None
    believed: Units
    learned: Units
    true: Units
    items: list[LateFact]
    next: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What was refused, why, and what it held: the fields that its connector keeps, so nothing personal."""

    id: str
    channel: str
    topic: str
    stage: str
    reason: str
    ref: str
    payload: dict[str, Any]
    received_at: datetime
    retried_at: datetime | None
