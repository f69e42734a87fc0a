"""What surrounds every request: an id that stands in its answer and in each line of the log about it, and a bound for its body."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from projections.bodies import Bounded
from projections.problems import Problem, response

log = structlog.get_logger()

REQUEST_ID = b"x-request-id"
SANE = re.compile(rb"[\x21-\x7e]{1,128}")
"""A request id that is taken over: visible ASCII."""

Timed = Callable[[str, str, int, float], None]
"""Is told of each request: method, the template of its route (`none`: there is none), status, and the seconds that it took."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are told by name; what else somebody may think of is `OTHER`."""


class Frame:
    """ASGI, so that it costs microseconds. `request.state` has `request_id`, and `headers`, which go with the answer. A request that
    fails here is a problem that says nothing of it, and a line in the log that does.
    """

    def __init__(self, app: ASGIApp, body_max: int, timed: Timed | None = None) -> None:
        self.app, self.body_max, self.timed = app, body_max, timed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ident = _request_id(scope)
        more: list[tuple[bytes, bytes]] = [(REQUEST_ID, ident.encode())]
        scope["state"] = {**scope.get("state", {}), "request_id": ident, "headers": more}
        started, status, began = False, 499, time.perf_counter()  # 499, as elsewhere: whoever asked has gone

        async def sending(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        with bound_contextvars(request_id=ident):
            try:
                await self.app(scope, Bounded(scope, receive, self.body_max), sending)
            except ClientDisconnect:
                return  # nobody is there to be answered
            except Exception:
                log.exception("request failed", method=scope["method"])
                if started:
                    raise
                answer = response(
                    Problem(500, "Internal error", "the request failed here; the log has the reason"), ident
                )
                await answer(scope, receive, sending)
            finally:
                if self.timed is not None:
                    method = scope["method"] if scope["method"] in METHODS else "OTHER"
                    self.timed(method, _template(scope), status, time.perf_counter() - began)


def _template(scope: Scope) -> str:
    """The route of a request, as it is declared: what was asked for may name a SKU, or be anything. FastAPI keeps the whole path of a route
    whose router was included beside the route (0.165).
    """
    whole = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return str(getattr(whole, "path_format", "none"))


def _request_id(scope: Scope) -> str:
    """The sender's id of the request, if it can be one; else one of ours."""
    offered: bytes = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
    return offered.decode() if SANE.fullmatch(offered) else secrets.token_hex(16)
