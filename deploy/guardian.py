"""Runs one server for a parent process and takes it down when the parent is gone, however the parent went.

`python -m deploy.guardian SIGNAL USER COMMAND...` starts COMMAND (as USER, or `-` for the present one), prints its pid,
and waits. Its standard input is a pipe that the parent holds: end of file means the parent is gone, and the server
gets SIGNAL, then SIGKILL after `GRACE` seconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE = 20.0
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Runs the server. Returns its exit code."""
    stop_with, user, *command = arguments
    for name in (signal.SIGINT, signal.SIGTERM):  # a Ctrl-C at the terminal is for the parent to act on
        signal.signal(name, signal.SIG_IGN)
    server = subprocess.Popen(  # noqa: S603  # the parent's own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        user=None if user == "-" else user,
        group=None if user == "-" else user,
        extra_groups=None if user == "-" else [],
        start_new_session=True,
        preexec_fn=_die_with_guardian,  # noqa: PLW1509  # single-threaded here
    )
    print(server.pid, flush=True)  # noqa: T201  # what the parent reads
    threading.Thread(target=_await_parent, args=(server, getattr(signal, stop_with)), daemon=True).start()
    return server.wait()


def _await_parent(server: subprocess.Popen[bytes], stop_with: signal.Signals) -> None:
    os.read(0, 1)
    server.send_signal(stop_with)
    try:
        server.wait(GRACE)
    except subprocess.TimeoutExpired:
        server.kill()


def _die_with_guardian() -> None:
    """Also when the guardian itself is killed; after the change of user, which would clear it. Signals work again."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main(sys.argv[1:]))
