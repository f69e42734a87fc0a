"""Starts a hub: engines of its own, the slow network before them, workers, and somebody who looks."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from hub import Hub, Worker
from lag import Lag
from load import LOCATIONS
from scenarios import DELAY, JITTER, Run

from deploy.engines import Engines, remove
from deploy.kafka import Listener
from deploy.processes import free_port
from projections.pool import open_pool
from projections.queries import Queries
from streams.reader import Reader
from streams.settings import load
from streams.stages import Naming
from streams.topics import create_topics

DISK = "256m"
"""The size of the file system that a full disk is played on."""


def _config(store: str, address: str | None) -> str:
    lines = ['data = "."', *(f"[locations.SHOP-{number:02}]" for number in range(LOCATIONS))]
    if address is not None:
        lines += ["[kafka]", f'address = "{address}"']
    if store != "memory":
        lines += ["[worker]", f'store = "{store}"']
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def hub_of(run: Run, seed: int, kept: list[Path]) -> AsyncIterator[Hub]:
    """A hub that runs. Its files are deleted in the end, unless somebody puts its folder into `kept`."""
    data = Path(tempfile.mkdtemp(prefix="onhand-chaos-"))
    data.chmod(0o755)
    port, slow = free_port(), free_port()
    async with AsyncExitStack() as stack:
        stack.callback(_delete, data, kept)
        ways = [Listener("SLOW", port, f"127.0.0.1:{slow}")] if run.slow else []
        engines = Engines(data / "engines", listeners=ways)
        await asyncio.to_thread(engines.start)
        stack.callback(engines.stop)
        if run.slow:
            _proxy(stack, slow, port, seed)
        config = data / "onhand.toml"
        config.write_text(_config(run.store, f"127.0.0.1:{slow}" if run.slow else None))
        settings = load(config)
        if "disk_full" in run.scenario.strikes:
            _small_disk(stack, data / "faust")
        await create_topics(engines.bootstrap, Naming(), settings.kafka.partitions)
        reader = Reader(engines.bootstrap)
        await reader.start()
        stack.push_async_callback(reader.stop)
        pool = await open_pool(engines.dsn, 2)
        stack.push_async_callback(pool.close)
        lag = Lag(reader, Queries(pool), settings.kafka.partitions)
        hub = Hub(data, settings, engines, lag, random.Random(seed))
        for number in range(run.scenario.workers):
            worker = hub.workers[f"worker-{number}"] = Worker(f"worker-{number}", config, data / "logs")
            task = asyncio.create_task(worker.run())
            stack.push_async_callback(_stopped, worker, task)
        await asyncio.wait_for(asyncio.gather(*(one.ready.wait() for one in hub.workers.values())), 120)
        looking = asyncio.create_task(lag.keep_looking())
        stack.callback(looking.cancel)
        yield hub


async def _stopped(worker: Worker, task: asyncio.Task[None]) -> None:
    worker.signal(signal.SIGCONT)
    await worker.stop()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _proxy(stack: AsyncExitStack, port: int, target: int, seed: int) -> None:
    command = [sys.executable, str(Path(__file__).with_name("proxy.py"))]
    proxy = subprocess.Popen(
        [*command, *map(str, (port, target, DELAY, JITTER, seed))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    stack.callback(proxy.communicate)  # closes its standard input, and waits
    assert proxy.stdout is not None
    assert proxy.stdout.readline() == b"ready\n"


def _small_disk(stack: AsyncExitStack, path: Path) -> None:
    """A file system of its own for the state, where we may mount one."""
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if done.returncode == 0:
        stack.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)


def _delete(data: Path, kept: Iterable[Path]) -> None:
    remove(data / "engines")
    if data not in kept:
        shutil.rmtree(data, ignore_errors=True)
