"""Faust's way of fetching, bent so that chunks come out of it: all that was fetched for a partition as one event, soon, and no more of
them than are worked off. What becomes of a chunk is in `streams.chunks`.
"""

from __future__ import annotations

import asyncio
import itertools
from asyncio import gather
from collections.abc import Iterable, Mapping
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

AHEAD = 8
"""Chunks that may wait for a stage, or to be restored, before its topic is read on. Faust's own bound is 4,096 events, of which each is
a chunk here: a worker that lags read hours of the log into its memory.
"""

BREATH = 0.05
"""Seconds until it is looked whether a stage that had enough has worked it off."""

FETCH_WAIT = 200
"""Milliseconds that Kafka may wait for something to answer a fetch with: what is left out of the fetch is read so much later."""


def chunk_scheduler(sources: frozenset[str], changelogs: frozenset[str]) -> type[DefaultSchedulingStrategy]:
    """Faust's scheduler, delivering all records fetched for a partition as one.

    A source chunk's offset is an ever-growing number, so that Faust's own filter drops none.
    """
    sequence = itertools.count(1 << 50)

    class ChunkScheduler(DefaultSchedulingStrategy):  # type: ignore[misc]  # faust has no types
        @classmethod
        def map_from_records(cls, records: Mapping[TP, list[Any]]) -> Any:
            return super().map_from_records({tp: cls.chunk(tp, found) for tp, found in records.items()})

        @classmethod
        def chunk(cls, tp: TP, found: list[Any]) -> list[Any]:
            if not found or (tp.topic not in sources and tp.topic not in changelogs):
                return found
            last = found[-1]
            offset = next(sequence) if tp.topic in sources else last.offset
            return [
                ConsumerRecord(
                    tp.topic,
                    tp.partition,
                    offset,
                    last.timestamp,
                    last.timestamp_type,
                    None,
                    found,
                    None,
                    0,
                    0,
                    (),
                )
            ]

    return ChunkScheduler


class ChunkThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # faust has no types
    """Faust's consumer at work, but Kafka answers it within `FETCH_WAIT`.

    aiokafka (0.14) has one fetch under way to a broker, of the partitions of which nothing is buffered. A worker that takes more than a
    moment over what it was given leaves the busy ones out, and the fetch of the quiet ones comes back when Kafka has waited enough. Faust
    (0.15.3) lets it wait 1.5 s: by then so much had been written that the worker took more than a moment again, and so on.
    """

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT  # noqa: SLF001  # Faust's own is written into its code
        return consumer


class ChunkConsumer(Consumer):  # type: ignore[misc]  # faust has no types
    """Faust's consumer, but after a recovery it asks for all committed positions at once: aiokafka asks for one after another,
    so that with 300 ms to the broker four partitions were five seconds of every start, and a hundred never came to an end. And it
    reads no topic further whose chunks wait.
    """

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109  # Faust's signature
        """What was fetched, for those who have not enough to do."""
        channels_of = self.app.topics._topic_name_index  # noqa: SLF001  # nobody else knows the queues
        full = {topic for topic, channels in channels_of.items() if _is_full(channels)}
        if not full or active_partitions is None:
            return await super()._getmany(active_partitions, timeout)
        wanted = {tp for tp in active_partitions if tp.topic not in full}
        if wanted:
            return await super()._getmany(wanted, min(timeout, BREATH))
        await asyncio.sleep(BREATH)
        return {}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Goes to the committed positions, and returns them."""
        consumer = self._thread._consumer  # noqa: SLF001  # Faust's own way to it has no such question
        found: Mapping[TP, int] = await self._thread.call_thread(_seek_to_committed, consumer)
        return found


def _is_full(channels: Iterable[Any]) -> bool:
    return any(channel.queue.qsize() >= AHEAD for channel in channels)


async def _seek_to_committed(consumer: AIOKafkaConsumer) -> dict[TP, int | None]:
    partitions = list(consumer.assignment())
    committed = await gather(*map(consumer.committed, partitions))
    for tp, offset in zip(partitions, committed, strict=True):
        if offset:
            consumer.seek(tp, offset)
    return {TP(*tp): offset for tp, offset in zip(partitions, committed, strict=True)}


class ChunkSchema(faust.Schema):  # type: ignore[misc]  # faust has no types
    """Leaves the chunk as it is: decoding belongs to the fold, which knows what to do with what it cannot read."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002  # Faust's signature
        """The message's key, untouched."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002  # Faust's signature
        """The chunk, untouched."""
        return message.value
