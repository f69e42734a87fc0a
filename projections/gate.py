"""Who is let in, and to what: `needs` is what a route declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from projections.access import Caller, Scope
from projections.problems import Problem

SCHEME = "apiKey"
"""The name of the API keys in the OpenAPI document."""

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name=SCHEME,
    description="An API key (`onhand keys create`, or the one in `<data>/api-key`) as a bearer token. The scopes that a key must"
    " have stand beside each operation: a role has several.",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whose a key is."""

    keys: Callable[[str], Caller | None]

    def admit(self, offered: str | None) -> Caller:
        """Who asks. Raises `Problem` for a key that is none."""
        caller = None if offered is None else self.keys(offered)
        if caller is None:
            raise Problem(401, "Not authorised", "send a valid API key as a bearer token")
        return caller


async def allowed(
    asked: SecurityScopes,
    request: Request,
    offered: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
) -> Caller:
    """The caller, who has the scopes that the route needs. Raises `Problem` 401 and 403."""
    gate: Gate = request.app.state.gate
    caller = gate.admit(None if offered is None else offered.credentials)
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
