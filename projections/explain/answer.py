"""What an explanation says: its lines, the rules that held, and the last word with the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict

from schemas.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """A moment by both clocks: what had occurred by `at`, of what was recorded by `known_at`; None is no limit."""

    at: datetime | None = None
    known_at: datetime | None = None

    @property
    def timed(self) -> bool:
        """Whether it is not simply now."""
        return self.at is not None or self.known_at is not None

    @property
    def decided(self) -> datetime | None:
        """The moment for what has one instant only, because it is decided and written down at once: rules, and words with a platform."""
        return min(filter(None, (self.at, self.known_at)), default=None)


NOW = AsOf()


@dataclass(frozen=True, slots=True)
class Decided:
    """A change of the rules: their version then, how many changes there were, who made it and when, as far as that is known."""

    version: str
    edition: int | None
    by: str | None
    at: datetime | None

    @classmethod
    def of(cls, rules: Rules) -> Decided:
        """The change that made these rules."""
        return cls(rules.version, rules.edition, rules.by, rules.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """One step to a number. What does not apply to it is left out.

    A step that is a movement has its `kind`, the platform's `document` behind it, and the `claim` that told of it as
    `partition-offset` of the topic `claims`. What the ledger posted by itself names the movement that it follows from
    (`because_of`), and has that one's claim. A step that is a `rule` says which change `decided` it so. `sku` is the
    component of a bundle that it is about.
    """

    label: str
    amount: int
    ref: str
    ambiguous: bool | None = None
    kind: str | None = None
    location: str | None = None
    movement: str | None = None
    transaction: str | None = None
    channel: str | None = None
    document: str | None = None
    claim: str | None = None
    because_of: str | None = None
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    rule: str | None = None
    decided: Decided | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The last word with the platform about one place: `schemas.receipts.Receipt`. `offset` is the `stock` offset its number came from."""

    place: str
    quantity: int
    level: int
    own: int
    outcome: str
    pushed_at: datetime
    offset: int
    ref: str | None
    detail: str | None


STEP = {
    "label": "safety stock at HARLEM",
    "amount": -1,
    "ref": "rule:safety_stock",
    "location": "HARLEM",
    "rule": "safety_stock",
    "decided": {"version": "5c1f0a8d2b7e", "edition": 2, "by": "anna", "at": "2026-11-19T09:00:00+00:00"},
}
MOVED = {
    "label": "StockInitialised at HARLEM, 2026-11-18T05:03:12+00:00",
    "amount": 5,
    "ref": "movement:1-0-0 opening/tills/TEE-BLACK-M/HARLEM+1",
    "kind": "StockInitialised",
    "location": "HARLEM",
    "movement": "1-0-0",
    "transaction": "opening/tills/TEE-BLACK-M/HARLEM+1",
    "channel": "tills",
    "document": "opening/tills/TEE-BLACK-M/HARLEM+1",
    "claim": "1-0",
    "occurred_at": "2026-11-18T05:03:12+00:00",
    "recorded_at": "2026-11-18T05:03:13+00:00",
}
WORD = {
    "place": "network",
    "quantity": 4,
    "level": 4,
    "own": 0,
    "outcome": "pushed",
    "offset": 1,
    "pushed_at": "2026-11-19T09:00:01+00:00",
    "ref": "onhand/web/1",
    "detail": "as asked",
}
EXAMPLE: Any = {
    "sku": "TEE-BLACK-M",
    "channel": "web",
    "quantity": 4,
    "pushed": 4,
    "lines": [MOVED, STEP],
    "rules": STEP["decided"],
    "receipt": [WORD],
    "as_of": {"at": "2026-11-20T12:00:00+00:00", "known_at": "2026-11-20T12:00:00+00:00"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A channel's number and all that it comes from; the amounts of the lines sum to `quantity`.

    `pushed` is what its platform shows in all by our last word with it, None if that is not known. `rules` are those that held,
    None where none did, `receipt` the last word about each place, and `as_of` the moment, None for now.
    """

    __pydantic_config__ = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    sku: str
    channel: str
    quantity: int
    pushed: int | None
    lines: tuple[ExplainedLine, ...]
    rules: Decided | None
    receipt: tuple[Told, ...]
    as_of: AsOf | None


def shown(explained: Explained) -> dict[str, Any]:
    """An explanation as JSON has it: instants as text in UTC, and of a line only what applies to it."""
    whole: dict[str, Any] = _plain(explained)
    said = ({name: value for name, value in line.items() if value is not None} for line in whole["lines"])
    return {**whole, "lines": list(said)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping) or not hasattr(value, "__dataclass_fields__"):
        return value
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}


def _instant(at: datetime) -> str:
    try:
        return at.astimezone(UTC).isoformat()
    except OverflowError:  # the first and the last day that there is have no other name in UTC
        return at.isoformat()
