"""`onhand oversells`: what took more than there was, and the story of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from projections.postmortem import Postmortem
from projections.queries import PAGE_MAX, Page
from projections.stories import Story
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
        table.add_row(*[escape(f"{row[name]}") for name in columns])
    out.print(table)


def _tell(story: Story) -> None:
    shown = "" if story.shown is None else f", whose platform showed {story.shown}"
    table = Table(
        title=escape(
            f"{story.sku} at {story.place}: {story.short} of {story.units} units sold by {story.channel}{shown}, were not"
            f" there: {story.cause.replace('_', ' ')}"
        )
    )
    for name in ("known", "what", "happened", "late s"):
        table.add_column(name, overflow="fold")
    for event in story.events:
        table.add_row(*map(escape, _row(event)))
    out.print(table)
    for prevention in story.prevented_by:
        out.print(f"would have prevented it: {prevention.text}", highlight=False, markup=False)


def _row(event: Any) -> tuple[str, str, str, str]:
    happened = event.occurred_at and event.occurred_at.isoformat()
    late = "" if event.late_seconds is None else f"{event.late_seconds:g}"
    return event.at.isoformat(), f"{event.text} at {event.place}", happened or "", late
