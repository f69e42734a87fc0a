"""Reads the log outside any consumer group: ends, ranges, whole topics, and where a group stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.cluster import Kafka, access, saying_why


class Reader:
    """A look at the log that moves nobody's position. Reads wait for one another.

    Where the log ends is asked on a connection of its own: a broker answers a connection's requests one after another, and
    would answer after the fetch that waits for records which nobody reads any more.
    """

    def __init__(self, bootstrap: Kafka) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None
        self._asking: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connects. Raises `KafkaError` when no broker answers, `Refused` where one does not let us in."""
        self._consumer = AIOKafkaConsumer(
            **access(self._bootstrap),
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._asking = AIOKafkaConsumer(**access(self._bootstrap), enable_auto_commit=False)
        self._admin = AIOKafkaAdminClient(**access(self._bootstrap))
        try:
            async with saying_why(self._bootstrap):
                await asyncio.gather(self._consumer.start(), self._asking.start(), self._admin.start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnects."""
        for consumer in (self._consumer, self._asking):
            if consumer is not None:
                await consumer.stop()
        if self._admin is not None:
            await self._admin.close()
        self._consumer = self._asking = self._admin = None

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The offset after the last record, by partition."""
        found = await _live(self._asking).end_offsets([TopicPartition(topic, p) for p in partitions])
        return {tp.partition: offset for tp, offset in found.items()}

    async def begins(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The first offset that still exists, by partition."""
        found = await _live(self._asking).beginning_offsets([TopicPartition(topic, p) for p in partitions])
        return {tp.partition: offset for tp, offset in found.items()}

    async def committed(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """What a consumer group has committed."""
        assert self._admin is not None
        found: dict[TopicPartition, OffsetAndMetadata] = await self._admin.list_consumer_group_offsets(group)
        return found

    async def read(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[ConsumerRecord]]:
        """The records from `start` up to, not including, `end`; fewer where offsets were compacted away."""
        consumer, tp = _live(self._consumer), TopicPartition(topic, partition)
        while start < end:
            async with self._turn:
                consumer.assign([tp])
                consumer.seek(tp, start)
                found = (await consumer.getmany(tp, timeout_ms=2_000)).get(tp, [])
                consumer.pause(tp)  # or it would go on fetching, and the next read wait behind that
                start = await consumer.position(tp)
            if wanted := [record for record in found if record.offset < end]:
                yield wanted

    async def at(self, topic: str, offsets: Mapping[int, int]) -> dict[int, ConsumerRecord]:
        """The records at one offset of each partition, where there is one. All in one fetch."""
        begins, ends = await asyncio.gather(self.begins(topic, offsets), self.ends(topic, offsets))
        wanted = {TopicPartition(topic, p): at for p, at in offsets.items() if begins[p] <= at < ends[p]}
        consumer, found = _live(self._consumer), dict[int, ConsumerRecord]()
        async with self._turn:
            consumer.assign(list(wanted))
            for tp, at in wanted.items():
                consumer.seek(tp, at)
            while wanted:
                for tp, records in (await consumer.getmany(*wanted, timeout_ms=2_000)).items():
                    consumer.pause(tp)  # as above
                    if records[0].offset == wanted.pop(tp):
                        found[tp.partition] = records[0]
        return found

    async def whole(self, topic: str, partitions: int) -> AsyncIterator[list[ConsumerRecord]]:
        """Everything in a topic as it stands now, partition by partition."""
        ends, begins = await asyncio.gather(
            self.ends(topic, range(partitions)), self.begins(topic, range(partitions))
        )
        for partition in range(partitions):
            async for records in self.read(topic, partition, begins[partition], ends[partition]):
                yield records


def _live(consumer: AIOKafkaConsumer | None) -> AIOKafkaConsumer:
    assert consumer is not None, "start the reader first"
    return consumer
