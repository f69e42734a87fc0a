"""`onhand erase`: somebody asked to be forgotten."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from streams.commands.opened import ONHAND_TOML, Config, Json, Parts, err, opened, out, run, show
from streams.customers import Subject


def erase(
    customer: Annotated[
        str,
        typer.Argument(
            help="A reference, CHANNEL:ID of the platform's customer, a transaction or an e-mail address;"
            " - reads them from the standard input, one a line, so that no shell remembers them."
        ),
    ],
    only_list: Annotated[
        bool, typer.Option("--list", help="Show what would be erased, and erase nothing.")
    ] = False,
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Erase a customer from the vault, for good. What platforms know of them stays with those platforms: which of them the hub told
    is said.
    """
    names = [line.strip() for line in sys.stdin] if customer == "-" else [customer]

    async def body() -> list[dict[str, Any]]:
        async with opened(config) as parts:
            customers = await parts.customers()
            ask = customers.named if only_list else customers.erase
            found = [one for name in names if name for one in await ask(name, parts.settings.channels)]
            return await _told(parts, found)

    found = run(body())
    did = "known" if only_list else "erased"
    if as_json:
        show({did: found})
    for one in () if as_json else found:
        out.print(f"{did} {one['ref']}, whom these were for: {', '.join(one['deals'])}", highlight=False)
        for told in one["told"]:
            out.print(
                "  {channel} was told of them for {transaction} at {location}: {ref}".format(**told),
                highlight=False,
            )
    if not found:
        err.print("nothing is known of them", style="red", highlight=False)
        raise typer.Exit(1)


async def _told(parts: Parts, found: list[Subject]) -> list[dict[str, Any]]:
    """Each of them, with the orders that the hub created for them in other platforms: their owners have to erase those there."""
    from projections.carrying import CarryingOut

    deals = [deal for one in found for deal in one.deals]
    carried = await CarryingOut(await parts.queries()).carried(deals)
    rows = [
        {"transaction": deal, "location": place, "channel": order.channel, "ref": order.ref}
        for (deal, place), order in sorted(carried.items())
    ]
    return [
        {**one._asdict(), "told": [row for row in rows if row["transaction"] in one.deals]} for one in found
    ]
