"""`onhand rules`: what each channel may sell, who decided so, and changing it while everything runs."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from schemas.rules import Rules
from schemas.ruling import LOCATION, WIRING, BadRules, changes
from streams.commands.applying import apply_rules
from streams.commands.opened import ONHAND_TOML, Config, Json, opened, out, run, show, spoken

rules = typer.Typer(no_args_is_help=True, help="What each channel may sell, and who decided so.")
rules.command("apply")(apply_rules)


@rules.command("show")
def show_rules(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """The rules in force."""

    async def body() -> Rules:
        async with opened(config) as parts:
            ruling = await parts.ruling()
            return ruling.newest or parts.settings.rules

    _print(run(body()), as_json)


@rules.command("history")
def history(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Every change of the rules, newest first."""

    async def body() -> list[Rules]:
        async with opened(config) as parts:
            return (await parts.ruling()).events

    found = changes(run(body()))
    if as_json:
        show({"items": found})
        return
    table = Table()
    for name in ("version", "by", "at", "changed"):
        table.add_column(name, overflow="fold")
    for row in found:
        table.add_row(*["" if value is None else spoken(value) for value in row.values()])
    out.print(table)


@rules.command("set")
def set_rules(
    channel: Annotated[str, typer.Argument(help="A channel, or location:SOHO for what a location is for.")],
    values: Annotated[
        list[str],
        typer.Argument(
            help="Such as safety_stock=2, safety_stock_by_sku.MUG=5, cap=null (the default again); of a location ships=false."
        ),
    ],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Change rules of a channel or a location: the numbers that this moves are published at once, and no others."""

    async def body() -> Rules:
        async with opened(config) as parts:
            its = channel if channel.startswith(LOCATION) else parts.channel(channel)
            patch = patch_of(values)
            ruling = await parts.ruling()
            return await ruling.change(parts.settings, its, patch, getpass.getuser(), datetime.now(UTC))

    _print(run(body()), as_json)


def patch_of(values: list[str]) -> dict[str, Any]:
    """`name=value` and `name.key=value`, values as JSON or as they stand, as a merge patch. Raises `BadRules`."""
    patch: dict[str, Any] = {}
    for given in values:
        name, equals, text = given.partition("=")
        if not equals:
            raise BadRules(f"{given!r}: a rule is set by name=value")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        rule, dot, key = name.partition(".")
        if dot:
            patch.setdefault(rule, {})[key] = value
        else:
            patch[rule] = value
    return patch


def _print(found: Rules, as_json: bool) -> None:
    channels = {
        name: {k: v for k, v in asdict(its).items() if k not in WIRING}
        for name, its in found.channels.items()
    }
    locations = {name: asdict(its) for name, its in found.locations.items()}
    if as_json:
        said = {"version": found.version, "by": found.by, "at": found.at}
        show({**said, "channels": channels, "locations": locations})
        return
    table = Table(title=f"rules {found.version}, by {found.by or 'the configuration file'}")
    table.add_column("rule")
    for name in channels:
        table.add_column(name, overflow="fold")
    for rule in next(iter(channels.values()), {}):
        table.add_row(rule, *["" if its[rule] is None else spoken(its[rule]) for its in channels.values()])
    out.print(table)
    for name, of_location in locations.items():
        out.print(f"{LOCATION}{name}: {spoken(of_location)}")
