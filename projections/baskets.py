"""What shop front-ends send and get, as OpenAPI shows it. Distances are in kilometres, as the crow flies; times in hours."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from projections.near import NEAR_MAX, NEAR_PATTERN
from projections.routes.parameters import WHOLE, Name
from schemas.fulfilment import NAMED, Way

NAMED_MAX = 200
"""Stores that may be asked for at once."""

LINES_MAX = 100

Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166, two letters", examples=["US"])]
Near = Annotated[
    str,
    Field(
        max_length=NEAR_MAX,
        description="A postcode, or degrees north and east. It is looked up here, and neither logged nor kept.",
        examples=["10012", "40.72,-74.00"],
        json_schema_extra={"pattern": NEAR_PATTERN},
    ),
]
Units = Annotated[int, Field(ge=1, lt=1_000_000_000)]
Stores = Annotated[int, Field(ge=1, le=NAMED_MAX, description="How many stores are named at most")]

REFUSALS = ("which-country", "unknown-postcode", "unknown-channel")
"""The problems of these routes that are not those of every route."""


def _like(example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


LINE = {"sku": "TEE-BLACK-M", "quantity": 1}
PARCEL = {"location": "SOHO", "title": "Store in Soho", "distance_km": 9.8, "lines": [LINE]}
PLACE = {"location": "SOHO", "title": "Store in Soho", "distance_km": 0.4, "ready_in_hours": 1}
LATER = {
    "location": "HARLEM",
    "title": "Store in Harlem",
    "distance_km": 10.3,
    "ready_in_hours": 2,
    "here": [{"sku": "MUG-WHITE", "quantity": 1}],
    "transfers": [PARCEL],
}
STORE = {
    **PLACE,
    "postcode": "10012",
    "country": "US",
    "has_all": True,
    "skus": [{"sku": "TEE-BLACK-M", "available": 10, "tracked": True}],
}
EARLIEST = {"way": "pickup_now", "locations": ["SOHO"], "ready_in_hours": 1}


class BasketLine(BaseModel):
    """So many units of a SKU."""

    model_config = _like(LINE)

    sku: Name
    quantity: Annotated[Units, WHOLE]


class Line(BaseModel):
    """So many units of a SKU that is kept: of a bundle they may be more than can be asked for of one SKU."""

    model_config = _like(LINE)

    sku: str
    quantity: int


class Basket(BaseModel):
    """What a shopper wants on a channel, and where they are. A bundle is answered by its components."""

    model_config = _like({"channel": "web", "lines": [LINE], "near": "10012", "country": "US"})

    channel: Name
    lines: Annotated[list[BasketLine], Field(min_length=1, max_length=LINES_MAX)]
    near: Near | None = None
    country: Country | None = None
    limit: Annotated[Stores, WHOLE] = NAMED


class Parcel(BaseModel):
    """What one place sends. `distance_km` is to the shopper, of a transfer to its store; null where that is not known."""

    model_config = _like(PARCEL)

    location: str
    title: str
    distance_km: float | None
    lines: list[Line]


class PickupNow(BaseModel):
    """A store that has all of it, ready for the shopper within so many hours."""

    model_config = _like(PLACE)

    location: str
    title: str
    distance_km: float | None
    ready_in_hours: int


class PickupLater(PickupNow):
    """A store where all of it can be collected once the transfers are there. `ready_in_hours` is when all of it is ready where it
    lies now; the way of a transfer comes on top.
    """

    model_config = _like(LATER)

    here: list[Line]
    transfers: list[Parcel]


class MissingLine(BaseModel):
    """Units that no place may send. `wanted_as` are the lines that they are wanted for: the SKU itself, or bundles."""

    model_config = _like({"sku": "MUG-WHITE", "missing": 1, "wanted_as": ["GIFT-SET"]})

    sku: str
    missing: int
    wanted_as: list[str]


class EarliestWay(BaseModel):
    """The way by which all of it is ready first, from which places, within so many hours. Ways between places are not counted."""

    model_config = _like(EARLIEST)

    way: Way
    locations: list[str]
    ready_in_hours: int


class FulfilmentOptions(BaseModel):
    """Every way for a basket. `ship` and `unavailable` together are what was asked. `split`: it takes more than one parcel.
    `free_shipping`: no store can offer it for collection, neither now nor later. `earliest` is null where no way brings all of it.
    """

    model_config = _like(
        {
            "channel": "web",
            "pickup_now": [PLACE],
            "pickup_later": [LATER],
            "ship": [PARCEL],
            "split": False,
            "free_shipping": False,
            "unavailable": [],
            "earliest": EARLIEST,
        }
    )

    channel: str
    pickup_now: list[PickupNow]
    pickup_later: list[PickupLater]
    ship: list[Parcel]
    split: bool
    free_shipping: bool
    unavailable: list[MissingLine]
    earliest: EarliestWay | None


class StoreLine(BaseModel):
    """What a shopper may collect of a SKU. Where it is not `tracked` nobody knows how many there are, and none is offered."""

    sku: str
    available: int
    tracked: bool


class Store(BaseModel):
    """A store where goods are collected. `has_all`: it has the asked quantity of each SKU."""

    model_config = _like(STORE)

    location: str
    title: str
    postcode: str | None
    country: str | None
    distance_km: float | None
    ready_in_hours: int
    has_all: bool
    skus: list[StoreLine]


class StoresFound(BaseModel):
    """Stores, the nearest first."""

    model_config = _like({"items": [STORE]})

    items: list[Store]


class StoresWanted(BaseModel):
    """Which stores are asked for: what each has of the SKUs (bundles too), the nearest first, without `near` by name.

    `quantity` is units of each SKU. With a `channel` only its locations, by its rules; with `in_stock` only those that have so many.
    """

    model_config = ConfigDict(extra="ignore")

    sku: Annotated[list[Name], Field(min_length=1, max_length=LINES_MAX)]
    near: Near | None = None
    country: Country | None = None
    quantity: Units = 1
    channel: Name | None = None
    in_stock: bool = False
    limit: Stores = NAMED


StoresQuery = Annotated[StoresWanted, Query()]
