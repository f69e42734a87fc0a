"""The route of platforms' webhooks, which carry signatures of their own instead of our keys."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from projections.answers import answer
from projections.document import refuses, tells
from projections.routes.request_shapes import Accepted
from projections.service import Service

Platform = Annotated[str, Path(min_length=1, examples=["web"], description="The name of a channel.")]
BODY = {"description": "As the platform sends it.", "content": {"*/*": {"schema": {}}}}


def platform_routes(service: Service) -> APIRouter:
    """`/webhooks`."""
    router = APIRouter(tags=["platforms"])

    said: dict[str, Any] = {
        "responses": tells(Accepted)
        | refuses(
            *("unknown-channel", "no-webhooks", "signature-not-accepted", "malformed-body", "not-ready"),
            *("the-log-is-not-reachable", "the-vault-is-not-reachable", "invalid-request"),
        ),
        "openapi_extra": {"requestBody": BODY},
    }

    @router.post("/webhooks/{channel}", operation_id="take_webhook", **said)
    @router.post("/webhooks/{channel}/{path:path}", operation_id="take_webhook_at", **said)
    async def take_webhook(request: Request, channel: Platform, path: str = "") -> Response:
        """A platform's webhook, under the platform's own signature. 200 means it is in the log, or done."""
        await service.intake.webhook(channel, path, request.headers, await request.body())
        return answer({"accepted": True})

    return router
