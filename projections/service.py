"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
class Readiness:
    """Whether a process can do its work: of each check by name why it does not hold, or None; and which of them it needs."""

    checks: Mapping[str, str | None]
    needed: frozenset[str]

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""
        faults = [f"{name}: {why}" for name, why in self.checks.items() if why and name in self.needed]
        return "; ".join(faults) or None

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """The checks as `/readyz` tells them."""
        return {
            name: {"ok": why is None, "needed": name in self.needed, "reason": why}
            for name, why in self.checks.items()
        }


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with. `rules` are those in force, `skews` by how many seconds each channel's clock may be wrong,
    `keys` says whose a key is, `ready` how this process is, `metrics` are its own as Prometheus reads them, `sites` are the places that
    keep stock.
    """

    queries: Queries
    rules: Callable[[], Rules]
    skews: Callable[[], Mapping[str, float]]
    clock: Callable[[], datetime]
    keys: Callable[[str], Caller | None]
    intake: Intake
    ready: Callable[[], Readiness]
    metrics: Callable[[], bytes]
    reserving: Reserving
    ruling: Ruling | None
    sites: Callable[[], Sequence[Site]]

    def channel(self, name: str) -> ChannelRules:
        """A channel's rules. Raises a 404 problem for a channel that is not configured."""
        found = self.rules().channels.get(name)
        if found is None:
            raise Problem(404, "Unknown channel", f"channels are: {', '.join(self.rules().channels)}")
        return found
