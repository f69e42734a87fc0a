"""A table's cells in RocksDB: a restarted worker reads only what came after, and memory does not grow with the keys.

Everything is written in atomic batches, and RocksDB recovers a prefix of them: after a crash the local state is one that
it once was, cells and mark together, and the changelog has the rest. One database for each table, with the partition
before every key, so a look-up asks for one key, and one lock keeps other processes out.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from streams.tables import DECODED, Cell, Decoded, Made, Mark, StoreFailed, Written, mark_of, source_offset

log = structlog.get_logger()

WRITE_BUFFER, BLOCK_CACHE = 32 << 20, 64 << 20
"""Bytes of memory for one table, beside the decoded states: buffers (up to two) and blocks with their filters."""

DAMAGED = "DAMAGED"
"""A file that says: what was read here was damaged."""

OUR_FAULT = ("No space left", "Permission denied", "Too many open files", "Read-only file system")
"""What RocksDB says when the directory is good and the machine is not."""

NUMBER = struct.Struct(">q")
PLACE = struct.Struct(">cI")
UNLOGGED = WriteOptions()
UNLOGGED.disable_wal = True  # type: ignore[method-assign, assignment]  # an attribute, whatever its stub says


class RocksStore:
    """Cells in a directory of its own. Raises `StoreFailed` where it cannot read or write.

    A damaged directory is thrown away with a warning; a directory that another process uses is an error.
    """

    def __init__(self, path: Path, decoded: int = DECODED) -> None:
        self.strangers: dict[int, set[bytes]] = {}
        self._path = path
        self._failed = self._unlogged = False
        self._decoded = Decoded(decoded)
        self._db = self._open()

    def get(self, partition: int, key: bytes) -> Cell | None:
        """The cell of a key."""
        place = PLACE.pack(b"c", partition) + key
        if (known := self._decoded.get(place)) is not None:
            return known
        raw = self._ask(place)
        return None if raw is None else _cell(raw)

    def put(self, partition: int, cells: Mapping[bytes, Made], last: Written | None) -> None:
        """Takes cells in whose changelog records are acknowledged, and with them how far the state reaches."""
        if not cells and last is None:
            return
        place, batch = PLACE.pack(b"c", partition), WriteBatch(raw_mode=True)
        for key, (cell, value, _) in cells.items():
            batch.put(place + key, NUMBER.pack(cell.offset) + value)
        if last is not None:
            _note(batch, partition, mark_of(last))
        self._write(batch)
        self._decoded.put((place + key, cell) for key, (cell, _, _) in cells.items())

    def restore(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Takes changelog records in. The mark stays before a stranger's record until it is written over."""
        place, batch = PLACE.pack(b"c", partition), WriteBatch(raw_mode=True)
        places = [place + record.key for record in records]
        offsets = {
            key: NUMBER.unpack_from(raw)[0]
            for key, raw in zip(places, self._ask(places), strict=True)
            if raw is not None
        }
        for key, record in zip(places, records, strict=True):
            offset = source_offset(record)
            if offsets.get(key, offset) > offset:
                self.strangers.setdefault(partition, set()).add(record.key)
                continue
            offsets[key] = offset
            batch.put(key, NUMBER.pack(offset) + (record.value or b""))
            self._decoded.drop(key)
        mark = self.mark(partition)
        if partition not in self.strangers and (mark is None or mark.offset < records[-1].offset):
            _note(batch, partition, mark_of(records[-1]))
        self._write(batch, logged=False)

    def cells_of(self, partition: int) -> Iterator[tuple[bytes, Cell]]:
        """The keys and cells of one partition, in the order of the keys."""
        place = PLACE.pack(b"c", partition)
        try:
            items: Any = self._db.items(from_key=place)
            for key, raw in items:
                if not key.startswith(place):
                    return
                yield key[len(place) :], _cell(raw)
        except Exception as error:  # rocksdict has no class of its own for what RocksDB says
            raise self._failure(error) from error

    def mark(self, partition: int) -> Mark | None:
        """How far the state of a partition reaches."""
        raw = self._ask(PLACE.pack(b"m", partition))
        return None if raw is None else Mark(NUMBER.unpack_from(raw)[0], raw[NUMBER.size :])

    def forget(self, partition: int) -> None:
        """Throws the state of a partition away."""
        batch = WriteBatch(raw_mode=True)
        batch.delete(PLACE.pack(b"m", partition))
        batch.delete_range(PLACE.pack(b"c", partition), PLACE.pack(b"c", partition + 1))
        self._write(batch)
        self._decoded.clear()
        self.strangers.pop(partition, None)

    def keep(self, partitions: set[int]) -> None:
        """Others' partitions stay on disk: they may come back, and only what came after is read then."""

    def close(self) -> None:
        """Gives the directory free. After a failure that was raised already RocksDB repeats it here."""
        try:
            self._db.close()
        except Exception as error:
            if not self._failed:
                raise self._failure(error) from error

    # -- RocksDB

    def _open(self) -> Rdict:
        if (self._path / DAMAGED).exists():
            self._throw_away("it was damaged when it was read")
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return Rdict(str(self._path), options=_options())
        except Exception as error:
            if f"{self._path}/LOCK" in str(error):
                raise StoreFailed(
                    f"{self._path} is in use by another process: give every worker a name of its own (--name)"
                ) from error
            if any(fault in str(error) for fault in OUR_FAULT):
                raise StoreFailed(f"{self._path}: {error}") from error
            self._throw_away(str(error))
        return Rdict(str(self._path), options=_options())

    def _throw_away(self, reason: str) -> None:
        log.warning(
            "the local state is damaged: restoring from the changelog", path=str(self._path), reason=reason
        )
        shutil.rmtree(self._path)

    def _ask(self, places: bytes | list[bytes]) -> Any:
        try:
            return self._db.get(places)  # type: ignore[arg-type]  # rocksdict's list is invariant
        except Exception as error:
            raise self._failure(error) from error

    def _write(self, batch: WriteBatch, *, logged: bool = True) -> None:
        """What is restored is in the changelog and needs no log here, which halves the work. So that a crash always leaves
        a prefix, it is on disk before anything is logged again.
        """
        try:
            if logged and self._unlogged:
                self._db.flush()
            self._unlogged = not logged
            self._db.write(batch, None if logged else UNLOGGED)
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreFailed:
        self._failed = True
        if "Corruption" in str(error):
            (self._path / DAMAGED).touch()
        return StoreFailed(f"{self._path}: {error}")


def _cell(raw: bytes) -> Cell:
    return Cell(NUMBER.unpack_from(raw)[0], raw[NUMBER.size :] or None)


def _note(batch: WriteBatch, partition: int, mark: Mark) -> None:
    batch.put(PLACE.pack(b"m", partition), NUMBER.pack(mark.offset) + mark.digest)


def _options() -> Options:
    options, blocks = Options(raw_mode=True), BlockBasedOptions()
    blocks.set_bloom_filter(10, block_based=False)
    blocks.set_block_cache(Cache(BLOCK_CACHE))
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # In parts: the cache has 64 shards of a megabyte, and a filter that fits into none is read whole at every look-up (0.4 ms at 3 million keys)
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_partition_filters(True)
    options.set_block_based_table_factory(blocks)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER)
    options.set_max_write_buffer_number(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    return options
