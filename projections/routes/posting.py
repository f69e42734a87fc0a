"""The route by which applications of one's own hand documents in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from projections.answers import answer
from projections.problems import Problem
from projections.service import Service

KEY_MAX = 255


def posting_routes(service: Service) -> APIRouter:
    """`POST /movements`."""
    router = APIRouter()

    @router.post("/movements", status_code=202)
    async def post_movements(request: Request) -> Response:
        """A claim of an application of your own, or as `text/csv` many. The `Idempotency-Key` header names it: the same key
        is the same claim.
        """
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= KEY_MAX:
            raise Problem(400, "No idempotency key", "send an Idempotency-Key header of 1 to 255 characters")
        body = await request.body()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv":
            return answer(await service.intake.upload(body, key), 202)
        return answer(await service.intake.movements(body, key), 202)

    return router
