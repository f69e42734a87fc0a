"""What Faust hands over, on a real broker: soon, from the right place, and no more than is worked off."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.claims import Fact
from schemas.rules import ChannelRules, Rules
from schemas.topics import CLAIMS
from streams.fetching import AHEAD, FETCH_WAIT, _seek_to_committed
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

PARTITIONS = 2
RULES = Rules(version="r1", channels={"web": ChannelRules()})


class Slow:
    """A writer whose broker takes its time until `goes_on`."""

    def __init__(self, writer: Writer) -> None:
        self._writer, self.goes_on = writer, asyncio.Event()

    async def write(self, outs):
        await self.goes_on.wait()
        return await self._writer.write(outs)


async def test_given_a_stage_that_lags_then_the_log_is_read_no_further_until_it_has_caught_up(running, claim):
    count = 40_000
    for start in range(0, count, 5_000):
        await running.append(*(claim(f"sale/{n}") for n in range(start, start + 5_000)))
    async with running.worker(RULES) as app:
        app.settle.writer = slow = Slow(running.writer)
        await running.append(claim("opening/1", (Fact.OPENED, "MUG", 9, "SOHO")))
        (channel,) = app.app.topics._topic_name_index[running.naming(CLAIMS)]
        waited = []
        for _ in range(60):
            await asyncio.sleep(0.05)
            waited.append(channel.queue.qsize())
        slow.goes_on.set()
        async with asyncio.timeout(60):
            while app.settle.used + app.settle.unused <= count:
                await asyncio.sleep(0.05)
        await running.until_balance(app, "MUG", 9)
    assert AHEAD - 1 <= max(waited) <= AHEAD + PARTITIONS
    assert running.failed == []


async def test_given_quiet_partitions_then_kafka_waits_for_them_no_longer_than_the_busy_ones_can(running):
    async with running.worker(RULES) as app:
        fetcher = app.app.consumer._thread._consumer._fetcher
        assert fetcher._fetch_max_wait_ms == FETCH_WAIT


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
