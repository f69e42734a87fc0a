"""Who is let in: tokens as the real token endpoint gives them.

A refresh token is replaced by every use, and stays good until its successor is used (shopify.dev changelog of 2026-08-28).
Refusals are those of OAuth 2.0 (RFC 6749); their wording is inferred.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

DAY, HOUR = 86_399, 3_599
"""Seconds a token lasts: by client credentials (recorded in the documentation), and by refresh token."""


class Door:
    """The tokens of one shop. `static` never ends; the others are numbered, so every run gives the same ones."""

    def __init__(self, static: str | None, client: tuple[str, str] | None, refresh: str | None) -> None:
        self._client = client
        self._until: dict[str, float] = {} if not static else {static: float("inf")}
        self._successors: dict[str, str] = {}
        self._refreshes = {refresh} if refresh else set()
        self._numbers = itertools.count(1)
        self.given = 0
        """How many tokens were given."""

    def lets_in(self, token: str | None) -> bool:
        """Whether a token is good now."""
        return token is not None and time.time() < self._until.get(token, 0.0)

    def shut(self) -> None:
        """Ends every token that was given, as a rotated secret does."""
        self._until = {token: until for token, until in self._until.items() if until == float("inf")}

    def answer(self, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and the body for a request of the token endpoint."""
        if self._client is None or (asked.get("client_id"), asked.get("client_secret")) != self._client:
            return 400, {"error": "invalid_client", "error_description": "Client authentication failed"}
        if asked.get("grant_type") == "client_credentials":
            return 200, {"access_token": self._new(DAY), "scope": "read_orders", "expires_in": DAY}
        offered = asked.get("refresh_token")
        if asked.get("grant_type") != "refresh_token" or not isinstance(offered, str):
            return 400, {"error": "invalid_request"}
        if offered not in self._refreshes:
            return 400, {"error": "invalid_grant", "error_description": "The refresh token is not valid"}
        return 200, self._refreshed(offered)

    def _refreshed(self, offered: str) -> dict[str, Any]:
        for older in [old for old, new in self._successors.items() if new == offered]:
            self._refreshes.discard(older)
        successor = self._successors.setdefault(offered, f"refresh-{next(self._numbers)}")
        self._refreshes.add(successor)
        return {
            "access_token": self._new(HOUR),
            "scope": "read_orders",
            "expires_in": HOUR,
            "refresh_token": successor,
            "refresh_token_expires_in": 90 * 86_400,
        }

    def _new(self, seconds: int) -> str:
        self.given += 1
        token = f"token-{next(self._numbers)}"
        self._until[token] = time.time() + seconds
        return token
