"""The routes of why: a number explained, an oversell told, and the buffers that stores have earned."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from projections.answers import answer, paged
from projections.document import refuses, tells
from projections.evidence import DAYS, DAYS_MAX, PLACES_MAX, Evidences
from projections.explain import explain
from projections.explain.answer import AsOf, Explained
from projections.listed import Buffers, Stories
from projections.paging import Page
from projections.postmortem import Postmortem
from projections.problems import Problem
from projections.routes.parameters import NAME_PATTERN, Channel, Cursor, InPath, Instant, Location, Sku
from projections.service import Service
from schemas.buffers import suggested

MovementId = Annotated[str, Path(min_length=1, max_length=64, pattern=NAME_PATTERN, examples=["1-4-0"])]


def why_routes(service: Service) -> APIRouter:
    """`/explain`, `/oversells/{movement}` and `/buffers`."""
    router, queries = APIRouter(), service.queries
    postmortem = Postmortem(queries, service.rules)

    @router.get("/explain/{sku:path}", responses=tells(Explained) | refuses("unknown-channel"))
    async def explain_number(
        sku: InPath, channel: Channel, at: Instant = None, known_at: Instant = None
    ) -> Response:
        """Why the channel shows that number: now, or as of what had occurred `at`, of what was recorded by `known_at`, under the rules
        that held then.
        """
        service.channel(channel)
        found = await explain(
            queries,
            sku,
            channel,
            service.rules(),
            skews=service.skews(),
            as_of=AsOf(at=at, known_at=known_at),
            events=() if service.ruling is None else service.ruling.events,
        )
        return answer(found)

    @router.get("/oversells/{movement}", responses=tells(Stories) | refuses("unknown-oversell"))
    async def get_oversell(movement: MovementId) -> Response:
        """How it came about that a movement took more than there was: the last numbers that each platform was told, who took the last
        units and when that came to be known, the one cause, and what would have prevented it.
        """
        found = await postmortem.of(movement)
        if not found:
            raise Problem(404, "Unknown oversell", "no movement of that id took more than there was")
        return answer({"movement": movement, "items": found})

    @router.get("/buffers", responses=tells(Buffers, pages=True) | refuses("bad-cursor"))
    async def list_buffers(
        request: Request,
        location: Location = None,
        sku: Sku = None,
        days: Annotated[int, Query(ge=1, le=DAYS_MAX, description="Days whose evidence counts.")] = DAYS,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=PLACES_MAX)] = 100,
    ) -> Response:
        """How many units of each SKU each store should hold back from channels that sell from afar, why, and what that is expected to do:
        earned by the days since its last count, what counts found missing, news that came late, picks that failed, and oversells.
        """
        evidences = Evidences(queries, service.clock(), days)
        found, more = await evidences.page(sku=sku, location=location, cursor=cursor, limit=limit)
        return paged(request, Page([asdict(suggested(one)) for one in found], more))

    return router
