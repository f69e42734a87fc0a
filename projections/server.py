"""The HTTP API: webhooks in, questions answered. OpenAPI at `/openapi.json`; errors are RFC 9457 problem details."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg import DataError
from pydantic import AwareDatetime
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from projections.access import Caller
from projections.carrying import CarryingOut
from projections.dashboard import Dashboard, dashboard_routes
from projections.explain import explain
from projections.pool import DatabaseError, Pool
from projections.problems import Problem, response
from projections.queries import AGE_MAX, BadCursor, Page, Queries
from projections.reservations import Reserving
from projections.reservations import routes as reservation_routes
from projections.rules import Ruling, rule_routes
from projections.storefront import Storefront
from projections.storefront import routes as storefront_routes
from schemas.ledger import view
from schemas.rules import ChannelRules, Rules
from schemas.sites import Site

BODY_SECONDS = 10.0
"""How long a sender may take to send a body."""

DISCARD_SECONDS = 1.0
DISCARD_MAX = 16 * 1024 * 1024
"""How long, and how many bytes, are waited for of a body that is too large."""

BEARER = HTTPBearer(auto_error=False)


class Intake(Protocol):
    """Where documents go. Returning means they are in the log; `Problem` means they are not."""

    async def webhook(self, channel: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Takes a platform's webhook in."""

    async def movements(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes a custom application's claim in; the same key again is the same claim."""

    async def upload(self, body: bytes, key: str) -> dict[str, Any]:
        """Takes many in, from a CSV file."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes work with. `rules` are those in force, `skews` by how many seconds each channel's clock may be wrong,
    `ready` says why not, or None, `sites` are the places that keep stock.
    """

    queries: Queries
    rules: Callable[[], Rules]
    skews: Callable[[], Mapping[str, float]]
    clock: Callable[[], datetime]
    keys: Callable[[str], Caller | None]
    intake: Intake
    ready: Callable[[], Awaitable[str | None]]
    body_max: int
    reserving: Reserving
    ruling: Ruling | None
    sites: Callable[[], Sequence[Site]]

    def channel(self, name: str) -> ChannelRules:
        """A channel's rules. Raises a 404 problem for a channel that is not configured."""
        found = self.rules().channels.get(name)
        if found is None:
            raise Problem(404, "Unknown channel", f"channels are: {', '.join(self.rules().channels)}")
        return found


def create_api(
    pool: Pool,
    *,
    rules: Callable[[], Rules],
    skews: Callable[[], Mapping[str, float]],
    clock: Callable[[], datetime],
    keys: Callable[[str], Caller | None],
    intake: Intake,
    ready: Callable[[], Awaitable[str | None]],
    reserving: Reserving,
    ruling: Ruling | None = None,
    body_max: int = 1_048_576,
    sites: Callable[[], Sequence[Site]] = tuple,
    dashboard: Dashboard | None = None,
) -> FastAPI:
    """The application. Every `/v1` route asks `keys` about the caller's bearer token. Without a `ruling` there are no routes of rules."""
    service = Service(
        Queries(pool), rules, skews, clock, keys, intake, ready, body_max, reserving, ruling, sites
    )
    api = FastAPI(title="Onhand", version="1", docs_url=None, redoc_url=None)
    _problems(api)
    api.include_router(_platform_routes(service))
    api.include_router(_health_routes(service))
    api.include_router(_v1_routes(service))
    api.include_router(
        dashboard_routes(pool, rules=rules, skews=skews, clock=clock, keys=keys, given=dashboard)
    )
    return api


def _problems(api: FastAPI) -> None:
    """Every refusal leaves as a problem, and none tells what was sent."""

    async def problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return response(error)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        answer = response(Problem(error.status_code, str(error.detail), str(error.detail)))
        answer.headers.update(error.headers or {})  # such as Allow, which a 405 owes
        return answer

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return response(Problem(422, "Invalid request", faults))

    async def away(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001  # its text may name the server
        return response(Problem(503, "Not available", "the database does not answer", retry_after=5))

    async def unfit(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001  # its text quotes what was sent
        return response(Problem(400, "Bad value", "a value that the database can hold is expected"))

    async def cursor(_: Request, error: Exception) -> JSONResponse:
        return response(Problem(400, "Bad cursor", str(error)))

    async def broken(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001  # it goes to the log, not to the caller
        return response(Problem(500, "Internal error", "the request failed here; the log has the reason"))

    api.add_exception_handler(Problem, problem)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(BadCursor, cursor)
    for kind in DatabaseError:
        api.add_exception_handler(kind, away)
    api.add_exception_handler(DataError, unfit)
    api.add_exception_handler(Exception, broken)


async def _body(request: Request, most: int) -> bytes:
    """The body, read no further than `most` bytes whatever its headers say."""
    declared = request.headers.get("content-length", "0")
    too_large = Problem(413, "Body too large", f"at most {most} bytes are read")
    if declared.isdigit() and int(declared) > most:
        await _discard(request)
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    break
    except TimeoutError:
        raise Problem(408, "Body too slow", f"it must arrive within {BODY_SECONDS:g} s") from None
    if len(body) > most:
        await _discard(request)
        raise too_large
    return bytes(body)


async def _discard(request: Request) -> None:
    """Drops what is still coming, within bounds: closed in the middle of it, the connection would lose our answer."""
    if "expect" in request.headers:  # whoever asks first has sent nothing
        return
    dropped = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_SECONDS):
            async for part in request.stream():
                dropped += len(part)
                if dropped > DISCARD_MAX:
                    return


def _platform_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["platforms"])

    @router.post("/webhooks/{channel}", response_model=None)
    @router.post("/webhooks/{channel}/{path:path}", response_model=None)
    async def webhook(request: Request, channel: str, path: str = "") -> JSONResponse:
        """A platform's webhook, under the platform's own signature. 200 means it is in the log, or done."""
        body = await _body(request, service.body_max)
        await service.intake.webhook(channel, path, request.headers, body)
        return JSONResponse({"accepted": True})

    return router


def _health_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/livez", response_model=None)
    async def livez() -> JSONResponse:
        """The process runs."""
        return JSONResponse({"live": True})

    @router.get("/readyz", response_model=None)
    async def readyz() -> JSONResponse:
        """The log and the database answer."""
        reason = await service.ready()
        if reason is None:
            await service.queries.rows("SELECT 1")
            return JSONResponse({"ready": True})
        raise Problem(503, "Not ready", reason, retry_after=2)

    return router


def _v1_routes(service: Service) -> APIRouter:
    async def authorised(offered: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        if offered is None or service.keys(offered.credentials) is None:
            raise Problem(401, "Not authorised", "send a valid API key as a bearer token")

    router = APIRouter(prefix="/v1", tags=["v1"], dependencies=[Depends(authorised)])
    _stock_routes(router, service)
    _journal_routes(router, service)
    router.include_router(
        reservation_routes(service.reserving, service.channel, lambda: service.rules().bundles)
    )
    if service.ruling is not None:
        router.include_router(rule_routes(service.ruling))
    storefront = Storefront(service.queries, service.channel, lambda: service.rules().bundles, service.sites)
    router.include_router(storefront_routes(storefront))
    return router


def _stock_routes(router: APIRouter, service: Service) -> None:
    queries = service.queries

    @router.get("/stock/{sku:path}")
    async def stock(
        sku: str,
        location: str | None = None,
        at: AwareDatetime | None = None,
        known_at: AwareDatetime | None = None,
    ) -> dict[str, Any]:
        """The balances of a SKU: now, as of what had occurred `at`, or as of what was recorded by `known_at`."""
        timed = at is not None or known_at is not None
        found = await queries.stock_as_of(sku, at, known_at) if timed else await queries.stock(sku)
        if found is None:
            raise Problem(404, "Unknown SKU", "it has not moved" + (" by then" if timed else ""))
        return view(found, location)

    @router.get("/availability")
    async def availability(
        channel: str,
        sku: Annotated[list[str] | None, Query(max_length=1_000)] = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """What a channel may sell, of the named SKUs or, page by page, of all."""
        service.channel(channel)
        return _shown(await queries.availability(channel, sku or [], cursor, limit))

    @router.get("/explain/{sku:path}")
    async def explained(sku: str, channel: str) -> dict[str, Any]:
        """Why the channel shows that number."""
        service.channel(channel)
        return await explain(queries, sku, channel, service.rules(), skews=service.skews())

    @router.get("/channels")
    async def channels() -> dict[str, Any]:
        """The configured channels: how many SKUs have a number there, how many wait to be told, and since when and why none can."""
        counted = {row["channel"]: row for row in await queries.channels()}
        none = {"skus": 0, "units": 0, "told": 0, "waiting": None, "failing_since": None, "reason": None}
        return {
            "items": [{"channel": name, **none, **counted.get(name, {})} for name in service.rules().channels]
        }


def _journal_routes(router: APIRouter, service: Service) -> None:
    queries = service.queries

    @router.get("/movements")
    async def movements(
        sku: str | None = None,
        location: str | None = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """The journal, newest first."""
        page = await queries.movements(
            sku=sku, location=location, since=since, until=until, cursor=cursor, limit=limit
        )
        return _shown(page)

    @router.get("/transactions/{transaction:path}")
    async def transaction_of(
        transaction: str, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> dict[str, Any]:
        """A deal: its movements, newest first, and what platforms were asked to carry out of it, at which place."""
        page = await queries.movements(transaction=transaction, cursor=cursor, limit=limit)
        carried_out = await CarryingOut(queries).shown(transaction)
        if not page.items and not carried_out and cursor is None:
            raise Problem(404, "Unknown transaction", "nothing has moved for it")
        return {"transaction": transaction, "carried_out": carried_out, **_shown(page)}

    @router.post("/movements", status_code=202, response_model=None)
    async def post_movements(request: Request) -> dict[str, Any]:
        """A claim of an application of your own, or as `text/csv` many. The `Idempotency-Key` header names it: the same key
        is the same claim.
        """
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255:
            raise Problem(400, "No idempotency key", "send an Idempotency-Key header of 1 to 255 characters")
        body = await _body(request, service.body_max)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv":
            return await service.intake.upload(body, key)
        return await service.intake.movements(body, key)

    @router.get("/oversells")
    async def oversells(
        sku: str | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """What took more than there was, and the one cause of each."""
        return _shown(await queries.oversells(sku, limit, cursor))

    @router.get("/commitments")
    async def commitments(
        sku: str | None = None,
        location: str | None = None,
        older_than_days: Annotated[int, Query(ge=0, le=AGE_MAX)] = 0,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> dict[str, Any]:
        """What was ordered and has neither left nor been cancelled, oldest first."""
        page = await queries.commitments(
            service.clock(),
            sku=sku,
            location=location,
            older_than_days=older_than_days,
            cursor=cursor,
            limit=limit,
        )
        return _shown(page)

    @router.get("/dead-letters")
    async def dead_letters(
        pending: bool = True, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> dict[str, Any]:
        """What was refused and why."""
        return _shown(await queries.dead_letters(pending=pending, cursor=cursor, limit=limit))


def _shown(page: Page) -> dict[str, Any]:
    return {"items": page.items, "next": page.next}
