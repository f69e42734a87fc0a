"""Starting and stopping server processes, and finding free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom


class EngineError(Exception):
    """A server cannot run here. The message is one line: what is missing, and how to get it."""


@dataclass(slots=True)
class Server:
    """A server process under a guardian. `pid` is the server's own; `log` is where it writes."""

    name: str
    guardian: subprocess.Popen[bytes]
    pid: int
    log: Path

    def alive(self) -> bool:
        """Whether it runs."""
        return self.guardian.poll() is None

    def stop(self, within: float = 30.0) -> None:
        """Asks it to stop, and makes it after `within` seconds."""
        if self.guardian.stdin is not None:
            self.guardian.stdin.close()
        try:
            self.guardian.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills it and its children as a power cut would (SIGKILL). Returns when none of them runs any more."""
        killed: list[int] = []
        if self.alive():
            with contextlib.suppress(ProcessLookupError):  # it ends by itself just now
                os.kill(self.pid, signal.SIGSTOP)  # so that it makes no more children
                killed = [self.pid, *children(self.pid)]
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
        while any(map(runs, killed)):
            time.sleep(0.01)
        self.guardian.wait()
        if self.guardian.stdin is not None:
            self.guardian.stdin.close()


def start(name: str, command: Sequence[str], log: Path, *, stop_with: str, user: str | None = None) -> Server:
    """Starts a server that dies with this process. `stop_with` is the signal for a clean stop."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        guardian = subprocess.Popen(  # noqa: S603  # our own module and the engine's command
            [sys.executable, str(Path(__file__).with_name("guardian.py")), stop_with, user or "-", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
            cwd="/",
        )
    assert guardian.stdout is not None
    assert guardian.stdin is not None
    with guardian.stdout as said:
        line = said.readline().strip()
    if not line:
        guardian.stdin.close()
        guardian.wait()
        raise EngineError(f"{name} could not be started: {tail(log)}")
    return Server(name, guardian, int(line), log)


def await_ready(server: Server, ready: Callable[[], bool], within: float) -> None:
    """Waits until `ready` says so. Raises `EngineError` with the log's last lines when the server ends or is too slow."""
    deadline = time.monotonic() + within
    while not ready():
        if not server.alive():
            server.stop()
            raise EngineError(f"{server.name} ended at start: {tail(server.log)}")
        if time.monotonic() > deadline:
            server.kill()
            raise EngineError(f"{server.name} was not ready within {within:g} s: {tail(server.log)}")
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that a process has started; none where the kernel does not say."""
    try:
        said = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in said.split()]


def runs(pid: int) -> bool:
    """Whether a process still holds anything: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log file, as one."""
    if not log.exists():
        return "no log"
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return " | ".join(line.strip() for line in text[-lines:])


def last_line(text: str) -> str:
    """The last line of what a program said."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def free_space(path: Path) -> int:
    """Bytes that anybody may still write on the file system of a path, or of the folder that it will be made in."""
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


PORTS = range(20_000, 32_000)
"""Where a free port is looked for: below those that systems give to whoever connects somewhere, and who may have one before its server."""


def free_port(preferred: int | None = None) -> int:
    """A free loopback port: the preferred one if it still is."""
    for port in (*([preferred] if preferred else []), *SystemRandom().sample(PORTS, 100)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise EngineError("no free port on 127.0.0.1")
