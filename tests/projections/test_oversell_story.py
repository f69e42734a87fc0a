"""The story of an oversell, from what was recorded of it."""

from __future__ import annotations

from dataclasses import replace

from projections.postmortem import Postmortem
from schemas.accounts import NETWORK
from schemas.ledger import Stock, take
from schemas.oversells import OversellCause, oversells
from schemas.postings import Kind
from schemas.postmortem import By
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import OVERSELLS, RECEIPTS

RULES = Rules(
    version="r",
    channels={
        "web": ChannelRules(ships_from="WH"),
        "tills": ChannelRules(publish="locations"),
        "careful": ChannelRules(safety_stock=9),
    },
)


async def told(
    shop, level: int, own: int, offset: int, at, channel="web", place=NETWORK, outcome=Outcome.PUSHED
):
    cell = {"channel": channel, "sku": "TEE", "place": place}
    said = Receipt(**cell, quantity=level, level=level, own=own, outcome=outcome, pushed_at=at, offset=offset)
    await shop.record(RECEIPTS, [said])


async def oversold(shop) -> list[str]:
    """Records everything, with the oversells that the ledger would have told; the ids of the movements that did it."""
    await shop.record_all()
    stock, found = Stock(sku="TEE"), []
    for offset, movement in enumerate(shop.journal):
        taken = take(stock, movement, offset)
        found += oversells(stock, taken.stock, movement, taken.posted, RULES.channels)
        stock = taken.stock
    await shop.record(OVERSELLS, found)
    return [one.movement for one in found]


async def story(shop, movement: str):
    (found,) = await Postmortem(shop.queries, lambda: RULES).of(movement)
    return found


def lines(found) -> list[tuple[str, str, int]]:
    return [(event.what, event.channel, event.units) for event in found.events]


async def test_given_a_till_and_the_web_sell_the_last_units_then_the_story_says_who_was_told_what_when(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 4, at=after(), channel="erp", document="opening")
    shop.post(Kind.ORDER_PLACED, 1, at=after(minutes=5), document="order/1")
    sold = shop.post(
        Kind.POS_SALE_COMPLETED,
        2,
        at=after(minutes=10),
        known=after(minutes=10, seconds=30),
        channel="tills",
        document="sale/7",
    )
    order = shop.post(
        Kind.ORDER_PLACED, 3, at=after(minutes=11), known=after(minutes=11, seconds=2), document="order/2"
    )
    assert await oversold(shop) == [order.id]
    await told(shop, 4, 0, 0, after(minutes=1))
    await told(shop, 4, 0, 0, after(minutes=2), channel="tills", place="WH")
    await told(shop, 3, 0, 0, after(minutes=3), channel="tills", place="NYC")
    await told(shop, 9, 0, 0, after(minutes=4), outcome=Outcome.ASKED)
    await told(shop, 0, -4, 3, after(minutes=12))
    found = await story(shop, order.id)
    assert (found.units, found.short, found.shown, found.available) == (3, 2, 3, -2)
    assert (found.cause, found.document) == (OversellCause.LATENCY, "order/2")
    assert lines(found) == [
        ("told", "web", 4),
        ("told", "tills", 4),
        ("took", "tills", 2),
        ("oversold", "web", 3),
        ("told", "web", 0),
    ]
    took = found.events[2]
    assert (took.movement, took.unseen, took.late_seconds) == (sold.id, True, 30.0)
    assert [event.at for event in found.events] == sorted(event.at for event in found.events)
    made = {one.by: one for one in found.prevented_by}
    assert made.keys() == {By.BUFFER, By.FASTER_NEWS}
    assert made[By.BUFFER].units == 2
    assert (made[By.FASTER_NEWS].within_seconds, made[By.FASTER_NEWS].was_seconds) == (60.0, 120.0)


async def test_given_a_till_that_was_offline_then_the_units_it_sold_had_been_sold_again_meanwhile(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 2, at=after(), document="opening")
    shop.post(Kind.ORDER_PLACED, 2, at=after(hours=2), document="order/1")
    late = shop.post(
        Kind.ORDER_PLACED, 1, at=after(hours=1), known=after(hours=3), channel="tills", document="sale/7"
    )
    assert await oversold(shop) == [late.id]
    found = await story(shop, late.id)
    assert found.cause is OversellCause.LATE_FACT
    assert lines(found) == [("took", "web", 2), ("oversold", "tills", 1)]
    made = {one.by: one for one in found.prevented_by}
    assert (made[By.FASTER_NEWS].within_seconds, made[By.FASTER_NEWS].was_seconds) == (3_600.0, 7_200.0)


async def test_given_a_count_that_found_fewer_than_were_promised_then_the_last_count_before_is_named(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 5, at=after(), document="opening")
    shop.post(Kind.ORDER_PLACED, 4, at=after(days=1), document="order/1")
    counted = shop.count(3, at=after(days=4))
    assert await oversold(shop) == [counted.id]
    found = await story(shop, counted.id)
    assert (found.units, found.short, found.cause) == (2, 1, OversellCause.WRONG_COUNT)
    assert lines(found) == [("took", "web", 4), ("oversold", "tills", 2)]
    assert {one.by: one.days for one in found.prevented_by} == {By.COUNT: 4.0, By.BUFFER: None}


async def test_given_what_was_cancelled_or_belongs_to_the_order_itself_then_it_took_none_of_the_last_units(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 2, at=after(), document="opening")
    shop.post(Kind.ORDER_PLACED, 2, at=after(hours=1), document="order/gone")
    shop.post(Kind.ORDER_CANCELLED, 2, at=after(hours=2), document="order/gone")
    shop.post(Kind.ORDER_PLACED, 1, at=after(hours=3), document="order/1")
    shop.post(Kind.ORDER_PLACED, 1, at=after(hours=4), document="order/2")
    again = shop.post(Kind.ORDER_PLACED, 2, at=after(hours=5), document="order/2")
    assert await oversold(shop) == [again.id]
    assert lines(await story(shop, again.id)) == [("took", "web", 1), ("oversold", "web", 2)]


async def test_given_demand_without_a_place_then_the_network_s_story_has_takings_of_all_places(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 2, at=after(), document="opening")
    shop.post(Kind.STOCK_INITIALISED, 1, "NYC", at=after())
    shop.post(Kind.POS_SALE_COMPLETED, 1, "NYC", at=after(hours=1), channel="tills", document="sale/1")
    order = shop.post(Kind.ORDER_PLACED, 4, "@unrouted", at=after(hours=2), document="order/2")
    assert await oversold(shop) == [order.id]
    found = await story(shop, order.id)
    assert (found.place, found.units, found.short) == (NETWORK, 4, 2)
    assert lines(found) == [("took", "tills", 1), ("oversold", "web", 4)]


async def test_given_one_movement_that_oversold_two_places_then_each_has_its_story_and_other_ids_have_none(
    shop, after
):
    order = shop.post(Kind.ORDER_PLACED, 2, at=after())
    await shop.record_all()
    (one,) = oversells(Stock(sku="TEE"), shop.stocks["TEE"], order, (), RULES.channels)
    await shop.record(OVERSELLS, [one, replace(one, place=NETWORK)])
    telling = Postmortem(shop.queries, lambda: RULES)
    assert [found.place for found in await telling.of(order.id)] == ["WH", NETWORK]
    assert await telling.of("0-999-0") == []


async def test_given_an_oversell_that_the_journal_has_not_yet_then_its_story_says_what_is_known(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 1, at=after())
    order = shop.post(Kind.ORDER_PLACED, 2, at=after(hours=1), document="order/2")
    found = list(
        oversells(
            take(Stock(sku="TEE"), shop.journal[0], 0).stock, shop.stocks["TEE"], order, (), RULES.channels
        )
    )
    await shop.record(OVERSELLS, found)
    got = await story(shop, order.id)
    assert (got.available, [event.what for event in got.events]) == (-1, ["oversold"])
