"""The streams of server-sent events: rows of the availability grid that changed, and news for all other screens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from projections.dashboard.browsers import NotShown
from projections.dashboard.grid_pages import GRID_MAX, Grid
from projections.dashboard.house import House, guarded
from projections.dashboard.live import TooMany
from projections.pool import DatabaseError
from projections.problems import Problem

LOOK = 0.5
"""Seconds after which a stream looks whether it should end."""

QUIET = 15.0
"""Seconds after which a stream that has nothing to say says that it is there, and looks whether its browser is still signed in."""

STREAM = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}

Told = Callable[[set[str], set[str]], Awaitable[str]]

Missed = Callable[[], Awaitable[tuple[set[str], set[str]]]]


def event(name: str, data: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


def live_pages(house: House) -> APIRouter:
    """`/live`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)

    @router.get("/live/rows")
    async def rows(
        request: Request,
        sku: Annotated[list[str] | None, Query(max_length=GRID_MAX)] = None,
        loc: Annotated[list[str] | None, Query(max_length=20)] = None,
        ch: Annotated[list[str] | None, Query(max_length=20)] = None,
    ) -> Response:
        """The rows of these SKUs: all at once, and then each that changes."""
        grid, shown = Grid(house), sku or []

        async def missed() -> tuple[set[str], set[str]]:
            return set(), set(shown)

        async def told(_: set[str], changed: set[str]) -> str:
            return event("rows", await grid.rows(sorted(changed), loc or [], ch or [])) if changed else ""

        return _stream(house, request, shown, missed, told)

    @router.get("/live/news")
    async def news(
        request: Request,
        of: Annotated[list[str] | None, Query(max_length=20)] = None,
        sku: str | None = None,
        seen: str = "",
    ) -> Response:
        """That there is something new of these topics, or of a SKU. `seen` is what the page was made from."""
        wanted, then = set(of or []), seen.split(" ")

        async def missed() -> tuple[set[str], set[str]]:
            marks = await house.reading.marks()
            changed = {sku} if sku and await house.version(sku) not in then else set[str]()
            return {name for name in wanted if f"{name}:{marks.get(name, 0)}" not in then}, changed

        async def told(topics: set[str], changed: set[str]) -> str:
            return event("news", " ".join(sorted(topics & wanted))) if topics & wanted or changed else ""

        return _stream(house, request, [sku] if sku else [], missed, told)

    @router.get("/live/session")
    async def session() -> Response:
        """Whether one is signed in still, for a page whose stream was refused: a stream cannot say why."""
        return Response(status_code=204)

    return router


def _stream(house: House, request: Request, skus: list[str], missed: Missed, told: Told) -> Response:
    if house.hub.full:
        raise NotShown(503, "Too many watch", "the page shows what was when it was loaded", retry_after=30)
    return StreamingResponse(_events(house, request, skus, missed, told), headers=STREAM)


async def _events(
    house: House, request: Request, skus: list[str], missed: Missed, told: Told
) -> AsyncIterator[str]:
    """Ends where it cannot go on: a browser comes back by itself, and is told then what it missed."""
    said = monotonic()
    with suppress(TooMany, Problem, *DatabaseError):
        async with house.hub.watch(skus) as watcher:
            yield "retry: 2000\n\n" + await told(*await missed())
            while not house.given.stopping():
                if text := await told(*await watcher.told(LOOK)):
                    said = monotonic()
                    yield text
                    await asyncio.sleep(house.hub.pace)
                elif monotonic() - said > QUIET:
                    if house.entered(request) is None:
                        return
                    said = monotonic()
                    yield ": here\n\n"
