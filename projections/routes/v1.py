"""All routes under `/v1`, and what a key must be good for to use them."""

from __future__ import annotations

from fastapi import APIRouter

from projections.access import Scope
from projections.gate import needs
from projections.reservations import routes as reservation_routes
from projections.routes.journal import journal_routes
from projections.routes.lists import list_routes
from projections.routes.posting import posting_routes
from projections.routes.stock import stock_routes
from projections.routes.why import why_routes
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
        (Scope.READ, "journal", journal_routes(service)),
        (Scope.READ, "lists", list_routes(service)),
        (Scope.READ, "why", why_routes(service)),
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
