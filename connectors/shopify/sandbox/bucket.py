"""Shopify's cost bucket: points per app and shop, restored every second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS_HELD = 20
"""The bucket holds this many seconds of its restore rate (recorded: 2,000 points at 100 points a second)."""


class Bucket:
    """`restore_rate` points a second; a Standard shop has 100 (shopify.dev rate limits)."""

    def __init__(self, restore_rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.restore_rate = restore_rate
        self.maximum = restore_rate * SECONDS_HELD
        self._held = self.maximum
        self._clock = clock
        self._at = clock()

    def take(self, cost: int) -> bool:
        """Takes the points of a call, if they are there."""
        now = self._clock()
        self._held = min(self.maximum, self._held + (now - self._at) * self.restore_rate)
        self._at = now
        if cost > self._held:
            return False
        self._held -= cost
        return True

    def extensions(self, requested: int, actual: int | None) -> dict[str, Any]:
        """The `extensions` of an answer."""
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": int(self._held),
            "restoreRate": self.restore_rate,
        }
        return {
            "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": status,
            }
        }
