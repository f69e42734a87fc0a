"""What the answers to requests look like, as OpenAPI shows it: reservations, rules, documents that were handed in, and health."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from projections.document import like
from schemas.reservations import Outcome
from schemas.rules import ChannelRules, LocationRules

AT = "2026-11-20T15:00:00Z"
LINE = {"sku": "TEE-BLACK-M", "quantity": 2, "location": "SOHO"}
RESERVATION = {"id": "0f3a5c1e9b7d2468ace01357", "state": "held", "lines": [LINE]}
CHANGE = {"version": "5f1c02d9a1b3", "by": "the API", "at": AT, "changed": {"web": ["safety_stock"]}}
RULES = {"version": "5f1c02d9a1b3", "by": "the API", "at": AT, "channels": {}, "locations": {}}


class HeldLine(BaseModel):
    """Units of a SKU that are held; without a location of the number for all of them."""

    model_config = like(LINE)

    sku: str
    quantity: int
    location: str | None


class Reservation(BaseModel):
    """A reservation, and what became of it."""

    model_config = like(RESERVATION)

    id: str
    state: Outcome
    lines: list[HeldLine]


class HeldReservation(Reservation):
    """A reservation that was just made: it lapses at `expires_at`."""

    model_config = like({**RESERVATION, "expires_at": "2026-11-20T15:15:00+00:00"})

    expires_at: datetime


class RulesInForce(BaseModel):
    """The rules of every channel, what the locations are for, and who made them when."""

    model_config = like(RULES)

    version: str
    by: str | None
    at: datetime | None
    channels: dict[str, ChannelRules]
    locations: dict[str, LocationRules]


class RulesChange(BaseModel):
    """A change: the names of the rules that it changed, by channel or `location:<name>`."""

    model_config = like(CHANGE)

    version: str
    by: str | None
    at: datetime | None
    changed: dict[str, list[str]]


class RulesChanges(BaseModel):
    """All changes, newest first."""

    model_config = like({"items": [CHANGE]})

    items: list[RulesChange]


class Accepted(BaseModel):
    """It is in the log. `transaction` is the deal of one document, `documents` how many there were in a file."""

    model_config = like({"accepted": True, "transaction": "custom/0f3a5c1e9b7d2468ace01357"})

    accepted: Literal[True]
    transaction: str | None = None
    documents: int | None = None


class Live(BaseModel):
    """The process runs."""

    live: Literal[True]


class Checked(BaseModel):
    """Whether a check holds, whether this process needs it, and why it does not."""

    model_config = like({"ok": True, "needed": True, "reason": None})

    ok: bool
    needed: bool
    reason: str | None


class Ready(BaseModel):
    """All that this process needs holds."""

    model_config = like({"ready": True, "checks": {"kafka": {"ok": True, "needed": True, "reason": None}}})

    ready: Literal[True]
    checks: dict[str, Checked]
