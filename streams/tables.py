"""What an agent's table holds: cells by partition and key, restored by the highest source offset per key.

`MemoryStore` keeps them in memory, `streams.rocks.RocksStore` on disk. `ChunkTable` is how Faust's recovery meets
them: it asks how far the local state reaches, and hands over what the changelog holds after that.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import faust
import structlog
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.codec import Headers
from streams.reader import Reader

log = structlog.get_logger()

OFFSET_HEADER = "onhand_offset"

DECODED = 20_000
"""Cells of a table whose states are kept decoded: about 6 KB each."""


class StoreFailed(Exception):
    """The local state cannot be read or written. The changelog has it all: a restart goes on."""


class Cell(NamedTuple):
    """A table's value: the source offset it was made at, and the state (bytes until it is first looked at)."""

    offset: int
    state: Any


Made = tuple[Cell, bytes, Headers]
"""A cell, its state as bytes, and the headers of its changelog record."""


class Written(NamedTuple):
    """A record of the changelog, as it stands there."""

    offset: int
    key: bytes
    value: Any
    headers: Headers


class Mark(NamedTuple):
    """How far a local state reaches: the last changelog record that is in it, by its offset and its content."""

    offset: int
    digest: bytes


class Store(Protocol):
    """The cells of one table.

    `strangers` are the keys, by partition, that `restore` saw overwritten by an older value: whoever owns the partition
    writes them again, and takes them out.
    """

    strangers: dict[int, set[bytes]]

    def get(self, partition: int, key: bytes) -> Cell | None:
        """The cell of a key."""

    def put(self, partition: int, cells: Mapping[bytes, Made], last: Written | None) -> None:
        """Takes cells in whose changelog records are acknowledged.

        `last` is the changelog's last record, when everything up to it is in the table; None, when there are records
        before it that still must be looked at.
        """

    def restore(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Takes changelog records in, in any order."""

    def cells_of(self, partition: int) -> Iterable[tuple[bytes, Cell]]:
        """The keys and cells of one partition, as they are now, however long one goes through them."""

    def mark(self, partition: int) -> Mark | None:
        """How far the state of a partition reaches that outlived the last process."""

    def forget(self, partition: int) -> None:
        """Throws the state of a partition away."""

    def keep(self, partitions: set[int]) -> None:
        """Says which partitions are ours: others' need take no memory."""

    def close(self) -> None:
        """Lets go of what other processes may want."""


class Decoded:
    """The cells used last, with their states decoded: what is sold is sold again soon."""

    def __init__(self, limit: int = DECODED) -> None:
        self._limit = limit
        self._cells: OrderedDict[Hashable, Cell] = OrderedDict()

    def get(self, place: Hashable) -> Cell | None:
        """A cell, if it is one of them."""
        known = self._cells.get(place)
        if known is not None:
            self._cells.move_to_end(place)
        return known

    def put(self, cells: Iterable[tuple[Hashable, Cell]]) -> None:
        """Takes cells in, for those used longest ago."""
        for place, cell in cells:
            self._cells[place] = cell
            self._cells.move_to_end(place)
        while len(self._cells) > self._limit:
            self._cells.popitem(last=False)

    def drop(self, place: Hashable) -> None:
        """Forgets a cell."""
        self._cells.pop(place, None)

    def clear(self) -> None:
        """Forgets all of them."""
        self._cells.clear()


class MemoryStore:
    """Cells in this process only: a restart restores them from the changelog. As bytes, which take a fifth of the room, but for those
    used last.
    """

    def __init__(self, decoded: int = DECODED) -> None:
        self.strangers: dict[int, set[bytes]] = {}
        self._cells: dict[int, dict[bytes, Cell]] = {}
        self._decoded = Decoded(decoded)

    def get(self, partition: int, key: bytes) -> Cell | None:
        """The cell of a key."""
        known = self._decoded.get((partition, key))
        if known is not None:
            return known
        cells = self._cells.get(partition)
        return None if cells is None else cells.get(key)

    def put(self, partition: int, cells: Mapping[bytes, Made], last: Written | None) -> None:  # noqa: ARG002  # nothing outlives the process
        """Takes cells in."""
        held = self._cells.setdefault(partition, {})
        for key, (cell, value, _) in cells.items():
            held[key] = Cell(cell.offset, value)
        self._decoded.put(((partition, key), cell) for key, (cell, _, _) in cells.items())

    def restore(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Takes changelog records in, in any order."""
        cells = self._cells.setdefault(partition, {})
        for record in records:
            offset = source_offset(record)
            held = cells.get(record.key)
            if held is not None and held.offset > offset:
                self.strangers.setdefault(partition, set()).add(record.key)
                continue
            cells[record.key] = Cell(offset, record.value)
            self._decoded.drop((partition, record.key))

    def cells_of(self, partition: int) -> Iterable[tuple[bytes, Cell]]:
        """The keys and cells of one partition."""
        return list(self._cells.get(partition, {}).items())

    def mark(self, partition: int) -> Mark | None:  # noqa: ARG002  # nothing outlives the process
        """Nothing: all of the changelog must be read."""
        return None

    def forget(self, partition: int) -> None:
        """Throws a partition away."""
        self._cells.pop(partition, None)
        self._decoded.clear()

    def keep(self, partitions: set[int]) -> None:
        """Throws all others away."""
        for partition in self._cells.keys() - partitions:
            self.forget(partition)

    def close(self) -> None:
        """Nothing is held that others want."""


def source_offset(record: ConsumerRecord | Written) -> int:
    """The source offset a changelog record was made at."""
    for name, value in record.headers:
        if name == OFFSET_HEADER:
            return int(value)
    return -1


def mark_of(record: ConsumerRecord | Written) -> Mark:
    """What tells a changelog record from any other that might stand at its offset, in another topic of that name."""
    content = hashlib.blake2b(digest_size=16)
    parts = [record.key, record.value or b""]
    for name, value in record.headers:
        parts += [name.encode(), value]
    for part in parts:
        content.update(b"%d:" % len(part) + part)
    return Mark(record.offset, content.digest())


class ChunkTable(faust.Table):  # type: ignore[misc]  # faust has no types
    """A Faust table over a `Store`, restored by chunks. Faust's own store stays empty.

    Only public methods of `faust.Table` are overridden. Faust's RocksDB store is not used: a look-up outside of an event
    asks every partition's database, cells and offset are written one after the other, so that a crash tears them, the
    last record wins and not the highest, what it reached is never compared with the topic that is there now, and
    nothing heals a damaged directory.
    """

    def __init__(
        self, app: Any, *, cells: Store, reader: Reader, fail: Callable[[str], None], **how: Any
    ) -> None:
        super().__init__(app, **how)
        self.cells, self.reader, self.fail = cells, reader, fail

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset from which Faust restores."""
        mark = self.cells.mark(tp.partition)
        return None if mark is None else mark.offset

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Takes restored chunks in. Faust would log a failure, and go on as if they were."""
        try:
            for event in batch:
                self.cells.restore(event.message.partition, event.value)
        except StoreFailed as error:
            self.fail(str(error))
            raise

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Before a restore: throws away what is not of the changelog that is there now."""
        try:
            await self._doubt(tp.partition for tp in newly_assigned if tp.topic == self.changelog_topic_name)
        except Exception as error:  # noqa: BLE001  # whatever it was, the state must not be used unseen
            self.fail(f"{self.changelog_topic_name}: {type(error).__name__}: {error}")
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def _doubt(self, partitions: Iterable[int]) -> None:
        """Local state counts only if the record it ends with still stands in the changelog as it did.

        It does not where the topic was made anew, however long the new one is. Where compaction took the record, the
        state might do; restoring from the beginning is right in any case.
        """
        topic = self.changelog_topic_name
        marks = {p: mark for p in sorted(partitions) if (mark := self.cells.mark(p)) is not None}
        if not marks:
            return
        standing = await self.reader.at(topic, {p: mark.offset for p, mark in marks.items()})
        for p, mark in marks.items():
            if p not in standing or mark_of(standing[p]) != mark:
                log.warning(
                    "the local state is not of this changelog: restoring from its beginning",
                    topic=topic,
                    partition=p,
                    reached=mark.offset,
                )
                self.cells.forget(p)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """After a restore: forgets the partitions of others."""
        self.cells.keep({tp.partition for tp in active_tps})
        await super().on_recovery_completed(active_tps, standby_tps)
