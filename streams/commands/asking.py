"""Commands that ask: `stock`, `commitments`, `verify`, `map`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import structlog
import typer
from rich.table import Table

from connectors.contract import Payload
from connectors.errors import ConnectorError, Refused
from connectors.registry import CONNECTORS
from projections.pool import DatabaseError
from projections.queries import AGE_MAX, PAGE_MAX, Page
from projections.vitals import Vitals
from schemas.codec import encode
from schemas.ledger import view
from streams.commands.opened import (
    ONHAND_TOML,
    Config,
    Instant,
    Json,
    Parts,
    err,
    opened,
    out,
    run,
    show,
    spoken,
    verifier_of,
)
from streams.settings import BadConfiguration

log = structlog.get_logger()


def stock(
    sku: str,
    config: Config = ONHAND_TOML,
    location: str | None = None,
    at: Instant = None,
    known_at: Instant = None,
    as_json: Json = False,
) -> None:
    """The balances of a SKU: now, as of what had occurred, or as of what was known."""

    async def body() -> dict[str, Any] | None:
        async with opened(config) as parts:
            found = await (await parts.queries()).shown(sku, _utc(at), _utc(known_at))
            return None if found is None else view(found, location)

    found = run(body())
    if found is None:
        err.print(f"{sku} has never moved", style="red", highlight=False)
        raise typer.Exit(1)
    if as_json:
        show(found)
        return
    table = Table(title=f"{sku}   in transit {found['in_transit']}")
    table.add_column("location")
    cells = found["locations"].values()
    states = [
        state
        for state in next(iter(cells), {})
        if state in {"available", "committed", "on_hand"} or any(cell.get(state) for cell in cells)
    ]
    for state in states:
        table.add_column(state.replace("_", " "), justify="right")
    for name, cell in found["locations"].items():
        table.add_row(name, *[str(cell.get(state, 0)) for state in states])
    out.print(table)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


AGES = {"0-1": 1, "1-7": 7, "7-30": 30}
"""The ages that commitments are summed by: days from and to. What is older than all is `30+`."""


def commitments(
    config: Config = ONHAND_TOML,
    sku: str | None = None,
    location: Annotated[str | None, typer.Option(help="`@unrouted`: no place is chosen yet.")] = None,
    older_than: Annotated[int, typer.Option(min=0, max=AGE_MAX, help="Days.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many, of the oldest.")] = PAGE_MAX,
    as_json: Json = False,
) -> None:
    """What was ordered and has neither left nor been cancelled, oldest first."""

    async def body() -> Page:
        async with opened(config) as parts:
            queries = await parts.queries()
            return await queries.commitments(
                datetime.now(UTC), sku=sku, location=location, older_than_days=older_than, limit=limit
            )

    found = run(body())
    if as_json:
        show({"items": found.items, "next": found.next})
        return
    aged = dict.fromkeys([*AGES, "30+"], 0)
    for row in found.items:
        aged[next((name for name, end in AGES.items() if row["age_days"] < end), "30+")] += row["units"]
    cut = f"   (the oldest {limit} lines)" if found.next else ""
    table = Table(title=f"units by age in days: {spoken(aged)}{cut}")
    columns = ("age_days", "units", "sku", "location", "transaction", "channel", "demand_class")
    for name in columns:
        table.add_column(name.removeprefix("age_").removeprefix("demand_"), overflow="fold")
    for row in found.items:
        table.add_row(*[str(row[name]) for name in columns])
    out.print(table)


def verify(
    config: Config = ONHAND_TOML,
    wait: Annotated[float, typer.Option(help="Seconds to wait until everything has settled.")] = 30.0,
    export: Annotated[
        Path | None,
        typer.Option(help="Check this export instead, with nothing but its files.", show_default=False),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="The key that the export must be signed with.", show_default=False)
    ] = None,
    unsigned: Annotated[bool, typer.Option(help="Take an export that nobody signed.")] = False,
    as_json: Json = False,
) -> None:
    """Add the log up again from zero and compare with the table, PostgreSQL and what was pushed."""
    if unsigned and public_key is not None:
        raise typer.BadParameter("--unsigned: nothing that is not signed is signed with --public-key")
    if export is not None:
        from streams.commands.exporting import verify_export

        verify_export(export, public_key, unsigned=unsigned, as_json=as_json)
        return
    if public_key is not None or unsigned:
        raise typer.BadParameter("--public-key and --unsigned are about an export: name it with --export")

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            return await verification(parts, wait)

    found = run(body())
    if as_json:
        show(found)
    else:
        good = found["ok"]
        text = "every number is right" if good else f"{found['found']} differences"
        out.print(
            f"{text}: {found['keys']} cells, compared: {spoken(found['checks'])}",
            style="green" if good else "red",
            highlight=False,
        )
        for difference in found["differences"][:20]:
            out.print(difference)
    if not found["ok"]:
        raise typer.Exit(1)


async def verification(parts: Parts, wait: float) -> dict[str, Any]:
    """What `onhand verify` reports. It is remembered, for whoever watches."""
    verifier, began = await verifier_of(parts), time.monotonic()
    late = await verifier.settled(wait)
    report = await verifier.run()
    if late is not None:
        report.differs("settled", late, "no lag", "lag")
    vitals, took = Vitals(await parts.queries()), time.monotonic() - began
    try:
        await vitals.verify(datetime.now(UTC), took, report.keys, report.found)
    except DatabaseError as error:  # what was found stands all the same
        log.warning("not remembered what was found", reason=type(error).__name__)
    return report.as_json()


def map_command(
    platform: str,
    topic: str,
    file: Annotated[Path | None, typer.Argument(help="The payload; standard input without it.")] = None,
) -> None:
    """What claim would this payload make? Changes nothing. Where a file holds several documents, a list of claims."""

    async def body() -> Any:
        connector = CONNECTORS.get(platform)
        if connector is None:
            raise BadConfiguration(
                f"unknown platform {platform!r}; platforms are: {', '.join(sorted(CONNECTORS))}"
            )
        raw = file.read_bytes() if file is not None else sys.stdin.buffer.read()
        try:
            claims = [
                orjson.loads(
                    encode(connector.read(platform, Payload(topic, connector.reduce(topic, content))))
                )
                for content in connector.documents(topic, raw)
            ]
        except Refused as refusal:
            raise ConnectorError(f"refused: {refusal}") from None
        return claims[0] if len(claims) == 1 else claims

    show(run(body()))
