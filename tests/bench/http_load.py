"""A load of HTTP requests that were made before: one writes their bytes on sockets and waits for the answers, and nothing else.

HTTP/1.1 with connections that stay open, one request on each at a time, no parsing but of the status and the length. So a generator costs
a fraction of what a server does; what it can do at most is measured against `http_canned.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
Answered = Callable[[int, int, float], None]
"""Called with the number of a request, the status (0: the connection ended instead) and when its answer was whole."""


class Wire(asyncio.Protocol):
    """A connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._number = -1
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, number: int, request: bytes) -> None:
        assert self._transport is not None
        self._number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        if not end:
            return
        length = LENGTH.search(head)
        if length is None:
            raise ValueError(f"an answer without a length: {head!r}")
        if len(body) < int(length[1]):
            return
        number, self._number, self._held = self._number, -1, b""
        self._load.answered(number, int(head[9:12]), time.perf_counter())
        self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._number >= 0:
            self._load.answered(self._number, 0, time.perf_counter())
        self._load.lost(self)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


@dataclass(slots=True)
class Load:
    """So many connections to a server of this machine. A request that finds none free waits for one."""

    port: int
    connections: int
    answered: Answered
    refill: Callable[[], tuple[int, bytes] | None] = lambda: None
    """What a connection asks next when nothing waits."""
    _idle: list[Wire] = field(default_factory=list)
    _waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    _opening: set[asyncio.Task[None]] = field(default_factory=set)
    _closed: bool = False

    async def start(self) -> None:
        await asyncio.gather(*(self._open() for _ in range(self.connections)))

    async def _open(self) -> None:
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(self), "127.0.0.1", self.port
        )
        self.free(wire)

    def ask(self, number: int, request: bytes) -> None:
        if self._idle:
            self._idle.pop().ask(number, request)
        else:
            self._waiting.append((number, request))

    def free(self, wire: Wire) -> None:
        due = self._waiting.popleft() if self._waiting else self.refill()
        if due is None:
            self._idle.append(wire)
        else:
            wire.ask(*due)

    def lost(self, wire: Wire) -> None:
        """A server ends connections that nobody used for a while."""
        if wire in self._idle:
            self._idle.remove(wire)
        if not self._closed:
            task = asyncio.ensure_future(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def stop(self) -> None:
        self._closed = True
        for wire in self._idle:
            wire.close()


@dataclass(slots=True)
class Played:
    """What became of requests: when each was due, when its turn came, when it was answered (0: not yet), and how; by
    `time.perf_counter`.
    """

    due: array[float]
    asked: array[float]
    ended: array[float]
    status: array[int]

    @classmethod
    def of(cls, count: int) -> Played:
        due, asked, ended = (array("d", bytes(8 * count)) for _ in range(3))
        return cls(due, asked, ended, array("i", bytes(4 * count)))


async def open_loop(
    port: int, requests: Sequence[bytes], rate: float, connections: int, patience: float = 60.0
) -> Played:
    """Asks at fixed moments, whatever the answers do; a late one keeps nobody's moment from coming."""
    played = Played.of(len(requests))
    left = len(requests)
    done = asyncio.Event()

    def answered(number: int, status: int, at: float) -> None:
        nonlocal left
        played.ended[number], played.status[number] = at, status
        left -= 1
        if not left:
            done.set()

    load = Load(port, connections, answered)
    await load.start()
    began = time.perf_counter() + 0.05
    number = 0
    while number < len(requests):
        now = time.perf_counter()
        while number < len(requests) and (due := began + number / rate) <= now:
            played.due[number], played.asked[number] = due, now
            load.ask(number, requests[number])
            number += 1
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
    with contextlib.suppress(TimeoutError):  # what is not answered has no end
        await asyncio.wait_for(done.wait(), patience)
    load.stop()
    return played


WARM_UP = 0.1
"""Of the time that is measured: for so long a server is loaded before."""


@dataclass(slots=True)
class Full:
    """What a server did while every connection asked again as soon as it was answered."""

    answers: int = 0
    refused: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)


async def saturated(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Full:
    """Asks for so long as fast as answers come, the requests in turn; and before that for a tenth of the time, which is not counted."""
    full, turn = Full(), cycle(range(len(requests)))
    due: dict[int, float] = {}
    began = time.perf_counter()
    counts = began + seconds * WARM_UP
    ends = counts + seconds

    def answered(number: int, status: int, at: float) -> None:
        if counts <= at < ends:
            full.answers += 1
            full.refused += status // 100 != 2
            full.took.append(at - due[number])

    def refill() -> tuple[int, bytes] | None:
        if (now := time.perf_counter()) >= ends:
            return None
        number = next(turn)
        due[number] = now
        return number, requests[number]

    load = Load(port, connections, answered, refill)
    await load.start()
    await asyncio.sleep(max(0.0, ends - time.perf_counter()) + 1.0)
    load.stop()
    full.seconds = ends - counts
    return full
