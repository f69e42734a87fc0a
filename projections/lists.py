"""Lists over HTTP: SKUs, deals, receipts, drift, late facts, a dead letter. Each in an order that does not shift, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from projections.document import refuses
from projections.listed import Cells, Deals, LateFacts, Letter, Receipts, Skus
from projections.problems import Problem
from projections.queries import Page, Queries
from schemas.receipts import Outcome
from schemas.rules import Rules

Limit = Annotated[int, Query(ge=1, le=1_000)]
Cursor = Annotated[str | None, Query(description="Where the page before ended: its `next`.")]


def list_routes(queries: Queries, rules: Callable[[], Rules]) -> APIRouter:
    """The lists. `rules` are those in force."""
    router = APIRouter()
    _goods(router, queries, rules)
    _talk(router, queries, rules)
    return router


def _goods(router: APIRouter, queries: Queries, rules: Callable[[], Rules]) -> None:
    @router.get("/skus", response_model=Skus, responses=refuses("unknown-channel", "bad-cursor"))
    async def skus(
        prefix: Annotated[str, Query(max_length=255)] = "",
        location: str | None = None,
        channel: Annotated[list[str] | None, Query(max_length=50)] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        """SKUs that have moved, with their balances, in the order of their names; those of one location where one is named. Each
        `channel` that is named adds what it may sell. A page may be short, or empty, and have a next one still.
        """
        for name in channel or []:
            _known(name, rules())
        page = await queries.skus(
            prefix=prefix, location=location, channels=channel or [], cursor=cursor, limit=limit
        )
        return _shown(page)

    @router.get("/transactions", response_model=Deals, responses=refuses("bad-cursor"))
    async def transactions(
        sku: str | None = None,
        channel: str | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        """Deals, by their newest movement of what is asked for, newest first. A page may be short, or empty, and have a next one
        still.
        """
        page = await queries.transactions(
            sku=sku, channel=channel, since=since, until=until, cursor=cursor, limit=limit
        )
        return _shown(page)

    @router.get("/late-facts", response_model=LateFacts, responses=refuses("bad-cursor"))
    async def late_facts(
        sku: str,
        at: AwareDatetime,
        location: str | None = None,
        known_at: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        """What was recorded after `at` (by `known_at`) about what had occurred by then, in the order in which it became known; and
        what was believed at `at`, and what was true.
        """
        if known_at is not None and known_at < at:
            raise Problem(
                422, "Invalid request", "known_at is before at: nothing can have become known since"
            )
        page = await queries.late_facts(sku, at, known_at, location=location, cursor=cursor, limit=limit)
        between = await queries.between(sku, at, known_at, location)
        sums = {"believed": between.believed, "learned": between.learned, "true": between.true}
        return {"sku": sku, "at": at, "known_at": known_at, **sums, **_shown(page)}


def _talk(router: APIRouter, queries: Queries, rules: Callable[[], Rules]) -> None:
    @router.get("/receipts", response_model=Receipts, responses=refuses("bad-cursor"))
    async def receipts(
        sku: str | None = None,
        channel: str | None = None,
        outcome: Outcome | None = None,
        since: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        """What platforms were told and what they answered, newest first."""
        page = await queries.receipts(
            sku=sku, channel=channel, outcome=outcome, since=since, cursor=cursor, limit=limit
        )
        return _shown(page)

    @router.get("/drift", response_model=Cells, responses=refuses("unknown-channel", "bad-cursor"))
    async def drift(
        channel: str | None = None,
        sku: str | None = None,
        location: str | None = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Any:
        """The newest level that each platform reported of itself, beside what we believe that it shows. A `difference` means something
        where it is `settled`; documents of the platform that are newer than the observation differ too.
        """
        every = rules().channels
        asked = every if channel is None else {channel: every[_known(channel, rules())]}
        return _shown(await queries.drift(asked, sku=sku, location=location, cursor=cursor, limit=limit))

    @router.get("/dead-letters/{ident}", response_model=Letter, responses=refuses("unknown-dead-letter"))
    async def dead_letter(ident: str) -> Any:
        """A dead letter with its payload, by its id."""
        found = await queries.dead_letter(ident)
        if found is None:
            raise Problem(404, "Unknown dead letter", "its id is `partition-offset`, as the list has it")
        return found


def _shown(page: Page) -> dict[str, Any]:
    return {"items": page.items, "next": page.next}


def _known(channel: str, rules: Rules) -> str:
    """The channel, if it is configured. Raises a 404 problem."""
    if channel not in rules.channels:
        raise Problem(404, "Unknown channel", f"channels are: {', '.join(rules.channels)}")
    return channel
