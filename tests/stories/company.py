"""The retailer of the stories: who keeps which place's stock, who else sees it, and who buys.

| place | what it is | kept by | also seen by |
|---|---|---|---|
| DC | a warehouse run by a 3PL, reached by EDI | `dc` (RLM) | `web` (Shopify) |
| SOHO, HARLEM | stores that send parcels and hand over what was bought online | `tills` (Lightspeed X) | `web` |

Who keeps a place carries out what is ordered elsewhere and leaves from there: the hub creates the order in its platform.

The web shop sells what all three have. It leaves it to the hub where an order is sent from, unless it is picked up in a store,
and its business customers buy from a pool of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seats import Seat, Seats

TRADE = "trade"
"""The pool of business customers, and the tag of their orders."""

SEATS: Seats = {
    "web": Seat(
        "shopify",
        ("DC", "SOHO", "HARLEM"),
        seconds=1.0,
        lines=(
            'shop = "stories.myshopify.com"',
            "customers = true",
            "routed_by_hub = true",
            'locations = { "location:1" = "@unrouted" }',
            f'wholesale = {{ tags = ["{TRADE}"] }}',
        ),
        rules=(f'wholesale_pool = "{TRADE}"',),
        network="Location 1",
    ),
    "tills": Seat(
        "lightspeed_x",
        ("SOHO", "HARLEM"),
        ("SOHO", "HARLEM"),
        lines=(
            'domain_prefix = "stories"',
            'author_id = "00000000-0000-4000-8000-000000000001"',
            'payment_type = "00000000-0000-4000-8000-000000000002"',
        ),
    ),
    "dc": Seat("rlm", ("DC",), ("DC",), seconds=0.5, lines=("quiet = 0.1",)),
}

SITES: Mapping[str, Sequence[str]] = {
    "DC": (
        *("latitude = 40.7357", "longitude = -74.1724", 'postcode = "07102"', 'country = "US"'),
        'carried_out_by = "dc"',
    ),
    "SOHO": (
        *("latitude = 40.7248", "longitude = -74.0", 'postcode = "10012"', 'country = "US"'),
        *("pickup = true", 'carried_out_by = "tills"'),
    ),
    "HARLEM": (
        *("latitude = 40.8093", "longitude = -73.9484", 'postcode = "10027"', 'country = "US"'),
        *("pickup = true", 'carried_out_by = "tills"'),
    ),
}
"""What shoppers may know of the places, and who carries out what leaves from there."""

NEAR = {"DC": "07102", "SOHO": "10012", "HARLEM": "10027"}
"""A postcode close to each place."""


def now() -> datetime:
    """The instant of what happens now."""
    return datetime.now(UTC)


def somebody(first: str, last: str, number: int, near: str | None = None) -> Mapping[str, Any]:
    """A customer of the web shop, in the fields of an order. One who is sent a parcel lives `near` a place."""
    name = {"first_name": first, "last_name": last}
    found: dict[str, Any] = {
        "email": f"{first}.{last}@example.invalid".lower(),
        "customer": {"id": number, **name, "email": f"{first}.{last}@example.invalid".lower()},
    }
    if near is not None:
        street = {"address1": "1 Invented Row", "city": "Newville", "zip": NEAR[near]}
        found["shipping_address"] = {**name, **street, "country_code": "US", "province_code": "NY"}
    return found
