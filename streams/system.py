"""Runs the whole system on one machine: engines, sandboxes, a worker and the server, restarted when they die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from connectors.contract import Sandbox
from connectors.sandboxes import rows_of, sandbox_of
from deploy.engines import Engine, EngineError, Engines, Running, running
from projections.pool import migrate
from streams.settings import (
    EMBEDDED,
    BadConfiguration,
    KafkaSettings,
    Settings,
    kafka_password,
    postgres_password,
    secrets_of,
)

if TYPE_CHECKING:
    from streams.cluster import Kafka

log = structlog.get_logger()

Progress = Callable[[str], None]

ENGINE_LOOK = 1.0
"""Seconds between two looks whether an engine of ours still runs."""


class NotRunning(BadConfiguration):
    """An embedded engine is wanted, and nobody has started it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Kafka and PostgreSQL are, and the versions of embedded ones."""

    bootstrap: Kafka
    dsn: str
    versions: Running | None = None


def addresses(settings: Settings) -> Addresses:
    """Where the engines are. Raises `NotRunning` when embedded ones are wanted and do not run, `BadConfiguration` where a secret or a
    certificate of others is not there.
    """
    found = running(engine_data(settings))
    bootstrap, dsn = cluster_of(settings.kafka), settings.postgres.address
    if bootstrap == EMBEDDED:
        if found is None or found.bootstrap is None:
            raise NotRunning(
                "Kafka is embedded and does not run: start `onhand up` first, or set [kafka] address"
            )
        bootstrap = found.bootstrap
    if dsn == EMBEDDED:
        if found is None or found.dsn is None:
            raise NotRunning(
                "PostgreSQL is embedded and does not run: start `onhand up` first, or set [postgres] address"
            )
        dsn = found.dsn
    elif password := postgres_password():
        os.environ["PGPASSWORD"] = password.get_secret_value()
    return Addresses(bootstrap, dsn, found)


def cluster_of(kafka: KafkaSettings) -> Kafka:
    """Where Kafka is, with all that it takes to be let in. Raises `BadConfiguration`."""
    if not kafka.tls and kafka.username is None:
        return kafka.address
    from streams.cluster import Cluster  # noqa: PLC0415  # aiokafka takes a while, and most have no use for it here

    return Cluster(
        address=kafka.address,
        tls=_tls(kafka) if kafka.tls else None,
        user=kafka.username,
        password=kafka_password() if kafka.username else None,
        mechanism=kafka.mechanism,
    )


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    name = "ca"
    try:
        context = ssl.create_default_context(cafile=kafka.ca)
        if kafka.certificate and kafka.key:
            name = "certificate, key"
            context.load_cert_chain(kafka.certificate, kafka.key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
        raise BadConfiguration(f"kafka.{name}: cannot be used ({reason})") from None
    return context


def engine_data(settings: Settings) -> Path:
    """Where embedded engines keep their files."""
    return settings.data / "engines"


def engines_of(settings: Settings, progress: Progress) -> Engines | None:
    """The engines that the configuration wants embedded; None when it names others."""
    kafka, postgres = settings.kafka.address == EMBEDDED, settings.postgres.address == EMBEDDED
    if not kafka and not postgres:
        return None
    return Engines(engine_data(settings), kafka=kafka, postgres=postgres, progress=progress)


@asynccontextmanager
async def running_engines(settings: Settings, progress: Progress) -> AsyncIterator[None]:
    """The engines, for a command that may be run while nothing else is: embedded ones are started for it, if they do not run. Raises
    `EngineError`.
    """
    engines = None if running(engine_data(settings)) else engines_of(settings, progress)
    if engines is not None:
        await asyncio.to_thread(engines.start)
    try:
        yield
    finally:
        if engines is not None:
            await asyncio.to_thread(engines.stop)


async def start_sandboxes(settings: Settings, base: Path) -> dict[str, Sandbox]:
    """Starts the sandbox of every channel that asks for one. Paths are relative to `base`."""
    started = {}
    for name, channel in settings.channels.items():
        if channel.sandbox is None:
            continue
        secrets = secrets_of(name, settings.connector(name).secrets, channel)
        sandbox = sandbox_of(channel, secrets, rows_of(base / channel.sandbox))
        await sandbox.start(channel.sandbox_port)
        started[name] = sandbox
    return started


@dataclass(slots=True)
class Child:
    """A process of ours, `onhand <part>`: started, watched, restarted, and gone when we are."""

    part: str
    arguments: list[str]
    log_file: Path
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0
    ready_said: str = ""
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False

    async def run(self) -> None:
        """Keeps the process running until `stop`. A restart waits a moment, longer each time in a row."""
        in_a_row = 0
        while not self.stopping:
            began = time.monotonic()
            try:
                await self._once()
            except OSError as error:  # no room for its log, or none for another process
                log.warning("part cannot be started", part=self.part, reason=str(error))
            if self.stopping:
                return
            in_a_row = 0 if time.monotonic() - began > 30 else in_a_row + 1
            self.restarts += 1
            log.warning("part ended, starting it again", part=self.part, restarts=self.restarts)
            await asyncio.sleep(min(10.0, 0.1 * 2**in_a_row))

    async def _once(self) -> None:
        self.ready.clear()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as sink:
            self.process = process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "streams.cli", self.part, *self.arguments, "--until-parent-ends"],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            )
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line.startswith(b"ready"):
                self.ready_said = line.decode().strip()
                self.ready.set()
        await process.wait()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None and self.process.returncode is None:
            self.ready.clear()
            self.process.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        """Asks it to end, and makes it after a while."""
        self.stopping = True
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), 15)
        except TimeoutError:
            self.process.kill()


class System:
    """Everything of one installation. `engines` and `sandboxes` may be given; else they are those of the settings."""

    def __init__(
        self,
        settings: Settings,
        config: Path,
        progress: Progress,
        *,
        engines: Engines | None = None,
        sandboxes: dict[str, Sandbox] | None = None,
    ) -> None:
        self.settings, self.config, self.progress = settings, config, progress
        self.engines = engines
        self.sandboxes = {} if sandboxes is None else sandboxes
        arguments = ["--config", str(config)]
        logs = settings.data / "logs"
        self.worker = Child("worker", arguments, logs / "worker.log")
        self.server = Child("serve", arguments, logs / "serve.log")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts everything and returns when it is ready. Raises `EngineError`, `DatabaseError`."""
        if self.engines is None:
            self.engines = engines_of(self.settings, self.progress)
            if self.engines is not None:
                await asyncio.to_thread(self.engines.start)
        if not self.sandboxes:
            self.sandboxes = await start_sandboxes(self.settings, self.config.parent)
        for name, sandbox in self.sandboxes.items():
            self.progress(f"the sandbox of {name} listens on {sandbox.url}")
        # here, where nobody counts the seconds: to move a large journal takes longer than a part has to become ready
        await migrate(addresses(self.settings).dsn)
        self._tasks = [asyncio.create_task(child.run()) for child in (self.worker, self.server)]
        if self.engines is not None:
            self._tasks += [
                asyncio.create_task(_kept_running(self.engines, one)) for one in self.engines.wanted
            ]
        for child in (self.worker, self.server):
            await self._await_ready(child)

    async def _await_ready(self, child: Child) -> None:
        try:
            await asyncio.wait_for(child.ready.wait(), 90)
        except TimeoutError:
            last = child.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            raise EngineError(f"{child.part} did not become ready: {' | '.join(last)}") from None
        self.progress(f"{child.part} is {child.ready_said}")

    @property
    def address(self) -> str:
        """Where the server listens."""
        return self.server.ready_said.removeprefix("ready ")

    async def stop(self) -> None:
        """Stops everything, in the order that loses nothing and waits for nothing."""
        await asyncio.gather(self.server.stop(), self.worker.stop())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sandbox in self.sandboxes.values():
            await sandbox.stop()
        if self.engines is not None:
            await asyncio.to_thread(self.engines.stop)


async def _kept_running(engines: Engines, engine: Engine) -> None:
    """Starts an engine again whenever it has ended: Kafka ends when it cannot write, PostgreSQL may."""
    while True:
        await asyncio.sleep(ENGINE_LOOK)
        if not engines.ended(engine):
            continue
        log.warning("engine ended, starting it again", engine=engine)
        try:
            await asyncio.to_thread(engines.restart, engine)
        except (EngineError, OSError) as error:
            log.warning("engine cannot be started", engine=engine, reason=str(error))


def on_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping


def end_with_parent() -> None:
    """Ends this process cleanly when its standard input closes: its parent is gone."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4_096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
