"""A hub, and what can be done to it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import resource
import signal
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from lag import Lag

from deploy.engines import Engine, Engines
from streams.settings import Settings
from streams.system import Child

FREE = resource.RLIM_INFINITY


class Worker(Child):
    """A worker that is started again at once, for as long as it is `wanted`."""

    def __init__(self, name: str, config: Path, logs: Path) -> None:
        super().__init__("worker", ["--config", str(config), "--name", name], logs / f"{name}.log")
        self.wanted = asyncio.Event()
        self.wanted.set()

    async def run(self) -> None:
        while not self.stopping:
            await self.wanted.wait()
            await self._once()
            self.restarts += 1
            await asyncio.sleep(0.1)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def signal(self, what: signal.Signals) -> None:
        if self.process is not None and self.alive:
            self.process.send_signal(what)


@dataclass
class Hub:
    """Engines, workers, and what can be done to them: a strike is a method, named in `scenarios`."""

    data: Path
    settings: Settings
    engines: Engines
    lag: Lag
    chance: random.Random
    workers: dict[str, Worker] = field(default_factory=dict)
    strikes: int = 0
    _turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def strike(self, what: str) -> None:
        """Does one thing to the hub. Returns when that thing is over; `lag` knows when the hub is back from it."""
        await self.lag.look()
        self.strikes += 1
        await getattr(self, what)()

    async def worker(self) -> None:
        victim = await self._running()
        self.lag.struck()
        victim.kill()

    async def broker(self) -> None:
        await self._engine("kafka")

    async def postgres(self) -> None:
        await self._engine("postgres")

    async def _engine(self, engine: Engine) -> None:
        async with self._turns[engine]:
            self.lag.struck()
            await asyncio.to_thread(self.engines.kill, engine)
            await asyncio.to_thread(self.engines.restart, engine)

    async def zombie(self) -> None:
        """Stopped for long enough to be taken for dead, and then it goes on."""
        worker = await self._running()
        self.lag.struck()
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(12, 18))
        self.lag.struck()
        worker.signal(signal.SIGCONT)

    async def leave(self) -> None:
        await self._away(signal.SIGTERM)

    async def drop(self) -> None:
        await self._away(signal.SIGKILL)

    async def _away(self, how: signal.Signals) -> None:
        worker = await self._running()
        self.lag.struck()
        worker.wanted.clear()
        worker.signal(how)
        await asyncio.sleep(self.chance.uniform(1, 6))
        worker.wanted.set()

    async def guest(self) -> None:
        """A worker that nobody knew comes, and goes."""
        guest = Worker(f"guest-{self.strikes}", self.data / "onhand.toml", self.data / "logs")
        self.lag.struck()
        running = asyncio.create_task(guest.run())
        await asyncio.wait([asyncio.create_task(guest.ready.wait())], timeout=60)
        await asyncio.sleep(self.chance.uniform(0, 5))
        guest.stopping = True
        self.lag.struck()
        guest.signal(self.chance.choice((signal.SIGTERM, signal.SIGKILL)))
        await running

    async def disk_full(self) -> None:
        """No room for the state for a while, in which a worker is killed too and must start. Measured from when there is room.

        On a file system of its own (`starting`) that is filled to the last byte, so that writes fail as on a full disk;
        where none could be mounted, by the workers' RLIMIT_FSIZE, which fails writes with EFBIG.
        """
        filler = self.settings.data / "faust" / "filler"
        mounted = filler.parent.is_mount()
        began, lasts, killed = time.monotonic(), self.chance.uniform(6, 12), False
        while (gone := time.monotonic() - began) < lasts:
            if mounted:
                _fill(filler)
            else:
                self._limit(0)
            if gone > lasts / 3 and not killed:
                (await self._running()).kill()
                killed = True
            await asyncio.sleep(0.1)
        await self.lag.look()
        self.lag.struck()
        filler.unlink(missing_ok=True)
        self._limit(FREE)

    def _limit(self, size: int) -> None:
        for worker in self.workers.values():
            if worker.process is not None and worker.alive:
                with contextlib.suppress(ProcessLookupError):  # it ends just now
                    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (size, FREE))

    async def _running(self) -> Worker:
        """One of the workers that run; a dead one cannot be killed."""
        while not (alive := [one for one in self.workers.values() if one.alive]):
            await asyncio.sleep(0.02)
        return self.chance.choice(alive)


def _fill(file: Path) -> None:
    try:
        with file.open("ab") as out:
            while True:
                out.write(bytes(65_536))
                out.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
