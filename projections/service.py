"""What the routes work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from projections.access import Caller
from projections.problems import Problem
from projections.queries import Queries
from projections.reservations import Reserving
from projections.rules import Ruling
from schemas.rules import ChannelRules, Rules
from schemas.sites import Site


class Intake(Protocol):
    """Where documents go. Returning means they are in the log; `Problem` means they are not."""

    async def webhook(self, channel: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Takes a platform's webhook in."""

    async def movements(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes a custom application's claim in; the same key again is the same claim."""

    async def upload(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes many in, from a CSV file."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with. `rules` are those in force, `skews` by how many seconds each channel's clock may be wrong,
    `keys` says whose a key is, `ready` says why not, or None, `sites` are the places that keep stock.
    """

    queries: Queries
    rules: Callable[[], Rules]
    skews: Callable[[], Mapping[str, float]]
    clock: Callable[[], datetime]
    keys: Callable[[str], Caller | None]
    intake: Intake
    ready: Callable[[], Awaitable[str | None]]
    reserving: Reserving
    ruling: Ruling | None
    sites: Callable[[], Sequence[Site]]

    def channel(self, name: str) -> ChannelRules:
        """A channel's rules. Raises a 404 problem for a channel that is not configured."""
        found = self.rules().channels.get(name)
        if found is None:
            raise Problem(404, "Unknown channel", f"channels are: {', '.join(self.rules().channels)}")
        return found
