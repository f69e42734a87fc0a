"""`onhand rules apply`: what a file says in the shapes of `onhand.toml`, as changes of the rules in force."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.rules import Rules
from schemas.ruling import changed, changes
from streams.commands.opened import ONHAND_TOML, Config, Json, opened, out, run, show, spoken
from streams.settings import BadConfiguration, read_toml


def apply_rules(
    file: Annotated[
        Path, typer.Argument(help="Such as `onhand buffers --rules-out` writes: [channels.web.rules].")
    ],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Change the rules as a file says; what it does not say stays. Every channel's are checked before the first is changed."""

    async def body() -> list[dict[str, Any]]:
        async with opened(config) as parts:
            patches = patches_in(file)
            ruling = await parts.ruling()
            for channel, patch in patches.items():
                its = parts.settings.channels[parts.channel(channel)].rules
                parts.settings.with_rules(channel, changed(its, patch))
            before = len(ruling.events)
            for channel, patch in patches.items():
                await ruling.change(parts.settings, channel, patch, getpass.getuser(), datetime.now(UTC))
            return _news(ruling.events, before)

    made = run(body())
    if as_json:
        show({"items": made})
        return
    for one in made:
        out.print(f"{one['version']}: {spoken(one['changed'])}", highlight=False, markup=False)
    if not made:
        out.print("everything is as the file says already")


def _news(events: list[Rules], before: int) -> list[dict[str, Any]]:
    """The changes since there were so many, oldest first."""
    return changes(events)[: len(events) - before][::-1]


def patches_in(file: Path) -> dict[str, Mapping[str, Any]]:
    """What a file says of the rules of each channel. Raises `BadConfiguration`."""
    _, content = read_toml(file)
    channels = content.pop("channels", {})
    if content or not isinstance(channels, dict):
        raise BadConfiguration(
            f"{file}: only [channels.<name>.rules] can be applied; the rest stands in onhand.toml"
        )
    found: dict[str, Mapping[str, Any]] = {}
    for name, said in channels.items():
        if not isinstance(said, dict) or said.keys() != {"rules"} or not isinstance(said["rules"], dict):
            raise BadConfiguration(
                f"{file}: channels.{name}: only its rules can be applied: [channels.{name}.rules]"
            )
        found[name] = said["rules"]
    return found
