"""Who gets in, and how often: rotating OAuth tokens, the leaky bucket and the burst limit.

Sources: developers.lightspeedhq.com/retail, Refresh Token, Using Access Tokens, Rate Limiting; a recorded 401.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web

from connectors.loopback import answer

EXPIRES_IN = 1800
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WRITE_COSTS = {"Sale": 2.0, "SaleLine": 2.0}
COMPLETES = 3.0
NESTED = 0.5


class Wrong(Exception):
    """A request that R-Series answers with an error: its status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """The middleware, and the token endpoint.

    A refresh token is used once; it dies when the access token that came for it is used, but where the first one is
    `lasting`, it never does. `registers` makes the bucket: 90
    drips and 10 more for each register beyond the first, emptied by 1 drip a second and half a drip for each such
    register. While `answers_to_lose` is above zero, the answer to a write is lost after it was done. `fail_next`
    answers 502 as often.
    """

    def __init__(
        self, client_id: str, client_secret: str, refresh_token: str, registers: int, *, lasting: bool = False
    ) -> None:
        self.answers_to_lose = 0
        self.fail_next = 0
        self.size, self.drip = 90.0 + 10 * (registers - 1), 1.0 + 0.5 * (registers - 1)
        self.burst = 20
        self.level = 0.0
        self.calls = 0
        self.refreshes = 0
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._good_refresh = {refresh_token}
        self._lasting = refresh_token if lasting else None
        self._replaces: dict[str, str] = {}
        self._access: dict[str, float] = {}
        self._made, self._emptied = 0, time.monotonic()
        self._second, self._in_second = 0, 0

    async def token(self, request: web.Request) -> web.Response:
        """`POST /auth/oauth/token`."""
        body = orjson.loads(await request.read())
        if body.get("grant_type") != "refresh_token" or not body.get("refresh_token"):
            return answer({"error": "invalid_request"}, 400)
        if {name: body.get(name) for name in self._client} != self._client:
            return answer({"error": "invalid_client"}, 401)
        offered = body["refresh_token"]
        if offered not in self._good_refresh:
            return answer({"error": "invalid_grant", "hint": "Token has been revoked"}, 400)
        self._made += 1
        self.refreshes += 1
        access, refresh = f"access-{self._made}", f"refresh-{self._made}"
        self._access[access] = time.monotonic() + EXPIRES_IN
        self._good_refresh.add(refresh)
        self._replaces[access] = offered
        found = {"token_type": "Bearer", "expires_in": EXPIRES_IN}
        return answer({**found, "access_token": access, "refresh_token": refresh})

    def expire(self) -> None:
        """Every access token is too old now."""
        self._access = dict.fromkeys(self._access, 0.0)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        if request.path == "/auth/oauth/token":
            return await self.token(request)
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._access.get(offered, 0.0) <= time.monotonic():
            return error(401, "Access token could not be verified", "BadAuthenticationRequestError")
        self._good_refresh -= {self._replaces.pop(offered, "")} - {self._lasting}
        self.calls += 1
        if self.fail_next:
            self.fail_next -= 1
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        cost = _cost(request, await request.read())
        if (refused := self._full(cost)) is not None:
            return refused
        try:
            found = await handler(request)
        except Wrong as fault:
            found = error(fault.status, str(fault))
        found.headers.update(self._levels(cost))
        if self.answers_to_lose and request.method != "GET":
            self.answers_to_lose -= 1
            if request.transport is not None:
                request.transport.abort()
        return found

    def _full(self, cost: float) -> web.Response | None:
        """429 where the bucket or the second is full; the request that fills the bucket is still let through."""
        now = time.monotonic()
        self.level = max(0.0, self.level - (now - self._emptied) * self.drip)
        self._emptied = now
        if int(now) != self._second:
            self._second, self._in_second = int(now), 0
        kind, wait = "", 1
        if self.level >= self.size:
            kind, wait = "api-leaky-bucket", math.ceil((self.level - self.size) / self.drip) + 1
        elif self._in_second >= self.burst:
            kind = "api-burst-limiter"
        if not kind:
            self.level += cost
            self._in_second += 1
            return None
        found = error(429, "Rate limit exceeded", "RateLimitException")
        found.headers.update(
            {**self._levels(cost), "X-LS-API-RateLimit-Type": kind, "Retry-After": str(wait)}
        )
        return found

    def _levels(self, cost: float) -> Mapping[str, str]:
        return {
            "X-LS-API-Bucket-Level": f"{round(self.level, 2):g}/{self.size:g}",
            "X-LS-API-Burst-Level": f"{self._in_second}/{self.burst}",
            "X-LS-Api-Drip-Rate": f"{self.drip:g}",
            "X-LS-Api-Request-Cost": f"{cost:g}",
        }


def _cost(request: web.Request, raw: bytes) -> float:
    """Drips of a request, by what it asks for (Rate Limiting; changelog 2026-03-17)."""
    relations = orjson.loads(request.query.get("load_relations") or b"[]")
    if request.method == "GET":
        return 1.0 + 0.4 * len(relations)
    body = orjson.loads(raw) if raw else {}
    kind = request.path.removesuffix(".json").rstrip("0123456789").rstrip("/").rpartition("/")[2]
    lines = body.get("SaleLines", {}).get("SaleLine", []) if isinstance(body, dict) else []
    completes = COMPLETES if str(body.get("completed", "")).lower() == "true" else 0.0
    return WRITE_COSTS.get(kind, 1.0) + completes + NESTED * len(lines) + 0.2 * len(relations)


def error(status: int, message: str, kind: str = "Exception") -> web.Response:
    """An error as recorded: JSON that calls itself HTML."""
    names = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 422: "Unprocessable Entity"}
    body = {
        "httpCode": str(status),
        "httpMessage": names.get(status, "Too Many Requests"),
        "message": message,
        "errorClass": kind,
    }
    return web.Response(body=orjson.dumps(body), status=status, content_type="text/html", charset="UTF-8")
