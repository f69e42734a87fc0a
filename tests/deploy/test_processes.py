from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from deploy.processes import EngineError, await_ready, free_port, runs, start, tail

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def script(text: str) -> list[str]:
    return [sys.executable, "-u", "-c", text]


def gone(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not runs(pid)


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "server.log"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_given_a_stop_then_the_server_gets_the_signal_it_wants(log, name):
    server = start(
        "Server",
        script(
            "import signal, sys, time\n"
            f"signal.signal(signal.{name}, lambda *_: sys.exit(print('asked by {name}')))\n"
            "print('ready')\n"
            "time.sleep(600)"
        ),
        log,
        stop_with=name,
    )
    await_ready(server, lambda: "ready" in tail(log), within=10)
    server.stop()
    assert gone(server.pid)
    assert f"asked by {name}" in tail(log)
    assert not server.alive()


def test_given_a_kill_then_the_server_is_gone_at_once_and_a_stop_afterwards_is_harmless(log):
    server = start("Server", SLEEPER, log, stop_with="SIGTERM")
    server.kill()
    assert gone(server.pid, 0.5)
    server.stop()


def test_given_a_kill_then_the_servers_children_are_gone_too(log):
    server = start(
        "Server",
        script(
            "import subprocess, sys, time\n"
            "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True).pid)\n"
            "time.sleep(600)"
        ),
        log,
        stop_with="SIGTERM",
    )
    await_ready(server, lambda: tail(log).isdigit(), within=10)
    server.kill()
    assert gone(int(tail(log)), 2)


def test_given_the_guardian_is_killed_then_its_server_goes_with_it(log):
    server = start("Server", SLEEPER, log, stop_with="SIGTERM")
    time.sleep(0.2)
    os.kill(server.guardian.pid, signal.SIGKILL)
    assert gone(server.pid)
    server.stop()


def test_given_the_parents_end_of_the_pipe_closes_then_the_server_is_stopped(log):
    server = start("Server", SLEEPER, log, stop_with="SIGTERM")
    server.guardian.stdin.close()
    assert gone(server.pid)
    server.stop()


def test_given_a_server_that_ends_at_start_then_the_error_is_one_line_with_what_its_log_says(log):
    server = start(
        "Server", script("print('first'); print('disk is full'); exit(3)"), log, stop_with="SIGTERM"
    )
    with pytest.raises(EngineError) as error:
        await_ready(server, lambda: False, within=10)
    assert str(error.value) == "Server ended at start: first | disk is full"
    server.stop()


def test_given_a_server_that_is_never_ready_then_it_is_killed_and_the_error_says_how_long_was_waited(log):
    server = start("Server", SLEEPER, log, stop_with="SIGTERM")
    with pytest.raises(EngineError, match=r"^Server was not ready within 0.2 s: $"):
        await_ready(server, lambda: False, within=0.2)
    assert gone(server.pid)


def test_given_a_program_that_is_not_there_then_the_error_names_the_server(log):
    with pytest.raises(EngineError, match=r"^Server could not be started: .*/nonexistent") as error:
        start("Server", ["/nonexistent"], log, stop_with="SIGTERM")
    assert "\n" not in str(error.value)


def test_given_a_preferred_port_then_it_is_used_if_it_is_free_and_another_one_if_not():
    preferred = free_port()
    assert free_port(preferred) == preferred
    with socket.create_server(("127.0.0.1", preferred)):
        assert free_port(preferred) != preferred
