"""`onhand oversells`: what took more than there was, and the story of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from projections.postmortem import Postmortem
from projections.queries import PAGE_MAX, Page
from projections.stories import Event, Story
from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, run, show


def oversells(
    movement: Annotated[
        str | None, typer.Argument(help="The id of the movement whose story is asked for.")
    ] = None,
    config: Config = ONHAND_TOML,
    sku: str | None = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many, of the newest.")] = 100,
    as_json: Json = False,
) -> None:
    """What took more than there was, newest first; or how one of them came about, and what would have prevented it."""
    if movement is None:
        _list(run(_listed(config, sku, limit)), as_json)
        return
    found = run(_told(config, movement))
    if not found:
        err.print(f"{movement} took no more than there was", style="red", highlight=False)
        raise typer.Exit(1)
    if as_json:
        show({"movement": movement, "items": found})
        return
    for story in found:
        _tell(story)


async def _listed(config: Config, sku: str | None, limit: int) -> Page:
    async with opened(config) as parts:
        return await (await parts.queries()).oversells(sku, limit)


async def _told(config: Config, movement: str) -> Sequence[Story]:
    async with opened(config) as parts:
        await parts.ruling()
        return await Postmortem(await parts.queries(), lambda: parts.settings.rules).of(movement)


def _list(page: Page, as_json: bool) -> None:
    if as_json:
        show({"items": page.items, "next": page.next})
        return
    table = Table(title=f"{len(page.items)} oversells")
    columns = ("recorded_at", "sku", "place", "available", "cause", "channel", "transaction", "movement")
    for name in columns:
        table.add_column(name.removesuffix("_at"), overflow="fold")
    for row in page.items:
        seconds = {**row, "recorded_at": _seconds(row["recorded_at"])}
        table.add_row(*[f"{seconds[name]}" for name in columns])
    out.print(table)


def _tell(story: Story) -> None:
    shown = "" if story.shown is None else f", whose platform showed {story.shown},"
    sold = f"{story.short} of {story.units} units that {story.channel}{shown} sold were not there"
    table = Table(title=f"{story.sku} at {story.place}: {sold}: {story.cause.replace('_', ' ')}")
    for name in ("known", "what", "happened", "late s"):
        table.add_column(name, overflow="fold")
    for event in story.events:
        table.add_row(*_row(event))
    out.print(table)
    for prevention in story.prevented_by:
        out.print(f"would have prevented it: {prevention.text}", highlight=False)


def _row(event: Event) -> tuple[str, str, str, str]:
    happened = "" if event.occurred_at is None else _seconds(event.occurred_at)
    late = "" if event.late_seconds is None else f"{event.late_seconds:g}"
    return _seconds(event.at), f"{event.place}: {event.text}", happened, late


def _seconds(at: datetime) -> str:
    """An instant for people."""
    return at.astimezone(UTC).isoformat(" ", "seconds")
