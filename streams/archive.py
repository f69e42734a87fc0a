"""Topics as files: every record with its offset, its instant and its headers, in Parquet, which anything reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka import ConsumerRecord

from schemas.codec import Headers

ROW_GROUP = 16_384
"""Records of a row group: what is in memory at once."""

SCHEMA = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field(
            "headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])), nullable=False
        ),
    ]
)


class Kept(NamedTuple):
    """A record as it is kept. `timestamp` is in milliseconds since 1970."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Shelf:
    """A file that one partition of a topic is being written into."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._waiting: list[ConsumerRecord] = []
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True)

    def add(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes records in, in their order."""
        self._waiting.extend(records)
        while len(self._waiting) >= ROW_GROUP:
            self._write(self._waiting[:ROW_GROUP])
            del self._waiting[:ROW_GROUP]

    def close(self) -> None:
        """Ends the file."""
        if self._waiting:
            self._write(self._waiting)
        self._writer.close()

    def _write(self, records: Sequence[ConsumerRecord]) -> None:
        rows = [
            {
                "offset": one.offset,
                "timestamp": one.timestamp,
                "key": one.key,
                "value": one.value,
                "headers": [{"name": name, "value": value} for name, value in one.headers],
            }
            for one in records
        ]
        self._writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
        self.count += len(rows)


def kept(path: Path) -> Iterator[Sequence[Kept]]:
    """The records of a file, some at a time. Raises `OSError` where it cannot be read, or a page of it is not what was written."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=2_000):
            yield [
                Kept(
                    row["offset"],
                    row["timestamp"],
                    row["key"],
                    row["value"],
                    tuple((header["name"], header["value"]) for header in row["headers"]),
                )
                for row in batch.to_pylist()
            ]
