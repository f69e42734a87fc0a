"""What somebody asks, through their platform, of what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrivacyRequest:
    """To be shown what is kept of them, or to be forgotten. It is for the vault and never for the log, so it shows nothing of itself.

    `customer` is the platform's own name for them, None where it has none; `orders` its names for orders that they placed, as a
    guest perhaps. `everybody` means all of the channel, of whom nobody needs to be named. `topic` is what the platform calls it.
    """

    topic: str
    asks: Literal["show", "forget"]
    customer: str | None = None
    orders: tuple[str, ...] = ()
    everybody: bool = False

    def __repr__(self) -> str:
        return f"PrivacyRequest({self.topic!r}, ...)"
