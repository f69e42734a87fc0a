"""`onhand erase`: somebody asked to be forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, out, run, show
from streams.customers import Subject


def erase(
    customer: Annotated[
        str, typer.Argument(help="A reference, CHANNEL:ID of the platform's customer, or a transaction.")
    ],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Erase a customer from the vault, for good. What platforms know of them by themselves stays with those platforms."""

    async def body() -> list[Subject]:
        async with opened(config) as parts:
            return await (await parts.customers()).erase(customer, parts.settings.channels)

    found = run(body())
    if as_json:
        show({"erased": [one._asdict() for one in found]})
    for one in () if as_json else found:
        out.print(f"erased {one.ref}, whom these were for: {', '.join(one.deals)}", highlight=False)
    if not found:
        err.print("nothing is known of them", style="red", highlight=False)
        raise typer.Exit(1)
