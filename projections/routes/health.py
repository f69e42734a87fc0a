"""The routes that say how this process is."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from projections.answers import answer
from projections.document import refuses, tells
from projections.problems import Problem
from projections.routes.request_shapes import Live, Ready
from projections.service import Service


def health_routes(service: Service) -> APIRouter:
    """`/livez` and `/readyz`."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", responses=tells(Live))
    async def get_live() -> Response:
        """The process runs."""
        return answer({"live": True})

    @router.get("/readyz", responses=tells(Ready) | refuses("not-ready"))
    async def get_ready() -> Response:
        """The log and the database answer."""
        reason = await service.ready()
        if reason is None:
            await service.queries.rows("SELECT 1")
            return answer({"ready": True})
        raise Problem(503, "Not ready", reason, retry_after=2)

    return router
