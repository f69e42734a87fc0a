"""Lists as X-Series keeps them: every row under the version at which it last changed."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice

SLACK = 10_000
"""Outdated entries beyond twice the rows in use before they are swept out."""


class Feed:
    """Keys (ints) by version. Versions only grow, so the log of changes is sorted and a page is found by bisection.

    A key that changed again leaves its old entry behind, which is stepped over until the next sweep.
    """

    def __init__(self, take_version: Callable[[], int]) -> None:
        self.versions: dict[int, int] = {}
        self._take_version = take_version
        self._log = array("q")
        self._keys = array("q")

    def touch(self, key: int) -> int:
        """Moves a key to a new version."""
        version = self.versions[key] = self._take_version()
        self._log.append(version)
        self._keys.append(key)
        if len(self._keys) > 2 * len(self.versions) + SLACK:
            self._sweep()
        return version

    def page(self, after: int, before: int | None, size: int, *, newest_first: bool = False) -> list[int]:
        """Up to `size` keys with versions above `after` and below `before`."""
        low = bisect_right(self._log, after)
        high = len(self._log) if before is None else bisect_left(self._log, before)
        span = range(low, high)
        return [
            self._keys[at]
            for at in islice(self._current(reversed(span) if newest_first else iter(span)), size)
        ]

    def _current(self, span: Iterator[int]) -> Iterator[int]:
        return (at for at in span if self.versions[self._keys[at]] == self._log[at])

    def _sweep(self) -> None:
        kept = list(self._current(iter(range(len(self._log)))))
        self._log = array("q", (self._log[at] for at in kept))
        self._keys = array("q", (self._keys[at] for at in kept))
