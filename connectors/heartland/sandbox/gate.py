"""Who gets in, and how often; and how answers are lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from connectors.loopback import answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WRITES = frozenset({"POST", "PUT", "DELETE"})


class Wrong(Exception):
    """A request that Heartland answers with an error: its status, a message, and what is wrong with which field."""

    def __init__(self, status: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}


class Gate:
    """The middleware.

    Limits are not published: clients saw 429 on parallel writes, and one honours `Retry-After`. So writes at the same time
    are refused here, and `throttle` refuses the next calls. `lose` is how many answers to writes are lost after the write
    was done, of those whose method and path contain `lose_on`; `broken` answers the next calls with 500 and does nothing.
    """

    def __init__(self, token: str) -> None:
        self.throttle, self.lose, self.broken = 0, 0, 0
        self.lose_on = ""
        self.calls: list[str] = []
        self._token = token
        self._writing = 0

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        if not self._token or request.headers.get("Authorization") != f"Bearer {self._token}":
            return answer({"error": "Unauthorized"}, 401)
        writes, name = request.method in WRITES, f"{request.method} {request.path}"
        self.calls.append(name)
        if self.broken:
            self.broken -= 1
            return answer({"error": "Internal Server Error"}, 500)
        if self.throttle or (writes and self._writing):
            self.throttle = max(0, self.throttle - 1)
            return answer({"error": "Too Many Requests"}, 429, {"Retry-After": "2"})
        self._writing += writes
        try:
            found = await handler(request)
        except Wrong as error:
            found = answer({"error": str(error), "details": error.details}, error.status)
        finally:
            self._writing -= writes
        if self.lose and writes and self.lose_on in name:
            self.lose -= 1
            if request.transport is not None:
                request.transport.abort()
        return found
