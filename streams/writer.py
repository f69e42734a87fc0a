"""Writes records in whole batches and waits until the broker has them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, OutOfOrderSequenceNumber, UnknownProducerId
from aiokafka.partitioner import murmur2

from schemas.codec import Headers


class Out(NamedTuple):
    """A record to write. `partition` None: by the key, as Kafka's own clients do."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    partition: int | None = None


RENEWED_WITHIN = 10.0
"""Seconds for which a producer that is given up may still end what it has begun."""

ASTRAY = (OutOfOrderSequenceNumber, UnknownProducerId)
"""What the broker says to a producer whose numbers have a gap: to everything it sends, for ever.

aiokafka 0.14 makes such a gap where a batch has waited for the time of a request (30 s) while its partition has no leader, as after a
broker's long absence: it is given up after it was numbered. A producer that is new begins anew.
"""


class NotWritten(Exception):
    """The broker did not confirm a write in time: it may or may not be in the log."""


@lru_cache(maxsize=20_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2, the same as the Java client's, so that any producer agrees with us. In Python it takes as long
    as a record's headers, and what is sold is sold again soon.
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Writer:
    """A producer that is idempotent, waits for all replicas, and speaks in batches.

    `partitions` is the partition count of every topic of ours. `timeout` bounds one write in seconds.
    """

    def __init__(
        self, bootstrap: str, partitions: int, timeout: float = 30.0, client: str = "onhand"
    ) -> None:
        self.partitions = partitions
        self._timeout = timeout
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap,
            "client_id": client,
            "acks": "all",
            "compression_type": "zstd",
            "enable_idempotence": True,
            "max_batch_size": 900 * 1024,  # Kafka takes 1 MiB, unless it is told otherwise
            "max_request_size": 8 * 1024 * 1024,
            "request_timeout_ms": int(timeout * 1000),
        }
        self._producer: AIOKafkaProducer | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects. Raises `KafkaError` when no broker answers."""
        producer = AIOKafkaProducer(**self._options)
        try:
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
            partition = partition_of(out.key, self.partitions) if out.partition is None else out.partition
            grouped[out.topic, partition].append(out)
        try:
            spans = await asyncio.wait_for(
                asyncio.gather(*(self._send(topic, p, rows) for (topic, p), rows in grouped.items())),
                self._timeout,
            )
        except (KafkaError, TimeoutError) as error:
            self._heed(error)
            raise NotWritten(f"{type(error).__name__}: {error}") from error
        return dict(zip(grouped, spans, strict=True))

    async def send(self, outs: Iterable[Out]) -> None:
        """Writes a few records, together with whatever others are writing now, and returns when they are acknowledged.

        Raises `NotWritten`.
        """
        if self._producer is None:
            raise NotWritten("not connected")
        try:
            acks = [
                await self._producer.send(
                    out.topic,
                    key=out.key,
                    value=out.value,
                    headers=list(out.headers),
                    partition=partition_of(out.key, self.partitions)
                    if out.partition is None
                    else out.partition,
                )
                for out in outs
            ]
            await asyncio.gather(*acks)
        except KafkaError as error:
            self._heed(error)
            raise NotWritten(f"{type(error).__name__}: {error}") from error

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
        batch = producer.create_batch()
        for row in rows:
            headers = list(row.headers)
            if batch.append(key=row.key, value=row.value, timestamp=None, headers=headers) is None:
                acks.append(await _queued(producer, batch, topic, partition))
                batch = producer.create_batch()
                if batch.append(key=row.key, value=row.value, timestamp=None, headers=headers) is None:
                    raise NotWritten(
                        f"a record of {len(row.value)} bytes does not fit into a batch of {topic}"
                    )
        acks.append(await _queued(producer, batch, topic, partition))
        written = await asyncio.gather(*acks)
        return written[0].offset, written[-1].offset - written[0].offset + batch.record_count()


async def _queued(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> Any:
    """Queues a batch when the one before it has left. Returns what becomes its acknowledgement.

    aiokafka 0.14 adds up the time it waits for that again at every retry of the one before, so that two or three seconds
    without a broker are its limit of thirty: nothing is queued yet then. The caller bounds the time.
    """
    while True:
        with contextlib.suppress(KafkaTimeoutError):
            return await producer.send_batch(batch, topic, partition=partition)
