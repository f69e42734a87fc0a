"""Who was asked to wait, and whether he did.

A platform that is asked too often says so, and for how long nobody should ask again: HTTP 429, or Shopify's bucket that
has not enough points. That is a limit *reached*. It is *broken* where the process that was told so asks again before that
time is over. The worker, the server and a command are processes of their own and share no memory of it: each of them may
reach a limit once, and must wait then.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from aiohttp import web

GRACE = 0.25
"""Seconds by which a wait may be shorter than it was asked for: a request's own way, and clocks of whole seconds."""


@dataclass(slots=True)
class Watch:
    """What one platform answered. `told` is who was asked to wait by which of its limits, and until when
    (`time.monotonic()`).
    """

    asked: int = 0
    reached: int = 0
    broken: int = 0
    told: dict[tuple[str, int], float] = field(default_factory=dict)

    def admit(self, limit: str, port: int) -> None:
        """A request arrives from a port."""
        self.asked += 1
        waiting = [who for who, until in self.told.items() if until - GRACE > time.monotonic()]
        if waiting and (limit, _process_at(port)) in waiting:
            self.broken += 1

    def refuse(self, limit: str, port: int, wait: float) -> None:
        """Who asked from a port is asked to wait so many seconds."""
        self.reached += 1
        self.told[limit, _process_at(port)] = time.monotonic() + wait


def _process_at(port: int) -> int:
    """The process on this machine that has a connection from a port; 0 where it is gone."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if int(row[1].rpartition(":")[2], 16) == port}
    if port == 0:
        return 0
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
    return 0


def watched(sandbox: Any) -> Watch:
    """Watches a sandbox that has not started yet."""
    watch = Watch()
    if hasattr(sandbox, "gate"):
        sandbox.gate.guard = _guard(sandbox.gate.guard, watch)
    elif hasattr(sandbox, "_bucket"):
        sandbox._bucket.take = _take(sandbox._bucket, watch)
    return watch


def _guard(inner: Callable[..., Awaitable[web.StreamResponse]], watch: Watch) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        limit = "v2" if request.path.startswith("/v2/") else "all"
        port = request.transport.get_extra_info("peername")[1] if request.transport is not None else 0
        watch.admit(limit, port)
        found = await inner(request, handler)
        if found.status == 429:
            watch.refuse(limit, port, _wait(found))
        return found

    return guard


def _wait(found: web.StreamResponse) -> float:
    said = found.headers.get("Retry-After") or found.headers.get("X-Rate-Limit-Reset") or "0"
    if said.replace(".", "", 1).isdigit():
        return float(said)
    until, now = parsedate_to_datetime(said), parsedate_to_datetime(found.headers["Date"])
    return (until - now).total_seconds()


def _take(bucket: Any, watch: Watch) -> Callable[[int], bool]:
    inner = bucket.take

    def take(cost: int) -> bool:
        watch.admit(
            "points", 0
        )  # a bucket does not know who asks: here nobody may ask before it has the points
        good: bool = inner(cost)
        if not good:
            watch.refuse("points", 0, (cost - bucket._held) / bucket.restore_rate)
        return good

    return take
