"""Writes records in whole batches and waits until the broker has them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import unpack_from
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, OutOfOrderSequenceNumber, UnknownProducerId
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from schemas.codec import Headers
from streams.cluster import Kafka, access, saying_why


class Out(NamedTuple):
    """A record to write. `partition` None: by the key, as Kafka's own clients do. `timestamp` (milliseconds) None: now."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    timestamp: int | None = None


RENEWED_WITHIN = 10.0
"""Seconds for which a producer that is given up may still end what it has begun."""

ASTRAY = (OutOfOrderSequenceNumber, UnknownProducerId)
"""What the broker says to a producer whose numbers have a gap: to everything it sends, for ever.

aiokafka 0.14 makes such a gap where a batch has waited for the time of a request (30 s) while its partition has no leader, as after a
broker's long absence: it is given up after it was numbered. A producer that is new begins anew.
"""


BATCH = 900 * 1024
"""Bytes of a batch at most: Kafka takes 1 MiB, unless it is told otherwise."""

SMALL = 16 * 1024
"""Bytes of values from which on they are packed by zstd, which takes half of the room that snappy takes. Of less it takes four to ten times
as long, here, at the broker and wherever it is read: what it works with is made anew for every batch.
"""


class NotWritten(Exception):
    """The broker did not confirm a write in time: it may or may not be in the log."""


@lru_cache(maxsize=20_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2, the same as the Java client's, so that any producer agrees with us. What is sold is sold again
    soon.
    """
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Kafka's hash of a key, four bytes at a time: aiokafka's own takes them one by one, three times as long as a record's headers."""
    size = len(data)
    hashed = 0x9747B28C ^ size
    for word in unpack_from(f"<{size >> 2}I", data):
        mixed = word * MURMUR & WORD
        hashed = (hashed * MURMUR & WORD) ^ ((mixed ^ mixed >> 24) * MURMUR & WORD)
    if size & 3:
        hashed = (hashed ^ int.from_bytes(data[size & ~3 :], "little")) * MURMUR & WORD
    hashed = (hashed ^ hashed >> 13) * MURMUR & WORD
    return hashed ^ hashed >> 15


MURMUR, WORD = 0x5BD1E995, 0xFFFFFFFF


class Writer:
    """A producer that is idempotent, waits for all replicas, and speaks in batches.

    `partitions` is the partition count of every topic of ours. `timeout` bounds one write in seconds. `written` is how many records of
    each topic were acknowledged.
    """

    def __init__(
        self, bootstrap: Kafka, partitions: int, timeout: float = 30.0, client: str = "onhand"
    ) -> None:
        self.partitions = partitions
        self.written = Counter[str]()
        self._bootstrap, self._timeout = bootstrap, timeout
        self._options: dict[str, Any] = {
            "client_id": client,
            "acks": "all",
            "compression_type": "snappy",  # of what is sent singly: see SMALL
            "enable_idempotence": True,
            "max_batch_size": BATCH,
            "max_request_size": 8 * 1024 * 1024,
            "request_timeout_ms": int(timeout * 1000),
        }
        self._producer: AIOKafkaProducer | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects. Raises `KafkaError` when no broker answers, `Refused` where one does not let us in."""
        producer = AIOKafkaProducer(**access(self._bootstrap), **self._options)
        try:
            async with saying_why(self._bootstrap):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Sends what is under way and disconnects."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    @property
    def connected(self) -> bool:
        """Whether a broker was reached."""
        return self._producer is not None

    async def write(self, outs: Iterable[Out]) -> dict[tuple[str, int], tuple[int, int]]:
        """Writes all records and returns when all are acknowledged.

        Returns, by topic and partition, the first offset written and how many records lie from there to the last.
        Raises `NotWritten`: then any part of them may be in the log.
        """
        grouped: dict[tuple[str, int], list[Out]] = defaultdict(list)
        for out in outs:
            grouped[out.topic, self._partition(out)].append(out)
        try:
            spans = await asyncio.wait_for(
                asyncio.gather(*(self._send(topic, p, rows) for (topic, p), rows in grouped.items())),
                self._timeout,
            )
        except (KafkaError, TimeoutError) as error:
            self._heed(error)
            raise NotWritten(f"{type(error).__name__}: {error}") from error
        for (topic, _), rows in grouped.items():
            self.written[topic] += len(rows)
        return dict(zip(grouped, spans, strict=True))

    async def send(self, outs: Iterable[Out]) -> None:
        """Writes a few records, together with whatever others are writing now, and returns when they are acknowledged.

        Raises `NotWritten`.
        """
        if self._producer is None:
            raise NotWritten("not connected")
        outs = list(outs)
        try:
            acks = [
                await self._producer.send(
                    out.topic,
                    key=out.key,
                    value=out.value,
                    headers=list(out.headers),
                    partition=self._partition(out),
                    timestamp_ms=out.timestamp,
                )
                for out in outs
            ]
            await asyncio.gather(*acks)
        except KafkaError as error:
            self._heed(error)
            raise NotWritten(f"{type(error).__name__}: {error}") from error
        for out in outs:
            self.written[out.topic] += 1

    def _partition(self, out: Out) -> int:
        return partition_of(out.key or b"", self.partitions) if out.partition is None else out.partition

    def _heed(self, error: Exception) -> None:
        """Makes a new producer where the one there is will never be listened to again."""
        if isinstance(error, ASTRAY) and self._producer is not None:
            old, self._producer = self._producer, None
            self._renewing = asyncio.create_task(self._renew(old))

    async def _renew(self, old: AIOKafkaProducer) -> None:
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(old.stop(), RENEWED_WITHIN)
        while self._producer is None:
            with contextlib.suppress(KafkaError, OSError):
                await self.start()
                return
            await asyncio.sleep(1.0)

    async def _send(self, topic: str, partition: int, rows: Sequence[Out]) -> tuple[int, int]:
        producer = self._producer
        if producer is None:
            raise NotWritten("not connected")
        acks = []
        codec = _codec(rows)
        batch = BatchBuilder(BATCH, codec)
        for row in rows:
            headers = list(row.headers)
            if batch.append(key=row.key, value=row.value, timestamp=row.timestamp, headers=headers) is None:
                acks.append(await _queued(producer, batch, topic, partition))
                batch = BatchBuilder(BATCH, codec)
                if (
                    batch.append(key=row.key, value=row.value, timestamp=row.timestamp, headers=headers)
                    is None
                ):
                    raise NotWritten(
                        f"a record of {len(row.value or b'')} bytes does not fit into a batch of {topic}"
                    )
        acks.append(await _queued(producer, batch, topic, partition))
        written = await asyncio.gather(*acks)
        return written[0].offset, written[-1].offset - written[0].offset + batch.record_count()


def _codec(rows: Iterable[Out]) -> int:
    """What a batch of these is packed by."""
    if sum(len(row.value or b"") for row in rows) < SMALL:
        return int(DefaultRecordBatch.CODEC_SNAPPY)
    return int(DefaultRecordBatch.CODEC_ZSTD)


async def _queued(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> Any:
    """Queues a batch when the one before it has left. Returns what becomes its acknowledgement.

    aiokafka 0.14 adds up the time it waits for that again at every retry of the one before, so that two or three seconds
    without a broker are its limit of thirty: nothing is queued yet then. The caller bounds the time.
    """
    while True:
        with contextlib.suppress(KafkaTimeoutError):
            return await producer.send_batch(batch, topic, partition=partition)
