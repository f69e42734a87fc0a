"""The routes of what happened: movements, deals, and what went wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from projections.answers import paged
from projections.carrying import CarryingOut
from projections.document import refuses, tells
from projections.problems import Problem
from projections.queries import AGE_MAX
from projections.routes.journal_shapes import Commitments, DeadLetters, Deal, Movements, Oversells
from projections.routes.parameters import Cursor, Instant, Limit, Location, Sku, Transaction
from projections.service import Service

Days = Annotated[int, Query(ge=0, le=AGE_MAX, description="Whole days that have passed at least.")]


def journal_routes(service: Service) -> APIRouter:
    """`/movements`, `/transactions`, `/oversells`, `/commitments` and `/dead-letters`."""
    router, queries = APIRouter(), service.queries

    @router.get("/movements", responses=tells(Movements, pages=True) | refuses("bad-cursor"))
    async def list_movements(
        request: Request,
        sku: Sku = None,
        location: Location = None,
        since: Instant = None,
        until: Instant = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """The journal, newest first."""
        page = await queries.movements(
            sku=sku, location=location, since=since, until=until, cursor=cursor, limit=limit
        )
        return paged(request, page)

    @router.get(
        "/transactions/{transaction:path}",
        responses=tells(Deal, pages=True) | refuses("bad-cursor", "unknown-transaction"),
    )
    async def get_transaction(
        request: Request, transaction: Transaction, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """A deal: its movements, newest first, and what platforms were asked to carry out of it, at which place."""
        page = await queries.movements(transaction=transaction, cursor=cursor, limit=limit)
        carried_out = await CarryingOut(queries).shown(transaction)
        if not page.items and not carried_out and cursor is None:
            raise Problem(404, "Unknown transaction", "nothing has moved for it")
        return paged(request, page, transaction=transaction, carried_out=carried_out)

    @router.get("/oversells", responses=tells(Oversells, pages=True) | refuses("bad-cursor"))
    async def list_oversells(
        request: Request, sku: Sku = None, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """What took more than there was, and the one cause of each."""
        return paged(request, await queries.oversells(sku, limit, cursor))

    @router.get("/commitments", responses=tells(Commitments, pages=True) | refuses("bad-cursor"))
    async def list_commitments(
        request: Request,
        sku: Sku = None,
        location: Location = None,
        older_than_days: Days = 0,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Response:
        """What was ordered and has neither left nor been cancelled, oldest first."""
        page = await queries.commitments(
            service.clock(),
            sku=sku,
            location=location,
            older_than_days=older_than_days,
            cursor=cursor,
            limit=limit,
        )
        return paged(request, page)

    @router.get("/dead-letters", responses=tells(DeadLetters, pages=True) | refuses("bad-cursor"))
    async def list_dead_letters(
        request: Request, pending: bool = True, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """What was refused and why."""
        return paged(request, await queries.dead_letters(pending=pending, cursor=cursor, limit=limit))

    return router
