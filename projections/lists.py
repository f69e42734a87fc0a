"""Lists over HTTP: SKUs, deals, receipts, drift, late facts, a dead letter. Each in an order that does not shift, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from projections.problems import Problem
from projections.queries import Page, Queries
from schemas.receipts import Outcome
from schemas.rules import Rules

Limit = Annotated[int, Query(ge=1, le=1_000)]
Cursor = Annotated[str | None, Query(description="Where the page before ended: its `next`.")]
Units = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A SKU: units by location and state, on their way between locations, and what channels may sell of it."""

    sku: str
    locations: Units
    in_transit: int
    channels: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Skus:
    """SKUs in their order."""

    items: list[SkuRow]
    next: str | None


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal: of its first thousand movements how many there are, of how many SKUs, and the first of these."""

    transaction: str
    began_at: datetime
    moved_at: datetime
    recorded_at: datetime
    channels: list[str]
    skus: list[str]
    sku_count: int
    movements: int


@dataclass(frozen=True, slots=True)
class Deals:
    """Deals, the one that moved last first."""

    items: list[Deal]
    next: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One word with a platform: `quantity` was asked for, `level` is what it showed then, by its documents that had been seen (`own` is
    their part), `stock_offset` the stock that the number came from.
    """

    id: str
    channel: str
    sku: str
    place: str
    quantity: int
    level: int
    own: int
    outcome: Outcome
    pushed_at: datetime
    stock_offset: int
    ref: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts, newest first."""

    items: list[Receipt]
    next: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """What a platform showed of itself, beside what we believe that it shows there."""

    channel: str
    sku: str
    location: str
    level: int | None
    observed_at: datetime
    place: str | None
    believed: int | None
    quantity: int | None
    difference: int | None
    told_at: datetime | None
    settled: bool


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells in the order of channel, SKU and location."""

    items: list[Cell]
    next: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Units that came to (below zero: left) a state of a location, or a boundary account."""

    location: str
    state: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LateFact:
    """A movement that became known after the instant, by how many seconds late, and what it changed."""

    id: str
    sku: str
    kind: str
    quantity: int
    transaction: str
    channel: str
    document: str
    occurred_at: datetime
    recorded_at: datetime
    reason: str | None
    voids: str | None
    counted: int | None
    bundle: str | None
    late_seconds: float
    changed: list[Change]


@dataclass(frozen=True, slots=True)
class LateFacts:
    """What was `believed` at `at`, what became known of it since by `known_at`, and what was `true`: the first two sum to the third."""

    sku: str
    at: datetime
    known_at: datetime | None
    believed: Units
    learned: Units
    true: Units
    items: list[LateFact]
    next: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What was refused, why, and what it held: the fields that its connector keeps, so nothing personal."""

    id: str
    channel: str
    topic: str
    stage: str
    reason: str
    ref: str
    payload: dict[str, Any]
    received_at: datetime
    retried_at: datetime | None


def list_routes(queries: Queries, rules: Callable[[], Rules]) -> APIRouter:
    """The lists. `rules` are those in force."""
    router = APIRouter()
    _goods(router, queries, rules)
    _talk(router, queries, rules)
    return router


def _goods(router: APIRouter, queries: Queries, rules: Callable[[], Rules]) -> None:
    @router.get("/skus", response_model=Skus)
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

    @router.get("/transactions", response_model=Deals)
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

    @router.get("/late-facts", response_model=LateFacts)
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
    @router.get("/receipts", response_model=Receipts)
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

    @router.get("/drift", response_model=Cells)
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

    @router.get("/dead-letters/{ident}", response_model=Letter)
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
