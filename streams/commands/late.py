"""`onhand late`: what became known after an instant about what had happened by then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from projections.listed import Units
from projections.paging import PAGE_MAX
from streams.commands.opened import ONHAND_TOML, Config, Instant, Json, err, opened, out, run, show
from streams.settings import BadConfiguration


def late(
    sku: str,
    at: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"],
            help="An instant; UTC unless it says otherwise.",
        ),
    ],
    config: Config = ONHAND_TOML,
    location: str | None = None,
    known_at: Instant = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many, of the first.")] = PAGE_MAX,
    as_json: Json = False,
) -> None:
    """What was recorded after an instant about what had occurred by then: all that lies between what was believed and what was true."""
    then, known = _utc(at), None if known_at is None else _utc(known_at)

    async def body() -> dict[str, Any]:
        if known is not None and known < then:
            raise BadConfiguration("--known-at is before --at: nothing can have become known since")
        async with opened(config) as parts:
            queries = await parts.queries()
            page = await queries.late_facts(sku, then, known, location=location, limit=limit)
            between = await queries.between(sku, then, known, location)
            sums = {"believed": between.believed, "learned": between.learned, "true": between.true}
            told = {"sku": sku, "at": then, "known_at": known}
            return {**told, **sums, "items": page.items, "next": page.next}

    found = run(body())
    if not found["believed"] and not found["true"] and not found["items"]:
        err.print(f"{sku} had not moved by then", style="red", highlight=False)
        raise typer.Exit(1)
    if as_json:
        show(found)
        return
    out.print(_facts(found))
    out.print(_cells(found))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _facts(found: dict[str, Any]) -> Table:
    cut = f"   (the first {len(found['items'])})" if found["next"] else ""
    table = Table(title=f"{found['sku']}: learned since {found['at'].isoformat()}{cut}")
    for name in ("occurred", "known", "kind", "changed", "document"):
        table.add_column(name, overflow="fold")
    for item in found["items"]:
        changed = ", ".join(
            f"{leg['location']} {leg['state']} {leg['quantity']:+d}"
            for leg in item["changed"]
            if leg["location"][0] != "@"
        )
        table.add_row(
            item["occurred_at"].isoformat(),
            item["recorded_at"].isoformat(),
            item["kind"],
            changed,
            f"{item['channel']}/{item['document']}",
        )
    return table


def _cells(found: dict[str, Any]) -> Table:
    table = Table(title="believed + learned = true")
    table.add_column("location")
    table.add_column("state")
    names = ("believed", "learned", "true")
    for name in names:
        table.add_column(name, justify="right")
    for place, state in _named(*(found[name] for name in names)):
        cells = [found[name].get(place, {}).get(state, 0) for name in names]
        table.add_row(place, state.replace("_", " "), *map(str, cells))
    return table


def _named(*sums: Units) -> list[tuple[str, str]]:
    """The cells that are shown: the locations', not those outside the business."""
    cells = {(place, state) for units in sums for place, its in units.items() for state in its}
    return sorted(cell for cell in cells if cell[1] != "boundary")
