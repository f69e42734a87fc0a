"""`onhand backup`, `onhand restore`, `onhand repartition`: a whole installation in a folder, and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from projections.audit.folder import NotEmpty as FolderNotEmpty
from projections.keeping import Taken
from streams.commands.opened import ONHAND_TOML, Config, Json, err, opened, report, run
from streams.settings import BadConfiguration, load
from streams.system import running_engines

if TYPE_CHECKING:
    from streams.backing_up import Backup

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.")]


def backup_command(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Write everything into a folder, while everything runs: the log, and what PostgreSQL holds of its own.

    Whom orders are for stays sealed in it. Keep the keys in the data folder (vault-key, export-key, api-key) elsewhere.
    """

    async def body(backup: Backup) -> dict[str, Any]:
        try:
            contents = await backup.take(folder)
        except FolderNotEmpty as error:
            raise BadConfiguration(f"{error}") from None
        size = sum(file.bytes for file in contents.files.values())
        return {"out": str(folder), "records": contents.records, "files": len(contents.files), "bytes": size}

    report(run(_with_backup(config, as_json, body)), as_json)


def restore_command(folder: Folder, config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Put a backup where nothing is yet: no topics, and an empty database. Start the hub only when it is done."""

    async def body(backup: Backup) -> dict[str, Any]:
        from streams.backing_up import NotEmpty, contents_of

        contents = contents_of(folder)
        if contents.partitions != backup.partitions:
            raise BadConfiguration(
                f"[kafka] partitions is {backup.partitions}, the backup has {contents.partitions}: say so in the file,"
                " and `onhand repartition` afterwards"
            )
        try:
            await backup.restore(folder, contents)
        except (NotEmpty, Taken) as error:
            raise BadConfiguration(f"{error}") from None
        return {"taken_at": contents.taken_at, "records": contents.records}

    report(run(_with_backup(config, as_json, body)), as_json)


def repartition_command(
    partitions: Annotated[
        int, typer.Option(help="How many there shall be: a multiple of what there are.", min=1)
    ],
    folder: Annotated[
        Path,
        typer.Option(
            "--backup", help="Where a backup goes first: a folder that does not exist yet, or is empty."
        ),
    ],
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Spread the log over more partitions. Stop all workers and servers first, and put the new number into the configuration after."""

    async def body(backup: Backup) -> dict[str, Any]:
        try:
            contents = await backup.spread(folder, partitions)
        except FolderNotEmpty as error:
            raise BadConfiguration(f"{error}") from None
        return {"partitions": partitions, "records": contents.records, "backup": str(folder)}

    found = run(_with_backup(config, as_json, body))
    report(found, as_json)
    err.print(
        f"now set partitions = {partitions} under [kafka], wherever this installation's file is",
        highlight=False,
    )


async def _with_backup(
    config: Path, as_json: bool, body: Callable[[Backup], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Has a body done with this installation's engines, which are started where they are embedded and do not run."""
    from streams.backing_up import Backup, NoBackup

    settings = load(config)
    columns = SpinnerColumn(), TextColumn("{task.completed} records")
    async with (
        running_engines(settings, lambda text: err.print(f"  {text}", highlight=False)),
        opened(config) as parts,
    ):
        with Progress(*columns, console=err, disable=as_json or not err.is_terminal) as bar:
            task = bar.add_task("", total=None)
            backup = Backup(
                bootstrap=parts.bootstrap,
                dsn=parts.dsn,
                reader=await parts.reader(),
                naming=parts.naming,
                pool=await parts.pool(),
                partitions=settings.kafka.partitions,
                replication=settings.kafka.replication,
                progress=lambda records: bar.advance(task, records),
            )
            try:
                return await body(backup)
            except NoBackup as error:
                raise BadConfiguration(f"{error}") from None
            except OSError as error:
                err.print(
                    f"the files cannot be read or written: {error}", style="red", markup=False, soft_wrap=True
                )
                raise typer.Exit(1) from None
