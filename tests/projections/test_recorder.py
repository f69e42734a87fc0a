from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from projections.recorder import Batch, Hole, Unrecordable
from schemas.availability import ChannelQuantity, Place
from schemas.claims import DeadLetter, Observation
from schemas.codec import encode
from schemas.ledger import Stock
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.seals import ANY_CAUSE, FIRST, seal
from schemas.topics import CHANNEL_QUANTITIES, DEAD_LETTERS, MOVEMENTS, OBSERVATIONS, RECEIPTS, STOCK


async def ids(shop) -> list[str]:
    return [row["id"] for row in await shop.queries.rows("SELECT id FROM movements ORDER BY log_offset")]


def number(sku: str = "TEE", units: int = 5, offset: int = 1, **more) -> ChannelQuantity:
    place = Place(quantity=units, level=units, own=more.pop("own", 0))
    return ChannelQuantity(
        channel="web", sku=sku, quantity=units, places={"network": place}, rules="r", offset=offset
    )


def receipt(outcome: Outcome, level: int, pushed_at, *, own: int = 0, **more) -> Receipt:
    cell = {"channel": "web", "sku": "TEE", "place": "network", "quantity": level, "offset": 1, **more}
    return Receipt(level=level, own=own, outcome=outcome, pushed_at=pushed_at, **cell)


def observation(level: int | None, version: int, at) -> Observation:
    return Observation(
        channel="web",
        topic="levels",
        sku="TEE",
        location="WH",
        level=level,
        observed_at=at,
        version=version,
    )


# -- each record once


async def test_given_the_same_batch_twice_then_it_is_recorded_once(shop):
    shop.post(Kind.STOCK_INITIALISED, 10)
    shop.post(Kind.ORDER_PLACED, 2)
    batch = shop.batch(MOVEMENTS, shop.journal)
    for _ in range(2):
        await shop.recorder.record([batch])
    assert await ids(shop) == ["0-0-0", "0-1-0"]
    assert await shop.recorder.offsets("movements") == {0: 2}


async def test_given_overlapping_batches_then_what_was_recorded_is_trimmed(shop):
    for _ in range(5):
        shop.post(Kind.STOCK_INITIALISED, 1)
    await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal[:3])])
    await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal[1:5], start=1)])
    assert await ids(shop) == [f"0-{n}-0" for n in range(5)]
    assert await shop.recorder.offsets("movements") == {0: 5}


async def test_given_a_batch_from_long_ago_then_the_offset_does_not_go_back(shop):
    for _ in range(4):
        shop.post(Kind.STOCK_INITIALISED, 1)
    await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal)])
    await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal[:2], start=0)])
    assert await shop.recorder.offsets("movements") == {0: 4}


async def test_given_two_recorders_at_once_then_everything_is_recorded_once_and_the_further_offset_stands(
    shop,
):
    for _ in range(6):
        shop.post(Kind.STOCK_INITIALISED, 1)
    whole, part = shop.batch(MOVEMENTS, shop.journal), shop.batch(MOVEMENTS, shop.journal[:3])
    await asyncio.gather(*(shop.recorder.record([batch]) for batch in (whole, part, whole, part)))
    assert await ids(shop) == [f"0-{n}-0" for n in range(6)]
    assert await shop.recorder.offsets("movements") == {0: 6}


async def test_given_a_hole_in_a_topic_that_keeps_all_then_it_is_refused_and_nothing_is_recorded(shop):
    for _ in range(3):
        shop.post(Kind.STOCK_INITIALISED, 1)
    await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal[:1])])
    with pytest.raises(Hole, match=r"movements\[0\]: recorded up to 1, offered 2"):
        await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal[2:], start=2)])
    assert await ids(shop) == ["0-0-0"]
    assert await shop.recorder.offsets("movements") == {0: 1}


async def test_given_a_hole_in_a_compacted_topic_then_that_is_how_compaction_looks(shop):
    await shop.recorder.record([shop.batch(STOCK, [Stock(sku="TEE", offset=7)], start=40)])
    assert (await shop.queries.stock("TEE")).offset == 7
    assert await shop.recorder.offsets("stock") == {0: 41}


async def test_given_partitions_then_each_has_its_own_offset_and_a_topic_never_recorded_has_none(shop):
    shop.post(Kind.STOCK_INITIALISED, 1)
    shop.post(Kind.STOCK_INITIALISED, 1)
    one, two = shop.batch(MOVEMENTS, shop.journal[:1]), shop.batch(MOVEMENTS, shop.journal[1:])
    other = Batch(MOVEMENTS, 3, [(0, *record[1:]) for record in two.records], 1)
    await shop.recorder.record([one, other])
    assert await shop.queries.offsets("movements") == {0: 1, 3: 1}
    assert await shop.queries.offsets("receipts") == {}


async def test_given_movements_then_the_journal_gives_back_all_that_was_sealed(shop):
    shop.post(Kind.STOCK_INITIALISED, 10)
    witnessed = replace(shop.post(Kind.ORDER_PLACED, 2), witnessed={"WH": -2, "A": 0, "DEPOT": 2})
    shop.journal[1] = witnessed
    shop.void(witnessed)
    await shop.record(MOVEMENTS, shop.journal)
    before = FIRST
    kept = [(movement, sealed) async for _, _, movement, sealed in shop.queries.journal()]
    assert [replace(movement, cause=ANY_CAUSE) for movement in shop.journal] == [one for one, _ in kept]
    for movement, sealed in kept:
        assert sealed == (before := seal(before, movement))


async def test_given_a_movement_posted_again_after_a_crash_then_the_journal_has_it_once(shop):
    movement = shop.post(Kind.STOCK_INITIALISED, 10)
    await shop.record(MOVEMENTS, [movement, movement])
    assert await ids(shop) == ["0-0-0"]
    assert await shop.queries.journal_totals({0: 1_000_000}) == {("TEE", "WH", "available"): 10}


# -- the rows and the offset together


@pytest.mark.parametrize(
    "topic", [MOVEMENTS, STOCK, CHANNEL_QUANTITIES, RECEIPTS, OBSERVATIONS, DEAD_LETTERS]
)
async def test_given_one_record_that_is_not_what_the_topic_holds_then_neither_rows_nor_offset_move(
    shop, topic, after
):
    good = {
        MOVEMENTS.name: shop.post(Kind.STOCK_INITIALISED, 10),
        STOCK.name: Stock(sku="TEE", offset=0),
        CHANNEL_QUANTITIES.name: number(),
        RECEIPTS.name: receipt(Outcome.PUSHED, 5, after()),
        OBSERVATIONS.name: observation(5, 1, after()),
        DEAD_LETTERS.name: letter(after()),
    }[topic.name]
    for bad in (b"{}", b"not json", encode(good)[:-1] + b',"surprise":1}'):
        batch = Batch(topic, 0, [(0, 0, encode(good)), (1, 0, bad)], 2)
        with pytest.raises(Unrecordable):
            await shop.recorder.record([batch])
    assert await shop.recorder.offsets(topic.name) == {}
    table = topic.name.replace("-", "_")
    assert await shop.queries.rows(f"SELECT * FROM {table}") == []


async def test_given_one_topic_of_many_fails_then_the_others_are_not_recorded_either(shop):
    shop.post(Kind.STOCK_INITIALISED, 10)
    bad = Batch(STOCK, 0, [(0, 0, b"[]")], 1)
    with pytest.raises(Unrecordable):
        await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal), bad])
    assert await ids(shop) == []
    assert await shop.recorder.offsets("movements") == {}


async def test_given_the_database_refuses_a_row_then_the_offset_does_not_move(shop):
    shop.post(Kind.STOCK_INITIALISED, 10)
    shop.post(Kind.STOCK_INITIALISED, 2**63, sku="MUG")
    with pytest.raises(Unrecordable, match="NumericValueOutOfRange"):
        await shop.recorder.record([shop.batch(MOVEMENTS, shop.journal)])
    assert await ids(shop) == []
    assert await shop.recorder.offsets("movements") == {}


async def test_given_the_recorder_is_stopped_half_way_then_the_next_one_records_all(shop):
    for _ in range(500):
        shop.post(Kind.STOCK_INITIALISED, 1)
    batch = shop.batch(MOVEMENTS, shop.journal)
    for pause in (0, 0.002, 0.005, 0.01):
        stopped = asyncio.create_task(shop.recorder.record([batch]))
        await asyncio.sleep(pause)
        stopped.cancel()
        await asyncio.gather(stopped, return_exceptions=True)
        assert len(await ids(shop)) == (await shop.recorder.offsets("movements")).get(0, 0)
    await shop.recorder.record([batch])
    assert len(await ids(shop)) == 500


async def test_given_a_name_with_a_character_that_postgresql_cannot_keep_then_recording_goes_on(shop, after):
    odd = "T\x00EE\\u0000\\\x00"
    kept = "T\ufffdEE\\u0000\\\ufffd"
    shop.post(Kind.STOCK_INITIALISED, 10, sku=odd)
    await shop.record_all()
    await shop.record(DEAD_LETTERS, [letter(after(), payload={"note": odd})])
    assert (await shop.queries.movements()).items[0]["sku"] == kept
    assert (await shop.queries.stock(kept)).balance("WH") == 10
    assert (await shop.queries.dead_letter("0-0"))["payload"] == {"note": kept}


@pytest.mark.parametrize("hours", [-23, -16, 0, 14, 16, 23])
async def test_given_an_instant_with_any_offset_then_it_is_recorded_as_that_instant(shop, hours):
    at = datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=hours)))
    shop.journal[:] = [replace(shop.post(Kind.STOCK_INITIALISED, 10), occurred_at=at)]
    await shop.record(MOVEMENTS, shop.journal)
    assert await shop.queries.rows("SELECT occurred_at FROM movements") == [{"occurred_at": at}]


async def test_given_an_instant_that_utc_does_not_have_then_the_record_is_refused_and_recording_can_go_on(
    shop,
):
    at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    shop.journal[:] = [replace(shop.post(Kind.STOCK_INITIALISED, 10), occurred_at=at)]
    with pytest.raises(Unrecordable):
        await shop.record(MOVEMENTS, shop.journal)
    shop.journal[:] = [shop.post(Kind.STOCK_INITIALISED, 10)]
    await shop.record(MOVEMENTS, shop.journal)


async def test_given_one_id_of_two_skus_then_each_is_kept_and_a_repeat_of_either_is_not(shop):
    mug = shop.post(Kind.STOCK_INITIALISED, 10, sku="MUG")
    tee = replace(shop.post(Kind.STOCK_INITIALISED, 10), id=mug.id)
    for said in ([mug, tee, mug], [tee]):
        await shop.record(MOVEMENTS, said)
        rows = await shop.queries.rows("SELECT sku, id, log_offset FROM movements ORDER BY log_offset")
        assert rows == [
            {"sku": "MUG", "id": mug.id, "log_offset": 0},
            {"sku": "TEE", "id": mug.id, "log_offset": 1},
        ]


async def test_given_movements_again_after_a_crash_then_they_are_in_the_journal_once_and_the_new_ones_are_sealed(
    shop,
):
    for _ in range(4):
        shop.post(Kind.STOCK_INITIALISED, 1)
    await shop.record(MOVEMENTS, shop.journal[:2])
    await shop.record(MOVEMENTS, shop.journal)
    assert await ids(shop) == [f"0-{n}-0" for n in range(4)]
    before = FIRST
    async for _, _, movement, sealed in shop.queries.journal():
        assert sealed == (before := seal(before, movement))


# -- the newest stands


async def test_given_older_stock_after_newer_then_the_newer_stands(shop):
    for _ in range(3):
        shop.post(Kind.STOCK_INITIALISED, 1)
        await shop.record(STOCK, [shop.stocks["TEE"]])
    newest = shop.stocks["TEE"]
    await shop.record(STOCK, [Stock(sku="TEE", offset=0), Stock(sku="TEE", offset=1)])
    await shop.record(STOCK, [newest, Stock(sku="TEE", offset=1)])
    assert await shop.queries.stock("TEE") == newest
    assert await shop.recorder.offsets("stock") == {0: 7}


async def test_given_older_numbers_after_newer_then_the_newer_stand(shop):
    await shop.record(CHANNEL_QUANTITIES, [number(units=5, offset=9)])
    await shop.record(CHANNEL_QUANTITIES, [number(units=7, offset=3), number(units=8, offset=8)])
    assert (await shop.queries.channel_quantity("web", "TEE")).quantity == 5
    await shop.record(CHANNEL_QUANTITIES, [number(units=6, offset=10), number(units=1, offset=4)])
    assert (await shop.queries.channel_quantity("web", "TEE")).quantity == 6


async def test_given_new_rules_on_the_same_stock_then_the_later_number_stands(shop):
    await shop.record(CHANNEL_QUANTITIES, [number(units=5, offset=9), number(units=4, offset=9)])
    assert (await shop.queries.channel_quantity("web", "TEE")).quantity == 4
    await shop.record(CHANNEL_QUANTITIES, [number(units=3, offset=9)])
    assert (await shop.queries.channel_quantity("web", "TEE")).quantity == 3


async def test_given_observations_out_of_order_then_the_highest_version_stands(shop, after):
    await shop.record(OBSERVATIONS, [observation(5, 10, after()), observation(9, 3, after())])
    await shop.record(OBSERVATIONS, [observation(8, 9, after()), observation(None, 8, after())])
    assert await shop.queries.rows("SELECT level, version FROM observations") == [{"level": 5, "version": 10}]
    await shop.record(OBSERVATIONS, [observation(None, 11, after())])
    assert await shop.queries.rows("SELECT level, version FROM observations") == [
        {"level": None, "version": 11}
    ]


# -- what a platform was told

ASKED, PUSHED, UNCHANGED, HELD, REFUSED, DRIFTED, OVERRULED = (
    Outcome.ASKED,
    Outcome.PUSHED,
    Outcome.UNCHANGED,
    Outcome.HELD,
    Outcome.REFUSED,
    Outcome.DRIFTED,
    Outcome.OVERRULED,
)


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch each"])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([(ASKED, 0)], (0, False)),
        ([(PUSHED, 5)], (5, True)),
        ([(UNCHANGED, 5)], (5, True)),
        ([(ASKED, 0), (PUSHED, 5)], (5, True)),
        ([(ASKED, 0), (UNCHANGED, 5)], (5, True)),
        ([(PUSHED, 5), (ASKED, 5)], (5, False)),
        ([(PUSHED, 5), (HELD, 9)], (5, True)),
        ([(PUSHED, 5), (ASKED, 5), (HELD, 2)], (5, False)),
        ([(HELD, 5)], None),
        ([(REFUSED, 0)], None),
        ([(PUSHED, 5), (REFUSED, 5)], None),
        ([(REFUSED, 0), (ASKED, 0), (PUSHED, 4)], (4, True)),
        ([(PUSHED, 5), (DRIFTED, 9)], (5, True)),
        ([(PUSHED, 5), (OVERRULED, 9)], (9, False)),
        ([(OVERRULED, 9), (ASKED, 9), (PUSHED, 5)], (5, True)),
    ],
    ids=lambda value: "-".join(outcome.value for outcome, _ in value) if isinstance(value, list) else "",
)
async def test_given_what_a_platform_answered_then_we_are_sure_only_after_a_settled_answer(
    shop, after, said, told, together
):
    receipts = [receipt(outcome, level, after(seconds=i), own=-i) for i, (outcome, level) in enumerate(said)]
    for part in [receipts] if together else [[one] for one in receipts]:
        await shop.record(RECEIPTS, part)
    cells, offsets = await shop.queries.told("web")
    assert {cell: (level, sure) for cell, (level, _, sure) in cells.items()} == (
        {} if told is None else {("TEE", "network"): told}
    )
    assert offsets == {0: len(said)}
    assert len(await shop.queries.rows("SELECT * FROM receipts")) == len(said)


async def test_given_a_channel_came_out_of_shadow_then_what_was_said_before_is_no_word(shop, after):
    said = [receipt(PUSHED, 5, after()), receipt(PUSHED, 4, after(seconds=9), sku="MUG")]
    await shop.record(RECEIPTS, said)
    cells, _ = await shop.queries.told("web", after(seconds=9))
    assert cells == {("MUG", "network"): (4, 0, True)}
    await shop.queries.run("UPDATE told SET pushed_at = NULL", [])  # as it was recorded before that was noted
    cells, _ = await shop.queries.told("web", after(seconds=9))
    assert cells == {}


async def test_given_the_same_receipts_again_then_the_last_word_stands(shop, after):
    said = [receipt(ASKED, 0, after()), receipt(PUSHED, 5, after(), own=-2), receipt(ASKED, 5, after())]
    said += [receipt(UNCHANGED, 4, after(), own=-3, sku="MUG")]
    batch = shop.batch(RECEIPTS, said)
    await shop.recorder.record([batch])
    await shop.recorder.record([Batch(RECEIPTS, 0, batch.records[:2], 2), batch])
    cells, _ = await shop.queries.told("web")
    assert cells == {("TEE", "network"): (5, 0, False), ("MUG", "network"): (4, -3, True)}
    assert [row["outcome"] async for row in shop.queries.all_told() if row["sku"] == "TEE"] == ["asked"]


# -- dead letters


def letter(at, **more) -> DeadLetter:
    said = {"topic": "orders/create", "stage": "mapping", "reason": "unknown SKU X", "ref": "order/1", **more}
    return DeadLetter(channel="web", received_at=at, **said)


async def test_given_a_dead_letter_recorded_again_after_its_retry_then_it_stays_retried(shop, after):
    batch = shop.batch(DEAD_LETTERS, [letter(after(), payload={"id": 1})])
    await shop.recorder.record([batch])
    await shop.queries.mark_retried("0-0", after(hours=1))
    await shop.queries.run("DELETE FROM offsets", [])
    await shop.recorder.record([batch])
    assert (await shop.queries.dead_letter("0-0"))["retried_at"] == after() + timedelta(hours=1)
