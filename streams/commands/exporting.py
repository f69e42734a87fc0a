"""`onhand export`, and what `onhand verify --export` does: files that prove themselves on another machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from projections.audit.folder import NotEmpty
from projections.audit.signing import BadKey, PublicKey, Signer
from schemas.codec import Undecodable, decode
from schemas.rules import Rules
from schemas.topics import RULES
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
    verifier_of,
)
from streams.keys import generate_export_key
from streams.opening import NotReady
from streams.settings import BadConfiguration, export_key
from streams.stages import instant
from streams.verify import Verifier

if TYPE_CHECKING:
    from projections.audit.export import RulesEvent
    from projections.audit.manifest import Manifest
    from projections.audit.report import Report

PROBLEMS_SHOWN = 20
"""Problems that are shown to people; machines get more."""

VOUCHED = {
    "pinned": "signed by the key that was given",
    "consistent": "signed by a key that nobody vouched for here (compare it with the one you were told, or give --public-key)",
    "missing": "not signed by anybody",
    "wrong": "not signed by the key that it names",
}


def export_command(
    folder: Annotated[Path, typer.Option("--out", help="A folder that does not exist yet, or is empty.")],
    config: Config = ONHAND_TOML,
    since: Instant = None,
    until: Instant = None,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait until PostgreSQL has what is in the log.")
    ] = 30.0,
    as_json: Json = False,
) -> None:
    """Write the journal and the stock that follows from it as signed Parquet files, for an auditor.

    `--since` and `--until` are about when something was recorded, both included: what was known at the end of a year is
    `--until 2026-12-31T23:59:59.999999Z`.
    """
    begin, end = _utc(since), _utc(until)

    async def body() -> Manifest:
        from projections.audit.export import Bounds, Unsound, export

        _check_bounds(begin, end, datetime.now(UTC))
        async with opened(config) as parts:
            verifier = await verifier_of(parts)
            if (late := await verifier.come_through(wait)) is not None:
                raise NotReady(f"not everything is recorded yet: {late}; is the hub running?")
            rules = await _rules(verifier)
            bounds = Bounds(begin, end)
            key = _signer(parts)
            try:
                return await export(
                    await parts.pool(), folder, bounds, rules, signer=key, product=version("onhand")
                )
            except NotEmpty as error:
                raise BadConfiguration(f"{error}") from None
            except Unsound as error:
                err.print(f"{error}", style="red", highlight=False, markup=False, soft_wrap=True)
                if as_json:
                    show(error.report.as_json())
            except OSError as error:
                err.print(f"the export cannot be written: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)

    manifest = run(body())
    movements = sum(its.rows or 0 for name, its in manifest.files.items() if name.startswith("movements-"))
    if as_json:
        said = {"out": str(folder), "movements": movements, "public_key": manifest.public_key}
        files = {name: asdict(its) for name, its in manifest.files.items()}
        show({**said, "since": manifest.since, "until": manifest.until, "files": files})
        return
    size = sum(its.bytes for its in manifest.files.values())
    text = f"{movements} movements in {len(manifest.files)} files of {size} bytes: {folder}"
    out.print(text, style="green", highlight=False, soft_wrap=True)
    out.print(f"signed by {manifest.public_key}", highlight=False, soft_wrap=True)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _check_bounds(since: datetime | None, until: datetime | None, now: datetime) -> None:
    """Raises `BadConfiguration` for bounds between which nothing is, or within which there may be more tomorrow."""
    if until is not None and until > now:
        raise BadConfiguration("--until is still to come: leave it out for all that is known now")
    if since is not None and since > (until or now):
        raise BadConfiguration("--since is behind the end: nothing is within these bounds")


def _signer(parts: Parts) -> Signer:
    """The installation's key, made at its first use."""
    signer = export_key(parts.settings.data)
    if signer is not None:
        return signer
    file = generate_export_key(parts.settings.data)
    err.print(f"exports are signed with a new key: {file}", highlight=False, soft_wrap=True)
    return Signer.read(file.read_text(encoding="utf-8"))


async def _rules(verifier: Verifier) -> list[RulesEvent]:
    """Every change of the rules; what is no rules is none."""
    from projections.audit.export import RulesEvent

    found = []
    async for records in verifier.reader.whole(verifier.naming(RULES), verifier.partitions):
        for record in records:
            try:
                rules = decode(Rules, record.value)
            except Undecodable:
                continue
            found.append(RulesEvent(record.partition, record.offset, instant(record), rules))
    return found


def verify_export(folder: Path, public_key: Path | None, *, unsigned: bool, as_json: bool) -> None:
    """Checks an export with nothing but its files. Exits with 1 where something is wrong with it."""
    from projections.audit.checking import check

    async def body() -> Report:
        if not folder.is_dir():
            raise BadConfiguration(f"{folder} is no folder")
        pinned = None if public_key is None else _public(public_key)
        try:
            return check(folder, pinned, unsigned=unsigned)
        except OSError as error:
            err.print(f"cannot be read: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)

    report = run(body())
    if as_json:
        show(report.as_json())
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _public(file: Path) -> PublicKey:
    """The key in a file. Raises `BadConfiguration`."""
    try:
        return PublicKey.read(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfiguration(f"{file}: cannot be read ({error.strerror})") from None
    except (BadKey, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file}: {error}") from None


def _print(report: Report) -> None:
    """The report for people."""

    def say(text: str, style: str | None = None) -> None:
        out.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    counted = f"{report.movements} movements, {report.cells} cells of stock, {report.files} files"
    if report.ok:
        say(f"every movement is as it was sealed, and the stock follows from them: {counted}", "green")
    else:
        say(f"{report.found} problems: {counted}", "red")
    say(f"{VOUCHED[report.signature]}: {report.public_key or 'no key'}")
    for problem in report.problems[:PROBLEMS_SHOWN]:
        say(problem.spoken)
