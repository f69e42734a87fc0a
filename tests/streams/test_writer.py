"""A record goes where any producer of Kafka would put it, and the producer goes on after whatever befell it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import CLAIMS
from streams.batches import Batches, _batches
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import SMALL, NotWritten, Out, Writer, partition_of


@given(key=st.binary(max_size=60), partitions=st.integers(1, 1_000))
def test_given_any_key_then_its_partition_is_the_one_that_kafkas_own_clients_choose(key, partitions):
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@pytest.fixture
async def writer(kafka, prefix):
    await create_topics(kafka, Naming(prefix), 1)
    made = Writer(kafka, 1)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("how", ["send", "write"])
async def test_given_a_gap_in_the_numbers_of_a_producer_then_a_new_one_takes_over(kafka, prefix, writer, how):
    """As a batch leaves it that was given up after it was numbered (`ASTRAY`)."""
    topic = Naming(prefix)(CLAIMS)
    tell = getattr(writer, how)
    await tell([Out(topic, b"key", b"0", ())])
    writer._producer._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 7)
    with pytest.raises(NotWritten, match="OutOfOrder"):
        await tell([Out(topic, b"key", b"never", ())])
    async with asyncio.timeout(20):
        while not writer.connected:
            await asyncio.sleep(0.05)
    for number in (b"1", b"2"):
        await tell([Out(topic, b"key", number, ())])
    reader = Reader(kafka)
    await reader.start()
    found = [record.value async for records in reader.whole(topic, 1) for record in records]
    await reader.stop()
    assert found == [b"0", b"1", b"2"]


async def test_given_a_few_records_then_they_are_packed_quickly_and_given_many_then_tightly(
    kafka, prefix, writer
):
    topic, value = Naming(prefix)(CLAIMS), b"{}" * 512
    few = [Out(topic, b"key", value, ())] * (SMALL // len(value) - 1)
    await writer.write(few)
    await writer.write([*few, few[0]])
    await writer.send(few[:1])
    log = Batches(kafka)
    await log.start()
    await log._client.set_topics({topic})
    found = _batches(await log._fetch(topic, 0, 0))
    await log.stop()
    few_by, many_by, single_by = (packed.batch.compression_type for packed in found)
    assert few_by == single_by == DefaultRecordBatch.CODEC_SNAPPY
    assert many_by == DefaultRecordBatch.CODEC_ZSTD
