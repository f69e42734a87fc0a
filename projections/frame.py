"""What surrounds every request: an id that stands in its answer and in each line of the log about it, and a bound for its body."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Collection

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from projections.access import Caller
from projections.bodies import SMALL, Bounded, Held
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

    Whom `keys` knows may send a body of `body_max` bytes, and so may who has a header of `signatures` under `/webhooks`: what it
    signs must be read to be checked. `request.state.body_larger` is for whoever finds out later that the sender may.
    """

    def __init__(
        self,
        app: ASGIApp,
        body_max: int,
        keys: Callable[[str], Caller | None] = lambda _: None,
        signatures: Collection[str] = (),
        timed: Timed | None = None,
    ) -> None:
        self.app, self.body_max, self.timed, self._keys = app, body_max, timed, keys
        self._signatures = frozenset(name.lower().encode() for name in signatures)
        self._held = Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ident = _request_id(scope)
        more: list[tuple[bytes, bytes]] = [(REQUEST_ID, ident.encode())]
        body = self._bounded(scope, receive)
        state = {"request_id": ident, "headers": more, "body_larger": lambda: body.allow(self.body_max)}
        scope["state"] = {**scope.get("state", {}), **state}
        started, status, began = False, 499, time.perf_counter()  # 499, as elsewhere: whoever asked has gone

        async def sending(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        with bound_contextvars(request_id=ident):
            try:
                await self.app(scope, body, sending)
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
                body.end()
                if self.timed is not None:
                    method = scope["method"] if scope["method"] in METHODS else "OTHER"
                    self.timed(method, _template(scope), status, time.perf_counter() - began)

    def _bounded(self, scope: Scope, receive: Receive) -> Bounded:
        small = min(SMALL, self.body_max)
        if scope["path"].startswith("/webhooks/"):
            signed = any(name in self._signatures for name, _ in scope["headers"])
            return Bounded(scope, receive, self.body_max if signed else small, self._held)
        known = self._knows(scope)
        return Bounded(scope, receive, self.body_max if known else small, None if known else self._held)

    def _knows(self, scope: Scope) -> bool:
        """Whether a key is shown that is one. Whether it may do what it asks for is found out later."""
        offered: bytes = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = offered.partition(b" ")
        try:
            return scheme.lower() == b"bearer" and self._keys(key.decode()) is not None
        except (Problem, UnicodeDecodeError):
            return False


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
