"""`onhand keys`: who may ask the HTTP API, what, and until when."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from projections.access import ROLES, Role, Scope
from projections.apikeys import ApiKey, ApiKeys, NameTaken, new_key
from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, run, show
from streams.keys import OWN
from streams.settings import BadConfiguration

keys = typer.Typer(no_args_is_help=True, help="Who may ask the HTTP API, what, and until when.")

NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
DAYS_MAX = 36_500


@keys.command("create")
def create(
    name: Annotated[
        str, typer.Argument(help="Who has it: the name that stands in lists and in what is written down.")
    ],
    role: Annotated[Role | None, typer.Option(help="Scopes that go together.")] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="What it is good for; may be repeated.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="Such as 90d, 2027-01-01 or 2027-01-01T12:00:00Z; never without it.")
    ] = None,
    requests_per_second: Annotated[
        float | None, typer.Option(min=0.01, help="How often it may ask; as often as any other without it.")
    ] = None,
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept. A running server takes it within a second."""

    async def body() -> tuple[str, ApiKey]:
        if not NAMES.fullmatch(name) or name == OWN:
            raise BadConfiguration(f"{name!r} cannot be a key's name: letters, digits, spaces and ._@-")
        scopes = frozenset(scope or ()) | (ROLES[role] if role else frozenset())
        if not scopes:
            raise BadConfiguration("say what it is good for: --role viewer, or --scope read")
        now = datetime.now(UTC)
        made = new_key(name, scopes, now, until(expires, now), requests_per_second)
        async with opened(config) as parts:
            try:
                await ApiKeys(await parts.queries()).add(made.kept)
            except NameTaken:
                raise BadConfiguration(f"there is a key {name!r}: revoke it first") from None
        return made.key, made.kept

    key, kept = run(body())
    if as_json:
        show({"key": key, **shown(kept, kept.created_at)})
        return
    out.print(key, soft_wrap=True, highlight=False)
    err.print("It is not shown again.", highlight=False)


@keys.command("list")
def list_keys(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """All keys that were made, without the keys."""

    async def body() -> list[ApiKey]:
        async with opened(config) as parts:
            return await ApiKeys(await parts.queries()).listed()

    now = datetime.now(UTC)
    found = [shown(key, now) for key in run(body())]
    if as_json:
        show({"items": found})
        return
    table = Table()
    for column in ("name", "state", "scopes", "prefix", "created", "expires", "last used"):
        table.add_column(column, overflow="fold")
    for row in found:
        instants = (row["created_at"], row["expires_at"], row["last_used_at"])
        table.add_row(
            *(row["name"], row["state"], ", ".join(row["scopes"]), row["prefix"]),
            *("" if at is None else at.isoformat(timespec="minutes") for at in instants),
        )
    out.print(table)


@keys.command("revoke")
def revoke(name: str, config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """End a key. Running servers refuse it within five seconds."""

    async def body() -> bool:
        async with opened(config) as parts:
            return await ApiKeys(await parts.queries()).revoke(name, datetime.now(UTC))

    done = run(body())
    if as_json:
        show({"name": name, "revoked": done})
    elif done:
        out.print(f"{name} is revoked", highlight=False)
    else:
        err.print(f"there is no key {name!r} that is good", style="red", highlight=False, markup=False)
    if not done:
        raise typer.Exit(1)


def until(expires: str | None, now: datetime) -> datetime | None:
    """The instant that is meant. Raises `BadConfiguration` for one that is none, or has passed."""
    if expires is None:
        return None
    if days := re.fullmatch(r"([0-9]{1,6})d", expires, re.ASCII):
        count = int(days[1])
        if not 1 <= count <= DAYS_MAX:
            raise BadConfiguration(f"--expires {expires}: from 1d to {DAYS_MAX}d")
        return now + timedelta(days=count)
    try:
        at = datetime.fromisoformat(expires)
    except ValueError:
        raise BadConfiguration(
            f"--expires {expires}: so many days such as 90d, or an instant such as 2027-01-01T12:00:00Z"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at <= now:
        raise BadConfiguration(f"--expires {expires}: that has passed")
    return at


def shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    """A key as it is listed: never its digest."""
    row = {name: value for name, value in asdict(key).items() if name not in {"digest", "scopes"}}
    state = "revoked" if key.revoked_at else "good" if key.holds(now) else "expired"
    return {"name": row.pop("name"), "state": state, "scopes": list(key.scopes), **row}
