"""How long, how much and how many: what a connection may take before it has asked anything.

uvicorn bounds a head that it waits for, and the time between two requests; these are the bounds that it has not.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from projections.problems import Problem, response

HEAD_SECONDS = 10.0
"""How long a sender may take for the head of a request, and for what it goes on sending after the answer."""

HEAD_MAX = 64 * 1024
"""Bytes that the head of a request may have: a hundred SKUs may be asked for in one."""

READ_SECONDS = 30.0
"""How long a receiver may leave an answer unread that no longer fits into what lies between."""

WASTED_MAX = 2 * 1024 * 1024
"""Bytes that are taken, and thrown away, of a sender who goes on after the answer."""

CONNECTIONS_MAX = 500
"""Connections that are kept. A further one ends the one whose request has been awaited longest: of a crowd of slow ones it is a slow
one's, since whoever asks as others do was heard of lately."""

ACCEPTED_AT_ONCE = 16
"""Connections that are taken in one go: a crowd of them keeps nobody waiting who is there already."""

BACKLOG = 1_024
"""Connections that the system keeps until they are taken."""


class Bounded(H11Protocol):
    """A connection. One that asks is left alone: its body and its answer have bounds of their own (`projections.bodies`)."""

    _late: asyncio.TimerHandle | None = None
    waits_since = 0.0
    _unread: asyncio.TimerHandle | None = None
    _wasted = 0

    @property
    def asks(self) -> bool:
        """Whether a request is under way: its head is whole, and it is not answered yet."""
        return self.conn.their_state is not h11.IDLE and not (self.cycle and self.cycle.response_complete)

    @property
    def waits(self) -> bool:
        """Whether it is its turn: nothing is asked yet, or not all of it."""
        return not self.transport.is_closing() and not (
            self.asks and self.conn.their_state is not h11.SEND_BODY
        )

    def connection_made(self, transport: Any) -> None:
        """Takes a connection, and ends another one where there are too many."""
        super().connection_made(transport)
        self._waits()
        if len(self.connections) > CONNECTIONS_MAX:
            waiting = [one for one in self.connections if isinstance(one, Bounded) and one.waits]
            min(waiting, key=lambda one: one.waits_since).transport.close()

    def data_received(self, data: bytes) -> None:
        """Takes what came, and sees whether that was a request."""
        if self.conn.their_state is h11.IDLE and self._head_is_large(data):
            self.send_400_response("The head is too large.")
            return
        super().data_received(data)
        if self.asks:
            self._hurries_no_more()
            self._wasted = 0
            return
        self._wasted += len(data)
        if self._wasted > WASTED_MAX:
            self.transport.close()
        elif self._late is None:
            self._waits()

    def send_400_response(self, msg: str) -> None:
        """What is no request is answered like everything else that is refused, and the connection ends."""
        ident = secrets.token_hex(16)
        answer = response(Problem(400, "Bad value", msg), ident)
        headers = [*answer.raw_headers, (b"x-request-id", ident.encode()), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _head_is_large(self, data: bytes) -> bool:
        """h11 bounds a head that it waits for, not one that comes in one piece."""
        begun = self.conn.trailing_data[0]
        return len(begun) + len(data) > HEAD_MAX and b"\r\n\r\n" not in (begun + data[:HEAD_MAX])[:HEAD_MAX]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._hurries_no_more()
        self._is_read()
        self._unset_keepalive_if_required()  # uvicorn keeps all of it for as long, where the sender broke it off
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """A request is answered: uvicorn waits for the next one."""
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The receiver reads more slowly than we write."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The receiver has read."""
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _waits(self) -> None:
        self.waits_since = self.loop.time()
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _hurries_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
