"""What surrounds every request: an id that stands in its answer and in each line of the log about it, and a bound for its body."""

from __future__ import annotations

import re
import secrets

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


class Frame:
    """ASGI, so that it costs microseconds. `request.state` has `request_id`, and `headers`, which go with the answer. A request that
    fails here is a problem that says nothing of it, and a line in the log that does.
    """

    def __init__(self, app: ASGIApp, body_max: int) -> None:
        self.app, self.body_max = app, body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ident = _request_id(scope)
        more: list[tuple[bytes, bytes]] = [(REQUEST_ID, ident.encode())]
        scope["state"] = {**scope.get("state", {}), "request_id": ident, "headers": more}
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
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


def _request_id(scope: Scope) -> str:
    """The sender's id of the request, if it can be one; else one of ours."""
    offered: bytes = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
    return offered.decode() if SANE.fullmatch(offered) else secrets.token_hex(16)
