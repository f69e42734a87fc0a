"""Answers of PostgreSQL into Parquet files, some rows at a time: memory does not grow with history.

The same rows make the same bytes: row groups are of a fixed size, and nothing in a file says when or where it was written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from projections.audit.manifest import Span
from projections.audit.shapes import Shape
from projections.pool import Connection

ROW_GROUP = 65_536
"""Rows of a row group; the last one of a file has what is left."""

WRITER = f"pyarrow {pa.__version__}"


class Rows:
    """A file that is being written, and how many rows it has so far; of rows of the log, the offsets of each partition."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.count = 0
        self.offsets: dict[int, Span] = {}
        self._schema = schema
        self._writer = pq.ParquetWriter(
            path, schema, version="2.6", compression="zstd", store_schema=False, write_page_checksum=True
        )

    def add(self, table: pa.Table) -> None:
        """Adds a row group."""
        if not table.num_rows:
            return
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self.count += table.num_rows
        if "log_offset" in self._schema.names:
            grouped = table.group_by("partition").aggregate([("log_offset", "min"), ("log_offset", "max")])
            for row in grouped.to_pylist():
                partition, first = row["partition"], row["log_offset_min"]
                known = self.offsets.get(partition)
                self.offsets[partition] = Span(
                    first=first if known is None else known.first, last=row["log_offset_max"]
                )

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()


async def write(connection: Connection, path: Path, shape: Shape, parameters: Mapping[str, Any]) -> Rows:
    """Writes what a shape asks PostgreSQL for. Returns what was written."""
    rows = Rows(path, shape.schema)
    try:
        async for table in asked(connection, shape, parameters):
            rows.add(table)
    finally:
        rows.close()
    return rows


def write_given(path: Path, shape: Shape, given: Sequence[Mapping[str, Any]]) -> Rows:
    """Writes rows that do not come from PostgreSQL."""
    rows = Rows(path, shape.schema)
    rows.add(pa.Table.from_pylist(list(given), schema=shape.schema))
    rows.close()
    return rows


async def asked(
    connection: Connection, shape: Shape, parameters: Mapping[str, Any]
) -> AsyncIterator[pa.Table]:
    """The rows of a shape, a row group at a time."""
    # Quoted, a text that begins with a byte order mark is not mistaken for the mark of a file.
    copied = f"COPY ({shape.sql}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"
    lines: list[bytes] = []
    async with connection.cursor() as cursor, cursor.copy(copied.encode(), parameters) as copy:
        async for line in copy:  # PostgreSQL sends one row at a time
            lines.append(bytes(line))
            if len(lines) == ROW_GROUP:
                yield _table(shape, lines)
                lines = []
    if lines:
        yield _table(shape, lines)


def _table(shape: Shape, lines: Sequence[bytes]) -> pa.Table:
    """What PostgreSQL's CSV says: nothing at all is NULL, and what is quoted is a text, even an empty one."""
    text = b"".join(lines)
    columns = shape.columns
    read = pa_csv.read_csv(
        pa.BufferReader(text),
        pa_csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=[one.name for one in columns]
        ),
        pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pa_csv.ConvertOptions(
            column_types={one.name: _plain(one.kind) for one in columns},
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    assert read.num_rows == len(lines), "a row is a message"
    made = [_made(read.column(one.name).combine_chunks(), one.kind) for one in columns]
    table = pa.Table.from_arrays(made, schema=shape.schema)
    table.validate(full=True)
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    """What a column is in the CSV."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return pa.string() if pa.types.is_list(kind) else kind


def _made(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """What a column of the CSV stands for."""
    if not pa.types.is_list(kind):
        return column.cast(kind)
    return pa.array(orjson.loads(f"[{','.join(column.to_pylist())}]"), kind)
