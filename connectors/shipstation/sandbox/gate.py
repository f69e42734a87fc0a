"""Who gets in, how often, and which answers are lost: one gate for each API."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from aiohttp import encode_basic_auth, web

from connectors.loopback import answer

WINDOW = 60.0
"""Seconds of both rate limits' window (docs.shipstation.com/rate-limits)."""

ANY_NUMBER = 1_000_000
"""Calls a minute where none are refused."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wrong(Exception):
    """A request that is answered with an error: its status and message, and V2's code for it."""

    def __init__(self, status: int, message: str, code: str = "invalid_field_value") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Gate:
    """The middleware. `allowed` is the number of calls a minute by API, None for any number.

    While `answers_to_lose` is above zero, the answer to a write is lost after it was done: the connection breaks.
    """

    def __init__(self, key: str, secret: str, v2_key: str, allowed: Mapping[str, int | None]) -> None:
        self.answers_to_lose = 0
        self.calls: list[tuple[str, str]] = []
        self.allowed = dict(allowed)
        self._basic, self._v2_key = encode_basic_auth(key, secret), v2_key
        self._since, self._used = dict.fromkeys(allowed, 0.0), dict.fromkeys(allowed, 0)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        if request.path == "/jwks":
            return await handler(request)
        api = "v2" if request.path.startswith("/v2/") else "v1"
        self.calls.append((request.method, request.path))
        if api == "v1" and request.headers.get("Authorization") != self._basic:
            return answer({"Message": "Authorization has been denied for this request."}, 401)
        if api == "v2" and request.headers.get("api-key") != self._v2_key:
            return error(Wrong(401, "The API key is invalid.", "unauthorized"), "security")
        left, wait = self._take(api)
        if left < 0:
            return _slow_down(api, self._headers(api, 0, wait), wait)
        try:
            found = await handler(request)
        except Wrong as wrong:
            found = (
                error(wrong) if api == "v2" else answer({"Message": "The request is invalid."}, wrong.status)
            )
        found.headers.update(self._headers(api, left, wait))
        if self.answers_to_lose and request.method == "POST":
            self.answers_to_lose -= 1
            if request.transport is not None:
                request.transport.abort()
        return found

    def _take(self, api: str) -> tuple[int, int]:
        """How many calls are left after this one (below zero: none), and the seconds until there are more."""
        now = time.monotonic()
        if now - self._since[api] >= WINDOW:
            self._since[api], self._used[api] = now, 0
        self._used[api] += 1
        wait = math.ceil(WINDOW - (now - self._since[api]))
        return self._most(api) - self._used[api], wait

    def _most(self, api: str) -> int:
        found = self.allowed[api]
        return ANY_NUMBER if found is None else found

    def _headers(self, api: str, left: int, wait: int) -> dict[str, str]:
        if api == "v2":
            return {}
        return {
            "X-Rate-Limit-Limit": str(self._most("v1")),
            "X-Rate-Limit-Remaining": str(left),
            "X-Rate-Limit-Reset": str(wait),
        }


def _slow_down(api: str, headers: Mapping[str, str], wait: int) -> web.Response:
    if api == "v1":
        return answer({"Message": "Too Many Requests"}, 429, headers)
    wrong = Wrong(429, "Rate limit exceeded", "rate_limit_exceeded")
    return error(wrong, "system", {"Retry-After": str(wait)})


def error(wrong: Wrong, kind: str = "validation", headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as V2 words it (OpenAPI, error_response_body)."""
    row = {
        "error_source": "ShipStation",
        "error_type": kind,
        "error_code": wrong.code,
        "message": str(wrong),
    }
    return answer({"request_id": str(UUID(int=1)), "errors": [row]}, wrong.status, headers)
