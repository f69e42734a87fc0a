"""The embedded engines of one installation: started together, found by others, stopped together."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TextIO

from deploy import kafka, postgres
from deploy.guardian import GRACE
from deploy.processes import EngineError, Server, free_space

__all__ = ["HOMES", "EngineError", "Engines", "Running", "remove", "running"]

Engine = Literal["kafka", "postgres"]

ROOM = 64 << 20
"""Bytes that must be free where an engine keeps its data before it is started. Kafka 4.3.1 that is started on a full disk deletes
segments of its log, and what was acknowledged with them; PostgreSQL needs some to recover.
"""

HOMES: Mapping[Engine, Callable[[Path], Path]] = {"kafka": kafka.home_of, "postgres": postgres.home_of}
"""Where the engines of a data directory keep their data."""

LOOK = 0.5
"""Seconds between two looks whether there is room."""

GOING_DOWN = GRACE + 5.0
"""How long the servers of an owner that was killed may still run, in seconds."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where an installation's engines are. None: not embedded. Versions are the servers' own words."""

    bootstrap: str | None
    dsn: str | None
    kafka_version: str | None
    postgres_version: str | None
    pids: dict[str, int]


class Engines:
    """Kafka and PostgreSQL under one data directory. A second start finds the data and, if free, the ports again.

    `listeners` are further ways into Kafka, for clients that reach it by another address than ours.
    """

    def __init__(
        self,
        data: Path,
        *,
        kafka: bool = True,
        postgres: bool = True,
        listeners: Sequence[kafka.Listener] = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data = data
        self._wanted: list[Engine] = [*(["kafka"] if kafka else []), *(["postgres"] if postgres else [])]  # type: ignore[list-item]  # literals
        self._listeners = listeners
        self._progress = progress
        self._servers: dict[str, Server] = {}
        self._ports: dict[str, int] = {}
        self._dsn: str | None = None
        self._lock: TextIO | None = None
        self._stopping = threading.Event()

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return f"127.0.0.1:{self._ports['kafka']}"

    @property
    def dsn(self) -> str:
        """PostgreSQL's address, with its password."""
        assert self._dsn is not None
        return self._dsn

    @property
    def info(self) -> Running:
        """What others are told."""
        has = self._servers.keys()
        return Running(
            bootstrap=self.bootstrap if "kafka" in has else None,
            dsn=self._dsn,
            kafka_version=kafka.version() if "kafka" in has else None,
            postgres_version=postgres.version() if "postgres" in has else None,
            pids={name: server.pid for name, server in self._servers.items()},
        )

    def start(self) -> None:
        """Starts what is wanted, side by side; waits for as long as there is no room for it. Raises `EngineError`; then nothing is left
        running.
        """
        self._stopping.clear()
        self.data.mkdir(parents=True, exist_ok=True)
        self._own()
        ports = self.data / "ports.json"
        with contextlib.suppress(
            OSError, ValueError
        ):  # the first start, or one that was cut off while it wrote them
            self._ports = json.loads(ports.read_text(encoding="utf-8"))
        with ThreadPoolExecutor() as pool:
            started = [pool.submit(self._start_one, engine) for engine in self._wanted]
        failed = [fault for future in started if (fault := future.exception())]
        if failed:
            self.stop()
            raise failed[0]
        ports.write_text(json.dumps(self._ports), encoding="utf-8")
        self._tell()

    def _own(self) -> None:
        """Takes the data directory. The kernel frees it when its owner ends, however that ends."""
        lock = (self.data / "engines.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EngineError(
                f"the engines of {self.data} are running already, or are being started"
            ) from None
        self._lock = lock
        # the servers of an owner that was killed are still on their way down; a pid may also be somebody else's by now
        deadline = time.monotonic() + GOING_DOWN
        while _any_alive(self.data) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _start_one(self, engine: Engine) -> None:
        self._await_room(engine)
        if engine == "kafka":
            server, port = kafka.run(
                self.data, self._progress, self._ports.get("kafka"), listeners=self._listeners
            )
        else:
            server, port, self._dsn = postgres.run(self.data, self._ports.get("postgres"))
        self._servers[engine], self._ports[engine] = server, port
        if self._stopping.is_set():  # whoever stops us may have looked before it was there
            server.stop()
            raise EngineError(f"{server.name} is not wanted any more")
        self._progress(f"{server.name} is ready on port {port}")

    def _await_room(self, engine: Engine) -> None:
        home, said = HOMES[engine](self.data), False
        while (left := free_space(home)) < ROOM:
            if not said:
                said = True
                self._progress(
                    f"{engine} is not started: {left >> 20} MB are free in {home}, {ROOM >> 20} MB are needed"
                )
            if self._stopping.wait(LOOK):
                raise EngineError(f"{engine} was not started: there was no room in {home}")

    def _tell(self) -> None:
        """Whole or not at all: others look into it while it is written, and a disk may be full."""
        file, made = self.data / "engines.json", self.data / "engines.json.new"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(asdict(self.info), out)
        made.replace(file)

    def stop(self) -> None:
        """Stops what runs, cleanly, and waits for room no longer."""
        self._stopping.set()
        if self._lock is None:
            return
        (self.data / "engines.json").unlink(missing_ok=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.stop, self._servers.values()))
        self._servers.clear()
        self._lock.close()
        self._lock = None

    def kill(self, engine: Engine) -> None:
        """Kills an engine with SIGKILL, as a power cut would."""
        self._servers[engine].kill()

    def restart(self, engine: Engine) -> None:
        """Starts an engine again that was killed, or ended, on its port and its data; waits for as long as there is no room for it."""
        self._servers[engine].stop()
        self._start_one(engine)
        self._tell()

    def ended(self, engine: Engine) -> bool:
        """Whether an engine ran that does not run any more."""
        return engine in self._servers and not self._servers[engine].alive()

    @property
    def wanted(self) -> Sequence[Engine]:
        """The engines that are ours to run."""
        return tuple(self._wanted)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running(data: Path) -> Running | None:
    """The engines that run for a data directory, or None. Checks that they are alive."""
    found = _told(data)
    return found if found is not None and all(map(_is_alive, found.pids.values())) else None


def _any_alive(data: Path) -> bool:
    found = _told(data)
    return found is not None and any(map(_is_alive, found.pids.values()))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _told(data: Path) -> Running | None:
    """What was told of engines that run there, or did."""
    try:
        return Running(**json.loads((data / "engines.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remove(data: Path) -> None:
    """Deletes everything an installation's engines keep."""
    postgres.remove(data)
    shutil.rmtree(data, ignore_errors=True)
