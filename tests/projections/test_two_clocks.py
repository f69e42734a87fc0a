from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from projections.blocks import Blocks
from schemas.ledger import Stock, fold
from schemas.movements import Movement
from schemas.postings import Kind
from schemas.topics import MOVEMENTS

LATE = (timedelta(0), timedelta(seconds=9), timedelta(minutes=59), timedelta(hours=3), timedelta(days=4))
SKUS, HERE = ("TEE", "MUG", "CAP"), ("WH", "NYC")


def busy_week(shop, after, chance: random.Random, count: int) -> None:
    """A week of sales, transfers, counts and voids on three SKUs, some of which become known days later, and some before they were."""
    standing: list[Movement] = []
    for number in range(count):
        sku, here = chance.choice(SKUS), chance.choice(HERE)
        known = after(minutes=number * 7 * 24 * 60 / count)
        at = known - chance.choice(LATE) if chance.random() < 0.9 else known + chance.choice(LATE)
        more = {"sku": sku, "at": at, "known": known, "document": f"order/{chance.randrange(1 + count // 9)}"}
        units = chance.randint(1, 9)
        choices = (
            lambda u, h, m: shop.post(Kind.STOCK_INITIALISED, chance.randint(-3, 9), h, **m),
            lambda u, h, m: shop.post(Kind.GOODS_RECEIVED, u, h, expected=chance.randint(0, u), **m),
            lambda u, h, m: shop.post(Kind.ORDER_PLACED, u, chance.choice([h, "@unrouted"]), **m),
            lambda u, h, m: shop.post(Kind.ORDER_SHIPPED, u, h, **m),
            lambda u, h, m: shop.post(Kind.POS_SALE_COMPLETED, u, h, **m),
            lambda u, h, m: shop.post(Kind.TRANSFER_SHIPPED, u, h, there="LA", transit="T1", **m),
            lambda u, h, m: shop.post(Kind.TRANSFER_RECEIVED, u, h, there="LA", transit="T1", **m),
            lambda u, h, m: shop.post(Kind.REFUND_ISSUED, u, h, **m),
            lambda u, h, m: shop.count(u, h, **{**m, "document": f"count/{len(shop.journal)}"}),
        )
        if standing and chance.random() < 0.15:
            shop.void(standing.pop(chance.randrange(len(standing))), known=known)
        else:
            posted = chance.choice(choices)(units, here, more)
            if posted.kind is not Kind.STOCK_COUNTED:
                standing.append(posted)


def summed(movements: Iterable[Movement]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for movement in movements:
        for leg in movement.legs:
            total[leg.location, leg.state] += leg.quantity
    return Counter({cell: units for cell, units in total.items() if units})


def known_then(shop, sku: str, at: datetime | None, known: datetime | None, upto: int | None = None):
    """The movements of a SKU that count, with their offsets, by the whole journal."""
    return [
        (offset, movement)
        for offset, movement in enumerate(shop.journal)
        if movement.sku == sku
        and (at is None or movement.occurred_at <= at)
        and (known is None or movement.recorded_at <= known)
        and (upto is None or offset <= upto)
    ]


async def recorded_and_digested(shop, chance: random.Random, size: int, span: int) -> None:
    """Records the journal piece by piece; between the pieces the blocks follow, or fall behind."""
    blocks = Blocks(shop.pool, size, span)
    while (done := shop.recorded.get(MOVEMENTS.name, 0)) < len(shop.journal):
        await shop.record(MOVEMENTS, shop.journal[done : done + chance.randint(1, 120)])
        for _ in range(chance.choice([0, 0, 1, 5])):
            await blocks.digest()


async def asked_everything(shop, after, chance: random.Random, questions: int) -> None:
    """Asks at random instants, and at instants of movements, and compares with adding the journal up."""
    moments = [movement.occurred_at for movement in shop.journal] + [m.recorded_at for m in shop.journal]

    def moment() -> datetime | None:
        kind = chance.random()
        if kind < 0.15:
            return None
        return chance.choice(moments) if kind < 0.6 else after(minutes=chance.uniform(-9_000, 12_000))

    for _ in range(questions):
        sku, location, at, known = chance.choice(SKUS), chance.choice([*HERE, "LA"]), moment(), moment()
        upto = chance.choice([None, None, chance.randrange(len(shop.journal))])
        counted = [movement for _, movement in known_then(shop, sku, at, known, upto)]
        assert await shop.queries.summed(sku, at, known, upto) == summed(counted), (sku, at, known, upto)
        folded = Stock(sku=sku)
        for offset, movement in known_then(shop, sku, at, known):
            folded = fold(folded, movement, offset)
        found = await shop.queries.stock_as_of(sku, at, known) or Stock(sku=sku)
        assert found.locations.get(location) == folded.locations.get(location), (sku, location, at, known)


async def test_given_no_blocks_then_the_journal_itself_is_summed(shop, after):
    chance = random.Random(1)
    busy_week(shop, after, chance, 120)
    await shop.record(MOVEMENTS, shop.journal)
    await asked_everything(shop, after, chance, 60)


@pytest.mark.parametrize("size", [1, 3, 16])
async def test_given_any_split_into_blocks_then_both_clocks_answer_as_a_fold_of_the_journal_would(
    shop, after, size
):
    chance = random.Random(size)
    busy_week(shop, after, chance, 600)
    await recorded_and_digested(shop, chance, size, span=50)
    assert (await shop.queries.rows("SELECT count(*) > 20 AS many FROM blocks"))[0]["many"] is True
    assert (await shop.queries.rows("SELECT bool_or(apart) AND NOT bool_and(apart) AS both FROM blocks"))[0][
        "both"
    ]
    await asked_everything(shop, after, chance, 334)


async def test_given_blocks_of_other_sizes_and_some_lost_then_the_answers_are_the_same(shop, after):
    chance = random.Random(7)
    busy_week(shop, after, chance, 400)
    blocks = [Blocks(shop.pool, size, span=30) for size in (2, 5, 11)]
    await shop.record(MOVEMENTS, shop.journal)
    while await chance.choice(blocks).digest():
        pass
    await asked_everything(shop, after, chance, 60)
    await shop.queries.run(
        "DELETE FROM blocks AS b WHERE last_offset %% 3 = 0 AND last_offset < ("
        " SELECT max(last_offset) FROM blocks AS newer WHERE (newer.sku, newer.apart) = (b.sku, b.apart))",
        [],
    )
    await asked_everything(shop, after, chance, 60)
    await shop.queries.run("DELETE FROM block_progress", [])
    assert await shop.queries.rows("SELECT sku FROM blocks") == []
    await asked_everything(shop, after, chance, 20)
    while await blocks[0].digest():
        pass
    assert len(await shop.queries.rows("SELECT sku FROM blocks")) > 100
    await asked_everything(shop, after, chance, 60)


@pytest.mark.parametrize("seed", range(12))
async def test_given_any_week_in_any_pieces_then_its_sums_are_those_of_its_movements(shop, after, seed):
    chance = random.Random(100 + seed)
    busy_week(shop, after, chance, chance.randint(1, 300))
    await recorded_and_digested(shop, chance, chance.randint(1, 40), chance.randint(1, 200))
    await asked_everything(shop, after, chance, 25)


async def test_given_blocks_lost_and_more_movements_then_what_is_built_after_them_still_counts_all(
    shop, after
):
    chance = random.Random(8)
    busy_week(shop, after, chance, 400)
    blocks, half = Blocks(shop.pool, 5, span=30), len(shop.journal) // 2
    await shop.record(MOVEMENTS, shop.journal[:half])
    while await blocks.digest():
        pass
    await shop.queries.run(
        "DELETE FROM blocks AS b WHERE (last_offset %% 4 = 0 OR last_offset < 60) AND last_offset < ("
        " SELECT max(last_offset) FROM blocks AS newer WHERE (newer.sku, newer.apart) = (b.sku, b.apart))",
        [],
    )
    await shop.record(MOVEMENTS, shop.journal[half:])
    while await blocks.digest():
        await asked_everything(shop, after, chance, 5)
    await asked_everything(shop, after, chance, 60)


async def test_given_transfers_then_what_has_arrived_is_carried_along_no_longer_and_asked_for_all_the_same(
    shop, after
):
    chance = random.Random(9)
    shop.post(Kind.STOCK_INITIALISED, 500, at=after(hours=-1), known=after(hours=-1))
    for number in range(120):
        way = {"there": "LA", "transit": f"T{number}", "document": f"transfer/{number}"}
        for kind, minutes in ((Kind.TRANSFER_SHIPPED, 0), (Kind.TRANSFER_RECEIVED, chance.randint(1, 400))):
            at = after(minutes=10 * number + minutes)
            if kind is Kind.TRANSFER_SHIPPED or number % 40:
                shop.post(kind, 2, at=at, known=at, **way)
    await recorded_and_digested(shop, chance, size=7, span=40)
    while await Blocks(shop.pool, 7, 40).digest():
        pass
    newest = await shop.queries.rows(
        "SELECT upto_locations AS places FROM blocks ORDER BY last_offset DESC LIMIT 1"
    )
    under_way = {f"transit:T{number}" for number in (0, 40, 80)}
    assert {place for place in newest[0]["places"] if place.startswith("transit:")} == under_way
    for _ in range(80):
        at = after(minutes=chance.uniform(-90, 1_800))
        counted = [movement for _, movement in known_then(shop, "TEE", at, None)]
        assert await shop.queries.summed("TEE", at) == summed(counted), at


async def test_given_that_all_was_taken_back_then_the_sku_has_moved_all_the_same(shop, after):
    for number in range(4):
        shop.void(shop.post(Kind.ORDER_PLACED, 2, at=after(minutes=number)), known=after(minutes=number))
    await shop.record(MOVEMENTS, shop.journal)
    before = await shop.queries.stock_as_of("TEE", after(days=1), None)
    while await Blocks(shop.pool, 2).digest():
        pass
    assert (await shop.queries.rows("SELECT count(*)::int AS n FROM blocks"))[0]["n"] == 4
    assert before is not None
    assert await shop.queries.stock_as_of("TEE", after(days=1), None) == before
    assert await shop.queries.stock_as_of("TEE", after(days=-1), None) is None


async def test_given_that_all_is_forgotten_while_it_is_built_then_it_is_built_from_the_beginning(shop, after):
    chance = random.Random(10)
    busy_week(shop, after, chance, 200)
    await shop.record(MOVEMENTS, shop.journal)
    blocks = Blocks(shop.pool, 4, span=60)
    assert await blocks.digest()
    async with shop.pool.connection() as connection, connection.transaction():
        await connection.execute("DELETE FROM block_progress")
        digesting = asyncio.create_task(blocks.digest())
        waits = "SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while (await shop.queries.rows(waits))[0]["n"] == 0:
            await asyncio.sleep(0.01)
    assert await digesting
    assert await shop.queries.rows("SELECT * FROM block_progress") == []
    while await blocks.digest():
        await asked_everything(shop, after, chance, 10)
    await asked_everything(shop, after, chance, 30)


async def test_given_units_beyond_any_shelf_then_blocks_are_built_and_the_sum_still_fits(shop, after):
    for sign in (1, -1, 1):
        shop.post(Kind.STOCK_INITIALISED, sign * (2**62), at=after(), known=after())
        shop.post(Kind.STOCK_INITIALISED, sign * (2**62 - 1), at=after(), known=after())
    await shop.record(MOVEMENTS, shop.journal[:2] + shop.journal[2:])
    while await Blocks(shop.pool, 4).digest():
        pass
    assert (await shop.queries.summed("TEE"))["WH", "available"] == 2**63 - 1


# -- open orders


@pytest.mark.parametrize("seed", range(3))
async def test_given_blocks_that_follow_or_fall_behind_then_open_orders_are_those_of_the_whole_journal(
    shop, after, seed
):
    chance = random.Random(200 + seed)
    busy_week(shop, after, chance, 300)
    blocks = Blocks(shop.pool, 8, 40)
    while (done := shop.recorded.get(MOVEMENTS.name, 0)) < len(shop.journal):
        await shop.record(MOVEMENTS, shop.journal[done : done + chance.randint(1, 60)])
        for _ in range(chance.choice([0, 0, 1, 3])):
            await blocks.digest()
        held: Counter[tuple[str, str, str]] = Counter()
        for movement in shop.journal[: shop.recorded[MOVEMENTS.name]]:
            for leg in movement.legs:
                if leg.state == "committed":
                    held[movement.transaction, movement.sku, leg.location] += leg.quantity
        rows = (await shop.queries.commitments(after(days=99), limit=1_000)).items
        assert {(row["transaction"], row["sku"], row["location"]): row["units"] for row in rows} == {
            cell: units for cell, units in held.items() if units > 0
        }
    while await blocks.digest():
        pass
    kept = await shop.queries.rows("SELECT count(*)::int AS kept FROM open_units")
    assert kept == [{"kept": sum(units != 0 for units in held.values())}], "what is closed is gone"


# -- late facts: all that lies between the clocks


def cells(units) -> Counter[tuple[str, str]]:
    return Counter({(place, state): n for place, its in units.items() for state, n in its.items() if n})


async def all_late_facts(shop, chance: random.Random, *asked, **more) -> list[dict]:
    """Every page of them, of any lengths."""
    items, cursor = [], None
    while True:
        page = await shop.queries.late_facts(*asked, **more, cursor=cursor, limit=chance.randint(1, 40))
        items += page.items
        cursor = page.next
        if cursor is None:
            return items


@pytest.mark.parametrize("digested", [True, False], ids=["with blocks", "without"])
async def test_given_any_week_then_what_was_believed_and_the_late_facts_are_what_was_true(
    shop, after, digested
):
    chance = random.Random(5)
    busy_week(shop, after, chance, 500)
    if digested:
        await recorded_and_digested(shop, chance, size=9, span=60)
    else:
        await shop.record(MOVEMENTS, shop.journal)
    found = 0
    for _ in range(80):
        sku, at = chance.choice(SKUS), after(minutes=chance.uniform(-3_000, 11_000))
        known = chance.choice([None, at + timedelta(minutes=chance.uniform(0, 8_000))])
        here = chance.choice([None, None, *HERE, "LA", "@unrouted", "transit:T1"])
        items = await all_late_facts(shop, chance, sku, at, known, location=here)
        late = [
            movement
            for _, movement in known_then(shop, sku, at, known)
            if movement.recorded_at > at and here in (None, *(leg.location for leg in movement.legs))
        ]
        assert {item["id"] for item in items} == {movement.id for movement in late}
        assert [(item["recorded_at"], item["id"]) for item in items] == sorted(
            (movement.recorded_at, movement.id) for movement in late
        )
        changed: Counter[tuple[str, str]] = Counter()
        for item in items:
            assert item["late_seconds"] == (item["recorded_at"] - item["occurred_at"]).total_seconds() > 0
            for leg in item["changed"]:
                changed[leg["location"], leg["state"]] += leg["quantity"]
        between = await shop.queries.between(sku, at, known, here)
        believed, learned, true = cells(between.believed), cells(between.learned), cells(between.true)
        assert Counter({cell: n for cell, n in changed.items() if n}) == learned, (sku, at, known, here)
        for cell in believed | learned | true:
            assert believed[cell] + learned[cell] == true[cell]
        if here is None:
            assert believed == summed(movement for _, movement in known_then(shop, sku, at, at))
            assert true == summed(movement for _, movement in known_then(shop, sku, at, known))
        found += len(items)
    assert found > 300


async def test_given_another_instant_of_belief_then_what_was_learned_since_is_what_was_not_known_by_then(
    shop, after
):
    chance = random.Random(6)
    busy_week(shop, after, chance, 300)
    await recorded_and_digested(shop, chance, size=9, span=60)
    found = 0
    for _ in range(30):
        sku, at = chance.choice(SKUS), after(minutes=chance.uniform(-1_000, 9_000))
        then = at + timedelta(minutes=chance.uniform(-2_000, 2_000))
        late = [m for _, m in known_then(shop, sku, at, None) if m.recorded_at > then]
        items = await all_late_facts(shop, chance, sku, at, believed_at=then)
        assert [item["id"] for item in items] == [
            m.id for m in sorted(late, key=lambda m: (m.recorded_at, m.id))
        ]
        between = await shop.queries.between(sku, at, believed_at=then)
        assert cells(between.learned) == summed(late)
        assert cells(between.believed) == summed(m for _, m in known_then(shop, sku, at, then))
        found += len(items)
    assert found > 100


async def test_given_a_sale_that_was_told_late_then_it_is_named_with_what_it_changed(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9), known=after(hours=-9))
    sale = shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(hours=-1), known=after(hours=2))
    shop.post(Kind.POS_SALE_COMPLETED, 2, at=after(hours=1), known=after(hours=1))
    await shop.record(MOVEMENTS, shop.journal)
    page = await shop.queries.late_facts("TEE", after(), location="WH")
    assert [(item["id"], item["late_seconds"]) for item in page.items] == [(sale.id, 3 * 3600)]
    assert page.items[0]["changed"] == [{"location": "WH", "state": "available", "quantity": -3}]
    between = await shop.queries.between("TEE", after(), location="WH")
    assert between.believed == {"WH": {"available": 10}}
    assert between.learned == {"WH": {"available": -3}}
    assert between.true == {"WH": {"available": 7}}
    assert (await shop.queries.late_facts("TEE", after(), after(hours=1))).items == []
    assert (await shop.queries.late_facts("TEE", after(hours=2))).items == [], "it was known by then"
