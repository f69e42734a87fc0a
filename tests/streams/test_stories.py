"""The simulated stories on the real engines: Faust's table, its changelog and PostgreSQL come to what the oracle says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from projections.queries import Queries
from projections.recorder import Recorder
from schemas.claims import Claim
from schemas.codec import decode
from schemas.ledger import Stock
from schemas.topics import BUNDLE_PARTS, CLAIMS, MOVEMENTS, STOCK
from streams.recorder import RECORDED, Recording
from streams.tables import source_offset

sys.path.insert(0, str(Path(__file__).parents[1] / "simulator"))

from oracle import Oracle
from world import world

PARTITIONS = 2


@pytest.fixture
async def queries(running, pool, dsn):
    """PostgreSQL, as the recorder fills it."""
    recording = Recording(running.bootstrap, PARTITIONS, running.naming, Recorder(pool), running.writer, dsn)
    task = asyncio.create_task(recording.run())
    yield Queries(pool)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_settled(running, app, queries) -> None:
    """Waits until every stage and PostgreSQL stand at the ends of their topics."""

    async def ends(topic) -> dict[int, int]:
        return await running.reader.ends(running.naming(topic), range(PARTITIONS))

    async with asyncio.timeout(60):
        for topic, stage in zip((CLAIMS, MOVEMENTS, BUNDLE_PARTS), app.stages, strict=True):
            while any(stage.progress[p].next < end for p, end in (await ends(topic)).items()):
                await asyncio.sleep(0.05)
        for topic in RECORDED:
            due, at = await ends(topic), dict[int, int]()
            while any(at.get(p, 0) < end for p, end in due.items()):
                await asyncio.sleep(0.05)
                at = await queries.offsets(topic.name)


@pytest.mark.parametrize("seed", [3, 4])
async def test_given_a_simulated_story_then_faust_and_postgresql_and_the_oracle_agree(running, queries, seed):
    made = world(seed, 300)
    told = [one for one in made.heard if isinstance(one, Claim)]
    middle = len(told) // 2
    for half in (told[:middle], told[middle:]):  # the second half on a worker that starts anew
        async with running.worker(made.rules) as app:
            await running.append(*half)
            await until_settled(running, app, queries)
    oracle = Oracle()
    for deal in made.deals:
        oracle.deal(deal, {})
    oracle.transit(made.deals)
    due = oracle.settled()
    newest: dict[str, tuple[int, Stock]] = {}
    for record in await running.records(STOCK):
        stock = decode(Stock, record.value)
        if newest.get(stock.sku, (-1, stock))[0] <= source_offset(record):
            newest[stock.sku] = source_offset(record), stock
    assert cells(stock for _, stock in newest.values()) == due
    assert cells([stock async for stock in queries.all_stock()]) == due
    ends = dict.fromkeys(range(PARTITIONS), 2**60)
    assert await queries.journal_totals(ends) == due
    assert running.failed == []


def cells(stocks) -> dict[tuple[str, str, str], int]:
    return {
        (stock.sku, place, state): units
        for stock in stocks
        for place, here in stock.locations.items()
        for state, units in here.items()
    }
