"""The recorder between a real Kafka and a real PostgreSQL, with records in it that nobody of ours wrote."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from projections.blocks import Blocks
from projections.queries import Queries
from projections.recorder import Recorder
from schemas.claims import DeadLetter, Observation
from schemas.codec import decode, encode
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.topics import DEAD_LETTERS, MOVEMENTS, OBSERVATIONS
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
    blocks = Blocks(pool, size=4)
    made = Recording(kafka, PARTITIONS, Naming(prefix), Recorder(pool), writer, dsn, blocks=blocks)
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


def sale(number: int) -> Movement:
    return Movement(
        id=f"0-{number}-0",
        kind=Kind.POS_SALE_COMPLETED,
        sku="TEE",
        quantity=1,
        legs=legs(Kind.POS_SALE_COMPLETED, 1, Places("SOHO")),
        transaction=f"sale/{number}",
        channel="tills",
        document=f"sale/{number}",
        occurred_at=NOW,
        recorded_at=NOW,
        cause=Cause(0, number, 0),
    )


async def test_given_movements_then_blocks_follow_the_recorder_and_their_failures_do_not_stop_it(recording):
    recording, reader, queries = recording

    async def until_built(blocks: int) -> None:
        async with asyncio.timeout(30):
            while (await queries.rows("SELECT count(*)::int AS n FROM blocks"))[0]["n"] < blocks:
                await asyncio.sleep(0.1)

    def sold(first: int, last: int) -> list[Out]:
        return [
            Out(recording.naming(MOVEMENTS), b"TEE", encode(sale(number)), ())
            for number in range(first, last)
        ]

    await recording.writer.write(sold(0, 9))
    await until_built(2)
    await queries.run("ALTER TABLE blocks RENAME TO gone", [])
    await recording.writer.write(sold(9, 20))
    await until_recorded(recording, reader, queries)
    await queries.run("ALTER TABLE gone RENAME TO blocks", [])
    await until_built(5)
    assert (await queries.summed("TEE"))["SOHO", "available"] == -20
