"""The route by which applications of one's own hand documents in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from projections.answers import answer
from projections.document import refuses, tells
from projections.problems import Problem
from projections.routes.request_shapes import Accepted
from projections.service import Service

KEY_MAX = 255
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The name of the document, or of the file: the same key again is the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX},
    "example": "till-7/42",
}
LINE = {"fact": "adjusted_down", "sku": "TEE-BLACK-M", "quantity": 1, "at": "2026-11-20T15:00:00Z"}
LINE |= {"location": "SOHO", "reason": "broken"}
ROWS = "fact,sku,quantity,at,location\ncounted,TEE-BLACK-M,12,2026-11-20T15:00:00Z,SOHO\n"
BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Custom"}, "example": {"lines": [LINE]}},
        "text/csv": {"schema": {"type": "string"}, "example": ROWS},
    },
}


def posting_routes(service: Service) -> APIRouter:
    """`POST /movements`."""
    router = APIRouter()

    @router.post(
        "/movements",
        status_code=202,
        responses=tells(Accepted, 202)
        | refuses(
            *("no-idempotency-key", "malformed-claim", "malformed-upload", "unknown-location"),
            *("a-bundle-has-no-shelf", "the-log-is-not-reachable"),
        ),
        openapi_extra={"parameters": [KEY], "requestBody": BODY},
    )
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
