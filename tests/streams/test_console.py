"""The console loads the command that is asked for, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.cli import COMMANDS

SERVER, WORKER, FILES = "fastapi", "faust.app", "pyarrow"


def console(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("commands", "spared"),
    [
        (["up", "worker", "serve", "stock", "verify"], {SERVER, WORKER, FILES}),
        (["import", "poll", "reconcile"], {WORKER, FILES}),
    ],
)
def test_given_a_command_then_it_does_not_wait_for_what_others_need(commands, spared):
    code = f"import sys; from streams.cli import app_of; app_of({commands!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert spared & set(done.stdout.split()) == set()


def test_given_no_command_then_all_are_listed():
    told = console("--help").stdout
    assert [name for name in COMMANDS if f" {name} " not in told] == []


def test_given_a_command_then_its_help_calls_it_by_its_name():
    for command in ("stock", "rules"):
        done = console(command, "--help")
        assert (done.returncode, f"streams.cli {command} [OPTIONS]" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize("said", [["stok"], ["rules", "aply"]])
def test_given_what_is_no_command_then_that_is_bad_usage(said):
    done = console(*said)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
