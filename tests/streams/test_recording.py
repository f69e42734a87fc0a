"""The recorder between a real Kafka and a real PostgreSQL, with records in it that nobody of ours wrote."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from projections.queries import Queries
from projections.recorder import Recorder
from schemas.claims import DeadLetter, Observation
from schemas.codec import decode, encode
from schemas.topics import DEAD_LETTERS, OBSERVATIONS
from streams.reader import Reader
from streams.recorder import RECORDED, Recording
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PARTITIONS = 2


@pytest.fixture
async def recording(kafka, prefix, pool, dsn):
    writer, reader = Writer(kafka, PARTITIONS), Reader(kafka)
    await create_topics(kafka, Naming(prefix), PARTITIONS)
    await writer.start()
    await reader.start()
    made = Recording(kafka, PARTITIONS, Naming(prefix), Recorder(pool), writer, dsn)
    task = asyncio.create_task(made.run())
    yield made, reader, Queries(pool)
    assert not task.done() or task.exception() is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.stop()
    await reader.stop()


def seen(level: int, version: int) -> Observation:
    return Observation(
        channel="tills",
        topic="levels",
        sku="TEE",
        location="SOHO",
        observed_at=NOW,
        version=version,
        level=level,
    )


async def until_recorded(recording, reader, queries):
    """Waits until PostgreSQL stands at the end of every topic, dead letters about the others included."""
    async with asyncio.timeout(20):
        while True:
            ends = {t.name: await reader.ends(recording.naming(t), range(PARTITIONS)) for t in RECORDED}
            at = {topic.name: await queries.offsets(topic.name) for topic in RECORDED}
            if all(at[name].get(p, 0) == end for name, part in ends.items() for p, end in part.items()):
                return
            await asyncio.sleep(0.05)


async def test_given_records_nobody_can_read_then_each_is_a_dead_letter_and_the_rest_is_recorded(recording):
    recording, reader, queries = recording
    strange = [
        b"not json",
        b"{}",
        b"[1,2]",
        b'{"sku":"\\u0000","x":1}',
        encode(seen(4, version=2**80)),  # more than a bigint holds
    ]
    outs = [
        Out(recording.naming(topic), b"key", value, (), partition=0)
        for topic in RECORDED
        for value in strange
    ]
    good = [
        Out(recording.naming(OBSERVATIONS), b"key", encode(seen(level, level)), (), partition=0)
        for level in (1, 2)
    ]
    await recording.writer.write([good[0], *outs, good[1]])
    await until_recorded(recording, reader, queries)
    letters = [
        decode(DeadLetter, record.value)
        async for records in reader.whole(recording.naming(DEAD_LETTERS), PARTITIONS)
        for record in records
        if record.value not in strange
    ]
    refused = {letter.ref for letter in letters}
    assert {ref.partition("/")[0] for ref in refused} == {topic.name for topic in RECORDED}
    assert len(refused) == len(letters) == len(outs)
    assert all(letter.stage == "record" and letter.reason for letter in letters)
    assert "PostgreSQL cannot hold it" in {letter.reason.partition(":")[0] for letter in letters}
    (held,) = await queries.rows("SELECT level FROM observations", [])
    assert held["level"] == 2
    assert len((await queries.dead_letters(limit=100)).items) == len(letters)
