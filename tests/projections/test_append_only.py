"""What is recorded of the past stays as it is."""

from __future__ import annotations

import pytest
from psycopg.errors import InsufficientPrivilege

from schemas.postings import Kind

CHANGES = [
    "UPDATE movements SET reason = 'theft'",
    "UPDATE movements SET sku = 'OTHER'",  # would move the row to another part
    "DELETE FROM movements",
    "DELETE FROM movements WHERE sku = 'TEE'",
    "MERGE INTO movements USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "DELETE FROM seals",
]


@pytest.fixture
async def journal(pool, shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    shop.post(Kind.POS_SALE_COMPLETED, 1)
    await shop.record_all()

    async def rows():
        async with pool.connection() as connection:
            found = await connection.execute("SELECT * FROM movements ORDER BY log_offset")
            return await found.fetchall()

    return rows


@pytest.mark.parametrize("change", CHANGES)
async def test_given_the_journal_then_no_statement_changes_or_deletes_a_row_of_it(pool, journal, change):
    before = await journal()
    async with pool.connection() as connection:
        with pytest.raises(InsufficientPrivilege, match="it only grows"):
            await connection.execute(change.encode())
    assert await journal() == before


async def test_given_a_part_of_the_journal_then_it_is_no_way_around(pool, journal):
    async with pool.connection() as connection:
        parts = await (
            await connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'movements'::regclass"
            )
        ).fetchall()
        refused = 0
        for (part,) in parts:
            try:
                await connection.execute(f"DELETE FROM {part}".encode())
            except InsufficientPrivilege:
                refused += 1
    assert (len(parts), refused) == (8, 1), "all rows are of one SKU"
    assert len(await journal()) == 2


async def test_given_more_news_then_the_chain_moves_on_and_a_rebuild_may_begin_with_empty_tables(
    pool, journal, shop
):
    shop.post(Kind.POS_SALE_COMPLETED, 1)
    await shop.record_all()
    assert len(await journal()) == 3
    async with pool.connection() as connection:
        await connection.execute("TRUNCATE movements, seals, offsets")
    assert await journal() == []
