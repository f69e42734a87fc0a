"""Carries the topics into PostgreSQL, each record once: PostgreSQL itself remembers how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from projections.blocks import Blocks
from projections.pool import DatabaseError, leadership
from projections.recorder import Batch, Recorder, Unrecordable
from schemas.topics import (
    CHANNEL_QUANTITIES,
    DEAD_LETTERS,
    MOVEMENTS,
    OBSERVATIONS,
    OVERSELLS,
    RECEIPTS,
    STOCK,
    Topic,
)
from streams.cluster import Kafka, access
from streams.stages import Naming, dead_letter
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

PACES: Mapping[tuple[Topic, ...], float] = {
    (MOVEMENTS,): 0.01,
    (STOCK, CHANNEL_QUANTITIES, OVERSELLS, RECEIPTS, OBSERVATIONS, DEAD_LETTERS): 0.05,
}
"""What is recorded together, and the seconds in which records gather for one transaction. The journal waits for nothing else: what happened
can be read before what follows from it, of which the newest will do.
"""

RECORDED = tuple(topic for topics in PACES for topic in topics)

RECORDS_MAX = 5_000
"""Records of one transaction. So many are there only where the recorder lags behind; of a state only the newest is written then."""


@dataclass(slots=True)
class Recording:
    """One recorder at a time, whichever process gets PostgreSQL's advisory lock; a dead process's lock is free at once.

    When more are waiting than one transaction may have, the next follows at once. `blocks` are built beside it, of what was recorded.
    """

    bootstrap: Kafka
    partitions: int
    naming: Naming
    recorder: Recorder
    writer: Writer
    dsn: str
    pause: float = 1.0
    blocks: Blocks | None = None

    async def run(self) -> None:
        """Records until cancelled, coming back after every failure of Kafka or PostgreSQL."""
        while True:
            try:
                async with leadership(self.dsn, f"{self.naming.prefix}recorder"):
                    await _until_one_fails(*starmap(self._record, PACES.items()), self._build())
            except (KafkaError, *DatabaseError, NotWritten, OSError) as error:
                log.warning("recording pauses", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(self.pause)

    async def _build(self) -> None:
        """Builds blocks until cancelled. Without them questions take longer and nothing else: no failure here stops the recording."""
        while self.blocks is not None:
            try:
                await self.blocks.run()
            except Exception as error:  # noqa: BLE001  # as above, whatever it is
                log.warning("building blocks pauses", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(self.pause)

    async def _record(self, together: Iterable[Topic], pace: float) -> None:
        topics = {self.naming(topic): topic for topic in together}
        consumer = AIOKafkaConsumer(
            **access(self.bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(name, p) for name in topics for p in range(self.partitions)])
            for name, topic in topics.items():
                known = await self.recorder.offsets(topic.name)
                for p in range(self.partitions):
                    consumer.seek(TopicPartition(name, p), known.get(p, 0))
            while True:
                fetched = await consumer.getmany(timeout_ms=1_000, max_records=RECORDS_MAX)
                if fetched:
                    await self._take([_batch(topics[tp.topic], tp, some) for tp, some in fetched.items()])
                if sum(map(len, fetched.values())) < RECORDS_MAX:
                    await asyncio.sleep(pace)
        finally:
            await consumer.stop()

    async def _take(self, batches: Sequence[Batch]) -> None:
        """Records what was fetched. A record that cannot be recorded becomes a dead letter, and the rest goes on."""
        try:
            await self.recorder.record(batches)
        except Unrecordable:
            for one in (one for batch in batches for one in batch.singly()):
                try:
                    await self.recorder.record([one])
                except Unrecordable as error:
                    await self.writer.write([self._refused(one, str(error))])
                    await self.recorder.record([replace(one, records=())])

    def _refused(self, one: Batch, reason: str) -> Out:
        [(offset, at, _)] = one.records
        record = f"{one.topic.name}/{one.partition}/{offset}"
        log.error("not recorded", record=record, reason=reason)
        return dead_letter(self.naming, "record", one.topic.name, record, reason, at)


async def _until_one_fails(*jobs: Coroutine[Any, Any, None]) -> None:
    """Has all of them run at a time; the first that fails ends the others."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _batch(topic: Topic, tp: TopicPartition, records: list) -> Batch:  # type: ignore[type-arg]  # aiokafka's records
    rows = [(record.offset, record.timestamp, record.value) for record in records]
    return Batch(topic=topic, partition=tp.partition, records=rows, next_offset=records[-1].offset + 1)
