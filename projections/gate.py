"""Who is let in, how often, and to what: `needs` is what a route declares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from projections.access import Caller, Scope
from projections.limits import Limits, policy, size_of, standing
from projections.problems import Problem

SCHEME = "apiKey"
"""The name of the API keys in the OpenAPI document."""

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name=SCHEME,
    description="An API key (`onhand keys create`, or the one in `<data>/api-key`) as a bearer token. The scope that a key must have"
    " stands beside each operation; a role has several: viewer (read, watch), operator (read, watch, reserve, post, operate), admin (all).",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """`keys` says whose a key is; it may raise `Problem` where that cannot be said now."""

    keys: Callable[[str], Caller | None]
    limits: Limits

    def admit(self, request: Request, offered: str | None) -> Caller:
        """Who asks. Raises `Problem` for a key that is none, and for who asks too often."""
        caller = None if offered is None else self.keys(offered)
        if caller is None:
            self._count_failure(request)
            raise Problem(401, "Not authorised", "send a valid API key as a bearer token")
        rate = self.limits.rate if caller.rate is None else caller.rate
        if rate:
            self._count(request, caller, rate)
        return caller

    def _count(self, request: Request, caller: Caller, rate: float) -> None:
        taken = self.limits.meter.take(f"key {caller.name}", rate, size_of(rate))
        request.state.headers += [
            (b"ratelimit-policy", policy(rate).encode()),
            (b"ratelimit", standing(taken.bucket, rate).encode()),
        ]
        if taken.wait:
            raise _too_many(f"this key may ask {rate:g} times a second", taken.wait)

    def _count_failure(self, request: Request) -> None:
        """Somebody who tries keys is slowed down; whoever has one is not, though they come from the same address."""
        rate, address = self.limits.failures, request.client.host if request.client else ""
        if rate and (wait := self.limits.meter.take(f"address {address}", rate, 10 * rate).wait):
            raise _too_many("too many keys from there are none", wait)


def _too_many(detail: str, wait: float) -> Problem:
    return Problem(429, "Too many requests", detail, retry_after=math.ceil(wait))


async def allowed(
    asked: SecurityScopes,
    request: Request,
    offered: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Caller:
    """The caller, who has the scopes that the route needs. Raises `Problem` 401, 403 and 429."""
    gate: Gate = request.app.state.gate
    caller = gate.admit(request, None if offered is None else offered.credentials)
    for scope in asked.scopes:
        if scope not in caller.scopes:
            raise Problem(
                403,
                "Missing scope",
                f"this key may not do that: it lacks the scope {scope}",
                more={"scope": scope},
            )
    return caller


def needs(scope: Scope) -> Any:
    """The dependency that a route declares: a caller with a scope. Each route under `/v1` declares exactly one, by itself or where
    its router is included.
    """
    return Security(allowed, scopes=[scope.value])
