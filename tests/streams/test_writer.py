"""The producer goes on after whatever befell it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition

from schemas.topics import CLAIMS
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import NotWritten, Out, Writer


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
