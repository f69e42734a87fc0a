"""Writes an export: one snapshot of PostgreSQL, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from projections.audit.checking import check
from projections.audit.folder import whole
from projections.audit.manifest import (
    MANIFEST,
    SIGNATURE,
    SUMS,
    Chain,
    File,
    Manifest,
    Recorded,
    Span,
    sums,
)
from projections.audit.report import Report
from projections.audit.shapes import (
    MOVEMENTS,
    OTHER_FILES,
    PUBLIC_KEY,
    README,
    RECORDED_WITHIN,
    RULES,
    RULES_FILE,
    STOCK_FILES,
    files_of,
    movements_file,
)
from projections.audit.signing import Signer
from projections.audit.writing import WRITER, Rows, write, write_given
from projections.pool import Connection, Pool
from schemas.codec import encode
from schemas.rules import Rules
from schemas.seals import FIRST

REACH = f"""
    SELECT partition, min(log_offset) AS first, max(log_offset) AS last,
      min(recorded_at) AS first_recorded, max(recorded_at) AS last_recorded
    FROM movements WHERE {RECORDED_WITHIN} GROUP BY partition ORDER BY partition
"""  # noqa: S608  # our own words
"""Where the movements within the bounds are, by partition of the log."""

SEAL_BEFORE = """
    SELECT seal FROM movements WHERE partition = %(partition)s AND log_offset < %(first)s
    ORDER BY log_offset DESC LIMIT 1
"""
SEAL_AT = "SELECT seal FROM movements WHERE partition = %(partition)s AND log_offset = %(offset)s"


class Unsound(Exception):
    """The journal does not prove itself, so it is not signed for."""

    def __init__(self, report: Report) -> None:
        first = report.problems[0]
        super().__init__(
            f"the journal is not as it was sealed, {report.found} times; the first: {first.spoken};"
            " `onhand verify` compares it with the log"
        )
        self.report = report


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of when it was recorded: instants, both included. None: there is no bound."""

    since: datetime | None = None
    until: datetime | None = None


class RulesEvent(NamedTuple):
    """A change of the rules, and where and when it is in the log."""

    partition: int
    offset: int
    recorded_at: datetime
    rules: Rules


async def export(
    pool: Pool, folder: Path, bounds: Bounds, rules: Sequence[RulesEvent], *, signer: Signer, product: str
) -> Manifest:
    """Writes an export into a new folder, and checks what it has written before anybody sees it.

    Raises `NotEmpty`, `Unsound`, `OSError`, `DatabaseError`.
    """
    with whole(folder) as draft:
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            manifest = await _Draft(draft, connection, bounds, signer, product).written(rules)
        _sign(draft, manifest, signer)
        report = check(draft, signer.public)
        if not report.ok:
            raise Unsound(report)
    return manifest


class _Draft:
    """An export while it is written."""

    def __init__(
        self, folder: Path, connection: Connection, bounds: Bounds, signer: Signer, product: str
    ) -> None:
        self.folder, self.connection, self.bounds = folder, connection, bounds
        self.signer, self.product = signer, product
        self.parameters: dict[str, Any] = {"since": bounds.since, "until": bounds.until}
        self.files: dict[str, File] = {}
        self.offsets: dict[str, dict[int, Span]] = {
            "movements": {},
            "receipts": {},
            "dead-letters": {},
            "rules": {},
        }

    async def written(self, rules: Sequence[RulesEvent]) -> Manifest:
        """Writes all files that the manifest lists."""
        reaches = await self._rows(REACH, {})
        chain = {reach["partition"]: await self._movements(reach) for reach in reaches}
        listed = files_of(list(chain), opening=self.bounds.since is not None)
        for name, shape in {**STOCK_FILES, **OTHER_FILES}.items():
            if name in listed:
                rows = await write(self.connection, self.folder / name, shape, self.parameters)
                self._take(name, rows, name.removesuffix(".parquet"))
        self._rules(rules)
        self._texts()
        return Manifest(
            product=self.product,
            writer=WRITER,
            since=_utc(self.bounds.since),
            until=_utc(self.bounds.until),
            recorded=_recorded(reaches),
            offsets=self.offsets,
            chain=chain,
            files=self.files,
            public_key=self.signer.public.text,
        )

    async def _movements(self, reach: dict[str, Any]) -> Chain:
        """Writes the movements of a partition. Returns where their chain begins and ends."""
        name = movements_file(reach["partition"])
        rows = await write(self.connection, self.folder / name, MOVEMENTS, {**self.parameters, **reach})
        self._take(name, rows, "movements")
        before = await self._rows(SEAL_BEFORE, reach)
        return Chain(
            before=_hex(before[0]["seal"]) if before else FIRST.hex(),
            first_offset=reach["first"],
            first_seal=await self._seal(reach["partition"], reach["first"]),
            last_offset=reach["last"],
            last_seal=await self._seal(reach["partition"], reach["last"]),
        )

    def _rules(self, events: Sequence[RulesEvent]) -> None:
        """Writes the changes of the rules up to the end."""
        until = self.bounds.until
        given = [
            {
                "partition": event.partition,
                "log_offset": event.offset,
                "recorded_at": event.recorded_at,
                "version": event.rules.version,
                "edition": event.rules.edition,
                "by": event.rules.by,
                "rules": encode(event.rules).decode(),
            }
            for event in sorted(events, key=lambda event: event[:2])
            if until is None or event.recorded_at <= until
        ]
        self._take(RULES_FILE, write_given(self.folder / RULES_FILE, RULES, given), "rules")

    def _texts(self) -> None:
        """Writes what is not rows."""
        text = (files("projections") / "audit" / README).read_bytes()
        for name, content in {README: text, PUBLIC_KEY: self.signer.public.pem}.items():
            (self.folder / name).write_bytes(content)
            self.files[name] = File.of(self.folder / name)

    def _take(self, name: str, rows: Rows, topic: str) -> None:
        """Notes a file that was written."""
        self.files[name] = File.of(self.folder / name, rows.count)
        if topic in self.offsets:
            self.offsets[topic].update(rows.offsets)

    async def _seal(self, partition: int, offset: int) -> str:
        [row] = await self._rows(SEAL_AT, {"partition": partition, "offset": offset})
        return _hex(row["seal"])

    async def _rows(self, sql: str, more: dict[str, Any]) -> list[dict[str, Any]]:
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(sql.encode(), {**self.parameters, **more})
            return await cursor.fetchall()


def _recorded(reaches: Sequence[dict[str, Any]]) -> Recorded | None:
    if not reaches:
        return None
    return Recorded(
        first=min(reach["first_recorded"] for reach in reaches).astimezone(UTC),
        last=max(reach["last_recorded"] for reach in reaches).astimezone(UTC),
    )


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _hex(seal: bytes | None) -> str:
    """A seal as the files have it; of a movement that was recorded before there were seals, it is that of none."""
    return (seal or FIRST).hex()


def _sign(draft: Path, manifest: Manifest, signer: Signer) -> None:
    """Writes the manifest, and what stands beside it."""
    content = manifest.written()
    (draft / MANIFEST).write_bytes(content)
    (draft / SUMS).write_bytes(sums(manifest.files, content))
    (draft / SIGNATURE).write_bytes(signer.sign(content))
