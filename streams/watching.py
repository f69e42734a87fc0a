"""Looks at the installation from outside its work: where the log ends and who is behind, and whether the engines answer and take writes."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition

from projections.pool import DatabaseError
from projections.queries import Queries
from projections.vitals import Verified, Vitals, Waiting, Word
from schemas import metrics
from schemas.oversells import OversellCause
from schemas.topics import BUNDLE_PARTS, CLAIMS, MOVEMENTS, Topic
from streams.cluster import Kafka, access
from streams.health import PATIENCE
from streams.lags import Lags, Place
from streams.metering import Sample, Source
from streams.reader import Reader
from streams.recorder import RECORDED
from streams.room import all_full, folders
from streams.settings import Settings
from streams.stages import Naming
from streams.writer import Writer

if TYPE_CHECKING:  # a server has no stages, and starts sooner without what they need
    from streams.chunks import ChunkStage

SAYS_EVERY = 1.0
"""Seconds between two words of a worker about itself."""

SILENT = 3.0
"""Seconds after which a worker that says nothing is taken to be dead, stopped or cut off."""

SELDOM = 15.0
"""Seconds between two looks at what changes seldom, or takes longer to ask."""

FOLLOWED: Mapping[str, Topic] = {"settle": CLAIMS, "ledger": MOVEMENTS, "bundles": BUNDLE_PARTS}
"""What each stage takes in."""

RECORD = "record"
"""The recorder, among the stages."""

PROBE = 4_096
"""Bytes that are written to see whether the state folder takes any: as little as a file system gives."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """What one process sees. `stages` are its own, which know best where they stand; without them, what the worker's group has committed
    counts. `clock` is monotonic, in seconds.
    """

    reader: Reader
    vitals: Vitals
    naming: Naming
    partitions: int
    bootstrap: Kafka
    data: Path
    disks: Mapping[str, Path] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()
    stages: Mapping[str, ChunkStage] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    lags: Lags = field(default_factory=Lags)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)
    verified: Verified | None = None
    _writing: AIOKafkaConsumer | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        bootstrap: Kafka,
        reader: Reader,
        queries: Queries,
        stages: Mapping[str, ChunkStage] | None = None,
    ) -> Watch:
        """What a process of an installation sees."""
        return cls(
            reader=reader,
            vitals=Vitals(queries),
            naming=Naming(settings.kafka.prefix),
            partitions=settings.kafka.partitions,
            bootstrap=bootstrap,
            data=settings.data,
            disks=folders(settings),
            channels=frozenset(settings.channels),
            stages=stages or {},
        )

    # -- looks, for checks: None, or why it does not hold

    async def kafka(self) -> str | None:
        """Asks Kafka where the topics end, and where the stages stand."""
        if not self.reader.started:
            return "it has not answered yet"
        topics = dict.fromkeys((*FOLLOWED.values(), *RECORDED))
        self.ends = await self._ends(topics)
        self.lags.saw(self.ends, await self._stands(), self.clock(), frozenset(FOLLOWED))
        return None

    async def _ends(self, topics: Iterable[Topic]) -> dict[tuple[str, int], int]:
        names = {self.naming(topic): topic.name for topic in topics}
        found = await self.reader.ends_of(names, range(self.partitions))
        return {(names[tp.topic], tp.partition): offset for tp, offset in found.items()}

    async def _stands(self) -> dict[Place, int]:
        if self.stages:
            return {
                Place(name, FOLLOWED[name].name, partition): progress.next
                for name, stage in self.stages.items()
                for partition, progress in stage.progress.items()
            }
        committed = await self.reader.committed(f"{self.naming.prefix}onhand")
        return {
            Place(name, topic.name, p): max(0, its.offset) if its else 0
            for name, topic in FOLLOWED.items()
            for p in range(self.partitions)
            for its in [committed.get(TopicPartition(self.naming(topic), p))]
        }

    async def log_writable(self) -> str | None:
        """Has Kafka write something down: a position of a group that nobody is in. It goes the way of every record, and is in no topic of ours."""
        if self._writing is None:
            consumer = AIOKafkaConsumer(
                **access(self.bootstrap),
                group_id=f"{self.naming.prefix}onhand-can-write",
                enable_auto_commit=False,
            )
            try:
                await consumer.start()
            except BaseException:  # given up as well: it would go on trying
                await consumer.stop()
                raise
            consumer.assign([TopicPartition(self.naming(CLAIMS), 0)])
            self._writing = consumer
        await self._writing.commit({TopicPartition(self.naming(CLAIMS), 0): OffsetAndMetadata(0, "")})
        return None

    async def postgres(self) -> str | None:
        """Asks PostgreSQL how far it has recorded, and what others say of themselves."""
        recorded = await self.vitals.recorded()
        self.words, self.waiting = await self.vitals.workers(), await self.vitals.waiting()
        stands = {
            Place(RECORD, topic.name, p): recorded.get((topic.name, p), 0)
            for topic in RECORDED
            for p in range(self.partitions)
        }
        self.lags.saw(self.ends, stands, self.clock(), frozenset({RECORD}))
        return None

    async def postgres_writable(self) -> str | None:
        """Has PostgreSQL write what changes nothing."""
        await self.vitals.write()
        return None

    def late(self, stages: frozenset[str], seconds: float) -> str | None:
        """Whether one of some stages is behind for longer than so many seconds; 0: that does not matter."""
        return self.lags.late(stages, seconds, self.clock()) if seconds else None

    async def workers(self) -> str | None:
        """Whether there is a worker, and each of them says that it is ready."""
        return heard(self.words)

    async def state_folder(self) -> str | None:
        """Whether something can be written where this installation keeps its files."""
        return await asyncio.to_thread(writes, self.data)

    async def room(self) -> str | None:
        """Whether there is room on the disks of this machine that the installation writes to."""
        return await asyncio.to_thread(all_full, self.disks)

    # -- what is looked at seldom

    async def run(self) -> None:
        """Looks for ever at what changes seldom."""
        while True:
            with suppress(*DatabaseError):
                self.counted, self.verified = await self.vitals.counted(), await self.vitals.verified()
            await asyncio.sleep(SELDOM)

    async def say(self, worker: str, reason: Callable[[], str | None]) -> None:
        """Says for ever how this worker gets on, where others can look; and that it leaves."""
        try:
            while True:
                with suppress(*DatabaseError, TimeoutError):
                    await asyncio.wait_for(self.vitals.say(worker, reason()), PATIENCE)
                await asyncio.sleep(SAYS_EVERY)
        finally:
            with suppress(*DatabaseError, TimeoutError):
                await asyncio.wait_for(self.vitals.leave(worker), PATIENCE)

    async def close(self) -> None:
        """Gives the connection back."""
        if self._writing is not None:
            with suppress(TimeoutError):  # whoever ends does not wait for a broker that is away
                await asyncio.wait_for(self._writing.stop(), PATIENCE)

    # -- what is measured

    def sources(self, part: str) -> tuple[Source, Source]:
        """What every process measures."""
        return self.followed, partial(self.disk, part)

    def followed(self) -> Iterable[Sample]:
        """How far everybody is behind."""
        now = self.clock()
        for place, its in self.lags.behind.items():
            labels = (place.stage, place.topic, str(place.partition))
            yield Sample(metrics.LAG, labels, its.records)
            yield Sample(metrics.AGE, labels, its.seconds(now))
        ends = defaultdict[str, int](int)
        for (topic, _), end in self.ends.items():
            ends[topic] += end
        yield from (Sample(metrics.LOG, (topic,), end) for topic, end in ends.items())

    def told(self) -> Iterable[Sample]:
        """How the channels get on, what went wrong so far, and what the last verification found."""
        now = datetime.now(UTC)
        for one in (
            its for its in self.waiting if its.channel in self.channels
        ):  # others were taken out of the file
            yield Sample(metrics.UNPUSHED, (one.channel,), one.numbers)
            yield Sample(metrics.OLDEST_UNPUSHED, (one.channel,), _since(one.oldest_since, now))
            yield Sample(metrics.FAILING, (one.channel,), _since(one.failing_since, now))
        if self.counted:
            none = dict.fromkeys(
                map(str, OversellCause), 0
            )  # or nobody could tell the first from what was always there
            for name, units in {**none, **self.counted["oversells"]}.items():
                yield Sample(metrics.OVERSELLS, (name,), units)
            for name, units in self.counted["letters"].items():
                yield Sample(metrics.LETTERS, (name,), units)
        if self.verified is not None:
            yield Sample(metrics.VERIFIED, (), self.verified.at.timestamp())
            yield Sample(metrics.VERIFY_OK, (), float(self.verified.ok))
            yield Sample(metrics.VERIFY_FOUND, (), self.verified.differences)

    def disk(self, part: str) -> Iterable[Sample]:
        """What is free where the installation keeps its files."""
        with suppress(OSError):
            found = shutil.disk_usage(self.data)
            yield Sample(metrics.DISK, (part,), found.free)
            yield Sample(metrics.DISK_SIZE, (part,), found.total)


def _since(then: datetime | None, now: datetime) -> float:
    return 0.0 if then is None else max(0.0, (now - then).total_seconds())


def heard(words: Sequence[Word]) -> str | None:
    """What is wrong with the workers, by their own words; None: there are some, and all are well."""
    if not words:
        return "no worker says anything"
    faults = [
        f"{word.worker} has said nothing for {word.ago:.0f} s"
        if word.ago > SILENT
        else f"{word.worker}: {word.reason}"
        for word in words
        if word.ago > SILENT or not word.ready
    ]
    return "; ".join(faults) or None


def writes(folder: Path) -> str | None:
    """Whether a folder takes a file; why it does not, or None."""
    file = folder / f".takes-writes.{os.getpid()}"
    try:
        file.write_bytes(bytes(PROBE))
    except OSError as error:
        return f"the folder takes no writes: {error.strerror}"
    finally:
        with suppress(OSError):
            file.unlink()
    return None


def worked(stages: Mapping[str, ChunkStage]) -> Iterable[Sample]:
    """What became of all that stages took in."""
    for name, stage in stages.items():
        yield Sample(metrics.TAKEN, (name,), stage.taken)
        yield Sample(metrics.CHUNKS, (name,), stage.chunks)
        for outcome in ("used", "unused", "dead"):
            yield Sample(metrics.OUTCOMES, (name, outcome), getattr(stage, outcome))


def wrote(naming: Naming, writers: Sequence[Writer]) -> Iterable[Sample]:
    """What was written to which of our topics."""
    total = sum((writer.written for writer in writers), start=Counter[str]())
    for topic, records in total.items():
        yield Sample(metrics.WRITTEN, (topic.removeprefix(naming.prefix),), records)


def waits(oldest: Mapping[str, datetime | None], seconds: float, now: datetime) -> str | None:
    """Which channel's oldest number waits for longer than so many seconds; None: none, or it does not matter (0)."""
    late = [
        f"{channel}: a number has not been told for {_since(since, now):.0f} s"
        for channel, since in oldest.items()
        if seconds and _since(since, now) > seconds
    ]
    return "; ".join(late) or None
