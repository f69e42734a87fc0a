"""`onhand`: what a user types. Reports go to standard output (with `--json` for machines), everything else to standard
error. Exit code 0: good, 1: found a problem, 2: bad usage or configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer

from streams.commands.applying import apply_rules
from streams.commands.asking import commitments, map_command, stock, verify
from streams.commands.buffers import buffers
from streams.commands.checking import check
from streams.commands.erasing import erase
from streams.commands.explaining import explain
from streams.commands.exporting import export_command
from streams.commands.geo import geo
from streams.commands.keys import keys
from streams.commands.late import late
from streams.commands.letters import letters
from streams.commands.oversells import oversells
from streams.commands.replaying import replay
from streams.commands.ruling import rules
from streams.commands.running import demo, serve_command, up, worker_command
from streams.commands.shadowing import shadow_command
from streams.commands.taking_in import import_command, poll_command, reconcile_command

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "up": up,
    "worker": worker_command,
    "serve": serve_command,
    "demo": demo,
    "stock": stock,
    "explain": explain,
    "late": late,
    "commitments": commitments,
    "oversells": oversells,
    "buffers": buffers,
    "verify": verify,
    "export": export_command,
    "replay": replay,
    "map": map_command,
    "check": check,
    "import": import_command,
    "poll": poll_command,
    "reconcile": reconcile_command,
    "shadow": shadow_command,
    "erase": erase,
}
"""The commands in the order of the help, by their names."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(letters, name="dead-letters")
rules.command("apply")(apply_rules)
app.add_typer(rules, name="rules")
app.add_typer(geo, name="geo")
app.add_typer(keys, name="keys")


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
