"""The console loads the command that is asked for, and no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import structlog
from rich.table import Table

from streams import logs
from streams.cli import COMMANDS
from streams.commands.opened import Plain

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


HOSTILE = "[/]\x1b]0;owned\x07\x1b[2Jshown[red]:smile:\x9b31m\r\nsecond"


def test_given_a_name_that_somebody_wrote_for_the_terminal_then_it_is_shown_and_does_nothing(capsys):
    table = Table("name", title=HOSTILE)
    table.add_row(HOSTILE)
    console = Plain(width=200)
    for shown in (HOSTILE, table):
        console.print(shown)
    said = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
    assert said.count("[/]") == said.count(":smile:") == said.count("[red]") == 3


def test_given_a_name_with_line_ends_then_the_log_has_one_line_that_says_so(capsys):
    before = structlog.get_config()
    logs.configure(tuple)
    try:
        structlog.get_logger().warning("refused", channel='web\n{"event": "all is well"}\u2028\x1b[2J')
        structlog.get_logger().error(f"a message with {HOSTILE}")
    finally:
        structlog.configure(**before)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["warning", "error"]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", "".join(lines))
