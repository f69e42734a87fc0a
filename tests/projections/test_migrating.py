from __future__ import annotations

import asyncio
import random

import psycopg
import pytest
from psycopg.rows import dict_row

from projections import pool as pools
from projections.blocks import Blocks
from projections.pool import migrate, migrations, open_pool
from schemas.postings import Kind
from schemas.seals import FIRST, seal
from schemas.topics import MOVEMENTS

BEFORE = "0013_journal_by_sku.sql"


async def journal_of(dsn: str) -> list[dict]:
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
        found = await connection.execute("SELECT * FROM movements ORDER BY partition, log_offset")
        return await found.fetchall()


async def made_before(dsn: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables as they were before the migration of that name."""
    every = migrations()
    with monkeypatch.context() as patched:
        patched.setattr(pools, "migrations", lambda: [one for one in every if one[0] < name])
        await migrate(dsn)


@pytest.fixture
async def old(dsn, monkeypatch):
    """A database as the version before the journal was parted made it."""
    await made_before(dsn, BEFORE, monkeypatch)
    return dsn


async def test_given_a_journal_in_one_table_then_it_is_parted_and_keeps_every_row(old, shop, after):
    chance = random.Random(1)
    pool = await open_pool(old)
    shop.pool = pool
    try:
        for number in range(500):
            known = after(minutes=number)
            sku = chance.choice(["TEE", "MUG", "CAP", "POSTER", "B\u00fcgel / gro\u00df"])
            shop.post(Kind.POS_SALE_COMPLETED, 1 + number % 3, sku=sku, at=known, known=known)
            if number % 9 == 0:
                shop.void(shop.journal[-1], known=known)
                shop.count(7, sku=sku, at=known, known=known, document=f"count/{number}")
        await shop.record(MOVEMENTS, shop.journal)
        before = await journal_of(old)
        assert len(before) == len(shop.journal) > 500

        assert BEFORE in await migrate(old)
        assert await journal_of(old) == before, "every column of every row"
        parts = await shop.queries.rows("SELECT count(DISTINCT tableoid)::int AS parts FROM movements")
        assert parts[0]["parts"] > 1
        sealed = FIRST
        async for _, _, movement, its in shop.queries.journal():
            assert its == (sealed := seal(sealed, movement))

        tee = shop.stocks["TEE"].balance("WH")
        shop.post(Kind.POS_SALE_COMPLETED, 4, sku="NEW")
        await shop.record(MOVEMENTS, [shop.journal[3], shop.journal[-1]])  # one of them once more
        assert len(await journal_of(old)) == len(before) + 1
        while await Blocks(pool, 16).digest():
            pass
        assert (await shop.queries.summed("TEE"))["WH", "available"] == tee
        assert (await shop.queries.summed("NEW"))["WH", "available"] == -4
        assert await shop.queries.rows("SELECT 1 AS one FROM blocks LIMIT 1") == [{"one": 1}]
        assert await migrate(old) == []
    finally:
        await pool.close()


async def test_given_a_version_that_runs_on_while_the_next_migrates_then_its_movements_are_kept(
    old, shop, after
):
    """The old recorder waits for the table and writes into the new one: nothing falls between."""
    pool = await open_pool(old)
    shop.pool = pool
    try:
        for number in range(300):
            shop.post(Kind.POS_SALE_COMPLETED, 1, sku=f"SKU-{number % 7}")
        parts = [shop.journal[start : start + 10] for start in range(0, 300, 10)]

        async def record() -> None:
            for part in parts:
                await shop.record(MOVEMENTS, part)

        await asyncio.gather(record(), migrate(old))
        assert [row["id"] for row in await journal_of(old)] == [movement.id for movement in shop.journal]
    finally:
        await pool.close()


OLD_BLOCK = """
    INSERT INTO blocks SELECT 'TEE', false, 0, 3, 4, now(), now(), now(), now(), ARRAY['WH'], ARRAY['available'], ARRAY[-99::numeric],
    ARRAY[0::bigint]
"""
OLD_UNITS = "INSERT INTO open_units SELECT 'web/order/1', 'TEE', 'WH', 0, 99"


async def test_given_blocks_of_the_version_before_then_they_are_forgotten_and_none_of_its_comes_after(
    dsn, shop, after, monkeypatch
):
    await made_before(dsn, "0016_running_totals.sql", monkeypatch)
    pool = await open_pool(dsn)
    shop.pool = pool
    try:
        for number in range(9):
            shop.post(Kind.ORDER_PLACED, 1, at=after(minutes=number))
        await shop.record(MOVEMENTS, shop.journal)
        digested = "INSERT INTO block_progress VALUES (0, 4)"
        for sql in (digested, "INSERT INTO block_tails VALUES ('TEE', 0, 0, NULL, 0)", OLD_BLOCK, OLD_UNITS):
            await shop.queries.run(sql, [])

        assert "0016_running_totals.sql" in await migrate(dsn)
        assert (await shop.queries.summed("TEE"))["WH", "available"] == -9
        assert (await shop.queries.commitments(after(days=1))).items[0]["units"] == 9
        while await Blocks(pool, 4).digest():
            pass
        for sql in (OLD_BLOCK, OLD_UNITS):
            with pytest.raises(psycopg.Error):
                await shop.queries.run(sql, [])
        assert (await shop.queries.summed("TEE"))["WH", "available"] == -9
        (row,) = (await shop.queries.commitments(after(days=1))).items
        assert (row["units"], row["since"]) == (9, after())
    finally:
        await pool.close()
