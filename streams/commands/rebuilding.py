"""`onhand rebuild`: what PostgreSQL has of the log is made anew from it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from projections.derived import PROJECTIONS, Rebuilt
from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, run, show
from streams.settings import BadConfiguration


def rebuild_command(
    projection: Annotated[
        list[str] | None, typer.Argument(help=f"What to make anew: {', '.join(PROJECTIONS)}.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Make projections of PostgreSQL anew from the log, while everything else runs, and say what was wrong with them."""

    async def body() -> dict[str, Rebuilt]:
        from streams.rebuilding import rebuild

        names = _named(projection or [], everything=everything)
        columns = SpinnerColumn(), TextColumn("{task.completed} records read")
        async with opened(config) as parts:
            with Progress(*columns, console=err, disable=as_json or not err.is_terminal) as bar:
                task = bar.add_task("", total=None)
                return await rebuild(
                    names,
                    parts.dsn,
                    await parts.pool(),
                    await parts.reader(),
                    parts.naming,
                    parts.settings.kafka.partitions,
                    lambda records: bar.advance(task, records),
                )

    found = run(body())
    if as_json:
        show({"projections": {name: asdict(its) for name, its in found.items()}})
        return
    for name, its in found.items():
        changed = its.removed or its.added
        text = f"{name}: {its.rows} rows" + (
            f", {its.removed} removed, {its.added} added" if changed else ", as they were"
        )
        out.print(text, highlight=False, style="yellow" if changed else None)


def _named(projection: list[str], *, everything: bool) -> list[str]:
    """The projections that are meant. Raises `BadConfiguration`."""
    unknown = [name for name in projection if name not in PROJECTIONS]
    if unknown or bool(projection) == everything:
        said = f"there is no projection {unknown[0]!r}" if unknown else "name projections, or say --all"
        raise BadConfiguration(f"{said}; projections are: {', '.join(PROJECTIONS)}")
    return projection or list(PROJECTIONS)
