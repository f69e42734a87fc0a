"""A stage on a real broker: strangers, holes, changed rules. Crashes of whole processes are in tests/system."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from faust.types import TP

from schemas.availability import ChannelQuantity
from schemas.bundles import unbundled
from schemas.claims import DeadLetter, Fact
from schemas.codec import decode, encode, headers
from schemas.ledger import Stock
from schemas.rules import ChannelRules, Rules
from schemas.topics import CHANNEL_QUANTITIES, CLAIMS, DEAD_LETTERS, MOVEMENTS, STOCK
from streams.chunks import SLICE
from streams.tables import OFFSET_HEADER, source_offset
from streams.writer import Out, Writer

PARTITIONS = 2


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
        assert running.cell(app, b"MUG").offset == source_offset(newest)
        await running.until(STOCK, 6)
    newest = max(await running.records(STOCK), key=lambda record: record.offset)
    assert decode(Stock, newest.value).balance("SOHO") == 8


async def test_given_somebody_is_ahead_of_us_then_theirs_is_taken_in_and_we_write_nothing_over_it(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        await running.append(claim("opening/1", (Fact.OPENED, "MUG", 9, "SOHO")))
        (ours,) = await running.until(STOCK, 1)
        ahead = replace(
            decode(Stock, ours.value), offset=500, locations={"SOHO": {"available": 5}}, applied={0: (500, 0)}
        )
        theirs = Out(
            running.naming(STOCK), ours.key, encode(ahead), [(OFFSET_HEADER, b"500")], ours.partition
        )
        await running.writer.write([theirs])
        await running.append(*(claim(f"sale/{n}", (Fact.SOLD, f"S{n}", 1, "SOHO")) for n in range(20)))
        await running.until(STOCK, 22)
        await running.until_balance(app, "MUG", 5)
        assert running.cell(app, b"MUG").offset == 500
        await running.append(claim("sale/again", (Fact.SOLD, "MUG", 1, "SOHO")))
        await asyncio.sleep(1.5)
    of_mug = [record for record in await running.records(STOCK) if record.key == b"MUG"]
    assert max(map(source_offset, of_mug)) == 500
    assert len(of_mug) == 2, "they have counted that sale already, and what is theirs stands"
    async with running.worker(rules("r1")) as app:
        await running.until_balance(app, "MUG", 5)
    assert running.failed == []


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
        await running.until_balance(app, "MUG", -60)
    assert len(found) == 60
    assert running.failed == []


async def test_given_the_last_chunk_is_lost_then_it_is_fetched_again_though_nothing_comes_after_it(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        stage = app.settle
        hidden, feed = [], stage.feed
        stage.limits = replace(stage.limits, idle=0.5)

        async def forgetful(partition, records):
            if partition in {one for one, _ in hidden}:
                await feed(partition, records)
            else:
                hidden.append((partition, records))

        stage.feed = forgetful
        await running.append(*(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO")) for n in range(20)))
        await running.until_balance(app, "MUG", -20)
        assert len(hidden) == PARTITIONS
    assert running.failed == []


async def test_given_a_partition_that_waits_for_its_turn_then_what_is_fetched_of_it_is_not_thrown_away(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        stage, consumer = app.settle, app.app.consumer
        looked, sought, seek = [], [], consumer.seek_wait
        look = stage._is_passed
        stage.limits = replace(stage.limits, idle=0.0)

        async def looking(*asked):
            looked.append(await look(*asked))
            return looked[-1]

        async def seeking(positions):
            sought.append(positions)
            await seek(positions)

        stage._is_passed, consumer.seek_wait = looking, seeking
        tps = {TP(stage.source, p) for p in range(PARTITIONS)}
        consumer.pause_partitions(tps)
        await running.append(*(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO")) for n in range(20)))
        looked.clear()
        async with asyncio.timeout(20):
            while len(looked) < 2 * PARTITIONS:
                await asyncio.sleep(0.1)
        assert not any(looked)
        assert running.balance(app, "MUG") == 0
        consumer.resume_partitions(tps)
        await running.until_balance(app, "MUG", -20)
        assert sought == []
    assert running.failed == []


async def test_given_more_than_is_folded_in_one_go_then_every_part_goes_on_from_the_one_before(
    running, claim
):
    sales = 2 * SLICE + 100
    await running.append(*(claim(f"sale/{n}", (Fact.SOLD, "MUG", 1, "SOHO")) for n in range(sales)))
    async with running.worker(rules("r1")) as app:
        folded, fold = [], app.ledger.fold

        def counted(*asked):
            folding = fold(*asked)
            take = folding.take
            folding.take = lambda records: folded.append(len(records)) or take(records)
            return folding

        app.ledger.fold = counted
        await running.until_balance(app, "MUG", -sales)
    assert max(folded) == SLICE, "or it was never more than is folded in one go"
    assert running.failed == []


async def test_given_a_partition_that_went_to_another_worker_then_memory_forgets_it_and_a_disk_does_not(
    running, claim
):
    async with running.worker(rules("r1")) as app:
        await running.append(*(claim(f"opening/{n}", (Fact.OPENED, f"S{n}", 9, "SOHO")) for n in range(20)))
        await running.until(STOCK, 20)
        table, ours = app.app.tables["stock"], {TP(running.naming(STOCK), 0)}
        await table.on_recovery_completed(ours, set())
        held = [len(list(table.cells.cells_of(p))) for p in range(PARTITIONS)]
    assert all(held) if running.store == "rocksdict" else held[0] and not held[1]


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


async def test_given_partitions_whose_rules_are_not_known_yet_then_they_are_given_up_without_waiting_for_those(
    running, claim, recorded
):
    async with running.worker(rules("r1")) as app:
        stage, known = app.settle, asyncio.Event()
        stage.progress.clear()
        stage.begins = known.wait
        await stage.feed(0, [recorded(claim("sale/1"))])
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            await stage._revoked(app.app, [])
        known.set()
    assert running.failed == []


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


async def test_given_a_component_is_sold_then_the_bundle_has_fewer_at_once_and_the_other_way_round(
    running, claim
):
    sets = Rules(version="r1", channels={"web": ChannelRules()}, bundles={"SET": {"MUG": 2, "TEE": 1}})

    async def told(sku: str, units: int) -> None:
        async with asyncio.timeout(20):
            while True:
                found = [
                    decode(ChannelQuantity, one.value) for one in await running.records(CHANNEL_QUANTITIES)
                ]
                its = [number for number in found if number.sku == sku]
                if its and max(its, key=lambda number: number.offset).quantity == units:
                    return
                await asyncio.sleep(0.05)

    async with running.worker(sets):
        await running.append(
            claim("opening/1", (Fact.OPENED, "MUG", 9, "SOHO")),
            claim("opening/2", (Fact.OPENED, "TEE", 7, "SOHO")),
        )
        await told("SET", 4)
        await running.append(claim("sale/1", (Fact.SOLD, "MUG", 4, "SOHO")))
        await told("SET", 2)
        sold = unbundled(claim("sale/2", (Fact.SOLD, "SET", 1, "SOHO")), sets.bundles)
        await running.append(sold)
        for sku, units in {"SET": 1, "MUG": 3, "TEE": 6}.items():
            await told(sku, units)
    assert running.failed == []
