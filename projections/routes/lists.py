"""The routes of lists: SKUs, deals, receipts, drift, late facts. Each in an order that does not shift, page by page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from projections.answers import answer, paged
from projections.document import refuses, tells
from projections.listed import ComparedCells, Deals, LateFacts, Letter, Receipts, Skus
from projections.problems import Problem
from projections.routes.parameters import Cursor, Instant, Limit, Location, Name, Sku
from projections.service import Service
from schemas.receipts import Outcome

CHANNELS_MAX = 50

Asked = Annotated[Name, Query(examples=["TEE-BLACK-M"])]
At = Annotated[AwareDatetime, Query(examples=["2026-11-20T12:00:00Z"])]
OfChannel = Annotated[Name | None, Query(description="Only of this channel.", examples=["web"])]
Channels = Annotated[list[Name] | None, Query(max_length=CHANNELS_MAX)]
LetterId = Annotated[str, Path(pattern="^[0-9]{1,9}-[0-9]{1,18}$", examples=["0-17"])]


def list_routes(service: Service) -> APIRouter:
    """`/skus`, `/transactions`, `/late-facts`, `/receipts`, `/drift` and `/dead-letters/{ident}`."""
    router = APIRouter()
    _goods(router, service)
    _clocks(router, service)
    _talk(router, service)
    return router


def _goods(router: APIRouter, service: Service) -> None:
    queries = service.queries

    @router.get("/skus", responses=tells(Skus, pages=True) | refuses("bad-cursor", "unknown-channel"))
    async def list_skus(
        request: Request,
        prefix: Annotated[str, Query(max_length=255, pattern=r"^[^\x00]*$")] = "",
        location: Location = None,
        channel: Channels = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """SKUs that have moved, with their balances, in the order of their names; those of one location where one is named. Each
        `channel` that is named adds what it may sell. A page may be short, or empty, and have a next one still.
        """
        for name in channel or []:
            service.channel(name)
        page = await queries.skus(
            prefix=prefix, location=location, channels=channel or [], cursor=cursor, limit=limit
        )
        return paged(request, page)

    @router.get("/transactions", responses=tells(Deals, pages=True) | refuses("bad-cursor"))
    async def list_transactions(
        request: Request,
        sku: Sku = None,
        channel: OfChannel = None,
        since: Instant = None,
        until: Instant = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """Deals, by their newest movement of what is asked for, newest first. A page may be short, or empty, and have a next one
        still.
        """
        page = await queries.transactions(
            sku=sku, channel=channel, since=since, until=until, cursor=cursor, limit=limit
        )
        return paged(request, page)


def _clocks(router: APIRouter, service: Service) -> None:
    queries = service.queries

    @router.get("/late-facts", responses=tells(LateFacts, pages=True) | refuses("bad-cursor", "bad-bounds"))
    async def list_late_facts(
        request: Request,
        sku: Asked,
        at: At,
        location: Location = None,
        known_at: Instant = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """What was recorded after `at` (by `known_at`) about what had occurred by then, in the order in which it became known; and
        what was believed at `at`, and what was true.
        """
        if known_at is not None and known_at < at:
            raise Problem(422, "Bad bounds", "known_at is before at: nothing can have become known since")
        page = await queries.late_facts(sku, at, known_at, location=location, cursor=cursor, limit=limit)
        between = await queries.between(sku, at, known_at, location)
        return paged(
            request,
            page,
            sku=sku,
            at=at,
            known_at=known_at,
            believed=between.believed,
            learned=between.learned,
            true=between.true,
        )


def _talk(router: APIRouter, service: Service) -> None:
    queries = service.queries

    @router.get("/receipts", responses=tells(Receipts, pages=True) | refuses("bad-cursor"))
    async def list_receipts(
        request: Request,
        sku: Sku = None,
        channel: OfChannel = None,
        outcome: Outcome | None = None,
        since: Instant = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """What platforms were told and what they answered, newest first."""
        page = await queries.receipts(
            sku=sku, channel=channel, outcome=outcome, since=since, cursor=cursor, limit=limit
        )
        return paged(request, page)

    @router.get(
        "/drift", responses=tells(ComparedCells, pages=True) | refuses("bad-cursor", "unknown-channel")
    )
    async def list_drift(
        request: Request,
        channel: OfChannel = None,
        sku: Sku = None,
        location: Location = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """The newest level that each platform reported of itself, beside what we believe that it shows. A `difference` means something
        where it is `settled`; documents of the platform that are newer than the observation differ too.
        """
        asked = service.rules().channels if channel is None else {channel: service.channel(channel)}
        page = await queries.drift(asked, sku=sku, location=location, cursor=cursor, limit=limit)
        return paged(request, page)

    @router.get("/dead-letters/{ident}", responses=tells(Letter) | refuses("unknown-dead-letter"))
    async def get_dead_letter(ident: LetterId) -> Response:
        """A dead letter with its payload, by its id."""
        found = await queries.dead_letter(ident)
        if found is None:
            raise Problem(404, "Unknown dead letter", "its id is `partition-offset`, as the list has it")
        return answer(found)
