"""The HTTP API: webhooks in, questions answered. OpenAPI at `/openapi.json`; errors are RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import FastAPI

from projections import baskets, reservations
from projections.access import Caller
from projections.dashboard import Dashboard, dashboard_routes
from projections.document import describe
from projections.frame import Frame, Timed
from projections.gate import Gate
from projections.limits import Limits
from projections.pool import Pool
from projections.posted import Custom
from projections.queries import Queries
from projections.refusals import handle
from projections.reservations import Reserving
from projections.routes import journal_shapes, request_shapes, stock_shapes
from projections.routes.health import health_routes
from projections.routes.platforms import platform_routes
from projections.routes.v1 import v1_routes
from projections.rules import Ruling
from projections.service import Intake, Readiness, Service
from schemas.rules import Rules
from schemas.sites import Site


def create_api(
    pool: Pool,
    *,
    rules: Callable[[], Rules],
    skews: Callable[[], Mapping[str, float]],
    clock: Callable[[], datetime],
    keys: Callable[[str], Caller | None],
    intake: Intake,
    ready: Callable[[], Readiness],
    reserving: Reserving,
    metrics: Callable[[], bytes] = bytes,
    timed: Timed | None = None,
    ruling: Ruling | None = None,
    body_max: int = 1_048_576,
    sites: Callable[[], Sequence[Site]] = tuple,
    limits: Limits | None = None,
    dashboard: Dashboard | None = None,
) -> FastAPI:
    """The application. Every `/v1` route asks `keys` about the caller's bearer token. Without a `ruling` there are no routes of rules,
    and without `limits` everybody asks as often as they like. `metrics` are those of this process, `timed` is told how long requests took.
    """
    service = Service(
        Queries(pool), rules, skews, clock, keys, intake, ready, metrics, reserving, ruling, sites
    )
    api = FastAPI(
        title="Onhand",
        version="1",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.gate = Gate(keys, limits or Limits(failures=0))
    api.add_middleware(Frame, body_max=body_max, timed=timed)
    handle(api)
    for routes in (platform_routes, health_routes, v1_routes):
        api.include_router(routes(service))
    api.include_router(
        dashboard_routes(
            pool,
            rules=rules,
            events=lambda: () if ruling is None else ruling.events,
            skews=skews,
            clock=clock,
            keys=keys,
            given=dashboard,
        )
    )
    describe(api, Custom, shapes=(stock_shapes, journal_shapes, request_shapes, baskets, reservations))
    return api
