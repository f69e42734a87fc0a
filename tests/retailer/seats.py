"""A retailer: its channels, who keeps which place's stock, who else sees it, and the `onhand.toml` and the doubles that follow.

Who keeps a place is whose levels become its opening stock. Everybody who sees a place sells, sends or receives there, and is
told its number by the hub.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.contract import Row
from connectors.sandboxes import sandbox_of
from deploy.processes import free_port
from streams.keys import generate
from streams.settings import Settings, load, secrets_of

TOLD_ON_HAND = 'level = "on_hand"'
"""The rule of a channel that is told what is there, promised or not: who counts the shelves finds no difference then."""

OPTIONAL_SECRETS = {
    "netsuite": ("consumer_key", "consumer_secret", "token_id", "token_secret"),
    "shipstation": ("v2_api_key",),
}
"""Secrets that a platform's sandbox needs, and that settings leave out where nobody names them."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A channel: its platform, the places it sees, those of them whose stock it keeps, and its lines of `onhand.toml`.

    `polled` ones are polled all day, every hour of it, or every so many real `seconds`; the others only when somebody asks. One
    with a `network` is told one number for all places, none of them preferred, and shows it there.
    """

    platform: str
    sees: Sequence[str]
    keeps: Sequence[str] = ()
    polled: bool = True
    seconds: float = 2.0
    lines: Sequence[str] = ()
    rules: Sequence[str] = ()
    network: str | None = None

    @property
    def shows(self) -> Sequence[str]:
        """The places at which it shows a number that it was told."""
        return self.sees if self.network is None else (self.network,)


Seats = Mapping[str, Seat]


def places(seats: Seats) -> tuple[str, ...]:
    """All places."""
    return tuple(dict.fromkeys(place for seat in seats.values() for place in seat.sees))


def configured(
    data: Path, seats: Seats, hour: float = 0.0, about: Mapping[str, Sequence[str]] | None = None
) -> Settings:
    """Writes `onhand.toml` with free ports, and reads it. An hour of the day is `hour` seconds, between two polls too. `about` has
    the lines of places that have any.
    """
    generate(data)
    for name, seat in seats.items():
        for secret in OPTIONAL_SECRETS.get(seat.platform, ()):
            os.environ.setdefault(f"ONHAND_{name}_{secret}".upper(), "sandbox")
    lines = ['data = "."', "[serve]", f"port = {free_port()}"]
    for place in places(seats):
        lines += [f"[locations.{place}]", *(about or {}).get(place, ())]
    lines += ["[authority]", f"channels = {list(seats)}"]
    for name, seat in seats.items():
        lines += [f"[channels.{name}]", f'platform = "{seat.platform}"', *seat.lines]
        lines += ['sandbox = "played"', f"sandbox_port = {free_port()}"]
        lines += [f"poll_every = {max(seat.seconds, hour) if seat.polled else 0}"]
        lines += [f'folder = "{data / "exchange"}"'] if seat.platform == "rlm" else []
        lines += [f"[channels.{name}.rules]", *seat.rules]
        if seat.network is None:
            lines += ['publish = "locations"', f"locations = {list(seat.sees)}"]
    config = data / "onhand.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(config)


def sandbox(name: str, seat: Seat, settings: Settings, stock: Mapping[tuple[str, str], int]) -> Any:
    """The double of a channel: with the stock of the places that it keeps, and nothing yet where it only sees."""
    channel = settings.channels[name]
    rows = [
        Row(sku, place, units if place in seat.keeps else 0)
        for place in seat.sees
        for (sku, where), units in stock.items()
        if where == place
    ]
    return sandbox_of(channel, secrets_of(name, settings.connector(name).secrets, channel), rows)
