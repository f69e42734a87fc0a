"""`onhand geo`: where postcodes are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from projections.geonames import NotPostcodes, lines_of, rows
from projections.postcodes import Loaded, load
from streams.commands.opened import ONHAND_TOML, Config, Json, opened, report, run, spoken
from streams.settings import BadConfiguration

geo = typer.Typer(no_args_is_help=True)


@geo.callback()
def group() -> None:  # keeps `load` a word of its own while it is the only one
    """Where postcodes are, for shoppers who look for a store."""


@geo.command("load")
def load_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="A country's file from https://download.geonames.org/export/zip/, zipped or not."
        ),
    ],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Take a table of GeoNames' postcodes (CC BY 4.0) in the place of what there was of its countries."""

    async def body() -> Loaded:
        async with opened(config) as parts:
            pool = await parts.pool()
            try:
                with lines_of(file) as lines:
                    return await load(pool, rows(lines))
            except NotPostcodes as error:
                raise BadConfiguration(f"{file}: {error}; nothing was changed") from None

    found = run(body())
    told: dict[str, Any] = {
        "rows": found.rows,
        "without_point": found.without_point,
        "countries": found.postcodes,
    }
    report(told if as_json else {**told, "countries": spoken(found.postcodes)}, as_json)
