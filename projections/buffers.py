"""`/buffers` over HTTP: what each store should hold back of each SKU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from projections.answers import paged
from projections.document import refuses, tells
from projections.evidence import PLACES_MAX, Evidences
from projections.queries import Page
from projections.routes.parameters import Cursor, Location, Sku
from projections.service import Service
from schemas.buffers import Suggestion, suggested

DAYS = 90
"""Days whose evidence counts, unless others are asked for."""
DAYS_MAX = 3_650

Days = Annotated[int, Query(ge=1, le=DAYS_MAX, description="Days whose evidence counts.")]
Cells = Annotated[int, Query(ge=1, le=PLACES_MAX, description="Items of a page at most.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """Suggestions by SKU and location, and the cursor to more."""

    items: tuple[Suggestion, ...]
    next: str | None


def buffer_routes(service: Service) -> APIRouter:
    """`/buffers`."""
    router = APIRouter()

    @router.get("/buffers", responses=tells(Buffers, pages=True) | refuses("bad-cursor"))
    async def list_buffers(
        request: Request,
        location: Location = None,
        sku: Sku = None,
        days: Days = DAYS,
        cursor: Cursor = None,
        limit: Cells = 100,
    ) -> Response:
        """How many units of each SKU each store should hold back from channels that sell from afar, why, and what that is expected to do:
        earned by the days since its last count, what counts found missing, news that came late, picks that failed, and oversells.
        """
        evidences = Evidences(service.queries, service.clock(), days)
        found, more = await evidences.page(sku=sku, location=location, cursor=cursor, limit=limit)
        return paged(request, Page([asdict(suggested(one)) for one in found], more))

    return router
