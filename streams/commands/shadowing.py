"""`onhand shadow`: what a platform shows beside what it would be told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from streams.commands.opened import ONHAND_TOML, Config, Json, opened, out, run, show
from streams.polling import reconciling
from streams.reconciling import PATIENCE
from streams.shadowing import Beside, Verdict, beside, summary

ROWS_MAX = 50
"""Rows that are shown to people; machines get all."""


def shadow_command(
    channel: str,
    config: Config = ONHAND_TOML,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds in which what came meanwhile must have been taken in.")
    ] = PATIENCE,
    as_json: Json = False,
) -> None:
    """What a platform shows beside what it would be told, number by number. Tells it nothing.

    A channel with `shadow = true` in its rules is told nothing until `onhand rules set CHANNEL shadow=false`.
    """

    async def body() -> tuple[list[Beside], bool]:
        async with opened(config) as parts:
            await parts.ruling()
            queries = await parts.queries()
            intake = await parts.intake(queries)
            await intake.directories.refresh(parts.channel(channel))
            its = reconciling(channel, intake, queries, parts.bootstrap, parts.dsn)
            its.patience = patience
            return await beside(its), bool(parts.settings.channels[channel].rules.shadow)

    rows, in_shadow = run(body())
    counts = summary(rows)
    ok = all(row.verdict is Verdict.SAME for row in rows)
    if as_json:
        plain = [{**asdict(row), "units": row.units} for row in rows]
        show({"channel": channel, "in_shadow": in_shadow, "ok": ok, "summary": counts, "rows": plain})
    else:
        _print(channel, rows, counts)
    if not ok:
        raise typer.Exit(1)


def _print(channel: str, rows: list[Beside], counts: dict[str, dict[str, int]]) -> None:
    table = Table(title=f"{channel} beside what it would be told")
    for name in ("verdict", "numbers", "units"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for name, found in counts.items():
        table.add_row(name.replace("_", " "), str(found["numbers"]), str(found["units"]))
    out.print(table)
    differing = sorted(
        (row for row in rows if row.verdict is not Verdict.SAME), key=lambda row: (-row.units, row.sku)
    )
    if not differing:
        return
    cut = f"; the first {ROWS_MAX} of {len(differing)}" if len(differing) > ROWS_MAX else ""
    table = Table(title=f"what differs, most units first{cut}")
    for name in ("sku", "place", "shows", "told", "verdict"):
        table.add_column(name, overflow="fold")
    for row in differing[:ROWS_MAX]:
        table.add_row(*["" if value is None else str(value) for value in asdict(row).values()])
    out.print(table)
