"""Who gets in, and how often: bearer token, User-Agent, and X-Series' rate limit."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from connectors.lightspeed_x.sandbox.tokens import Tokens
from connectors.loopback import answer

WINDOW = 300.0
"""Seconds of the rate limit's window (docs: Rate Limiting)."""

GRANT_PATH = "/api/1.0/token"
WRITES = ("/stock_adjustments", "/sales")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wrong(Exception):
    """A request that X-Series answers with an error: its status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """The middleware. `allowance` is the number of calls in five minutes, None for any number.

    While `lose_answers` is above zero, the answer to a write of stock or a sale is lost after it was done: the connection
    breaks.
    """

    def __init__(self, tokens: Tokens, allowance: int | None) -> None:
        self.lose_answers = 0
        self._tokens = tokens
        self._allowance = allowance
        self._since, self._used = 0.0, 0

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        if request.path == GRANT_PATH:
            return await handler(request)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._tokens.good:
            return answer({"error": "Unauthorized"}, 401)
        if not request.headers.get("User-Agent"):
            return answer({"error": "Forbidden", "message": "a User-Agent is required"}, 403)
        now = time.time()
        if now - self._since >= WINDOW:
            self._since, self._used = now, 0
        if self._allowance is not None and self._used >= self._allowance:
            return self._slow_down(now)
        self._used += 1
        try:
            found = await handler(request)
        except Wrong as error:
            found = answer({"error": str(error)}, error.status)
        found.headers.update(self._limits())
        if self.lose_answers and request.method == "POST" and request.path.endswith(WRITES):
            self.lose_answers -= 1
            if request.transport is not None:
                request.transport.abort()
        return found

    def _slow_down(self, now: float) -> web.Response:
        """429 with a date, where other platforms send seconds."""
        headers = {"Retry-After": _date(self._since + WINDOW), "Date": _date(now), **self._limits()}
        return answer({"error": "Too Many Requests", "message": "the rate limit is used up"}, 429, headers)

    def _limits(self) -> Mapping[str, str]:
        if self._allowance is None:
            return {}
        left = max(0, self._allowance - self._used)
        return {"X-RateLimit-Limit": str(self._allowance), "X-RateLimit-Remaining": str(left)}


def _date(at: float) -> str:
    """RFC 1123."""
    return format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True)
