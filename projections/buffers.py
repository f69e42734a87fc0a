"""`/buffers` over HTTP: what each store should hold back of each SKU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from projections.evidence import PLACES_MAX, Evidences
from projections.queries import Queries
from schemas.buffers import Suggestion, suggested

DAYS = 90
"""Days whose evidence counts, unless others are asked for."""
DAYS_MAX = 3_650


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """Suggestions by SKU and location, and the cursor to more."""

    items: tuple[Suggestion, ...]
    next: str | None


def buffer_routes(queries: Queries, clock: Callable[[], datetime]) -> APIRouter:
    """`/buffers`."""
    router = APIRouter()

    @router.get("/buffers")
    async def buffers(
        location: str | None = None,
        sku: str | None = None,
        days: Annotated[int, Query(ge=1, le=DAYS_MAX)] = DAYS,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=PLACES_MAX)] = 100,
    ) -> Buffers:
        """How many units of each SKU each store should hold back from channels that sell from afar, why, and what that is expected to do:
        earned by the days since its last count, what counts found missing, news that came late, picks that failed, and oversells.
        """
        evidences = Evidences(queries, clock(), days)
        found, more = await evidences.page(sku=sku, location=location, cursor=cursor, limit=limit)
        return Buffers(items=tuple(map(suggested, found)), next=more)

    return router
