"""Goes through the movements of a file again: is every one as it was sealed, in its place, and nothing made or lost by it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from projections.audit.manifest import Manifest
from projections.audit.once import Once
from projections.audit.report import Problem
from projections.audit.shapes import MOVEMENTS, Shape
from schemas.accounts import BOUNDARIES
from schemas.counts import EPOCH
from schemas.movements import Movement
from schemas.postings import Kind, Leg
from schemas.seals import ANY_CAUSE, seal

BATCH = 8_192
"""Rows that are looked at together."""

Cell = tuple[str, str, str]
"""SKU, location, state."""

UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
"""What a file that is not what it should be looks like to whoever reads it."""


class Unreadable(Exception):
    """A file is not Parquet with the columns that it should have. The message says how far that is so."""


class Row(NamedTuple):
    """A movement as a file has it, with what is not sealed."""

    partition: int
    offset: int
    movement: Movement
    locations: list[str]
    within: bool
    seal: str


@dataclass(slots=True)
class Retraced:
    """What was found in the movements so far. `cells` grows with what was ever in stock."""

    once: Once
    cells: Counter[Cell] = field(default_factory=Counter)
    movements: int = 0
    within: int = 0

    def file(self, path: Path, partition: int, manifest: Manifest) -> Iterator[Problem]:
        """Takes in the movements of a partition. Yields what is wrong with them. Raises `Unreadable`."""
        its = manifest.chain[partition]
        before, last = bytes.fromhex(its.before), its.first_offset - 1
        first_seal = found = its.before
        for row in rows_of(path):
            wrong = _misplaced(row, partition, last, manifest)
            made, found = seal(before, row.movement), row.seal
            if made.hex() != found:
                wrong.append("is not as it was sealed, or what stood before it is not")
            for what in wrong:
                yield Problem(path.name, what, f"{row.movement.sku} {row.movement.id} at offset {row.offset}")
            if last < its.first_offset:
                first_seal = found
            before, last = _bytes(found, made), max(last, row.offset)
            self._add(row)
        if (first_seal, found, last) != (its.first_seal, its.last_seal, its.last_offset):
            yield Problem(path.name, "does not begin and end where the manifest says that its chain does")

    def _add(self, row: Row) -> None:
        self.movements += 1
        self.once.add(row.movement.id)
        if row.within:
            self.within += 1
            sku = row.movement.sku
            for leg in row.movement.legs:
                if leg.quantity:
                    self.cells[sku, leg.location, leg.state] += leg.quantity


def _misplaced(row: Row, partition: int, last: int, manifest: Manifest) -> list[str]:
    """What is wrong with a movement beside its seal."""
    movement = row.movement
    at = movement.recorded_at
    within = (manifest.since is None or at >= manifest.since) and (
        manifest.until is None or at <= manifest.until
    )
    places = sorted({leg.location for leg in movement.legs} - BOUNDARIES)
    return [
        what
        for wrong, what in (
            (row.partition != partition, "is of another partition"),
            (row.offset <= last, "stands where another one does, or behind it"),
            (sum(leg.quantity for leg in movement.legs) != 0, "makes units, or loses some"),
            (row.within != within, "says otherwise of whether it is within the bounds"),
            (row.locations != places, "says otherwise of where it is than its legs"),
        )
        if wrong
    ]


def _bytes(found: str, made: bytes) -> bytes:
    """The seal that a row has; the one it should have, where what it has is none."""
    try:
        return bytes.fromhex(found)
    except ValueError:
        return made


def batches_of(path: Path, shape: Shape) -> Iterator[pa.RecordBatch]:
    """The rows of a file, some at a time. Raises `Unreadable`."""
    taken = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=False) as file:
            if not file.schema_arrow.equals(shape.schema):
                raise Unreadable("has other columns than it should have")
            for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                batch.validate(full=True)
                yield batch
                taken += batch.num_rows
    except UNREADABLE as error:
        reason = f"{error}".partition("\n")[0][:200]
        raise Unreadable(f"cannot be read from row {taken} on: {reason}") from None


def rows_of(path: Path) -> Iterator[Row]:
    """The movements of a file, in their order. Raises `Unreadable`."""
    taken = 0
    for batch in batches_of(path, MOVEMENTS):
        try:
            yield from _rows(batch)
        except UNREADABLE as error:
            raise Unreadable(
                f"holds what is no movement, from row {taken} on: {type(error).__name__}"
            ) from None
        taken += batch.num_rows


SAID = (
    *("id", "sku", "quantity", "transaction", "channel", "document"),
    *("reason", "demand_class", "counted", "bundle"),
)
"""The columns that are fields of a movement as they are."""


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    said = [batch.column(name).to_pylist() for name in SAID]
    read: dict[str, Any] = {name: batch.column(name).to_pylist() for name in ("kind", "voids", "witnessed")}
    instants = (_instants(batch.column(name)) for name in ("occurred_at", "recorded_at"))
    outside = (
        batch.column(name).to_pylist() for name in ("partition", "log_offset", "locations", "within", "seal")
    )
    for fields, kind, voids, witnessed, legs, occurred_at, recorded_at, partition, offset, *rest in zip(
        zip(*said, strict=True), *read.values(), _legs(batch.column("legs")), *instants, *outside, strict=True
    ):
        movement = Movement(
            **dict(zip(SAID, fields, strict=True)),
            kind=Kind(kind),
            voids=None if voids is None else Kind(voids),
            legs=legs,
            occurred_at=occurred_at,
            recorded_at=recorded_at,
            cause=ANY_CAUSE,
            witnessed=None if witnessed is None else orjson.loads(witnessed),
        )
        yield Row(partition, offset, movement, *rest)


def _instants(column: pa.Array) -> Iterator[datetime]:
    return (EPOCH + timedelta(microseconds=one) for one in column.cast(pa.int64()).to_pylist())


def _legs(column: pa.Array) -> Iterator[tuple[Leg, ...]]:
    offsets, flat = column.offsets.to_pylist(), column.flatten()
    legs = [
        Leg(*its)
        for its in zip(
            *(flat.field(name).to_pylist() for name in ("location", "state", "quantity")), strict=True
        )
    ]
    start = offsets[0]
    return (tuple(legs[begin - start : end - start]) for begin, end in pairwise(offsets))
