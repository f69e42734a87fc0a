"""`onhand`: what a user types. Reports go to standard output (with `--json` for machines), everything else to standard
error. Exit code 0: good, 1: found a problem, 2: bad usage or configuration.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module

import typer

COMMANDS: Mapping[str, str] = {
    "up": "running:up",
    "worker": "running:worker_command",
    "serve": "running:serve_command",
    "demo": "running:demo",
    "stock": "asking:stock",
    "explain": "explaining:explain",
    "late": "late:late",
    "commitments": "asking:commitments",
    "oversells": "oversells:oversells",
    "buffers": "buffers:buffers",
    "verify": "asking:verify",
    "export": "exporting:export_command",
    "replay": "replaying:replay",
    "map": "asking:map_command",
    "check": "checking:check",
    "import": "taking_in:import_command",
    "poll": "taking_in:poll_command",
    "reconcile": "taking_in:reconcile_command",
    "shadow": "shadowing:shadow_command",
    "erase": "erasing:erase",
    "dead-letters": "letters:letters",
    "rules": "ruling:rules",
    "backup": "backing_up:backup_command",
    "restore": "backing_up:restore_command",
    "repartition": "backing_up:repartition_command",
    "rebuild": "rebuilding:rebuild_command",
    "geo": "geo:geo",
    "keys": "keys:keys",
    "vault": "vault:vault",
}
"""The commands in the order of the help: module in `streams.commands`, and the function or the group of commands in it."""


def app_of(names: Iterable[str]) -> typer.Typer:
    """The console with these commands."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
    )
    app.callback()(lambda: None)  # so that a single command keeps its name
    for name in names:
        module, _, part = COMMANDS[name].partition(":")
        found = getattr(import_module(f"streams.commands.{module}"), part)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """The console script. Loads the command that is named alone: all of them take a second."""
    named = [word for word in sys.argv[1:2] if word in COMMANDS]
    gc.disable()  # nothing of what is loaded is garbage: to look for some takes a tenth of the time
    app = app_of(named or COMMANDS)
    gc.enable()
    app()


if __name__ == "__main__":
    main()
