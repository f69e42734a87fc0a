"""The retailer of the day: who keeps which place's stock, who else sees it, and the `onhand.toml` that says so.

| place | what it is | kept by | also seen by |
|---|---|---|---|
| DC | a warehouse run by a 3PL, reached by EDI | `dc` (RLM) | `web` (Shopify), `europe` (Magento) |
| DEPOT | the retailer's own warehouse | `erp` (NetSuite) | `web`, `europe`, `labels` (ShipStation) |
| BULK | the overflow of DEPOT | `erp` | |
| SOHO, HARLEM | stores | `tills` (Lightspeed X) | `web`, for pick-ups |
| MALL, PLAZA | stores | `mall` (Heartland) | |

Who keeps a place is whose levels become its opening stock. Everybody who sees a place sells, sends or receives there, and is
told its number by the hub. Web orders of Shopify and what the 3PL's own customers order are committed at DC until something says
otherwise, orders of Magento at no place until they are sent. The tills are told what is there, everybody else what may be sold.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from connectors.contract import Row
from connectors.sandboxes import sandbox_of
from deploy.processes import free_port
from streams.keys import generate
from streams.settings import Settings, load, secrets_of

STORE = 4711
"""ShipStation's number for the store that imports Shopify's orders."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A channel: its platform, the places it sees, those of them whose stock it keeps, and its lines of `onhand.toml`.

    `polled` ones send no webhooks that carry anything, so they are polled all day, every hour of it, or every so many real
    `seconds`; the others only once, at its end.
    """

    platform: str
    sees: Sequence[str]
    keeps: Sequence[str] = ()
    polled: bool = True
    seconds: float = 2.0
    lines: Sequence[str] = ()
    rules: Sequence[str] = ()


TOLD_ON_HAND = 'level = "on_hand"'
"""The rule of a channel that is told what is there, promised or not: who counts the shelves finds no difference then."""

SEATS: Mapping[str, Seat] = {
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

PLACES = tuple(dict.fromkeys(place for seat in SEATS.values() for place in seat.sees))

OPTIONAL_SECRETS = {
    "erp": ("consumer_key", "consumer_secret", "token_id", "token_secret"),
    "labels": ("v2_api_key",),
}
"""Secrets that a sandbox needs, and that settings leave out where nobody names them."""


def opening(skus: Sequence[str], chance: Random) -> dict[tuple[str, str], int]:
    """The stock before the day, by SKU and place."""
    return {(sku, place): chance.randint(150, 300) for sku in skus for place in PLACES}


def configured(data: Path, hour: float) -> Settings:
    """Writes `onhand.toml` with free ports, and reads it. An hour of the day is `hour` seconds, between two polls too."""
    generate(data)
    for channel, names in OPTIONAL_SECRETS.items():
        for name in names:
            os.environ.setdefault(f"ONHAND_{channel}_{name}".upper(), "sandbox")
    lines = ['data = "."', "[serve]", f"port = {free_port()}"]
    lines += [f"[locations.{place}]" for place in PLACES]
    lines += ["[authority]", f"channels = {list(SEATS)}"]
    for name, seat in SEATS.items():
        lines += [f"[channels.{name}]", f'platform = "{seat.platform}"', *seat.lines]
        lines += ['sandbox = "played by the day"', f"sandbox_port = {free_port()}"]
        lines += [f"poll_every = {max(seat.seconds, hour) if seat.polled else 0}"]
        lines += [f'folder = "{data / "exchange"}"'] if seat.platform == "rlm" else []
        lines += [f"[channels.{name}.rules]", 'publish = "locations"', f"locations = {list(seat.sees)}"]
        lines += seat.rules
    config = data / "onhand.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(config)


def sandbox(name: str, settings: Settings, stock: Mapping[tuple[str, str], int]) -> Any:
    """The double of a channel: with the stock of the places that it keeps, and nothing yet where it only sees."""
    seat, channel = SEATS[name], settings.channels[name]
    rows = [
        Row(sku, place, units if place in seat.keeps else 0)
        for place in seat.sees
        for (sku, where), units in stock.items()
        if where == place
    ]
    return sandbox_of(channel, secrets_of(name, settings.connector(name).secrets, channel), rows)
