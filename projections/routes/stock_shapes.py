"""What the answers about stock and numbers look like, as OpenAPI shows it. They are made without these classes: tests compare what comes
with what is promised.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from projections.document import Next, like
from schemas.availability import Place

CELL = {"available": 10, "committed": 2, "reserved": 0, "safety_stock": 0, "quality_control": 0}
CELL |= {"damaged": 0, "on_hand": 12, "incoming": 0}
NUMBER = {
    "sku": "TEE-BLACK-M",
    "quantity": 13,
    "places": {"network": {"quantity": 13, "level": 15, "own": -2, "opened": True}},
}
CHANNEL = {"channel": "web", "skus": 2, "units": 25, "told": 2, "waiting": 0}
CHANNEL |= {"failing_since": None, "reason": None}


class Cell(BaseModel):
    """Units of a SKU at a location by state. A pool's part of `available` is a state of its own, and counted in `on_hand`."""

    model_config = like(CELL, open_ended=True)
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

    model_config = like({"sku": "TEE-BLACK-M", "locations": {"SOHO": CELL}, "in_transit": 0})

    sku: str
    locations: dict[str, Cell]
    in_transit: int


class Number(BaseModel):
    """What a channel may sell of a SKU: in all, and by place (a location, or `network`)."""

    model_config = like(NUMBER)

    sku: str
    quantity: int
    places: dict[str, Place]


class Numbers(BaseModel):
    """A page of numbers, by SKU."""

    model_config = like({"items": [NUMBER], "next": None})

    items: list[Number]
    next: Next


class ChannelHealth(BaseModel):
    """A channel: SKUs that have a number, cells that were told one, numbers that wait, and since when and why none can be told."""

    model_config = like(CHANNEL)

    channel: str
    skus: int
    units: int
    told: int
    waiting: int | None
    failing_since: datetime | None
    reason: str | None


class Channels(BaseModel):
    """All configured channels."""

    model_config = like({"items": [CHANNEL]})

    items: list[ChannelHealth]
