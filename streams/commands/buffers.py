"""`onhand buffers`: what each store should hold back of each SKU, by what went wrong there; and as rules to try and to set."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from projections.evidence import DAYS, DAYS_MAX, PLACES_MAX, Evidences
from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.buffers import Suggestion, Way, patched, suggested
from schemas.rules import ChannelRules
from streams.commands.opened import ONHAND_TOML, Config, Json, Parts, opened, out, run, show
from streams.settings import BadConfiguration

Patch = Mapping[str, Mapping[str, Mapping[str, int]]]


def buffers(
    config: Config = ONHAND_TOML,
    location: str | None = None,
    sku: str | None = None,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="Days whose evidence counts.")] = DAYS,
    limit: Annotated[int, typer.Option(min=1, help="How many buffers are shown.")] = 50,
    rules_out: Annotated[
        Path | None,
        typer.Option(
            help="Write them as rules, for `onhand replay --rules` and to be taken into onhand.toml."
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Whose rules; unless named, every channel with one number in all."),
    ] = None,
    by: Annotated[
        Way | None,
        typer.Option(
            help="One rule for each SKU, or for each location; for each SKU unless a location is named."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """What each store should hold back of each SKU from channels that sell from afar, and why."""

    async def body() -> tuple[list[Suggestion], Patch]:
        if by == "sku" and location is not None and rules_out is not None:
            raise BadConfiguration(
                "a rule for a SKU holds at every location: leave --location out, or say --by location"
            )
        way: Way = by or ("sku" if location is None else "location")
        async with opened(config) as parts:
            names = [parts.channel(name) for name in channel or ()]
            queries = await parts.queries()
            found = _suggestions(queries, sku, location, days)
            if rules_out is None:
                return await _first(found, limit), {}
            every = [one async for one in found]
            made = patched(every, await _rules(parts, names), way)
            rules_out.write_text(written(made), encoding="utf-8")
            return [one for one in every if one.units][:limit], made

    shown, made = run(body())
    if as_json:
        show({"items": shown, **({} if rules_out is None else {"rules": made})})
        return
    _print(shown)
    if rules_out is not None:
        count = sum(len(values) for rules in made.values() for values in rules.values())
        out.print(
            f"{rules_out}: {count} rules that differ from those in force", highlight=False, markup=False
        )


async def _suggestions(
    queries: Queries, sku: str | None, location: str | None, days: int
) -> AsyncIterator[Suggestion]:
    """All of them, page by page."""
    evidences, cursor = Evidences(queries, datetime.now(UTC), days), None
    while True:
        found, cursor = await evidences.page(sku=sku, location=location, cursor=cursor, limit=PLACES_MAX)
        for evidence in found:
            yield suggested(evidence)
        if cursor is None:
            return


async def _first(found: AsyncIterator[Suggestion], limit: int) -> list[Suggestion]:
    """The first that suggest anything."""
    shown: list[Suggestion] = []
    async for one in found:
        if one.units:
            shown.append(one)
        if len(shown) == limit:
            break
    return shown


async def _rules(parts: Parts, names: list[str]) -> dict[str, ChannelRules]:
    """Of the channels that are named, or else of those that sell from afar."""
    await parts.ruling()
    every = parts.settings.rules.channels
    return {
        name: its for name, its in every.items() if name in names or (not names and its.publish == NETWORK)
    }


def written(patch: Patch) -> str:
    """A patch of rules as TOML, in the shapes of `onhand.toml`."""
    lines = ["# Safety stock by what went wrong in each store, as `onhand buffers` suggests it."]
    for channel, rules in patch.items():
        for rule, values in rules.items():
            lines += ["", f"[channels.{channel}.rules.{rule}]"]
            lines += [f"{_quoted(name)} = {units}" for name, units in values.items()]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """A name as a TOML key. JSON's strings are TOML's, but for one character."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _print(shown: list[Suggestion]) -> None:
    table = Table(title=f"{len(shown)} buffers")
    for name in ("sku", "location", "units", "because", "would have prevented", "hides"):
        table.add_column(name, overflow="fold")
    for one in shown:
        row: list[Any] = [one.sku, one.location, one.units, one.reason]
        row += [f"{one.effect.prevented} oversells", one.effect.hidden]
        table.add_row(*[f"{value}" for value in row])
    out.print(table)
