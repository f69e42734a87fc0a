"""The retailer of the day: who keeps which place's stock, and who else sees it.

| place | what it is | kept by | also seen by |
|---|---|---|---|
| DC | a warehouse run by a 3PL, reached by EDI | `dc` (RLM) | `web` (Shopify), `europe` (Magento) |
| DEPOT | the retailer's own warehouse | `erp` (NetSuite) | `web`, `europe`, `labels` (ShipStation) |
| BULK | the overflow of DEPOT | `erp` | |
| SOHO, HARLEM | stores | `tills` (Lightspeed X) | `web`, for pick-ups |
| MALL, PLAZA | stores | `mall` (Heartland) | |

Web orders of Shopify and what the 3PL's own customers order are committed at DC until something says otherwise, orders of
Magento at no place until they are sent. The tills are told what is there, everybody else what may be sold.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from seats import TOLD_ON_HAND, Seat, Seats, places

STORE = 4711
"""ShipStation's number for the store that imports Shopify's orders."""

SEATS: Seats = {
    "web": Seat(
        "shopify",
        ("DC", "DEPOT", "SOHO", "HARLEM"),
        polled=False,
        lines=('shop = "day.myshopify.com"', 'publish_location = "gid://shopify/Location/1001"'),
        rules=('ships_from = "DC"',),
    ),
    "europe": Seat(
        "magento", ("DC", "DEPOT"), lines=('url = "https://day.example.com"', "refunds_restock = true")
    ),
    "tills": Seat(
        "lightspeed_x",
        ("SOHO", "HARLEM"),
        ("SOHO", "HARLEM"),
        polled=False,
        lines=(
            'domain_prefix = "day"',
            'author_id = "00000000-0000-4000-8000-000000000001"',
            'payment_type = "00000000-0000-4000-8000-000000000002"',
        ),
        rules=(TOLD_ON_HAND,),
    ),
    "mall": Seat("heartland", ("MALL", "PLAZA"), ("MALL", "PLAZA"), lines=('subdomain = "day"',)),
    "erp": Seat(
        "netsuite",
        ("DEPOT", "BULK"),
        ("DEPOT", "BULK"),
        lines=('account = "1234567_SB1"', 'adjustment_account = "213"', 'customer = "1502"'),
    ),
    "dc": Seat("rlm", ("DC",), ("DC",), lines=("quiet = 0.1",), rules=('ships_from = "DC"',)),
    # A limit of ShipStation lasts for a minute, however short the day is; so its documents take as long.
    "labels": Seat("shipstation", ("DEPOT",), seconds=60.0, lines=(f'stores = {{ "{STORE}" = "web" }}',)),
}

PLACES = places(SEATS)


def opening(skus: Sequence[str], chance: Random) -> dict[tuple[str, str], int]:
    """The stock before the day, by SKU and place."""
    return {(sku, place): chance.randint(150, 300) for sku in skus for place in PLACES}
