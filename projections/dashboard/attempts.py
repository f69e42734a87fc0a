"""How often somebody may try to sign in. Pure but for what it counts: the clock is an argument."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

WITHIN = timedelta(minutes=5)
"""Failures older than this are forgotten."""

EACH = 10
"""Failures that one address may have in that time."""

ALL = 200
"""Failures that all addresses together may have in that time."""

ADDRESSES_MAX = 1_000
"""Addresses whose failures are remembered; the one that failed longest ago goes first."""


class Attempts:
    """The failures to sign in, by address."""

    def __init__(self, each: int = EACH, every: int = ALL) -> None:
        self._each, self._every = each, every
        self._failed: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._all: deque[datetime] = deque(maxlen=every)

    def wait(self, address: str, now: datetime) -> int:
        """In how many seconds an address may try; 0: now."""
        mine = self._failed.get(address)
        due = [
            _due(times, now)
            for times, most in ((mine, self._each), (self._all, self._every))
            if _full(times, most, now)
        ]
        return max(due, default=0)

    def failed(self, address: str, now: datetime) -> None:
        """Notes that an address tried in vain."""
        times = self._failed.setdefault(address, deque(maxlen=self._each))
        self._failed.move_to_end(address)
        times.append(now)
        self._all.append(now)
        while len(self._failed) > ADDRESSES_MAX:
            self._failed.popitem(last=False)


def _full(times: deque[datetime] | None, most: int, now: datetime) -> bool:
    return times is not None and len(times) >= most and now - times[0] < WITHIN


def _due(times: deque[datetime] | None, now: datetime) -> int:
    assert times is not None
    return int((times[0] + WITHIN - now).total_seconds()) + 1
