"""`onhand replay`: all of history once more, into a shadow. What stock it comes to, and what other rules would have come to."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from schemas.in_force import in_force
from schemas.ledger import Stock
from schemas.rules import Routing, Rules
from streams.commands.opened import (
    ONHAND_TOML,
    Config,
    Instant,
    Json,
    Parts,
    opened,
    out,
    run,
    show,
    verifier_of,
)
from streams.comparing import drawn, tables
from streams.opening import NotReady
from streams.replaying import Replay
from streams.settings import BadConfiguration
from streams.supposing import supposed
from streams.verify import DIFFERENCES_MAX, numbers

SETTLES = 30.0
"""Seconds until everything in the log must have come through."""
SHOWN = 20
"""Differences that people are shown; machines get more."""


def replay(
    config: Config = ONHAND_TOML,
    rules: Annotated[
        Path | None,
        typer.Option(
            help="Other rules, in the shapes of onhand.toml; what the file does not say stays as it was."
        ),
    ] = None,
    since: Instant = None,
    until: Instant = None,
    routing: Annotated[
        Routing | None, typer.Option(help="Another way to choose the places of orders, on all channels.")
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Where to draw the comparison (SVG).")] = None,
    as_json: Json = False,
) -> None:
    """Re-run history into a shadow, and print the differences; nothing is changed.

    Without other rules: the stock that the log comes to (as it was recorded until an instant), beside what PostgreSQL says now. With
    --rules or --routing: oversells, stranded units and parcels as they were, and as they would have been under these rules since then.
    """
    begin, end = _utc(since), _utc(until)
    what_if = rules is not None or routing is not None

    async def body() -> dict[str, Any]:
        if begin is not None and end is not None and begin > end:
            raise BadConfiguration(f"--since {begin.isoformat()} is later than --until {end.isoformat()}")
        if begin is not None and not what_if:
            raise BadConfiguration(
                "--since says from when on other rules hold: name them with --rules or --routing"
            )
        if chart is not None and not what_if:
            raise BadConfiguration(
                "--chart draws what other rules would have come to: name them with --rules or --routing"
            )
        gc.disable()  # history refers to nothing that refers back, and the process ends with the report
        async with opened(config) as parts:
            what = supposed(rules, parts.settings, routing)
            again = await _replay(parts, end)
            if what_if:
                return await again.supposing(parts.settings, await _events(parts), what, begin)
            return await _compared(parts, again)

    found = run(body())
    if chart is not None:
        chart.write_text(drawn(found), encoding="utf-8")
    if as_json:
        show(found)
    elif what_if:
        _say_what_if(found)
    else:
        _say_differences(found)
    if not what_if and end is None and found["found"]:
        raise typer.Exit(1)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


async def _replay(parts: Parts, until: datetime | None) -> Replay:
    batches = await parts.batches()
    return Replay(
        batches=batches,
        reader=await parts.reader(),
        naming=parts.naming,
        partitions=parts.settings.kafka.partitions,
        until=until,
    )


async def _events(parts: Parts) -> list[Rules]:
    """The rules as they ever were; without any event, those of the configuration file."""
    ruling = await parts.ruling()
    return ruling.events or [parts.settings.rules]


async def _compared(parts: Parts, again: Replay) -> dict[str, Any]:
    """The log added up, beside PostgreSQL. As of now, what moves meanwhile is left out."""
    began, events = time.monotonic(), await _events(parts)
    if again.until is None and (late := await (await verifier_of(parts)).come_through(SETTLES)):
        raise NotReady(f"not everything in the log has come through yet: {late}")
    folded = await again.folded()
    seconds = time.monotonic() - began
    queries = await parts.queries()
    held = {stock.sku: stock async for stock in queries.all_stock()}
    moved = {sku for sku, stock in held.items() if again.until is None and again.is_later(stock)}
    rows = list(_cells(folded, held, moved))
    recorded = {(q.channel, q.sku): q.quantity async for q in queries.all_channel_quantities()}
    then = in_force(events, again.until) or events[0]
    due = {(q.channel, q.sku): q.quantity for q in numbers(folded, then)}
    told = list(_numbers(due, recorded, moved | _bundles(parts, moved)))
    return {
        "movements": again.movements,
        "unreadable": again.unreadable,
        "until": again.until,
        "skus": len(folded),
        "seconds": round(seconds, 2),
        "rules": then.version,
        "found": len(rows) + len(told),
        "stock": rows[:DIFFERENCES_MAX],
        "numbers": told[:DIFFERENCES_MAX],
    }


def _bundles(parts: Parts, skus: set[str]) -> set[str]:
    return {bundle for sku in skus for bundle in parts.settings.rules.bundles_of(sku)}


def _cells(
    folded: Mapping[str, Stock], held: Mapping[str, Stock], moved: set[str]
) -> Iterator[dict[str, Any]]:
    """The balances that differ."""
    for sku in sorted((folded.keys() | held.keys()) - moved):
        then, now = (stocks[sku].locations if sku in stocks else {} for stocks in (folded, held))
        for name in sorted(then.keys() | now.keys()):
            was, has = then.get(name, {}), now.get(name, {})
            for state in sorted(was.keys() | has.keys()):
                if was.get(state, 0) != has.get(state, 0):
                    yield {
                        "sku": sku,
                        "location": name,
                        "state": state,
                        "replayed": was.get(state, 0),
                        "now": has.get(state, 0),
                    }


def _numbers(
    due: Mapping[tuple[str, str], int], recorded: Mapping[tuple[str, str], int], moved: set[str]
) -> Iterator[dict[str, Any]]:
    """The channels' numbers that differ."""
    for channel, sku in sorted(due.keys() | recorded.keys()):
        then, now = due.get((channel, sku)), recorded.get((channel, sku))
        if sku not in moved and then != now:
            yield {"channel": channel, "sku": sku, "replayed": then, "now": now}


def _say_differences(found: Mapping[str, Any]) -> None:
    upto = "" if found["until"] is None else f", as recorded until {found['until'].isoformat()}"
    what = "everything is as PostgreSQL has it" if not found["found"] else f"{found['found']} differences"
    out.print(f"{what}: {found['movements']} movements of {found['skus']} SKUs{upto}", highlight=False)
    for name, rows in (("stock", found["stock"]), ("numbers", found["numbers"])):
        if rows:
            cut = f"; the first {SHOWN} of {len(rows)}" if len(rows) > SHOWN else ""
            table = Table(title=f"{name}, replayed and now{cut}")
            for column in rows[0]:
                table.add_column(column, overflow="fold")
            for row in rows[:SHOWN]:
                table.add_row(*["" if value is None else str(value) for value in row.values()])
            out.print(table)


def _say_what_if(found: Mapping[str, Any]) -> None:
    for table in tables(found):
        out.print(table)
    rate = found["movements"] / found["seconds"] if found["seconds"] else 0
    out.print(
        f"the model explains {found['explained_percent']} % of the ordered units; {found['seconds']} s,"
        f" {rate:,.0f} movements a second",
        highlight=False,
    )
