"""Faust agents over chunks: everything fetched for a partition at once, folded once, and never lost or doubled.

Faust fetches, assigns and restores; nothing it says about offsets is believed. Around a recovery it resumes source
partitions before it seeks them, empties the agents' queues, and books the hole as acknowledged (faust 0.15.3:
`tables/recovery.py` on_recovery_completed, `transport/consumer.py` _add_gap), so stock agents lose events there. Here:

1. A chunk is taken only if it continues exactly at our own next offset. A hole is fetched again; an overlap is trimmed.
2. Order of writes: outputs acknowledged, then the table's changelog acknowledged, then the table, then the commit.
3. Every changelog record carries the source offset it was made at, so restore takes the highest, not the last: what a
   stopped and resumed worker writes late changes nothing. Whoever sees that its changelog grew by another hand takes in
   what is newer than its own, and writes its own over what is older before compaction can bite.
4. Whatever cannot be written, or does not fit, ends the process. Nothing was committed, so a restart repeats it.
"""

from __future__ import annotations

import asyncio
import os
import time
from asyncio import gather
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from faust.types import TP

from schemas.codec import Headers, encode
from streams.reader import Reader
from streams.tables import OFFSET_HEADER, Cell, Made, Store, StoreFailed, Written
from streams.writer import Out, Writer

log = structlog.get_logger()

SLICE = 256
"""Records folded, and cells made of them, without giving way to the rest of the process."""

TOGETHER = 4_096
"""Records whose outputs are written together, at most: a write takes as long as the broker is away, whatever is in it, and of a key
only the last state is written; but what is written late is read late. So many are there only where a worker lags behind.
"""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold made of some records: records to write, and the table's new cells with their bytes."""

    outputs: Sequence[Out] = ()
    cells: Mapping[bytes, Made] = field(default_factory=dict)
    used: int = 0
    unused: int = 0
    dead: int = 0


class Folding(Protocol):
    """Some records of a partition while they are folded: taken slice by slice, and written together."""

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds the next records."""

    def made(self, most: int) -> Folded | None:
        """Makes up to so many cells. When there are no more, returns what all records make."""


Fold = Callable[[int, Callable[[bytes], Cell | None], bool], Folding]
"""Begins to fold: partition, how to look a key up, again. What it makes depends on these and the records alone.

`again` says that a worker that died may have folded some of these records already, in other chunks: what a chunk writes
only because it changed must be written all the same, for the other may have written what lay between.
"""


@dataclass(slots=True)
class Progress:
    """Where one owned partition stands: the next source offset, the changelog's end as we know it, and where the source
    ended when we began: up to there others may have folded. `stamp` is that of its output, `committed` the position and stamp
    that are.
    """

    next: int
    changelog_end: int
    others: int = 0
    stamp: str = ""
    committed: tuple[int, str] = (-1, "")
    moved_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a stage: times in seconds, `waiting` and `dead_run` in records."""

    commit_every: float = 1.0
    idle: float = 5.0
    rewinds: int = 50
    waiting: int = 4_000
    dead_run: int = 1_000


async def _at_once() -> None:
    """Nothing has to be waited for."""


class ChunkStage:
    """One agent: takes chunks of `source`, folds them into `table`, and writes what the fold says.

    `stamp` is kept with every commit; `on_stamp` is called for a partition whose last commit had another one (which it is told),
    before its next chunk, and yields records to write again, some at a time (a stage whose output depends on configuration
    writes its output again when that changed). `begins` is awaited before a partition is taken. `watch` is shown every state that the table holds or takes in. `passed` is told
    which records are done with all that follows, and since when (nanoseconds since 1970) they were worked on. `fail` ends the process.
    """

    def __init__(
        self,
        app: Any,
        *,
        source: str,
        table: Store,
        changelog: str,
        fold: Fold,
        writer: Writer,
        reader: Reader,
        stamp: str = "",
        on_stamp: Callable[[Store, int, str], Iterable[list[Out]]] = lambda _table, _partition, _before: (),
        begins: Callable[[], Awaitable[Any]] = _at_once,
        watch: Callable[[int, Iterable[Any]], None] = lambda _partition, _states: None,
        passed: Callable[[Sequence[ConsumerRecord], int], None] | None = None,
        limits: Limits | None = None,
        fail: Callable[[str], None],
    ) -> None:
        self.app, self.source, self.table, self.changelog = app, source, table, changelog
        self.fold, self.writer, self.reader, self.stamp, self.on_stamp = fold, writer, reader, stamp, on_stamp
        self.begins, self.watch, self.passed = begins, watch, passed
        self.limits = limits or Limits()
        self.fail = fail
        self.progress: dict[int, Progress] = {}
        self.taken = self.chunks = self.used = self.unused = self.dead = 0
        self._epoch = 0
        self._open = False
        self._owned: set[int] = set()
        self._inflight: dict[int, asyncio.Task[None]] = {}
        self._idle: set[int] = set()
        self._held = False
        self._waiting: dict[int, list[Sequence[ConsumerRecord]]] = {}
        self._asking: set[int] = set()
        self._rewinds: dict[int, int] = {}
        self._beginnings: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._dead_run = 0
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._assigned)

    # -- assignment

    async def _revoked(self, _app: Any, revoked: Any, **_: Any) -> None:  # noqa: ARG002  # Faust revokes all at once
        """The barrier that keeps the next owner's restore complete: nothing of ours is under way after it."""
        self._open = False
        writing = [task for partition, task in self._inflight.items() if partition not in self._asking]
        if writing:
            _done, late = await asyncio.wait(writing, timeout=self.app.conf.broker_rebalance_timeout)
            if late:
                self.fail("writes were still under way when the partitions had to be given up")
        await self.commit()
        self._forget()

    async def _assigned(self, _app: Any, assigned: Iterable[TP], **_: Any) -> None:
        self._forget()
        self._owned = {tp.partition for tp in assigned if tp.topic == self.source}
        self._open = True

    def _forget(self) -> None:
        self._epoch += 1
        self._owned = set()
        self._inflight, self._waiting = {}, {}
        self.progress = {}
        self._rewinds = {}

    async def close(self) -> None:
        """Takes no more, waits for what is under way, and lets go of the table."""
        self._open = False
        if self._inflight:
            await asyncio.wait(list(self._inflight.values()), timeout=self.app.conf.broker_rebalance_timeout)
        self._forget()
        self.table.close()

    # -- the way of a chunk

    async def run(self, stream: Any) -> None:
        """The agent's body."""
        async for event in stream.events():
            await self.feed(event.message.partition, event.value)

    async def feed(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Hands a chunk to its partition's pump. Chunks that come while one is being written are folded together next,
        so a slow broker makes chunks larger, not the queue longer; a long queue makes the fetcher wait.
        """
        if not self._open:
            return
        waiting = self._waiting.setdefault(partition, [])
        waiting.append(records)
        if partition not in self._inflight:
            self._start(partition)
        elif sum(map(len, waiting)) > self.limits.waiting:
            self._held = True
            try:
                await asyncio.wait([self._inflight[partition]])
            finally:
                self._held = False

    def _start(self, partition: int) -> None:
        self._inflight[partition] = asyncio.create_task(self._pump(partition, self._epoch))

    async def _pump(self, partition: int, epoch: int) -> None:
        """Takes what waits for a partition until nothing does."""
        try:
            if partition in self._idle:
                self._idle.discard(partition)
                await self._look_after(partition)
            await self._stamp(partition, epoch)
            while (waiting := self._waiting.pop(partition, None)) and epoch == self._epoch and self._open:
                if partition not in self.progress and not await self._begin(partition):
                    return
                await self._stamp(partition, epoch)
                fresh = await self._continuing(partition, waiting)
                for start in range(0, len(fresh), TOGETHER):
                    some, began = fresh[start : start + TOGETHER], time.time_ns()
                    folded = await self._folded(partition, epoch, some)
                    if folded is None:
                        return
                    self._count(folded, len(some))
                    await self._settle(partition, epoch, some[-1].offset + 1, folded)
                    if self.passed is not None:
                        self.passed(some, began)
            await self._stamp(partition, epoch)  # it may have changed while the last chunk was written
        except Exception as error:  # noqa: BLE001  # a fold that fails would fail again: stop before it is passed over
            self.fail(f"{self.source}[{partition}]: {type(error).__name__}: {error}")
        finally:
            if epoch == self._epoch:
                self._inflight.pop(partition, None)

    async def _folded(self, partition: int, epoch: int, records: Sequence[ConsumerRecord]) -> Folded | None:
        """What the records come to, taken slice by slice; None when the partition is not ours any more."""
        again = records[0].offset < self.progress[partition].others
        folding = self.fold(partition, partial(self.table.get, partition), again)
        for start in range(0, len(records), SLICE):
            if start:
                await asyncio.sleep(0)
            if not self._mine(partition, epoch):
                return None
            folding.take(records[start : start + SLICE])
        while (folded := folding.made(SLICE)) is None:
            await asyncio.sleep(0)
            if not self._mine(partition, epoch):
                return None
        return folded

    async def _continuing(
        self, partition: int, chunks: Sequence[Sequence[ConsumerRecord]]
    ) -> list[ConsumerRecord]:
        """The records of the chunks that continue where the durable state ends, one after another.

        What was taken before is trimmed. At a hole the rest is dropped and fetched again from there.
        """
        expected = self.progress[partition].next
        fresh: list[ConsumerRecord] = []
        for records in chunks:
            first, last = records[0].offset, records[-1].offset
            if first > expected and not await self._is_next(partition, expected, first):
                await self._rewind(partition, expected)
                break
            fresh.extend(record for record in records if record.offset >= expected)
            expected = max(expected, last + 1)
        else:
            self._rewinds.pop(partition, None)
        return fresh

    def _mine(self, partition: int, epoch: int) -> bool:
        return epoch == self._epoch and self._open and partition in self.progress

    async def _settle(self, partition: int, epoch: int, then: int, folded: Folded) -> None:
        """Rule 2: outputs, changelog, table, and only then the new position."""
        try:
            if folded.outputs:
                await self.writer.write(folded.outputs)
            last, strange = await self._write_changelog(partition, epoch, folded)
        except Exception as error:  # noqa: BLE001  # whatever it was, nothing may be committed after it
            self.fail(f"{self.source}[{partition}]: {type(error).__name__}: {error}")
            return
        if epoch != self._epoch:
            return  # durable, but not ours any more
        self.table.put(partition, folded.cells, last if strange is None else None)
        self.watch(partition, (cell.state for cell, _, _ in folded.cells.values()))
        progress = self.progress[partition]
        progress.next, progress.moved_at = then, time.monotonic()
        self.chunks += 1
        if strange is not None:
            await self._write_over_stranger(partition, *strange)

    async def _write_changelog(
        self, partition: int, epoch: int, folded: Folded
    ) -> tuple[Written | None, tuple[int, int] | None]:
        """Writes the cells. Returns the last record written, and the span of the changelog since our last write if somebody
        else wrote there too.
        """
        if not folded.cells:
            return None, None
        last = await self._append(
            partition, [(key, value, headers, cell) for key, (cell, value, headers) in folded.cells.items()]
        )
        progress = self.progress.get(partition)
        if progress is None or epoch != self._epoch:
            return None, None
        start, progress.changelog_end = progress.changelog_end, last.offset + 1
        alone = progress.changelog_end - start == len(folded.cells)
        return last, None if alone else (start, progress.changelog_end)

    async def _append(self, partition: int, cells: Iterable[tuple[bytes, bytes, Headers, Cell]]) -> Written:
        """Writes records to the changelog. Returns the last."""
        outs = [
            Out(self.changelog, key, value, (*headers, (OFFSET_HEADER, b"%d" % cell.offset)), partition)
            for key, value, headers, cell in cells
        ]
        written = await self.writer.write(outs)
        first, count = written[self.changelog, partition]
        return Written(first + count - 1, outs[-1].key or b"", outs[-1].value, outs[-1].headers)

    # -- starting, holes, strangers

    async def begin(self) -> None:
        """Begins the owned partitions that are restored, without waiting for their first chunk."""
        await gather(*map(self._begin, sorted(self._owned - set(self.progress))))

    async def _begin(self, partition: int) -> bool:
        """Finds where the durable state of a partition ends. False: not ready, drop the chunk."""
        async with self._beginnings[partition]:
            try:
                return partition in self.progress or await self._begin_alone(partition)
            except StoreFailed as error:
                self.fail(str(error))
                return False

    async def _begin_alone(self, partition: int) -> bool:
        epoch = self._epoch
        self._asking.add(partition)
        try:
            await self.begins()
        finally:
            self._asking.discard(partition)
        committed = (await self.reader.committed(self.app.conf.id)).get(
            TopicPartition(self.source, partition)
        )
        end, others, earliest = (
            found[partition]
            for found in await gather(  # after the commit: what it stands for is in the changelog by then
                self.reader.ends(self.changelog, [partition]),
                self.reader.ends(self.source, [partition]),
                self.reader.begins(self.source, [partition]),
            )
        )
        recovery = self.app.tables.recovery
        restored = recovery.active_offsets.get(TP(self.changelog, partition))
        first = earliest if committed is None or committed.offset < 0 else committed.offset
        if epoch != self._epoch or not self._open or partition not in self._owned or recovery.in_recovery:
            return False
        if restored is None:
            return False
        async for records in self.reader.read(self.changelog, partition, restored + 1, end):
            if epoch != self._epoch:
                return False
            self.table.restore(partition, records)  # somebody wrote after the restore had ended
        if overwritten := self.table.strangers.get(partition):
            end = await self._write_again(partition, overwritten, end)
            self.table.strangers.pop(partition, None)
        stamp = await self._stamped(partition, epoch, "" if committed is None else committed.metadata)
        if epoch != self._epoch:
            return False
        self.watch(partition, (cell.state for _, cell in self.table.cells_of(partition)))
        self.progress.setdefault(
            partition, Progress(next=first, changelog_end=end, others=others, stamp=stamp)
        )
        return True

    # -- output that depends on configuration

    def restamp(self, stamp: str) -> None:
        """The configuration changed: every owned partition writes its output again before its next chunk, or now if it has none."""
        self.stamp = stamp
        for partition in self.progress:
            if partition not in self._inflight:
                self._start(partition)

    async def _stamp(self, partition: int, epoch: int) -> None:
        """Brings the output of a partition up to the configuration of now."""
        if self._mine(partition, epoch) and (progress := self.progress[partition]).stamp != self.stamp:
            progress.stamp = await self._stamped(partition, epoch, progress.stamp)

    async def _stamped(self, partition: int, epoch: int, before: str) -> str:
        """Writes again what depends on the configuration, if that was another. Returns the stamp of what is written."""
        stamp, due = self.stamp, list[Out]()
        if before != stamp:
            for outs in self.on_stamp(self.table, partition, before):
                due += outs
                await asyncio.sleep(0)
                if epoch != self._epoch:
                    return before
                if len(due) >= TOGETHER:
                    await self.writer.write(due)
                    due = []
            await self.writer.write(due)
        return stamp

    async def _is_next(self, partition: int, expected: int, offered: int) -> bool:
        """Whether the log itself goes on at `offered` after `expected`: offsets that compaction or a transaction of
        somebody else's took are no hole.
        """
        async for records in self.reader.read(self.source, partition, expected, offered + 1):
            return bool(records[0].offset == offered)
        return False

    async def _rewind(self, partition: int, expected: int) -> None:
        rewinds = self._rewinds[partition] = self._rewinds.get(partition, 0) + 1
        if rewinds > self.limits.rewinds:
            self.fail(f"{self.source}[{partition}]: the hole at {expected} does not close")
        await self.app.consumer.seek_wait({TP(self.source, partition): expected})

    async def _write_over_stranger(self, partition: int, start: int, end: int) -> None:
        """Takes in what is newer than ours: we may be the stranger, stopped and resumed, and the other the owner. What it made
        was right, and its outputs went out before. What is older than ours is written over.
        """
        log.warning("a stranger wrote to the changelog", topic=self.changelog, partition=partition, at=start)
        epoch = self._epoch
        async for records in self.reader.read(self.changelog, partition, start, end):
            if epoch != self._epoch:
                return
            self.table.restore(partition, records)
            cells = (self.table.get(partition, record.key) for record in records)
            self.watch(partition, (cell.state for cell in cells if cell is not None))
        older = self.table.strangers.pop(partition, set())
        if (progress := self.progress.get(partition)) is not None:
            progress.changelog_end = await self._write_again(partition, older, progress.changelog_end)

    async def _write_again(self, partition: int, keys: Iterable[bytes], end: int) -> int:
        """Writes the table's values of `keys` over a stranger's. Returns the changelog's end after that, or the old one when
        somebody wrote in between again: the next write will find it.
        """
        cells = {key: cell for key in sorted(keys) if (cell := self.table.get(partition, key)) is not None}
        if not cells:
            return end
        last = await self._append(
            partition, [(key, self._bytes(cell), (), cell) for key, cell in cells.items()]
        )
        if last.offset + 1 - end != len(cells):
            return end
        self.table.put(partition, {}, last)
        return last.offset + 1

    def _bytes(self, cell: Cell) -> bytes:
        return cell.state if isinstance(cell.state, bytes) else encode(cell.state)

    # -- commits and liveness

    async def commit(self) -> None:
        """Commits the positions whose writes are all acknowledged."""
        now = {p: (progress.next, progress.stamp) for p, progress in self.progress.items()}
        positions = {p: at for p, at in now.items() if at != self.progress[p].committed}
        if not positions:
            return
        thread = self.app.consumer._thread  # noqa: SLF001  # Faust's own commit has no metadata
        offsets = {TopicPartition(self.source, p): at for p, at in positions.items()}
        try:
            await thread.call_thread(thread._consumer.commit, offsets)  # noqa: SLF001  # as above
        except Exception as error:  # noqa: BLE001  # refused in a rebalance: the next owner repeats, nothing is lost
            log.info("commit refused", topic=self.source, reason=f"{type(error).__name__}")
            return
        for p, at in positions.items():
            if p in self.progress:
                self.progress[p].committed = at

    async def tick(self) -> None:
        """Every `limits.commit_every` seconds: commits. Of partitions where nothing moves it fetches again what Faust dropped
        at the tail, and writes over what a stranger wrote.
        """
        if not self._open:
            return
        await self.commit()
        await self.begin()
        for partition, progress in list(self.progress.items()):
            if partition in self._inflight or time.monotonic() - progress.moved_at < self.limits.idle:
                continue
            progress.moved_at = time.monotonic()
            self._idle.add(partition)
            self._start(partition)

    async def _look_after(self, partition: int) -> None:
        """Looks where an idle partition and its changelog end."""
        progress = self.progress.get(partition)
        if progress is None:
            return
        if await self._is_passed(partition, progress.next):
            log.info("fetching again", topic=self.source, partition=partition, start=progress.next)
            await self.app.consumer.seek_wait({TP(self.source, partition): progress.next})
        written = (await self.reader.ends(self.changelog, [partition]))[partition]
        if progress.changelog_end < written and partition in self.progress:
            start, progress.changelog_end = progress.changelog_end, written
            await self._write_over_stranger(partition, start, written)

    async def _is_passed(self, partition: int, expected: int) -> bool:
        """Whether Faust was handed what comes next of a partition, and has not handed it on.

        What only waits for its turn is not passed: to fetch it again would throw away what is fetched of it. Nor is what may stand
        behind a chunk that has to wait itself.
        """
        held = self._held
        try:
            position = await self.app.consumer.position(TP(self.source, partition))
        except IllegalStateError:  # it is not ours any more
            return False
        behind = held or self._held or partition in self._waiting
        return position is not None and expected < position and not behind

    @property
    def assigned(self) -> bool:
        """Kafka has said which partitions are ours, be it none, and has not asked for them back."""
        return self._open

    @property
    def ready(self) -> bool:
        """Assigned, restored, and every owned partition begun."""
        return self._open and self._owned <= set(self.progress)

    def _count(self, folded: Folded, taken: int) -> None:
        self.taken += taken
        self.used += folded.used
        self.unused += folded.unused
        self.dead += folded.dead
        self._dead_run = 0 if folded.used + folded.unused else self._dead_run + folded.dead
        if self._dead_run >= self.limits.dead_run:
            self.fail(f"{self.source}: {self._dead_run} dead letters in a row: this looks like our fault")


def end_process(reason: str) -> None:
    """Rule 4. At once: any further step could commit what is not durable."""
    log.critical(
        "the worker stops: nothing after its last commit counts, a restart repeats it", reason=reason
    )
    os._exit(70)


def agent_of(stage: ChunkStage) -> Callable[[Any], Awaitable[None]]:
    """The stage as a function that `app.agent` takes."""

    async def body(stream: Any) -> None:
        await stage.run(stream)

    return body
