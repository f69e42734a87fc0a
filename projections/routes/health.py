"""The routes that say how this process is."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from projections.access import Scope
from projections.answers import answer
from projections.document import refuses, tells
from projections.gate import needs
from projections.problems import Problem
from projections.routes.request_shapes import Live, Ready
from projections.service import Service

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that Prometheus reads."""


def health_routes(service: Service) -> APIRouter:
    """`/livez`, `/readyz` and `/metrics`."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", responses=tells(Live))
    async def get_live() -> Response:
        """The process runs."""
        return answer({"live": True})

    @router.get("/readyz", responses=tells(Ready) | refuses("not-ready"))
    async def get_ready() -> Response:
        """Whether it can do its work, check by check: `needed` ones decide, the others are about the rest of the installation."""
        found = service.ready()
        if found.reason is None:
            return answer({"ready": True, "checks": found.told})
        raise Problem(503, "Not ready", found.reason, retry_after=2, more={"checks": found.told})

    @router.get(
        "/metrics",
        dependencies=[needs(Scope.WATCH)],
        response_class=Response,
        responses={
            200: {
                "description": "The metrics of this process, and of the installation, in Prometheus' text format.",
                "content": {
                    EXPOSITION: {"schema": {"type": "string"}, "example": 'onhand_ready{part="serve"} 1.0\n'}
                },
            }
        },
    )
    async def get_metrics() -> Response:
        """What is measured. No label has a SKU, or anything personal."""
        return Response(service.metrics(), media_type=EXPOSITION)

    return router
