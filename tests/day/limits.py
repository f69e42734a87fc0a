"""How often each platform was asked, and how often that was once too often.

A platform that is asked too often says so: HTTP 429, or Shopify's bucket that has not enough points. Its limit is broken then,
whichever of our processes asked and however well they wait afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Watch:
    """What one platform was asked, and refused because it was too much."""

    asked: int = 0
    broken: int = 0


def watched(sandbox: Any) -> Watch:
    """Watches a sandbox that has not started yet."""
    watch = Watch()
    if hasattr(sandbox, "gate"):
        sandbox.gate.guard = _guard(sandbox.gate.guard, watch)
    elif hasattr(sandbox, "_bucket"):
        sandbox._bucket.take = _take(sandbox._bucket.take, watch)
    return watch


def _guard(inner: Callable[..., Awaitable[web.StreamResponse]], watch: Watch) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        watch.asked += 1
        found = await inner(request, handler)
        watch.broken += found.status == 429
        return found

    return guard


def _take(inner: Callable[[int], bool], watch: Watch) -> Callable[[int], bool]:
    def take(cost: int) -> bool:
        watch.asked += 1
        good = inner(cost)
        watch.broken += not good
        return good

    return take
