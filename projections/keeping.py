"""What PostgreSQL holds of its own, into files and back: all that does not follow from the log."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from projections.derived import OWN
from projections.pool import Pool

RETRIED = "retried"
"""The file that says which dead letters were retried, and when."""

CSV = sql.SQL("(FORMAT csv, HEADER)")

FOLLOWS = frozenset({"channel_health", "directories"})
"""What is said again within seconds."""

KEPT = tuple(name for name in OWN if name not in FOLLOWS)
"""The tables that a backup has, parents before those that refer to them."""


class Taken(Exception):
    """The database holds something already."""


async def keep(pool: Pool, folder: Path) -> list[Path]:
    """Writes all of it into `<table>.csv`, as of one moment. Returns the files. Raises `DatabaseError`, `OSError`."""
    files = []
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sources: dict[str, sql.Composable] = {name: sql.Identifier(name) for name in KEPT}
        sources[RETRIED] = sql.SQL(
            "(SELECT partition, log_offset, retried_at FROM dead_letters WHERE retried_at IS NOT NULL)"
        )
        for name, source in sources.items():
            files.append(folder / f"{name}.csv")
            statement = sql.SQL("COPY {} TO STDOUT {}").format(source, CSV)
            with files[-1].open("wb") as out:
                async with connection.cursor() as cursor, cursor.copy(statement) as copy:
                    async for block in copy:
                        out.write(block)
    return files


async def check_empty(pool: Pool) -> None:
    """Raises `Taken` where the database holds something already."""
    async with pool.connection() as connection:
        for name in (*KEPT, "offsets"):
            found = await connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name)))
            if await found.fetchone():
                raise Taken(f"the database holds something already (in {name}): name one that is empty")


async def bring_back(pool: Pool, folder: Path, were: int, *, own: bool = True) -> None:
    """Takes the files in, all or none; without what is PostgreSQL's `own` only which dead letters were retried, of those that are recorded.
    There `were` so many partitions. Raises `DatabaseError`, `OSError`.
    """
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "CREATE TEMP TABLE retried (partition integer, log_offset bigint, retried_at timestamptz) ON COMMIT DROP"
        )
        for name in (*(KEPT if own else ()), RETRIED):
            if not (folder / f"{name}.csv").exists():  # a release wrote it that had no such table
                continue
            with (folder / f"{name}.csv").open("rb") as file:
                columns = file.readline().decode().rstrip("\n").split(",")
                statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
                    sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
                )
                async with connection.cursor() as cursor, cursor.copy(statement) as copy:
                    while block := file.read(1 << 20):
                        await copy.write(block)
        await connection.execute(
            "UPDATE dead_letters AS d SET retried_at = r.retried_at FROM retried AS r"
            " WHERE (d.partition %% %s, d.log_offset) = (r.partition, r.log_offset)",
            [were],
        )
