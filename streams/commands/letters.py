"""`onhand dead-letters`: what was refused and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, report, run, show

letters = typer.Typer(no_args_is_help=True, help="What was refused and why; retry after a fix.")


@letters.command("list")
def list_letters(
    config: Config = ONHAND_TOML,
    everything: Annotated[bool, typer.Option("--all", help="Retried ones too.")] = False,
    limit: int = 100,
    as_json: Json = False,
) -> None:
    """What was refused, newest first."""

    async def body() -> list[dict[str, Any]]:
        async with opened(config) as parts:
            return (await (await parts.queries()).dead_letters(pending=not everything, limit=limit)).items

    found = run(body())
    if as_json:
        show({"items": found})
        return
    table = Table()
    for name in ("id", "channel", "topic", "ref", "reason"):
        table.add_column(name, overflow="fold")
    for row in found:
        table.add_row(*[str(row[name]) for name in ("id", "channel", "topic", "ref", "reason")])
    out.print(table)


@letters.command("show")
def show_letter(ident: str, config: Config = ONHAND_TOML) -> None:
    """One dead letter, with its payload."""

    async def body() -> dict[str, Any] | None:
        async with opened(config) as parts:
            return await (await parts.queries()).dead_letter(ident)

    found = run(body())
    if found is None:
        err.print(f"no dead letter {ident}", style="red", highlight=False)
        raise typer.Exit(1)
    show(found)


@letters.command("retry")
def retry_letters(
    ident: Annotated[str | None, typer.Argument(help="One dead letter; all that wait without it.")] = None,
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Try again after a fix. What is applied counts at its true time."""
    from streams.letters import Letters

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            waiting = Letters(queries, await parts.intake(queries), parts.bootstrap)
            idents = (
                [ident] if ident else [row["id"] for row in (await queries.dead_letters(limit=1_000)).items]
            )
            report: dict[str, Any] = {"applied": 0, "still_refused": []}
            for one in idents:
                reason = await waiting.again(one)
                if reason is None:
                    await queries.mark_retried(one, datetime.now(UTC))
                    report["applied"] += 1
                else:
                    report["still_refused"].append({"id": one, "reason": reason})
            return report

    found = run(body())
    report(found, as_json)
    if found["still_refused"]:
        raise typer.Exit(1)
