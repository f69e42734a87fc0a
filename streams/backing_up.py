"""A whole installation in a folder, and back: every topic with its offsets and instants, and what PostgreSQL holds of its own.

It runs on while a backup is taken. So that what is kept fits together, each part is bounded before those that it follows from: first what
PostgreSQL holds of its own and where the stages stand, then their states, what they have put out, and the log that all of it came from
last. What is in the log and not in a state yet is done again after a restore, and changes nothing that was done before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from projections.audit.folder import whole
from projections.audit.manifest import MANIFEST, SUMS, File, sums
from projections.derived import forget
from projections.keeping import bring_back, check_empty, keep
from projections.pool import Pool, leadership
from projections.queries import Queries
from projections.recorder import Recorder
from schemas.claims import STRICT, Instant
from schemas.codec import PLACE_KEEPER, Undecodable, adapter, decode
from schemas.receipts import Outcome, Receipt
from schemas.topics import (
    BUNDLE_PARTS,
    BUNDLES,
    CHANNEL_QUANTITIES,
    CLAIMS,
    DEAD_LETTERS,
    MOVEMENTS,
    OBSERVATIONS,
    OVERSELLS,
    RECEIPTS,
    RULES,
    STOCK,
    TRANSACTIONS,
    Topic,
)
from streams.archive import Kept, Shelf, kept
from streams.cluster import Kafka, access
from streams.reader import Reader
from streams.rebuilding import Filling
from streams.recorder import RECORDED
from streams.settings import BadConfiguration
from streams.sinks import receipt_out
from streams.stages import WRITTEN_IN, Naming
from streams.topics import KEPT_STAMPS, configure_topics, create_topics, delete_topics, existing_topics
from streams.writer import NotWritten, Out, Writer, partition_of

ORDER = (
    *(BUNDLES, STOCK, TRANSACTIONS),  # states
    *(
        RECEIPTS,
        OBSERVATIONS,
        CHANNEL_QUANTITIES,
        OVERSELLS,
        BUNDLE_PARTS,
        DEAD_LETTERS,
    ),  # what follows from them
    *(MOVEMENTS, RULES, CLAIMS),
)
"""The topics in the order in which their ends are looked for."""

AT_ONCE = 2_000
"""Records that are written together."""


MEMBERS_GONE = 90.0
"""Seconds in which Kafka must have noticed that workers are gone: until then a group takes nobody else's word for where it stands."""


class NoBackup(Exception):
    """A folder is no backup, or not as it was written."""


class NotEmpty(Exception):
    """There is something already where a backup is to be restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a backup says of itself. `ends` has the offset after the last record of each topic's partitions, `committed` how far the stages
    had come in those that they read.
    """

    __pydantic_config__ = STRICT

    product: str
    taken_at: Instant
    partitions: int
    ends: dict[str, dict[int, int]]
    committed: dict[str, dict[int, int]]
    files: dict[str, File]
    format: Literal["onhand-backup/1"] = "onhand-backup/1"

    @property
    def records(self) -> int:
        """Records of all topics."""
        return sum(file.rows or 0 for file in self.files.values())


@dataclass(slots=True, kw_only=True)
class Backup:
    """Takes backups of an installation, and puts them back. `progress` is told how many records were read or written."""

    bootstrap: Kafka
    dsn: str
    reader: Reader
    naming: Naming
    pool: Pool
    partitions: int
    replication: int = 1
    progress: Callable[[int], None] = lambda _records: None

    @property
    def group(self) -> str:
        """The consumer group of the stages."""
        return f"{self.naming.prefix}onhand"

    async def take(self, folder: Path) -> Contents:
        """Writes a backup into a folder that is there only once it is whole. Raises `NotEmpty` of `projections.audit.folder`,
        `KafkaError`, `DatabaseError`, `OSError`.
        """
        with whole(folder) as draft:
            taken_at = datetime.now(UTC)
            files = {path.name: File.of(path) for path in await keep(self.pool, draft)}
            committed = await self._committed()
            ends = {topic.name: await self._ends(topic) for topic in ORDER}
            for topic in ORDER:
                for partition, end in ends[topic.name].items():
                    path = draft / f"{topic.name}-{partition}.parquet"
                    files[path.name] = File.of(path, await self._shelve(topic, partition, end, path))
            contents = Contents(
                product=version("onhand"),
                taken_at=taken_at,
                partitions=self.partitions,
                ends=ends,
                committed=committed,
                files=files,
            )
            written = orjson.dumps(
                adapter(Contents).dump_python(contents, mode="json"),
                option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
            )
            (draft / MANIFEST).write_bytes(written)
            (draft / SUMS).write_bytes(sums(files, written))
        return contents

    async def _ends(self, topic: Topic) -> dict[int, int]:
        return await self.reader.ends(self.naming(topic), range(self.partitions))

    async def _committed(self) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        for tp, at in (await self.reader.committed(self.group)).items():
            found.setdefault(tp.topic.removeprefix(self.naming.prefix), {})[tp.partition] = at.offset
        return found

    async def _shelve(self, topic: Topic, partition: int, end: int, path: Path) -> int:
        shelf, name = Shelf(path), self.naming(topic)
        try:
            begin = (await self.reader.begins(name, [partition]))[partition]
            async for records in self.reader.read(name, partition, begin, end):
                shelf.add(records)
                self.progress(len(records))
                await asyncio.sleep(0)
        finally:
            shelf.close()
        return shelf.count

    async def restore(self, folder: Path, contents: Contents) -> None:
        """Puts a backup where nothing is yet. Every number that a platform was told is one that it must be asked for before it is told
        another: it was told more since. Raises `NotEmpty`, `Taken`, `NotWritten`, `KafkaError`, `DatabaseError`, `OSError`.
        """
        await check_empty(self.pool)
        await self.refill(folder, contents)
        await bring_back(self.pool, folder, contents.partitions)
        await self._ask_again()
        await self._fill((RECEIPTS,))

    async def spread(self, folder: Path, partitions: int) -> Contents:
        """Spreads the log over more partitions, after a backup, by which it is put back if this does not come to its end. Nothing else may
        run. Raises as `take` and `restore` do, `BadConfiguration`, and `WrongTopics`.
        """
        if partitions % self.partitions or partitions == self.partitions:
            raise BadConfiguration(
                f"there are {self.partitions} partitions: {partitions} is no multiple of that, and only then every key's history"
                " stays in the order that it has"
            )
        await self._alone()
        contents = await self.take(folder)
        contents_of(folder)
        await delete_topics(self.bootstrap, self.naming)
        await forget(self.pool)
        wider = replace(self, partitions=partitions)
        await wider.refill(folder, contents)
        await bring_back(self.pool, folder, contents.partitions, own=False)
        return contents

    async def _alone(self) -> None:
        """Raises `BadConfiguration` where a worker or a server runs."""
        try:
            async with asyncio.timeout(2.0), leadership(self.dsn, f"{self.naming.prefix}recorder"):
                return
        except TimeoutError:
            raise BadConfiguration("a worker or a server runs: stop all of them first") from None

    async def refill(self, folder: Path, contents: Contents) -> None:
        """Writes the topics, which have to be empty, and records them. With more partitions than they had, what moves leaves something in
        its place: every record keeps its offset, and so whatever says where it was.
        """
        if there := await existing_topics(self.bootstrap, self.naming):
            raise NotEmpty(f"there is a topic {min(there)} already: name another prefix, or another cluster")
        await create_topics(self.bootstrap, self.naming, self.partitions, self.replication, KEPT_STAMPS)
        writer = Writer(self.bootstrap, self.partitions)
        await writer.start()
        try:
            for topic in ORDER:
                for partition in range(self.partitions):
                    await self._write(writer, topic, partition, folder, contents)
        finally:
            await writer.stop()
        await configure_topics(self.bootstrap, self.naming)
        await self._commit(contents)
        await self._fill(RECORDED)

    async def _fill(self, topics: Sequence[Topic]) -> None:
        """Has PostgreSQL know what is in topics."""
        filling = Filling(self.reader, self.naming, self.partitions, Recorder(self.pool), self.progress)
        await filling.fill(topics)

    async def _write(self, writer: Writer, topic: Topic, partition: int, folder: Path, of: Contents) -> None:
        """Writes what belongs into a partition, of the records of the one where it was. Raises `NotWritten` where the offsets are others
        in the end.
        """
        was, keeps_places = partition % of.partitions, topic.config["cleanup.policy"] == "delete"
        at, waiting = 0, list[Out]()
        for records in kept(folder / f"{topic.name}-{was}.parquet"):
            for record in records:
                if keeps_places:
                    waiting += [self._nothing(topic, partition) for _ in range(at, record.offset)]
                    at = record.offset + 1
                if self._home(record, was, of.partitions) == partition:
                    waiting.append(self._again(topic, partition, record, was))
                elif keeps_places:
                    waiting.append(self._nothing(topic, partition, record.timestamp))
            while len(waiting) >= AT_ONCE:
                await self._flush(writer, waiting[:AT_ONCE])
                del waiting[:AT_ONCE]
        end = of.ends[topic.name][was]
        await self._flush(
            writer, [*waiting, *(self._nothing(topic, partition) for _ in range(at, end) if keeps_places)]
        )
        if keeps_places and (found := (await self._ends(topic))[partition]) != end:
            raise NotWritten(
                f"{self.naming(topic)}[{partition}] ends at {found}, and ended at {end}: somebody else writes there"
            )

    async def _flush(self, writer: Writer, outs: list[Out]) -> None:
        if outs:
            await writer.write(outs)
            self.progress(len(outs))

    def _home(self, record: Kept, was: int, were: int) -> int:
        """The partition where a record belongs now. One whose key never said where it is stays with its number."""
        if record.key is None or partition_of(record.key, were) != was:
            return was
        return partition_of(record.key, self.partitions)

    def _again(self, topic: Topic, partition: int, record: Kept, was: int) -> Out:
        """A record as it was; one that has moved says from where."""
        headers = tuple(record.headers)
        if partition != was and all(name != WRITTEN_IN for name, _ in headers):
            headers = (*headers, (WRITTEN_IN, b"%d" % was))
        return Out(self.naming(topic), record.key, record.value, headers, partition, record.timestamp)

    def _nothing(self, topic: Topic, partition: int, timestamp: int | None = None) -> Out:
        return Out(self.naming(topic), None, PLACE_KEEPER, (), partition, timestamp)

    async def _commit(self, contents: Contents) -> None:
        """Has the stages go on from where they stood."""
        consumer = AIOKafkaConsumer(**access(self.bootstrap), group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        try:
            at = {
                TopicPartition(f"{self.naming.prefix}{name}", p): committed[p % contents.partitions]
                for name, committed in contents.committed.items()
                for p in range(self.partitions)
                if p % contents.partitions in committed
            }
            consumer.assign(list(at))
            deadline = time.monotonic() + MEMBERS_GONE
            while at:
                try:
                    await consumer.commit(at)
                    break
                except CommitFailedError:
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(1.0)
        finally:
            await consumer.stop()

    async def _ask_again(self) -> None:
        """Notes of every number that a platform was told that it is not known whether it shows it."""
        now = datetime.now(UTC)
        writer = Writer(self.bootstrap, self.partitions)
        await writer.start()
        try:
            outs = []
            async for word in Queries(self.pool).all_told():
                if word["outcome"] == Outcome.REFUSED:
                    continue
                asked = Receipt(
                    channel=word["channel"],
                    sku=word["sku"],
                    place=word["place"],
                    quantity=word["level"],
                    level=word["level"],
                    own=word["own"],
                    outcome=Outcome.ASKED,
                    pushed_at=now,
                    offset=-1,
                    detail="restored from a backup: it may have been told something else since",
                )
                outs.append(receipt_out(self.naming, asked))
            for start in range(0, len(outs), AT_ONCE):
                await writer.write(outs[start : start + AT_ONCE])
        finally:
            await writer.stop()


def contents_of(folder: Path) -> Contents:
    """What is in a backup, of which every file was looked at. Raises `NoBackup`, `OSError`."""
    try:
        written = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise NoBackup(f"{folder} is no backup: it has no {MANIFEST}") from None
    try:
        contents = decode(Contents, written)
    except Undecodable as error:
        raise NoBackup(f"{folder}: {MANIFEST} is not as it was written: {error}") from None
    if (folder / SUMS).read_bytes() != sums(contents.files, written):
        raise NoBackup(f"{folder}: {SUMS} and {MANIFEST} are not of the same backup")
    for name, file in contents.files.items():
        found = File.of(folder / name)
        if (found.bytes, found.sha256) != (file.bytes, file.sha256):
            raise NoBackup(f"{folder}: {name} is not as it was written")
    return contents
