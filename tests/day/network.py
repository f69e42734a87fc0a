"""The way of the webhooks: some are lost, some come twice, and all of them late by up to an hour of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.emitter import Emitter

LOST, DOUBLED = 0.02, 0.10
"""Shares of the webhooks."""


@dataclass(slots=True)
class Scrambler(Emitter):
    """Sends a sandbox's webhooks in an order of chance. `hour` is in seconds; `swallowed` and `repeated` are counted."""

    hour: float = 1.0
    swallowed: int = 0
    repeated: int = 0

    def send(self, url: str, body: bytes, headers: Mapping[str, str], tag: str = "") -> None:
        """Queues a delivery, or two, or none."""
        if self._random.random() < LOST:
            self.swallowed += 1
            return
        self._spawn(url, body, headers, tag, self._random.uniform(0, self.hour))
        if self._random.random() < DOUBLED:
            self.repeated += 1
            self._spawn(url, body, headers, "", self._random.uniform(0, self.hour))
