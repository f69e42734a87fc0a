"""What the answers about what happened look like, as OpenAPI shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from projections.document import Next, like
from schemas.carrying import State as CarriedState
from schemas.oversells import OversellCause
from schemas.postings import Kind, Leg

AT = "2026-11-20T15:00:00Z"
MOVEMENT = {
    "id": "1-1-0",
    "sku": "TEE-BLACK-M",
    "kind": "OrderPlaced",
    "quantity": 2,
    "legs": [
        {"location": "SOHO", "state": "available", "quantity": -2},
        {"location": "SOHO", "state": "committed", "quantity": 2},
    ],
    "transaction": "order/web/1001",
    "channel": "web",
    "document": "order/1001",
    "occurred_at": AT,
    "recorded_at": AT,
    "reason": None,
    "voids": None,
    "counted": None,
    "bundle": None,
}
CARRIED = {
    "transaction": "order/web/1001",
    "location": "SOHO",
    "channel": "tills",
    "state": "created",
    "lines": {"TEE-BLACK-M": 2},
    "wanted": {"TEE-BLACK-M": 2},
    "at": AT,
    "ref": "sale/77",
    "detail": None,
}
OVERSELL = {
    "movement": "1-4-0",
    "sku": "TEE-BLACK-M",
    "place": "SOHO",
    "available": -1,
    "cause": "latency",
    "kind": "PosSaleCompleted",
    "transaction": "sale/tills/31",
    "channel": "tills",
    "occurred_at": AT,
    "recorded_at": AT,
}
COMMITMENT = {
    "transaction": "order/web/1001",
    "sku": "TEE-BLACK-M",
    "location": "SOHO",
    "units": 2,
    "since": AT,
    "age_days": 9,
    "channel": "web",
    "demand_class": "retail",
}
LETTER = {
    "id": "0-17",
    "channel": "web",
    "topic": "orders/updated",
    "stage": "mapping",
    "reason": "unknown item gid://shopify/InventoryItem/9",
    "ref": "order/1002",
    "received_at": AT,
    "retried_at": None,
}


class Movement(BaseModel):
    """A posted fact. The legs sum to zero."""

    model_config = like(MOVEMENT)

    id: str
    sku: str
    kind: Kind
    quantity: int
    legs: list[Leg]
    transaction: str
    channel: str
    document: str
    occurred_at: datetime
    recorded_at: datetime
    reason: str | None
    voids: Kind | None
    counted: int | None
    bundle: str | None


class Movements(BaseModel):
    """A page of the journal."""

    model_config = like({"items": [MOVEMENT], "next": "WyIyMDI2LTExLTIwIiwgIjEtMS0wIl0="})

    items: list[Movement]
    next: Next


class Carried(BaseModel):
    """An order that another platform was asked to carry out at a location."""

    model_config = like(CARRIED)

    transaction: str
    location: str
    channel: str
    state: CarriedState
    lines: dict[str, int]
    wanted: dict[str, int]
    at: datetime
    ref: str | None
    detail: str | None


class Deal(BaseModel):
    """A transaction: its movements, and what was asked to be carried out of it."""

    model_config = like(
        {"transaction": "order/web/1001", "carried_out": [CARRIED], "items": [MOVEMENT], "next": None}
    )

    transaction: str
    carried_out: list[Carried]
    items: list[Movement]
    next: Next


class Oversell(BaseModel):
    """A movement that took `available` below zero at a place, or further below, to what it says; and its one cause."""

    model_config = like(OVERSELL)

    movement: str
    sku: str
    place: str
    available: int
    cause: OversellCause
    kind: Kind
    transaction: str
    channel: str
    occurred_at: datetime
    recorded_at: datetime


class Oversells(BaseModel):
    """A page of oversells."""

    model_config = like({"items": [OVERSELL], "next": None})

    items: list[Oversell]
    next: Next


class Commitment(BaseModel):
    """Units that were ordered and have neither left nor been cancelled. `location` is `@unrouted` where none is chosen yet."""

    model_config = like(COMMITMENT)

    transaction: str
    sku: str
    location: str
    units: int
    since: datetime
    age_days: int
    channel: str
    demand_class: str


class Commitments(BaseModel):
    """A page of commitments."""

    model_config = like({"items": [COMMITMENT], "next": None})

    items: list[Commitment]
    next: Next


class DeadLetter(BaseModel):
    """A document that was refused, and why. It is without its payload here, which may be long."""

    model_config = like(LETTER)

    id: str
    channel: str
    topic: str
    stage: str
    reason: str
    ref: str
    received_at: datetime
    retried_at: datetime | None


class DeadLetters(BaseModel):
    """A page of dead letters."""

    model_config = like({"items": [LETTER], "next": None})

    items: list[DeadLetter]
    next: Next
