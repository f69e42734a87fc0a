"""Commands that take in: `import`, `poll`, `reconcile`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from streams.commands.opened import (
    ONHAND_TOML,
    Config,
    Json,
    opened,
    out,
    report,
    run,
    show,
    spoken,
    verifier_of,
)
from streams.differences import Difference
from streams.opening import import_levels
from streams.polling import poll_once, reconciling
from streams.reconciling import APART, PATIENCE
from streams.writer import NotWritten


def import_command(
    channel: str,
    config: Config = ONHAND_TOML,
    wait: Annotated[float, typer.Option(help="Seconds that its history may take to come through.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Take a platform's levels as opening stock, where we have none yet. Its history is polled first."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            intake = await parts.intake(queries)
            await intake.directories.refresh(parts.channel(channel))
            client = intake.directories.clients[channel]
            documents = await poll_once(channel, client, intake, queries)
            if late := await (await verifier_of(parts)).come_through(wait):
                raise NotWritten(
                    f"{channel} is not opened before its history is in: {late}; is `onhand up` running?"
                )
            done = await import_levels(channel, client, intake, queries)
            return {
                "channel": channel,
                "documents": documents,
                "opened": done.opened,
                "already_known": done.known,
                "untracked": done.untracked,
                "put_back": done.put_back,
                "unmatched": sorted(set(done.unmatched)),
            }

    report(run(body()), as_json)


def poll_command(channel: str, config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Catch up with a platform: what changed since the last poll."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            intake = await parts.intake(queries)
            client = intake.directories.clients[parts.channel(channel)]
            return {"channel": channel, "documents": await poll_once(channel, client, intake, queries)}

    report(run(body()), as_json)


def reconcile_command(
    channel: Annotated[str | None, typer.Argument(help="One channel; all of them without it.")] = None,
    config: Config = ONHAND_TOML,
    wait: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds between the two looks at what differs: its documents must have come."
        ),
    ] = APART,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds in which all that came meanwhile must have been taken in.")
    ] = PATIENCE,
    as_json: Json = False,
) -> None:
    """Compare what platforms show with what they should show; handle hand edits as their location's policy says.

    A channel in shadow is left out: see `onhand shadow`.
    """
    in_shadow: list[str] = []

    async def body() -> dict[str, list[Difference]]:
        async with opened(config) as parts:
            await parts.ruling()
            queries = await parts.queries()
            intake = await parts.intake(queries)
            found = {}
            for name in parts.settings.channels if channel is None else [parts.channel(channel)]:
                if parts.settings.channels[name].rules.shadow:
                    in_shadow.append(name)
                    continue
                await intake.directories.refresh(name)
                one = reconciling(name, intake, queries, parts.bootstrap, parts.dsn)
                one.apart, one.patience = wait, patience
                found[name] = await one.once()
            return found

    found = run(body())
    differences = [asdict(one) for name in found for one in found[name]]
    ok = all(one.healed for name in found for one in found[name])
    if as_json:
        show({"ok": ok, "channels": list(found), "in_shadow": in_shadow, "differences": differences})
    elif differences:
        table = Table(title=f"differences: {spoken(Counter(one['cause'].value for one in differences))}")
        for name in differences[0]:
            table.add_column(name, overflow="fold")
        for one in differences:
            table.add_row(*["" if value is None else str(value) for value in one.values()])
        out.print(table)
    else:
        out.print(f"every number is as it should be: {', '.join(found)}", style="green", highlight=False)
    if in_shadow and not as_json:
        out.print(f"in shadow, so not compared: {', '.join(in_shadow)}", highlight=False)
    if not ok:
        raise typer.Exit(1)
