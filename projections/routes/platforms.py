"""The route of platforms' webhooks, which carry signatures of their own instead of our keys."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from projections.answers import answer
from projections.service import Service


def platform_routes(service: Service) -> APIRouter:
    """`/webhooks`."""
    router = APIRouter(tags=["platforms"])

    @router.post("/webhooks/{channel}", operation_id="take_webhook")
    @router.post("/webhooks/{channel}/{path:path}", operation_id="take_webhook_at")
    async def take_webhook(request: Request, channel: str, path: str = "") -> Response:
        """A platform's webhook, under the platform's own signature. 200 means it is in the log, or done."""
        await service.intake.webhook(channel, path, request.headers, await request.body())
        return answer({"accepted": True})

    return router
