"""Rules change while everything runs: exactly the numbers that a change moves are published, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from projections.pool import migrate
from schemas.availability import ChannelQuantity
from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import decode, encode
from schemas.ledger import Stock
from schemas.rules import ChannelRules, LocationRules
from schemas.ruling import BadRules, rules_of
from schemas.topics import CHANNEL_QUANTITIES, RULES
from streams.reader import Reader
from streams.ruling import Ruling
from streams.settings import Settings
from streams.stages import Naming, Ruled, publish_again
from streams.tables import Cell, MemoryStore
from streams.topics import create_topics
from streams.writer import Out, Writer

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WEB, TILLS = ChannelRules(), ChannelRules(publish="locations")
BEFORE = rules_of({"web": WEB, "tills": TILLS}, {"SET": {"A": 2, "B": 1}})


@pytest.fixture
def table(deal_stock):
    """Three SKUs with stock at two places."""
    made = MemoryStore()
    for sku, units in (("A", 10), ("B", 4), ("C", 1)):
        stock = deal_stock(sku, units)
        made.put(0, {sku.encode(): (Cell(1, stock), encode(stock), ())}, None)
    return made


@pytest.fixture
def deal_stock():
    def made(sku, units):
        cells = {"WH": {"available": units}, "SHOP": {"available": 2}}
        return Stock(sku=sku, locations=cells, tracked={"WH": "", "SHOP": ""}, offset=1)

    return made


def published(table, before, after, known=True):
    """What a change of the rules publishes: (topic, key) of every record."""
    again = publish_again(
        Naming(), Ruled(after), {before.version: before}.get if known else lambda _: None, lambda: NOW
    )
    return sorted((out.topic, out.key.decode()) for some in again(table, 0, before.version) for out in some)


def ruled(**web):
    return rules_of({"web": replace(WEB, **web), "tills": TILLS}, BEFORE.bundles)


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        (ruled(), []),
        (ruled(cap=100), []),
        (ruled(cap=7), [("channel-quantities", "web|A"), ("bundle-parts", "SET")]),
        (ruled(safety_stock_by_sku={"C": 1}), [("channel-quantities", "web|C")]),
        (ruled(safety_stock_by_sku={"Z": 1}), []),
        (
            ruled(threshold=1),
            [("channel-quantities", f"web|{sku}") for sku in "ABC"] + [("bundle-parts", "SET")] * 2,
        ),
    ],
)
def test_given_a_change_then_exactly_the_numbers_it_moves_are_published(table, after, moved):
    assert published(table, BEFORE, after) == sorted(moved)


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        (ruled(backorder_by_sku={"B": 3}), [("channel-quantities", "web|B"), ("bundle-parts", "SET")]),
        (ruled(backorder=0, preorder=9, routing="nearest"), []),
        (
            ruled(safety_percent=1),
            [("channel-quantities", f"web|{sku}") for sku in "ABC"] + [("bundle-parts", "SET")] * 2,
        ),
        (
            rules_of(BEFORE.channels, BEFORE.bundles, {"SHOP": LocationRules(ships=False)}),
            [("channel-quantities", f"web|{sku}") for sku in "ABC"] + [("bundle-parts", "SET")] * 2,
        ),
        (rules_of(BEFORE.channels, BEFORE.bundles, {"SHOP": LocationRules(pickup=True)}), []),
    ],
)
def test_given_a_limit_or_what_a_place_is_for_changes_then_exactly_the_numbers_it_moves_are_published(
    table, after, moved
):
    assert published(table, BEFORE, after) == sorted(moved)


def test_given_rules_of_before_that_nobody_knows_or_other_bundles_then_every_number_is_published(table):
    every = [("channel-quantities", f"{channel}|{sku}") for channel in ("tills", "web") for sku in "ABC"]
    parts = [("bundle-parts", "SET")] * 2
    assert published(table, BEFORE, ruled(cap=100), known=False) == sorted(every + parts)
    other = rules_of(BEFORE.channels, {"SET": {"A": 1}})
    assert published(table, BEFORE, other) == sorted(every + parts[:1])


# -- on a real log


@pytest.fixture
async def book(kafka, prefix, dsn):
    """Makes processes that read and change the rules."""
    await migrate(dsn)
    await create_topics(kafka, Naming(prefix), 2)
    open_parts = []

    async def made() -> Ruling:
        reader, writer = Reader(kafka), Writer(kafka, 2)
        await reader.start()
        await writer.start()
        open_parts.extend((reader, writer))
        return Ruling(reader=reader, writer=writer, naming=Naming(prefix), dsn=dsn)

    yield made
    for part in open_parts:
        await part.stop()


def configured(**rules):
    channel = {"platform": "shopify", "shop": "a.myshopify.com", "rules": rules}
    return Settings(locations={"WH": {}}, channels={"web": channel})


async def test_given_two_processes_then_one_s_change_is_the_other_s_rules_and_the_file_does_not_undo_it(book):
    one, other = await book(), await book()
    await one.configured(configured(safety_stock=1), NOW)
    made = await one.change(configured(), "web", {"safety_stock": 5}, "ann", NOW)
    assert (made.channels["web"].safety_stock, made.by) == (5, "ann")
    assert await other.read()
    assert other.newest == made
    assert (await other.configured(configured(safety_stock=1), NOW)).channels["web"].safety_stock == 5
    assert (await other.configured(configured(safety_stock=2), NOW)).channels["web"].safety_stock == 2
    await one.read()
    assert [event.by for event in one.events] == ["onhand.toml", "ann", "onhand.toml"]


async def test_given_changes_at_the_same_moment_then_none_is_lost(book):
    books = [await book() for _ in range(4)]
    await books[0].configured(configured(), NOW)
    await asyncio.gather(
        *(
            one.change(configured(), "web", {"safety_stock_by_sku": {f"S{number}-{turn}": 1}}, "ann", NOW)
            for number, one in enumerate(books)
            for turn in range(3)
        )
    )
    await books[0].read()
    assert len(books[0].newest.channels["web"].safety_stock_by_sku) == 12


async def test_given_a_change_that_cannot_be_then_nothing_is_written(book):
    one = await book()
    with pytest.raises(BadRules, match="start the hub first"):
        await one.change(configured(), "web", {"cap": 1}, "ann", NOW)
    await one.configured(configured(), NOW)
    for patch in ({"cap": -1}, {"locations": ["MOON"]}):
        with pytest.raises(BadRules):
            await one.change(configured(), "web", patch, "ann", NOW)
    assert len(one.events) == 1


async def test_given_what_a_location_is_for_is_changed_then_everybody_follows_and_the_file_does_not_undo_it(
    book,
):
    one, other = await book(), await book()
    await one.configured(configured(), NOW)
    made = await one.change(configured(), "location:WH", {"ships": False, "in_store_buffer": 2}, "ann", NOW)
    assert made.locations == {"WH": LocationRules(ships=False, in_store_buffer=2)}
    assert made.channels["web"].closed == ("WH",)
    held = configured().ruled(await other.configured(configured(), NOW))
    assert (held.locations["WH"].ships, held.sites[0].in_store_buffer) == (False, 2)
    assert held.rules.channels["web"] == made.channels["web"]
    with pytest.raises(BadRules, match="unknown location 'MOON'; locations are: WH"):
        await one.change(configured(), "location:MOON", {"ships": False}, "ann", NOW)
    back = await one.change(configured(), "location:WH", {"ships": None, "in_store_buffer": None}, "ann", NOW)
    assert (back.locations, back.channels["web"].closed) == ({}, None)


async def test_given_a_record_that_is_no_rules_then_it_is_passed_over(book):
    one = await book()
    await one.configured(configured(), NOW)
    assert await one.read()
    await one.writer.write([Out(one.naming(RULES), b"x", b"{", ())])
    assert not await one.read()
    await one.change(configured(), "web", {"cap": 1}, "ann", NOW)
    assert one.newest.channels["web"].cap == 1


# -- with a worker


@pytest.mark.parametrize("restarted", [False, True])
async def test_given_a_worker_then_a_change_publishes_exactly_what_it_moves_also_where_it_was_away(
    running, restarted
):
    def opening(sku, units):
        line = Line(fact=Fact.OPENED, sku=sku, quantity=units, at=NOW, location="WH")
        document = Document(id=f"opening/{sku}", version=1, lines=(line,))
        return Claim(
            transaction=f"opening/{sku}", channel="hub", topic="t", occurred_at=NOW, documents=(document,)
        )

    async def numbers():
        found = [
            decode(ChannelQuantity, record.value) for record in await running.records(CHANNEL_QUANTITIES)
        ]
        return Counter((one.channel, one.sku, one.quantity) for one in found)

    async def until(many):
        """What was published when there are so many numbers, and a while after."""
        async with asyncio.timeout(20):
            while (await numbers()).total() < many:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        return await numbers()

    before = rules_of({"web": WEB, "tills": TILLS}, {})
    after = rules_of({"web": replace(WEB, cap=7), "tills": TILLS}, {})
    known = {before.version: before}
    async with running.worker(before) as app:
        await running.append(opening("A", 10), opening("B", 4))
        first = await until(4)
        if not restarted:
            await asyncio.sleep(1.5)
            running.known |= known
            app.rule(after)
            second = await until(5)
            assert second - first == Counter([("web", "A", 7)])
            await running.append(opening("C", 9))
            assert await until(7) - second == Counter([("tills", "C", 9), ("web", "C", 7)])
        await asyncio.sleep(1.5)
    running.known |= known
    last = await numbers()
    async with running.worker(after):
        await asyncio.sleep(2.0)
        assert await numbers() - last == Counter([("web", "A", 7)] if restarted else [])
    assert running.failed == []
