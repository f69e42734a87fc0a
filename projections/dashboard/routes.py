"""All pages, as one router."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from projections.access import Caller
from projections.dashboard import assets
from projections.dashboard.asof_pages import asof_pages
from projections.dashboard.channel_pages import channel_pages
from projections.dashboard.grid_pages import grid_pages
from projections.dashboard.house import Dashboard, House, open_to_all
from projections.dashboard.letter_pages import letter_pages
from projections.dashboard.live import Hub
from projections.dashboard.live_pages import live_pages
from projections.dashboard.oversell_pages import oversell_pages
from projections.dashboard.reading import Reading
from projections.dashboard.signing_in import sign_in_pages, sign_out_pages
from projections.dashboard.sku_pages import sku_pages
from projections.dashboard.why_pages import why_pages
from projections.pool import Pool
from schemas.rules import Rules

SCREENS = (
    *(grid_pages, sku_pages, why_pages, asof_pages, oversell_pages, channel_pages, letter_pages),
    *(live_pages, sign_in_pages, sign_out_pages),
)


def dashboard_routes(
    pool: Pool,
    *,
    rules: Callable[[], Rules],
    events: Callable[[], Sequence[Rules]] = tuple,
    skews: Callable[[], Mapping[str, float]],
    clock: Callable[[], datetime],
    keys: Callable[[str], Caller | None],
    given: Dashboard | None = None,
) -> APIRouter:
    """The dashboard. `keys` says who an API key belongs to, `rules` are those in force, `events` all changes of them, oldest first, `skews` by how many seconds each channel's clock
    may be wrong.
    """
    reading = Reading(pool)

    async def versions(skus: Sequence[str]) -> dict[str, str]:
        return await reading.versions(skus, list(rules().channels))

    house = House(
        reading=reading,
        rules=rules,
        events=events,
        skews=skews,
        clock=clock,
        keys=keys,
        given=given or Dashboard(),
        hub=Hub(reading.marks, versions),
    )
    router = APIRouter()
    for screen in SCREENS:
        router.include_router(screen(house))
    files = APIRouter(route_class=open_to_all(house), include_in_schema=False)

    @files.get("/static/{digest}/{name}")
    async def file(request: Request, digest: str, name: str) -> Response:
        """A script or a style."""
        return assets.answer(request, digest, name)

    router.include_router(files)
    return router
