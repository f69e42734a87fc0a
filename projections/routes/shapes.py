"""What the answers look like, as OpenAPI shows it. They are made without these classes: tests compare what comes with what is promised."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.availability import Place
from schemas.carrying import State as CarriedState
from schemas.oversells import OversellCause
from schemas.postings import Kind, Leg
from schemas.reservations import Outcome
from schemas.rules import ChannelRules, LocationRules

AT = "2026-11-20T15:00:00Z"
LINE = {"sku": "TEE-BLACK-M", "quantity": 2, "location": "SOHO"}
CELL = {"available": 10, "committed": 2, "reserved": 0, "safety_stock": 0, "quality_control": 0}
CELL |= {"damaged": 0, "on_hand": 12, "incoming": 0}
NUMBER = {
    "sku": "TEE-BLACK-M",
    "quantity": 13,
    "places": {"network": {"quantity": 13, "level": 15, "own": -2, "opened": True}},
}
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
CHANNEL = {"channel": "web", "skus": 2, "units": 25, "told": 2, "waiting": 0}
CHANNEL |= {"failing_since": None, "reason": None}
RESERVATION = {"id": "0f3a5c1e9b7d2468ace01357", "state": "held", "lines": [LINE]}
CHANGE = {"version": "5f1c02d9a1b3", "by": "the API", "at": AT, "changed": {"web": ["safety_stock"]}}
RULES = {"version": "5f1c02d9a1b3", "by": "the API", "at": AT, "channels": {}, "locations": {}}

Next = Annotated[str | None, Field(description="The cursor to the next page; null at the end.")]


def _like(example: Any, *, open_ended: bool = False) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]}, extra="allow" if open_ended else "ignore")


class Cell(BaseModel):
    """Units of a SKU at a location by state. A pool's part of `available` is a state of its own, and counted in `on_hand`."""

    model_config = _like(CELL, open_ended=True)
    __pydantic_extra__: dict[str, int]

    available: int
    committed: int
    reserved: int
    safety_stock: int
    quality_control: int
    damaged: int
    on_hand: int
    incoming: int


class Balances(BaseModel):
    """The balances of a SKU."""

    model_config = _like({"sku": "TEE-BLACK-M", "locations": {"SOHO": CELL}, "in_transit": 0})

    sku: str
    locations: dict[str, Cell]
    in_transit: int


class Number(BaseModel):
    """What a channel may sell of a SKU: in all, and by place (a location, or `network`)."""

    model_config = _like(NUMBER)

    sku: str
    quantity: int
    places: dict[str, Place]


class Numbers(BaseModel):
    """A page of numbers, by SKU."""

    model_config = _like({"items": [NUMBER], "next": None})

    items: list[Number]
    next: Next


class ChannelHealth(BaseModel):
    """A channel: SKUs that have a number, cells that were told one, numbers that wait, and since when and why none can be told."""

    model_config = _like(CHANNEL)

    channel: str
    skus: int
    units: int
    told: int
    waiting: int | None
    failing_since: datetime | None
    reason: str | None


class Channels(BaseModel):
    """All configured channels."""

    model_config = _like({"items": [CHANNEL]})

    items: list[ChannelHealth]


class Movement(BaseModel):
    """A posted fact. The legs sum to zero."""

    model_config = _like(MOVEMENT)

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

    model_config = _like({"items": [MOVEMENT], "next": "WyIyMDI2LTExLTIwIiwgIjEtMS0wIl0="})

    items: list[Movement]
    next: Next


class Carried(BaseModel):
    """An order that another platform was asked to carry out at a location."""

    model_config = _like(CARRIED)

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

    model_config = _like(
        {"transaction": "order/web/1001", "carried_out": [CARRIED], "items": [MOVEMENT], "next": None}
    )

    transaction: str
    carried_out: list[Carried]
    items: list[Movement]
    next: Next


class Oversell(BaseModel):
    """A movement that took `available` below zero at a place, or further below, to what it says; and its one cause."""

    model_config = _like(OVERSELL)

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

    model_config = _like({"items": [OVERSELL], "next": None})

    items: list[Oversell]
    next: Next


class Commitment(BaseModel):
    """Units that were ordered and have neither left nor been cancelled. `location` is `@unrouted` where none is chosen yet."""

    model_config = _like(COMMITMENT)

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

    model_config = _like({"items": [COMMITMENT], "next": None})

    items: list[Commitment]
    next: Next


class DeadLetter(BaseModel):
    """A document that was refused, and why. It is without its payload here, which may be long."""

    model_config = _like(LETTER)

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

    model_config = _like({"items": [LETTER], "next": None})

    items: list[DeadLetter]
    next: Next


class HeldLine(BaseModel):
    """Units of a SKU that are held; without a location of the number for all of them."""

    model_config = _like(LINE)

    sku: str
    quantity: int
    location: str | None


class Reservation(BaseModel):
    """A reservation, and what became of it."""

    model_config = _like(RESERVATION)

    id: str
    state: Outcome
    lines: list[HeldLine]


class HeldReservation(Reservation):
    """A reservation that was just made: it lapses at `expires_at`."""

    model_config = _like({**RESERVATION, "expires_at": "2026-11-20T15:15:00+00:00"})

    expires_at: datetime


class RulesInForce(BaseModel):
    """The rules of every channel, what the locations are for, and who made them when."""

    model_config = _like(RULES)

    version: str
    by: str | None
    at: datetime | None
    channels: dict[str, ChannelRules]
    locations: dict[str, LocationRules]


class RulesChange(BaseModel):
    """A change: the names of the rules that it changed, by channel or `location:<name>`."""

    model_config = _like(CHANGE)

    version: str
    by: str | None
    at: datetime | None
    changed: dict[str, list[str]]


class RulesChanges(BaseModel):
    """All changes, newest first."""

    model_config = _like({"items": [CHANGE]})

    items: list[RulesChange]


class Accepted(BaseModel):
    """It is in the log. `transaction` is the deal of one document, `documents` how many there were in a file."""

    model_config = _like({"accepted": True, "transaction": "custom/0f3a5c1e9b7d2468ace01357"})

    accepted: Literal[True]
    transaction: str | None = None
    documents: int | None = None


class Live(BaseModel):
    """The process runs."""

    live: Literal[True]


class Ready(BaseModel):
    """The log and the database answer."""

    ready: Literal[True]
