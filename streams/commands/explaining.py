"""`onhand explain`: why a channel shows a number, now or as of any moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from projections.explain import explain as explain_number
from projections.explain.answer import AsOf
from streams.commands.opened import ONHAND_TOML, Config, Instant, Json, opened, out, run, show


def explain(
    sku: str,
    channel: Annotated[str, typer.Option()],
    config: Config = ONHAND_TOML,
    at: Instant = None,
    known_at: Instant = None,
    as_json: Json = False,
) -> None:
    """Why a channel shows that number: now, as of what had occurred, or as of what was known."""
    moment = AsOf(at=_utc(at), known_at=_utc(known_at))

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            its = parts.channel(channel)
            ruling = await parts.ruling()
            settings, queries = parts.settings, await parts.queries()
            rules, events = ruling.newest or settings.rules, ruling.events
            return await explain_number(
                queries, sku, its, rules, skews=settings.skews, as_of=moment, events=events
            )

    found = run(body())
    if as_json:
        show(found)
    else:
        _print(found)


def _utc(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def _print(found: dict[str, Any]) -> None:
    as_of = found["as_of"] or {}
    then = "".join(f", {name.replace('_', ' ')} {instant}" for name, instant in as_of.items() if instant)
    pushed = "nothing yet" if found["pushed"] is None else found["pushed"]
    table = Table(
        title=f"{found['sku']} on {found['channel']}{then}: {found['quantity']}   (its platform shows {pushed})",
        show_footer=True,
    )
    table.add_column("step", footer="sum")
    table.add_column("units", justify="right", footer=str(found["quantity"]))
    table.add_column("because of", overflow="fold")
    for line in found["lines"]:
        because = f"{line['ref']}{_who(line.get('decided'))}"
        table.add_row(line["label"], f"{line['amount']:+d}", because)
    out.print(table)
    for word in found["receipt"]:
        detail = f", {word['detail']}" if word["detail"] else ""
        out.print(
            f"{word['place']}: {word['outcome']} {word['level']} at {_seconds(word['pushed_at'])}{detail}",
            highlight=False,
            markup=False,
        )
    if found["rules"]:
        out.print(f"rules {found['rules']['version']}{_who(found['rules'])}", highlight=False, markup=False)


def _who(decided: dict[str, Any] | None) -> str:
    """Who made a change of the rules, and when, as far as that is known."""
    if decided is None or decided["by"] is None:
        return ""
    at = decided["at"]
    return f", by {decided['by']}" + (f", {_seconds(at)}" if at else "")


def _seconds(at: str) -> str:
    """An instant for people."""
    return datetime.fromisoformat(at).isoformat(" ", "seconds")
