"""A stage on a real broker: strangers, holes, changed rules. Crashes of whole processes are in tests/system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.contrib.asgi import bind_to_running_loop

from schemas.availability import ChannelQuantity
from schemas.claims import DeadLetter, Fact
from schemas.codec import decode, encode, headers
from schemas.ledger import Stock
from schemas.rules import ChannelRules, Rules
from schemas.topics import CHANNEL_QUANTITIES, CLAIMS, DEAD_LETTERS, MOVEMENTS, STOCK
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.chunks import OFFSET_HEADER, _seek_to_committed, source_offset
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

PARTITIONS = 2


class Running:
    """An app of ours in this process, with its own topics."""

    def __init__(self, bootstrap: str, naming: Naming, datadir) -> None:
        self.bootstrap, self.naming, self.datadir = bootstrap, naming, datadir
        self.failed: list[str] = []

    @asynccontextmanager
    async def worker(self, rules: Rules) -> AsyncIterator:
        app = create_app(
            bootstrap=self.bootstrap,
            partitions=PARTITIONS,
            naming=self.naming,
            rules=rules,
            authority=NOBODY,
            writer=self.writer,
            reader=self.reader,
            instance="worker-0",
            datadir=str(self.datadir),
            fail=self.failed.append,
        )
        bind_to_running_loop(app.app)
        app.app.finalize()
        await app.app.start()
        try:
            async with asyncio.timeout(30):
                while not app.ready:
                    await asyncio.sleep(0.05)
                    await app.begin()
            yield app
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(app.app.stop(), 15)

    async def append(self, *claims) -> None:
        await self.writer.write(
            Out(
                self.naming(CLAIMS),
                c.transaction.encode(),
                encode(c),
                headers(CLAIMS, c.transaction, "t", c.occurred_at),
            )
            for c in claims
        )

    async def records(self, topic) -> list:
        return [r async for some in self.reader.whole(self.naming(topic), PARTITIONS) for r in some]

    async def until(self, topic, count: int) -> list:
        """The records of a topic once there are so many."""
        async with asyncio.timeout(20):
            while len(found := await self.records(topic)) < count:
                assert not self.failed
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def running(kafka, prefix, tmp_path):
    made = Running(kafka, Naming(prefix), tmp_path)
    await create_topics(kafka, made.naming, PARTITIONS)
    made.writer, made.reader = Writer(kafka, PARTITIONS), Reader(kafka)
    await made.writer.start()
    await made.reader.start()
    yield made
    await made.writer.stop()
    await made.reader.stop()


def rules(version: str, **web: int) -> Rules:
    return Rules(version=version, channels={"web": ChannelRules(**web)})


async def test_given_changed_rules_then_every_number_is_told_again_and_given_the_same_none_is(running, claim):
    async with running.worker(rules("r1")):
        await running.append(*(claim(f"opening/{n}", (Fact.OPENED, f"S{n}", 9, "SOHO")) for n in range(5)))
        await running.until(CHANNEL_QUANTITIES, 5)
        await asyncio.sleep(1.5)
    async with running.worker(rules("r1")):
        assert len(await running.records(CHANNEL_QUANTITIES)) == 5
    async with running.worker(rules("r2", safety_stock=2)):
        found = await running.until(CHANNEL_QUANTITIES, 10)
    numbers = [decode(ChannelQuantity, record.value) for record in found]
    assert sorted(q.quantity for q in numbers if q.rules == "r2") == [7] * 5
    assert running.failed == []


async def test_given_a_stranger_s_late_write_then_ours_stands_and_is_written_over_it(running, claim):
    async with running.worker(rules("r1")):
        await running.append(claim("opening/1", (Fact.OPENED, "MUG", 9, "SOHO")))
        (ours,) = await running.until(STOCK, 1)
        late = Out(
            running.naming(STOCK),
            ours.key,
            encode(Stock(sku="MUG")),
            [(OFFSET_HEADER, b"-1")],
            ours.partition,
        )
        await running.writer.write([late])
        await running.append(claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO")))
        await running.until(STOCK, 4)
        await asyncio.sleep(1.5)
    newest = max(await running.records(STOCK), key=lambda record: record.offset)
    assert decode(Stock, newest.value).balance("SOHO") == 8
    await running.writer.write([late])
    async with running.worker(rules("r1")) as app:
        assert app.ledger.table.data.data[b"MUG"].offset == source_offset(newest)
        await running.until(STOCK, 6)
    newest = max(await running.records(STOCK), key=lambda record: record.offset)
    assert decode(Stock, newest.value).balance("SOHO") == 8


async def test_given_a_chunk_that_does_not_continue_then_the_hole_is_fetched_and_all_count_once(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        stage = app.settle
        hidden, feed = [], stage.feed

        async def forgetful(partition, records):
            """Loses the first chunk with more than one record of it, as Faust does around a recovery."""
            if not hidden and len(records) > 3:
                hidden.append(records)
                return
            await feed(partition, records)

        stage.feed = forgetful
        for start in range(0, 60, 20):
            await running.append(
                *(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO")) for n in range(start, start + 20))
            )
            await asyncio.sleep(0.3)
        found = await running.until(MOVEMENTS, 60)
        assert hidden
        await running.until(STOCK, 1)
        async with asyncio.timeout(20):
            while app.ledger.table.data.data[b"MUG"].state.balance("SOHO") != -60:
                await asyncio.sleep(0.05)
    assert len(found) == 60
    assert running.failed == []


async def test_given_a_record_nobody_can_read_then_it_is_a_dead_letter_and_the_partition_moves_on(
    running, claim
):
    async with running.worker(rules("r1")):
        await running.writer.write(
            [Out(running.naming(CLAIMS), b"k", b"\xff{", [], p) for p in range(PARTITIONS)]
        )
        await running.append(*(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO")) for n in range(10)))
        assert len(await running.until(MOVEMENTS, 10)) == 10
        letters = [
            decode(DeadLetter, record.value) for record in await running.until(DEAD_LETTERS, PARTITIONS)
        ]
    assert {letter.ref for letter in letters} == {
        f"{running.naming(CLAIMS)}/{p}/0" for p in range(PARTITIONS)
    }


async def test_given_a_broker_that_cannot_be_written_to_then_the_worker_ends_before_it_commits(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        await running.append(claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO")))
        await running.until(STOCK, 1)
        await app.settle.commit()
        before = await running.reader.committed(app.app.conf.id)
        await running.writer.stop()
        spare = Writer(running.bootstrap, PARTITIONS)
        await spare.start()
        second = claim("sale/2", (Fact.SOLD, "MUG", 1, "SOHO"))
        await spare.write(
            [
                Out(
                    running.naming(CLAIMS),
                    second.transaction.encode(),
                    encode(second),
                    headers(CLAIMS, "2", "t", second.occurred_at),
                )
            ]
        )
        await spare.stop()
        async with asyncio.timeout(15):
            while not running.failed:
                await asyncio.sleep(0.05)
        await app.settle.commit()
        after = await running.reader.committed(app.app.conf.id)
        await running.writer.start()
    assert "NotWritten" in running.failed[0]
    assert {tp: at.offset for tp, at in after.items() if tp.topic == running.naming(CLAIMS)} == {
        tp: at.offset for tp, at in before.items() if tp.topic == running.naming(CLAIMS)
    }


async def test_given_committed_positions_then_a_consumer_goes_to_all_of_them_and_leaves_the_others(
    kafka, prefix
):
    naming = Naming(prefix)
    await create_topics(kafka, naming, 3)
    writer = Writer(kafka, 3)
    await writer.start()
    await writer.write(Out(naming(CLAIMS), b"key", b"value", (), n % 3) for n in range(30))
    await writer.stop()
    tps = [TopicPartition(naming(CLAIMS), p) for p in range(3)]
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=prefix, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, 3)
        await consumer.commit({tps[0]: 7, tps[1]: 9})
        assert await _seek_to_committed(consumer) == {tps[0]: 7, tps[1]: 9, tps[2]: None}
        assert [await consumer.position(tp) for tp in tps] == [7, 9, 3]
    finally:
        await consumer.stop()
