"""What of PostgreSQL follows from the log: every table is in one list, and a projection that was made anew is as it was."""

from __future__ import annotations

from collections import Counter

import pytest

from projections.derived import BOOKKEEPING, BUILT, OWN, PROJECTIONS, beside
from projections.recorder import Batch, Recorder
from schemas.codec import encode
from schemas.postings import Kind
from schemas.topics import MOVEMENTS
from streams.recorder import RECORDED

TABLES = """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


async def test_given_the_schema_then_each_table_is_derived_or_holds_something_of_its_own_and_never_both(shop):
    there = [row["relname"] for row in await shop.queries.rows(TABLES)]
    named = Counter([*BOOKKEEPING, *BUILT, *OWN, *(name for names in PROJECTIONS.values() for name in names)])
    assert named == Counter(there), "say in projections/derived.py whether it follows from the log"


def test_given_what_is_recorded_then_each_topic_is_a_projection():
    assert PROJECTIONS.keys() == {topic.name for topic in RECORDED}


async def dump(queries, table):
    return sorted(row["row"] for row in await queries.rows(f"SELECT t::text AS row FROM {table} AS t"))


@pytest.fixture
async def traded(shop):
    shop.post(Kind.STOCK_INITIALISED, 9)
    shop.post(Kind.STOCK_INITIALISED, 4, sku="MUG")
    shop.post(Kind.ORDER_PLACED, 2, document="order/1")
    shop.post(Kind.ORDER_PLACED, 1, sku="MUG", document="order/2")
    await shop.record_all()
    return shop


async def edit(shop, *statements):
    """Changes rows as whoever owns the tables can: what keeps them from being edited is switched off meanwhile."""
    for what in ("DISABLE", "ENABLE"):
        for table in PROJECTIONS[MOVEMENTS.name]:
            await shop.queries.run(f"ALTER TABLE {table} {what} TRIGGER USER", [])
        for statement in statements if what == "DISABLE" else ():
            await shop.queries.run(statement, [])


async def made_anew(shop, database):
    """What a rebuild of the journal did."""
    async with beside(database, shop.pool) as fresh:
        records = [(number, 0, encode(movement)) for number, movement in enumerate(shop.journal)]
        await Recorder(fresh.pool).record([Batch(MOVEMENTS, 0, records, len(records))])
        async with fresh.alone() as connection:
            return (await fresh.put_right(connection, [MOVEMENTS.name]))[MOVEMENTS.name]


HARM = {
    "a row that is gone": "DELETE FROM movements WHERE sku = 'MUG'",
    "a row that was changed": "UPDATE movements SET quantity = 7 WHERE sku = 'MUG'",
    "a row that nobody posted": "INSERT INTO movements SELECT 'made-up', sku, kind, quantity, legs, locations, transaction,"
    " channel, document, occurred_at, recorded_at, reason, voids, demand_class, partition, 99 FROM movements LIMIT 1",
    "a seal": "UPDATE seals SET seal = 'forged'",
    "all of it": "TRUNCATE movements, seals; DELETE FROM offsets",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM.keys())
async def test_given_harm_to_the_journal_then_a_rebuild_makes_it_what_it_was(traded, database, harm):
    tables = (*PROJECTIONS[MOVEMENTS.name], "offsets")
    before = [await dump(traded.queries, table) for table in tables]
    await edit(traded, *harm.split("; "))
    done = await made_anew(traded, database)
    assert [await dump(traded.queries, table) for table in tables[:2]] == before[:2]
    assert any("movements" in row for row in await dump(traded.queries, "offsets"))
    assert done.removed + done.added > 0
    again = await made_anew(traded, database)
    assert (again.rows, again.removed, again.added) == (done.rows, 0, 0)


async def test_given_whoever_looked_before_a_rebuild_then_they_see_what_they_saw_all_the_way(
    traded, database
):
    await edit(traded, "UPDATE movements SET quantity = 7")
    async with traded.queries.moment() as moment:
        await moment.execute("SELECT 1")
        await made_anew(traded, database)
        await moment.execute("SELECT array_agg(DISTINCT quantity) AS units FROM movements")
        assert (await moment.fetchone())["units"] == [7]
    assert 7 not in [row["quantity"] for row in await traded.queries.rows("SELECT quantity FROM movements")]


async def test_given_a_trigger_that_keeps_rows_from_being_edited_then_a_rebuild_still_can_and_it_stands_after(
    traded, database
):
    await edit(traded, "UPDATE movements SET quantity = 7")
    await traded.queries.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only'; END $$",
        [],
    )
    refusing = (
        "CREATE TRIGGER refusing BEFORE UPDATE OR DELETE ON movements FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    await traded.queries.run(refusing, [])
    try:
        assert (await made_anew(traded, database)).removed == 4
        with pytest.raises(Exception, match=r"append only|is refused"):
            await traded.queries.run("DELETE FROM movements", [])
    finally:
        await traded.queries.run("DROP FUNCTION refuse CASCADE", [])
