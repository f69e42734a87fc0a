"""Bodies, read no further and no longer than is meant."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from projections.problems import Problem

BODY_SECONDS = 10.0
"""How long a sender may take to send a body."""

SMALL = 64 * 1024
"""Bytes of a body that are read of whoever has not shown yet that they may send one: by a key, a session, or a signature to look at."""

HELD_MAX = 64 * 1024 * 1024
"""Bytes of bodies that are held at once for senders whose signature has not been looked at."""

DISCARD_SECONDS = 1.0
DISCARD_MAX = 16 * 1024 * 1024
"""How long, and how many bytes, are waited for of a body that is too large."""


@dataclass(slots=True)
class Held:
    """How many bytes are held for senders that are not known."""

    now: int = 0


class Bounded:
    """What a request's body is received by. Raises `Problem` where more than `most` bytes come, whatever the headers say, or where
    they take too long. Its end, and what comes after it, is waited for as long as it takes. `held` counts what is read of a sender
    who is not known, None of one who is.
    """

    def __init__(self, scope: Scope, receive: Receive, most: int, held: Held | None = None) -> None:
        self._receive, self._most, self._held = receive, most, held
        headers = dict(scope["headers"])
        said = headers.get(b"content-length", b"0")
        self._said = int(said) if said.isdigit() else 0
        self._asks_first = b"expect" in headers
        self._read, self._whole = 0, False
        self._ends: float | None = None

    async def __call__(self) -> Message:
        """The next message."""
        if self._whole:
            return await self._receive()
        if self._said > self._most:
            raise await self._too_large()
        now = asyncio.get_running_loop().time()
        self._ends = self._ends or now + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "Body too slow", f"it must arrive within {BODY_SECONDS:g} s") from None
        self._count(len(message.get("body", b"")))
        self._whole = not message.get("more_body", False)
        if self._read > self._most:
            raise await self._too_large()
        return message

    def allow(self, most: int) -> None:
        """The sender is known: so much is read."""
        self._most = most

    def end(self) -> None:
        """The request is over: nothing of it is held, and nothing more comes.

        The server's way to receive holds the request, which holds this: left as it is, every request would wait for the collector of
        cycles, which comes after some 20,000 of them and then stops the process for more than a second.
        """
        self._receive = _over
        if self._held is not None:
            self._held.now -= self._read

    def _count(self, size: int) -> None:
        self._read += size
        if self._held is not None:
            self._held.now += size
            if self._held.now > HELD_MAX:
                raise Problem(503, "Not available", "too much is being read at once", retry_after=1)

    async def _too_large(self) -> Problem:
        """Drops what is still coming, within bounds: closed in the middle of it, the connection would lose our answer."""
        dropped = 0
        if not self._asks_first:  # whoever asks first has sent nothing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISCARD_SECONDS):
                    while not self._whole and dropped <= DISCARD_MAX:
                        message = await self._receive()
                        dropped += len(message.get("body", b""))
                        self._whole = not message.get("more_body", False)
        return Problem(413, "Body too large", f"at most {self._most} bytes are read")


async def _over() -> Message:
    return {"type": "http.disconnect"}
