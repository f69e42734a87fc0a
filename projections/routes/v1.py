"""All routes under `/v1`, and what a key must be good for to use them."""

from __future__ import annotations

from fastapi import APIRouter

from projections.access import Scope
from projections.buffers import buffer_routes
from projections.explain.routes import explain_routes
from projections.gate import needs
from projections.lists import list_routes
from projections.oversells import oversell_routes
from projections.reservations import routes as reservation_routes
from projections.routes.journal import journal_routes
from projections.routes.posting import posting_routes
from projections.routes.stock import stock_routes
from projections.rules import rule_routes
from projections.service import Service
from projections.storefront import Storefront
from projections.storefront import routes as storefront_routes


def v1_routes(service: Service) -> APIRouter:
    """The routes. Without a `ruling` there are none of rules."""
    router = APIRouter(prefix="/v1")
    storefront = Storefront(service.queries, service.channel, lambda: service.rules().bundles, service.sites)
    parts = [
        (Scope.READ, "stock", stock_routes(service)),
        (Scope.READ, "stock", explain_routes(service)),
        (Scope.READ, "stock", buffer_routes(service)),
        (Scope.READ, "journal", journal_routes(service)),
        (Scope.READ, "journal", oversell_routes(service)),
        (Scope.READ, "journal", list_routes(service.queries, service.rules)),
        (Scope.POST, "journal", posting_routes(service)),
        (
            Scope.RESERVE,
            "reservations",
            reservation_routes(service.reserving, service.channel, lambda: service.rules().bundles),
        ),
        (Scope.READ, "shop front-ends", storefront_routes(storefront)),
    ]
    for scope, tag, part in parts:
        router.include_router(part, tags=[tag], dependencies=[needs(scope)])
    if service.ruling is not None:
        router.include_router(rule_routes(service.ruling), tags=["rules"])  # each says what it needs
    return router
