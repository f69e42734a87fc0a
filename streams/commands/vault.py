"""`onhand vault`: the master keys of what is known of customers."""

from __future__ import annotations

from typing import Any

import typer

from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, report, run
from streams.settings import BadConfiguration, load, vault_keys

vault = typer.Typer(no_args_is_help=True, help="The master keys of what is known of customers.")


@vault.command("new-key")
def new_key(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Put a new master key before those in the data folder's `vault-key`. The servers have to be started again before it is used."""
    from streams.keys import add_vault_key

    async def body() -> dict[str, Any]:
        data = load(config).data
        before, file = vault_keys(data), data / "vault-key"
        if (
            not file.exists()
            or len(before) != len(vault_keys(data, {}))
            or before[0].mark != vault_keys(data, {})[0].mark
        ):
            raise BadConfiguration(
                "the vault's key does not come from the data folder: put a new one (`openssl rand -base64 32`) before it, with a"
                " comma between them, where ONHAND_VAULT_KEY comes from"
            )
        added = add_vault_key(data)
        return {"key": vault_keys(data)[0].ident, "file": str(added)}

    report(run(body()), as_json)
    err.print("start servers and workers again, then: onhand vault rotate", highlight=False)


@vault.command("rotate")
def rotate(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Use the first of the master keys from now on, and wrap with it what the others wrapped. Done again, it goes on."""

    async def body() -> dict[str, Any]:
        from streams.customers import vault_of

        async with opened(config) as parts:
            kept = await vault_of(await parts.pool(), parts.settings.data)
            return {"rotated": await kept.rotate(), "key": await kept.used()}

    report(run(body()), as_json)


@vault.command("keys")
def keys(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """What the master keys are called, how many customers' keys each wraps, and which is used."""

    async def body() -> dict[str, Any]:
        from streams.customers import vault_of

        async with opened(config) as parts:
            kept = await vault_of(await parts.pool(), parts.settings.data)
            given = [key.ident for key in vault_keys(parts.settings.data)]
            return {"used": await kept.used(), "given": given, "wraps": await kept.wrapped()}

    found = run(body())
    if as_json:
        report(found, as_json=True)
        return
    for name in dict.fromkeys([*found["given"], *found["wraps"]]):
        marks = [
            word
            for word, holds in (("used", name == found["used"]), ("not given", name not in found["given"]))
            if holds
        ]
        out.print(
            f"{name}: {found['wraps'].get(name, 0)} customers {', '.join(marks)}".rstrip(), highlight=False
        )
