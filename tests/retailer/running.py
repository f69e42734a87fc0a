"""A retailer's hub and platforms, running: engines, doubles, a worker and the server, and what asks them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparing import Difference, platforms
from seats import Seats
from truth import Oracle

from deploy.engines import Engines
from projections.pool import open_pool
from projections.queries import Queries
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.system import System
from streams.verify import Verifier


@dataclass(frozen=True, slots=True)
class Hub:
    """What runs. `address` is where the server listens."""

    data: Path
    seats: Seats
    settings: Settings
    sandboxes: Mapping[str, Any]
    address: str
    reader: Reader
    queries: Queries

    @property
    def verifier(self) -> Verifier:
        """What adds the log up again, and knows how far it is taken in."""
        settings = self.settings
        return Verifier(
            reader=self.reader,
            queries=self.queries,
            naming=Naming(settings.kafka.prefix),
            partitions=settings.kafka.partitions,
            rules=settings.rules,
            authority=settings.witnesses,
            group=f"{settings.kafka.prefix}onhand",
            tells={name: settings.connector(name).tells for name in settings.channels},
        )

    async def onhand(self, *arguments: str) -> Any:
        """A command, as a person runs it. Raises `RuntimeError` with what it said."""
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "streams.cli", *arguments, "--json"],
            *["--config", str(self.data / "onhand.toml")],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"onhand {' '.join(arguments)}: {err.decode()[-2_000:]}")
        return json.loads(out)

    async def opened(self, say: Callable[[str], None]) -> None:
        """Makes the levels of who keeps a place its opening stock."""
        for channel, seat in self.seats.items():
            if seat.keeps:
                say(f"import {channel}: {(await self.onhand('import', channel))['opened']} cells")

    async def shown(self, oracle: Oracle, skus: Sequence[str], within: float) -> list[Difference]:
        """Waits until every platform shows what it must; what is wrong still when the time is up."""
        deadline = time.monotonic() + within
        while (left := list(platforms(oracle, self.seats, self.sandboxes, skus))) and (
            time.monotonic() < deadline
        ):
            await asyncio.sleep(0.1)
        return left


@asynccontextmanager
async def running(
    data: Path, seats: Seats, settings: Settings, sandboxes: Mapping[str, Any], say: Callable[[str], None]
) -> AsyncIterator[Hub]:
    """Runs the hub beside the block. The sandboxes are started here, and stopped with it."""
    async with AsyncExitStack() as stack:
        say("starting the engines")
        engines = Engines(data / "engines")
        await asyncio.to_thread(engines.start)
        stack.push_async_callback(asyncio.to_thread, engines.stop)
        for name, sandbox in sandboxes.items():
            await sandbox.start(settings.channels[name].sandbox_port)
        system = System(settings, data / "onhand.toml", say, engines=engines, sandboxes=dict(sandboxes))
        stack.push_async_callback(system.stop)
        await system.start()
        pool, reader = await open_pool(engines.dsn, 2), Reader(engines.bootstrap)
        stack.push_async_callback(pool.close)
        await reader.start()
        stack.push_async_callback(reader.stop)
        yield Hub(data, seats, settings, sandboxes, system.address, reader, Queries(pool))
