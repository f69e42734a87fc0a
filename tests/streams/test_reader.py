"""A look at the log waits for nothing but the broker's answer."""

from __future__ import annotations

import asyncio
import time

import pytest

from schemas.topics import CLAIMS, RULES
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer


@pytest.fixture
async def naming(kafka, prefix):
    """Topics with one record each."""
    naming = Naming(prefix)
    await create_topics(kafka, naming, 1)
    writer = Writer(kafka, 1)
    await writer.start()
    await writer.write(Out(naming(topic), b"key", b"value", ()) for topic in (CLAIMS, RULES))
    await writer.stop()
    return naming


@pytest.fixture
async def reader(kafka):
    reader = Reader(kafka)
    await reader.start()
    yield reader
    await reader.stop()


async def read(reader: Reader, topic: str) -> list[bytes]:
    return [record.value async for records in reader.read(topic, 0, 0, 1) for record in records]


async def test_given_a_topic_was_read_to_its_end_then_the_next_question_does_not_wait_for_more_of_it(
    naming, reader
):
    assert await read(reader, naming(RULES)) == [b"value"]
    began = time.monotonic()
    for _ in range(6):
        assert await reader.ends(naming(CLAIMS), [0]) == {0: 1}
    assert time.monotonic() - began < 0.6


async def test_given_a_topic_was_read_to_its_end_then_the_next_read_does_not_wait_for_more_of_it(
    naming, reader
):
    assert await read(reader, naming(RULES)) == [b"value"]
    began = time.monotonic()
    for topic in (CLAIMS, RULES) * 3:
        await asyncio.sleep(0.05)  # a fetch for more would be under way by now
        assert await read(reader, naming(topic)) == [b"value"]
    assert time.monotonic() - began < 1.5
