"""The routes of what there is and what may be sold."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from projections.answers import answer, paged, revalidated
from projections.document import refuses, tells
from projections.problems import Problem
from projections.routes.parameters import Channel, Cursor, InPath, Instant, Limit, Location, Name
from projections.routes.stock_shapes import Balances, Channels, Numbers
from projections.service import Service
from schemas.ledger import view

SKUS_MAX = 1_000
NO_NUMBERS = {"skus": 0, "units": 0, "told": 0, "waiting": None, "failing_since": None, "reason": None}


def stock_routes(service: Service) -> APIRouter:
    """`/stock`, `/availability` and `/channels`."""
    router, queries = APIRouter(), service.queries

    @router.get("/stock/{sku:path}", responses=tells(Balances, etag=True) | refuses("unknown-sku"))
    async def get_stock(
        request: Request, sku: InPath, location: Location = None, at: Instant = None, known_at: Instant = None
    ) -> Response:
        """The balances of a SKU: now, as of what had occurred `at`, or as of what was recorded by `known_at`."""
        found = await queries.shown(sku, at, known_at)
        if found is None:
            timed = at is not None or known_at is not None
            raise Problem(404, "Unknown SKU", "it has not moved" + (" by then" if timed else ""))
        return revalidated(request, view(found, location))

    @router.get(
        "/availability",
        responses=tells(Numbers, pages=True, etag=True) | refuses("unknown-channel", "bad-cursor"),
    )
    async def list_availability(
        request: Request,
        channel: Channel,
        sku: Annotated[list[Name] | None, Query(max_length=SKUS_MAX)] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """What a channel may sell, of the named SKUs or, page by page, of all."""
        service.channel(channel)
        return paged(request, await queries.availability(channel, sku or [], cursor, limit), etag=True)

    @router.get("/channels", responses=tells(Channels))
    async def list_channels() -> Response:
        """The configured channels: how many SKUs have a number there, how many wait to be told, and since when and why none can."""
        counted = {row["channel"]: row for row in await queries.channels()}
        rows = [{"channel": name, **NO_NUMBERS, **counted.get(name, {})} for name in service.rules().channels]
        return answer({"items": rows})

    return router
