"""Whole installations with processes of their own, to be killed, stopped and asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.engines import Engines, remove
from deploy.processes import free_port
from projections.pool import open_pool
from projections.queries import Queries
from schemas.claims import Claim
from schemas.codec import encode, headers
from schemas.topics import CLAIMS
from streams.reader import Reader
from streams.settings import Settings, load
from streams.stages import Naming
from streams.topics import create_topics
from streams.verify import Report, Verifier
from streams.writer import Out, Writer

ROOT = Path(__file__).resolve().parents[2]


def onhand(*arguments: str, config: Path, code: int | None = 0, env: dict[str, str] | None = None) -> str:
    """Runs a command as a user would, and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "ONHAND_CONFIG": str(config), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if done.returncode == 0 or done.stdout else done.stderr


def asked(*arguments: str, config: Path, code: int | None = 0) -> Any:
    """A command's JSON report."""
    return json.loads(onhand(*arguments, "--json", config=config, code=code))


@dataclass
class Installation:
    """Engines of its own, one configuration, and processes that run from it."""

    data: Path
    engines: Engines
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.data / "onhand.toml"

    def configure(self, text: str) -> Settings:
        self.config.write_text(text, encoding="utf-8")
        return load(self.config)

    def worker(self, name: str = "worker-0") -> subprocess.Popen[bytes]:
        """Starts a worker process; `until_ready` waits for it."""
        log = (self.data / f"{name}.log").open("ab")
        with log:
            process = self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker", "--name", name, "--config", str(self.config)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return process

    def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline().startswith(b"ready"), self.tail()

    def tail(self) -> str:
        return "\n".join(file.read_text(errors="replace")[-2_000:] for file in self.data.glob("*.log"))

    def kill(self, name: str = "worker-0") -> None:
        """SIGKILL, as a power cut would."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()
        self.processes.clear()

    async def append(self, claims: Sequence[Claim], settings: Settings) -> None:
        """Writes claims to the log, as the intake does."""
        naming, partitions = Naming(settings.kafka.prefix), settings.kafka.partitions
        await create_topics(self.engines.bootstrap, naming, partitions)
        writer = Writer(self.engines.bootstrap, partitions)
        await writer.start()
        try:
            for start in range(0, len(claims), 500):
                await writer.write(_outs(claims[start : start + 500], naming))
        finally:
            await writer.stop()

    @asynccontextmanager
    async def verifier(self, settings: Settings) -> AsyncIterator[Verifier]:
        reader, pool = Reader(self.engines.bootstrap), await open_pool(self.engines.dsn, 2)
        await reader.start()
        try:
            yield Verifier(
                reader=reader,
                queries=Queries(pool),
                naming=Naming(settings.kafka.prefix),
                partitions=settings.kafka.partitions,
                rules=settings.rules,
                authority=settings.authority,
                group=f"{settings.kafka.prefix}onhand",
                tells={name: settings.connector(name).tells for name in settings.channels},
            )
        finally:
            await reader.stop()
            await pool.close()

    async def verdict(self, settings: Settings, within: float = 60.0) -> Report:
        """What `verify` says once everything has settled."""
        async with self.verifier(settings) as verifier:
            assert await verifier.settled(within) is None, self.tail()
            return await verifier.run()


def _outs(claims: Iterable[Claim], naming: Naming) -> list[Out]:
    return [
        Out(
            naming(CLAIMS),
            claim.transaction.encode(),
            encode(claim),
            headers(CLAIMS, f"{claim.channel}/{claim.transaction}", claim.channel, claim.occurred_at),
        )
        for claim in claims
    ]


@pytest.fixture
def engines_apart() -> Iterator[Installation]:
    """An installation of the test's own: what it kills is nobody else's."""
    data = Path(tempfile.mkdtemp(prefix="onhand-system-"))
    data.chmod(0o755)
    installation = None
    try:
        with Engines(data / "engines") as engines:
            installation = Installation(data, engines)
            yield installation
            installation.stop()
    finally:
        if installation is not None:
            installation.stop()
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


def wait_for(what: Callable[[], Any], within: float = 10.0) -> Any:
    """The first true answer of `what`."""
    deadline = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def free() -> Callable[[], int]:
    """Asks for a free port."""
    return free_port
