"""All of history from a real broker, once more: what is read, what it comes to, and that nothing is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.codec import encode
from schemas.histories import Histories
from schemas.ledger import Stock, fold
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.ruling import rules_of
from schemas.topics import MOVEMENTS, RECEIPTS, TOPICS
from streams.batches import Batches
from streams.comparing import Parcels, drawn, tables
from streams.reader import Reader
from streams.replaying import Pushes, Replay, supposed_turns, turns
from streams.settings import load
from streams.stages import Naming
from streams.supposing import Supposed
from streams.topics import create_topics
from streams.writer import Out, Writer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PARTITIONS = 3
SHOP = ChannelRules(ships_from="SOHO")
RULES = rules_of({"tills": ChannelRules(publish="locations"), "web": SHOP}, {})


def moved(number, kind, sku, units, at, channel="web", late=0):
    occurred = NOON + timedelta(seconds=at)
    return Movement(
        id=f"0-{number}-0",
        kind=kind,
        sku=sku,
        quantity=units,
        legs=legs(kind, units, Places("SOHO")),
        transaction=f"deal/{number}",
        channel=channel,
        document=f"document/{number}",
        occurred_at=occurred,
        recorded_at=occurred + timedelta(seconds=late),
        cause=Cause(0, number, 0),
    )


def told(sku, number):
    """One unit of a SKU, which a till sells, and the web shop thirty seconds later; the till's news takes a minute."""
    return [
        moved(number, Kind.STOCK_INITIALISED, sku, 1, 0),
        moved(number + 1, Kind.ORDER_PLACED, sku, 1, 40),
        moved(number + 2, Kind.POS_SALE_COMPLETED, sku, 1, 10, "tills", late=60),
    ]


MADE = [movement for number in range(40) for movement in told(f"SKU-{number:02}", 10 * number)]
UNREADABLE = b'{"id":"none"}'


@pytest.fixture
async def naming(kafka, prefix):
    """A log of forty SKUs, each movement of which stands there twice, and one record that is no movement."""
    naming = Naming(prefix)
    await create_topics(kafka, naming, PARTITIONS)
    writer = Writer(kafka, PARTITIONS)
    await writer.start()
    for movements in (MADE[:50], MADE[50:], MADE):
        outs = [Out(naming(MOVEMENTS), one.sku.encode(), encode(one), ()) for one in movements]
        bad = [Out(naming(MOVEMENTS), movements[0].sku.encode(), UNREADABLE, ())]
        await writer.write(outs[:20] + bad + outs[20:] if movements is MADE else outs)
    await writer.write(
        Out(naming(RECEIPTS), f"web|{sku}".encode(), encode(receipt(sku, after)), ())
        for sku, after in (("SKU-00", 1), ("SKU-01", 2), ("SKU-02", 90))
    )
    await writer.stop()
    return naming


def receipt(sku, after):
    """The shop was told so many seconds after the newest movement of a SKU was recorded."""
    return Receipt(
        channel="web",
        sku=sku,
        place="network",
        quantity=0,
        level=0,
        own=0,
        outcome=Outcome.PUSHED,
        pushed_at=NOON + timedelta(seconds=70 + after),
        offset=0,
    )


@pytest.fixture
async def replay(kafka, naming):
    batches, reader = Batches(kafka), Reader(kafka)
    await batches.start()
    await reader.start()
    yield Replay(batches=batches, reader=reader, naming=naming, partitions=PARTITIONS)
    await batches.stop()
    await reader.stop()


@pytest.fixture
def configured(tmp_path):
    file = tmp_path / "onhand.toml"
    file.write_text("[locations.SOHO]\n")
    return load(file)


async def ends(replay):
    return {topic.name: await replay.reader.ends(replay.naming(topic), range(PARTITIONS)) for topic in TOPICS}


async def test_given_a_topic_then_its_values_are_those_that_a_consumer_reads(replay):
    topic = replay.naming(MOVEMENTS)
    whole: dict[int, list[bytes]] = {}
    async for records in replay.reader.whole(topic, PARTITIONS):
        for record in records:
            whole.setdefault(record.partition, []).append(record.value)
    assert sum(map(len, whole.values())) == 2 * len(MADE) + 1
    for partition, values in whole.items():
        for start, end in ((0, len(values)), (1, len(values) - 1), (7, 9), (3, 3)):
            found = [
                value async for some in replay.batches.values(topic, partition, start, end) for value in some
            ]
            assert found == values[start:end]


async def test_given_a_log_then_it_adds_up_to_the_ledger_s_stock_however_often_a_movement_stands_there(
    replay,
):
    due: dict[str, Stock] = {}
    for offset, movement in enumerate(MADE):
        due[movement.sku] = fold(due.get(movement.sku, Stock(sku=movement.sku)), movement, offset)
    found = await replay.folded()
    assert {sku: stock.locations for sku, stock in found.items()} == {
        sku: stock.locations for sku, stock in due.items()
    }
    assert (replay.movements, replay.unreadable) == (2 * len(MADE), 1)


async def test_given_an_instant_then_what_was_recorded_later_is_left_out(replay):
    replay.until = NOON + timedelta(seconds=45)
    found = await replay.folded()
    assert {stock.balance("SOHO") for stock in found.values()} == {0}
    assert {stock.balance("SOHO", "committed") for stock in found.values()} == {1}


async def test_given_other_rules_then_what_was_oversold_is_turned_away_and_nothing_is_written(
    replay, configured
):
    before = await ends(replay)
    what = Supposed(channels={"web": {"safety_stock": 1}})
    found = await replay.supposing(configured, [RULES], what, None)
    assert await ends(replay) == before
    assert found["before"]["oversold"] == found["before"]["oversells"] == 40
    assert found["after"]["oversold"] == 0
    assert found["after"]["turned_away"] == 40
    assert found["channels"]["tills"]["before"] == found["channels"]["tills"]["after"]
    assert (found["before"]["parcels"], found["after"]["parcels"]) == (40, 0)
    assert found["explained_percent"] == 100.0
    assert found["push_ms"] == {"web": 2_000.0}
    assert found["unreadable"] == 1
    assert len(found["worst_skus"]) == 20
    assert drawn(found).startswith("<svg")
    assert "web, what if" in drawn(found)
    assert [table.title for table in tables(found)][1:] == [
        "web",
        "the SKUs with most units oversold or stranded",
    ]


async def test_given_the_same_rules_then_nothing_differs(replay, configured):
    found = await replay.supposing(configured, [RULES], Supposed(), None)
    assert found["before"] == found["after"]
    assert all(sides["before"] == sides["after"] for sides in found["channels"].values())


async def test_given_other_rules_from_later_on_then_what_was_asked_for_before_is_not_counted(
    replay, configured
):
    what = Supposed(channels={"web": {"safety_stock": 1}})
    for at, asked in ((0, 80), (20, 40), (41, 0)):
        replay.movements = 0
        found = await replay.supposing(configured, [RULES], what, NOON + timedelta(seconds=at))
        assert found["after"]["asked"] == found["before"]["asked"] == asked


# -- the rules of the time


def made(at, units):
    web = replace(SHOP, safety_stock=units)
    return replace(rules_of({"web": web}, {}), at=NOON + timedelta(days=at))


def held(sides):
    return [(at, rules["web"].safety_stock, rules["web"].threshold) for at, rules in sides]


def test_given_rules_that_changed_then_what_is_supposed_is_laid_over_each_of_them_from_then_on():
    events = [made(0, 1), made(1, 2), made(2, 3)]
    first, second, third = (int(one.at.timestamp() * 1_000_000) for one in events)
    assert held(turns(events)) == [(0, 1, 0), (second, 2, 0), (third, 3, 0)]
    what = Supposed(channels={"web": {"threshold": 9}})
    assert held(supposed_turns(events, what, 0)) == [(0, 1, 9), (second, 2, 9), (third, 3, 9)]
    assert held(supposed_turns(events, what, second + 5)) == [
        (0, 1, 0),
        (second, 2, 0),
        (second + 5, 2, 9),
        (third, 3, 9),
    ]
    assert held(supposed_turns(events, what, third)) == [(0, 1, 0), (second, 2, 0), (third, 3, 9)]
    assert first < second


def test_given_no_receipt_of_a_channel_then_nothing_has_to_be_waited_for():
    pushes = Pushes()
    pushes.meet(Histories())
    assert pushes.enough
    assert pushes.delays() == {}
    pushes.take(receipt("SKU-00", 1))
    assert not pushes.enough


def test_given_orders_from_several_places_then_each_place_is_a_parcel():
    parcels = Parcels()
    for order, place in (("1", "A"), ("1", "A"), ("2", "A"), ("2", "B"), ("2", "C"), ("2", "B")):
        parcels.add(order, place)
    assert parcels.counts() == {"orders": 2, "parcels": 4, "orders_split": 1}
