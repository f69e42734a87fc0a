"""What is asked to be closed, and how often, on a real broker. What becomes of it is in tests/schemas."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from schemas.claims import Claim, Fact
from schemas.codec import PLACE_KEEPER, Undecodable, decode, encode
from schemas.movements import Cause
from schemas.settling import Transaction, apply
from schemas.topics import CLAIMS
from schemas.witnesses import NOBODY
from streams.closing import LOOKED_AT, Closing, told_again
from streams.reader import Reader
from streams.stages import Naming
from streams.tables import Cell, MemoryStore
from streams.topics import create_topics
from streams.writer import NotWritten, Out, Writer, partition_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
PARTITIONS = 2


class Table:
    """What the sweep sees of a stage: cells by key, each in a partition, and which partitions are ours."""

    def __init__(self) -> None:
        self.table = MemoryStore()
        self.progress = {0: None}

    def hold(self, made: Claim, at: datetime, partition: int = 0, offset: int = 0) -> None:
        state, _ = apply(Transaction(), made, at, Cause(0, offset, 0))
        key = made.transaction.encode()
        self.table.put(partition, {key: (Cell(offset, encode(state)), b"", ())}, None)


@pytest.fixture
async def asked(kafka, prefix):
    """Ticks of a sweep over a table, and how often each transaction was asked about so far."""
    naming, writer, reader = Naming(prefix), Writer(kafka, PARTITIONS), Reader(kafka)
    await create_topics(kafka, naming, PARTITIONS)
    await writer.start()
    await reader.start()

    async def tick(sweep: Closing, table: Table, times: int = 1) -> Counter[str]:
        for _ in range(times):
            await sweep.tick(table)
        found = [one async for some in reader.whole(naming(CLAIMS), PARTITIONS) for one in some]
        assert all(decode(Claim, one.value).archive.documents for one in found)
        return Counter(one.key.decode() for one in found)

    tick.sweep = lambda after=MONTH: Closing(naming, NOBODY, writer, lambda: NOW, after)
    tick.writer, tick.reader, tick.naming = writer, reader, naming
    yield tick
    await writer.stop()
    await reader.stop()


async def test_given_more_deals_than_one_tick_looks_at_then_each_is_asked_about_once_in_some_ticks(
    asked, claim
):
    table, sweep = Table(), asked.sweep()
    for number in range(2 * LOOKED_AT + 50):
        table.hold(claim(f"sale/{number}", (Fact.SOLD, "MUG", 1, "SOHO")), NOW - MONTH)
    assert (await asked(sweep, table, 2)).total() == LOOKED_AT
    found = await asked(sweep, table, 9)
    assert len(found) == 2 * LOOKED_AT + 50
    assert set(found.values()) == {1}


async def test_given_open_or_recent_or_foreign_deals_then_nobody_asks_about_them(asked, claim):
    table = Table()
    sold = Fact.SOLD, "MUG", 1, "SOHO"
    table.hold(claim("quiet", sold), NOW - MONTH)
    table.hold(claim("recent", sold), NOW - MONTH + timedelta(seconds=1))
    table.hold(claim("open", (Fact.ORDERED, "MUG", 1, "SOHO")), NOW - MONTH)
    table.hold(claim("foreign", sold), NOW - MONTH, partition=1)
    table.table.put(0, {b"over": (Cell(1, encode(Transaction(joined="quiet"))), b"", ())}, None)
    assert await asked(asked.sweep(None), table, 5) == {}
    assert await asked(asked.sweep(), table, 5) == {"quiet": 1}


async def test_given_something_came_to_a_deal_that_was_asked_about_then_it_is_asked_about_again(asked, claim):
    table, sweep, sale = Table(), asked.sweep(), claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO"))
    table.hold(sale, NOW - MONTH)
    assert await asked(sweep, table, 5) == {"sale/1": 1}
    table.hold(sale, NOW - MONTH, offset=7)
    assert await asked(sweep, table, 5) == {"sale/1": 2}


async def test_given_the_log_does_not_take_the_question_then_it_is_asked_later(asked, claim):
    table, sweep = Table(), asked.sweep()
    table.hold(claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO")), NOW - MONTH)
    await asked.writer.stop()
    with pytest.raises(NotWritten):
        await asked.writer.send([])
    for _ in range(3):
        await sweep.tick(table)
    await asked.writer.start()
    assert await asked(sweep, table, 2) == {"sale/1": 1}


async def test_given_a_partition_was_lost_on_the_way_round_then_the_rest_of_it_is_left_to_its_owner(
    asked, claim
):
    table, sweep = Table(), asked.sweep()
    for number in range(LOOKED_AT + 1):
        table.hold(claim(f"sale/{number}", (Fact.SOLD, "MUG", 1, "SOHO")), NOW - MONTH)
    assert (await asked(sweep, table, 2)).total() == LOOKED_AT
    table.progress = {}
    assert (await asked(sweep, table, 5)).total() == LOOKED_AT


async def test_given_a_dead_letter_then_it_is_told_again_after_what_reopens_its_deal(asked, claim):
    table, sweep, sale = Table(), asked.sweep(), claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO"))
    table.hold(sale, NOW - MONTH)
    await asked(sweep, table, 2)
    partition = partition_of(b"sale/1", PARTITIONS)
    news = claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"), version=2)
    letter = {"claim": json.loads(encode(news)), "closed": {"partition": partition, "offset": 0}}
    reopened, again = await told_again(letter, asked.reader, asked.naming, PARTITIONS)
    assert (reopened.transaction, reopened.archive.reopens, again) == ("sale/1", 0, news)
    assert set(reopened.archive.documents) == {"tills/sale/1"}
    letter["closed"]["offset"] = 9
    with pytest.raises(Undecodable, match=f"the log does not hold claims/{partition}/9"):
        await told_again(letter, asked.reader, asked.naming, PARTITIONS)
    letter["closed"]["offset"] = 0
    letter["claim"]["transaction"] = "sale/2"
    with pytest.raises(Undecodable, match="the record that closed sale/2 is not where it was"):
        await told_again(letter, asked.reader, asked.naming, PARTITIONS)


async def test_given_the_record_that_closed_a_deal_has_moved_then_it_is_found_where_its_key_is_now(
    asked, claim
):
    table, sweep, sale = Table(), asked.sweep(), claim("sale/1", (Fact.SOLD, "MUG", 1, "SOHO"))
    table.hold(sale, NOW - MONTH)
    now = partition_of(b"sale/1", PARTITIONS)
    other = (now + 1) % PARTITIONS
    await asked(sweep, table, 2)
    await asked.writer.write([Out(asked.naming(CLAIMS), None, PLACE_KEEPER, (), other)])
    news = claim("sale/1", (Fact.SOLD, "MUG", 2, "SOHO"), version=2)
    letter = {"claim": json.loads(encode(news)), "closed": {"partition": other, "offset": 0}}
    reopened, again = await told_again(letter, asked.reader, asked.naming, PARTITIONS)
    assert (reopened.transaction, again) == ("sale/1", news)
