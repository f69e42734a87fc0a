"""How a sandbox delivers webhooks: over real sockets, with the retries, repeats and disorder of a real platform."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong on the way, as shares between 0 and 1 and delays in seconds. Seeded, so a run can be repeated."""

    duplicated: float = 0.0
    delayed: float = 0.0
    delay: float = 1.0
    seed: int = 1


@dataclass(slots=True)
class Emitter:
    """Posts webhooks, at most `parallel` at a time; tries again after anything but 2xx, as platforms do.

    `first_retry` is the wait before the second try in seconds; it doubles, up to `attempts` tries. A real platform
    waits minutes; a sandbox is in more of a hurry. `accepted` is called with the tag of a delivery and the
    `time.monotonic()` at which its first 2xx came.
    """

    attempts: int = 12
    first_retry: float = 0.2
    parallel: int = 16
    timeout: float = 5.0
    faults: Faults = field(default_factory=Faults)
    accepted: Callable[[str, float], None] = lambda _tag, _at: None
    sent: int = 0
    lost: int = 0
    refused: int = 0
    _session: aiohttp.ClientSession | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _slots: asyncio.Semaphore | None = None
    _random: random.Random = field(default_factory=random.Random)

    async def start(self) -> None:
        """Opens the session."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout, connect=1.0))
        self._slots = asyncio.Semaphore(self.parallel)
        self._random.seed(self.faults.seed)

    def send(self, url: str, body: bytes, headers: Mapping[str, str], tag: str = "") -> None:
        """Queues one delivery and returns at once."""
        wait = self.faults.delay if self._random.random() < self.faults.delayed else 0.0
        self._spawn(url, body, headers, tag, wait)
        if self._random.random() < self.faults.duplicated:
            self._spawn(url, body, headers, "", wait + self.faults.delay)

    def _spawn(self, url: str, body: bytes, headers: Mapping[str, str], tag: str, wait: float) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(url, body, headers, tag, wait))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self, url: str, body: bytes, headers: Mapping[str, str], tag: str, wait: float
    ) -> None:
        assert self._session is not None
        assert self._slots is not None
        await asyncio.sleep(wait)
        for attempt in range(self.attempts):
            if attempt:
                await asyncio.sleep(min(5.0, self.first_retry * 2 ** (attempt - 1)))
            async with self._slots:
                try:
                    async with self._session.post(
                        url, data=body, headers=headers, allow_redirects=False
                    ) as answer:
                        await answer.read()
                        status = answer.status
                except (aiohttp.ClientError, TimeoutError, OSError):
                    continue
            if 200 <= status < 300:
                self.sent += 1
                if tag:
                    self.accepted(tag, time.monotonic())
                return
            if 300 <= status < 500 and status != 429:
                self.refused += 1
                return
        self.lost += 1

    async def drain(self) -> None:
        """Waits until everything queued was delivered or given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """Drops what is queued and closes the session."""
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
