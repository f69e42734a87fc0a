"""Reads the log batch by batch, and of each record the value alone: what is read by the million needs no object for each record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    RecordTooLargeError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.cluster import Kafka, access, saying_why
from streams.unpacking import Packed, Room

FETCHED = 1024 * 1024
"""Bytes of one fetch, compressed: some ten thousand movements."""
WAIT_MS = 500
PATIENCE = 30.0
"""Seconds that a partition may be without a leader that answers."""
SIZE = slice(8, 12)
"""Where a batch has the number of bytes that stand behind there."""


class Batches:
    """A look at the log that moves nobody's position, for one reader at a time."""

    def __init__(self, bootstrap: Kafka) -> None:
        self._bootstrap = bootstrap
        self._client: Any = None
        self._room = Room()

    async def start(self) -> None:
        """Connects. Raises `KafkaError` when no broker answers, `Refused` where one does not let us in."""
        self._client = AIOKafkaClient(**access(self._bootstrap), client_id="onhand-replay")
        try:
            async with saying_why(self._bootstrap):
                await self._client.bootstrap()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnects."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def values(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[list[bytes | None]]:
        """The values of the records from `start` up to, not including, `end`. What comes next is asked for before the last is handed on.

        Raises `KafkaError` when no leader answers, and for a batch whose checksum is wrong.
        """
        await self._client.set_topics({topic})
        coming = asyncio.ensure_future(self._fetch(topic, partition, start)) if start < end else None
        try:
            while coming is not None:
                batches = _batches(await coming)
                begin, start = start, batches[-1].batch.next_offset if batches else start
                coming = asyncio.ensure_future(self._fetch(topic, partition, start)) if start < end else None
                await asyncio.sleep(0)
                for packed in batches:
                    if not packed.batch.is_control_batch:
                        yield self._room.values(packed, begin, end)
        finally:
            if coming is not None:
                coming.cancel()

    async def _fetch(self, topic: str, partition: int, offset: int) -> bytes:
        """What the leader has from an offset on."""
        deadline, size = time.monotonic() + PATIENCE, FETCHED
        while True:
            error: type[KafkaError] = LeaderNotAvailableError
            leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
            if leader is not None and leader != -1:
                asked = FetchRequest(WAIT_MS, 1, size, 0, [(topic, [(partition, offset, size)])])
                try:
                    answer = await self._client.send(leader, asked)
                except KafkaError as failed:
                    error = type(failed)
                else:
                    found = answer.topics[0][1][0]
                    error = for_code(found[1])
                    if error is NoError and (found[-1] or found[2] <= offset):
                        return found[-1] or b""
            if time.monotonic() > deadline or not error.retriable:
                raise error(f"{topic}[{partition}] at {offset}")
            await self._client.force_metadata_update()
            await asyncio.sleep(0.1)


def _batches(data: bytes) -> list[Packed]:
    """The batches in a fetch; the last is left out where it was cut off."""
    records, view, found, start = MemoryRecords(data), memoryview(data), list[Packed](), 0
    while records.has_next():
        batch = records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException("the checksum of a batch is wrong")
        size = int.from_bytes(view[start:][SIZE]) + SIZE.stop
        found.append(Packed(batch, view[start : start + size]))
        start += size
    if data and not found:
        raise RecordTooLargeError(f"a batch has more than {FETCHED} bytes")
    return found
