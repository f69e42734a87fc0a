"""`/explain` over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from projections.answers import answer
from projections.document import refuses, tells
from projections.explain import explain
from projections.explain.answer import AsOf, Explained
from projections.routes.parameters import Channel, InPath, Instant
from projections.service import Service


def explain_routes(service: Service) -> APIRouter:
    """`/explain/{sku}`."""
    router = APIRouter()

    @router.get("/explain/{sku:path}", responses=tells(Explained) | refuses("unknown-channel"))
    async def explain_number(
        sku: InPath, channel: Channel, at: Instant = None, known_at: Instant = None
    ) -> Response:
        """Why the channel shows that number: now, or as of what had occurred `at`, of what was recorded by `known_at`, under the rules
        that held then.
        """
        service.channel(channel)
        events = () if service.ruling is None else service.ruling.events
        found = await explain(
            service.queries,
            sku,
            channel,
            service.rules(),
            skews=service.skews(),
            as_of=AsOf(at=at, known_at=known_at),
            events=events,
        )
        return answer(found)

    return router
