from __future__ import annotations

import base64
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from projections.queries import NUMBERS_OF, BadCursor, Page, Queries
from schemas.accounts import BOUNDARY
from schemas.availability import ChannelQuantity, Place
from schemas.claims import DeadLetter
from schemas.ledger import Stock, fold, view
from schemas.oversells import Oversell, OversellCause
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.topics import CHANNEL_QUANTITIES, DEAD_LETTERS, MOVEMENTS, OVERSELLS, RECEIPTS


async def walk(ask, limit: int, between=None) -> list[dict]:
    """All rows, page by page; `between` is done after every page."""
    rows: list[dict] = []
    cursor = None
    while True:
        page: Page = await ask(cursor=cursor, limit=limit)
        assert len(page.items) == limit or page.next is None
        rows.extend(page.items)
        if page.next is None:
            return rows
        cursor = page.next
        if between is not None:
            await between()


def busy_day(shop, after, seed: int, count: int = 80) -> None:
    """Movements of many kinds on three SKUs, that become known in another order than they happened."""
    rng = random.Random(seed)
    standing = []
    for _ in range(count):
        sku, here = rng.choice(["TEE", "MUG", "CAP"]), rng.choice(["WH", "NYC"])
        more = {"sku": sku, "at": after(minutes=rng.randrange(60)), "known": after(minutes=rng.randrange(90))}
        units = rng.randint(1, 9)
        choices = [
            lambda u, m, h: shop.post(Kind.STOCK_INITIALISED, rng.randint(-3, 9), h, **m),
            lambda u, m, h: shop.post(Kind.GOODS_RECEIVED, u, h, expected=rng.randint(0, u), **m),
            lambda u, m, h: shop.post(Kind.ORDER_PLACED, u, rng.choice([h, "@unrouted"]), **m),
            lambda u, m, h: shop.post(Kind.ORDER_SHIPPED, u, h, **m),
            lambda u, m, h: shop.post(Kind.TRANSFER_SHIPPED, u, h, there="LA", transit="T1", **m),
            lambda u, m, h: shop.post(Kind.TRANSFER_RECEIVED, u, h, there="LA", transit="T1", **m),
            lambda u, m, h: shop.post(Kind.POOL_ALLOCATED, u, h, to_pool="wholesale", **m),
            lambda u, m, h: shop.post(Kind.REFUND_ISSUED, u, h, **m),
        ]
        if standing and rng.random() < 0.2:
            movement = standing.pop(rng.randrange(len(standing)))
            shop.void(movement, known=movement.recorded_at + timedelta(minutes=5))
        else:
            standing.append(rng.choice(choices)(units, more, here))


# -- stock


async def test_given_a_sku_that_never_moved_then_it_has_no_stock_and_not_zero(shop, after):
    assert await shop.queries.stock("TEE") is None
    assert await shop.queries.stock_as_of("TEE", after(), None) is None


async def test_given_recorded_stock_then_it_is_read_back_whole(shop, after):
    busy_day(shop, after, 1)
    await shop.record_all()
    assert {stock.sku: stock async for stock in shop.queries.all_stock()} == shop.stocks
    assert await shop.queries.stock("TEE") == shop.stocks["TEE"]


async def test_given_a_late_sale_then_what_was_true_and_what_was_believed_differ(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9), known=after(hours=-9))
    shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(hours=-1), known=after(hours=2))
    shop.post(Kind.POS_SALE_COMPLETED, 2, at=after(hours=1), known=after(hours=1))
    await shop.record_all()

    async def shown(at=None, known_at=None) -> int:
        return (await shop.queries.stock_as_of("TEE", at, known_at)).balance("WH")

    assert await shown() == 5
    assert await shown(at=after()) == 7
    assert await shown(known_at=after()) == 10
    assert await shown(known_at=after(hours=1)) == 8
    assert await shown(at=after(), known_at=after(hours=2)) == 7
    assert await shown(at=after(hours=-1)) == 7, "the instant itself counts"
    assert await shop.queries.stock_as_of("TEE", after(hours=-10), None) is None


@pytest.mark.parametrize("seed", range(4))
async def test_given_any_day_then_stock_as_of_either_clock_is_the_fold_of_what_had_happened_and_was_known(
    shop, after, seed
):
    busy_day(shop, after, seed)
    await shop.record_all()
    moments = [None, *(after(minutes=m) for m in (-1, 0, 20, 45, 60, 95))]
    for at in moments:
        for known in moments:
            for sku in shop.stocks:
                folded = Stock(sku=sku)
                for offset, movement in enumerate(shop.journal):
                    if (
                        movement.sku == sku
                        and (at is None or movement.occurred_at <= at)
                        and (known is None or movement.recorded_at <= known)
                    ):
                        folded = fold(folded, movement, offset)
                found = await shop.queries.stock_as_of(sku, at, known) or Stock(sku=sku)
                assert found.locations == folded.locations, (sku, at, known)
                assert found.boundary == folded.boundary
                assert found.tracked.keys() == folded.tracked.keys()
                assert view(found) == view(folded)


async def test_given_a_day_then_the_journals_totals_are_the_stock(shop, after):
    busy_day(shop, after, 7)
    await shop.record_all()
    folded: Counter[tuple[str, str, str]] = Counter()
    for movement in shop.journal:
        for leg in movement.legs:
            if leg.state != BOUNDARY:
                folded[movement.sku, leg.location, leg.state] += leg.quantity
    assert await shop.queries.journal_totals({0: 1_000_000}) == {
        cell: units for cell, units in folded.items() if units
    }


# -- movements


async def test_given_many_movements_of_one_instant_then_pages_have_no_gaps_and_no_repeats(shop, after):
    rng = random.Random(3)
    for _ in range(57):
        shop.post(Kind.STOCK_INITIALISED, 1, at=after(seconds=rng.randrange(3)))
    await shop.record_all()
    expected = sorted(((m.occurred_at, m.id) for m in shop.journal), reverse=True)
    for limit in (1, 7, 19, 57, 1_000):
        rows = await walk(shop.queries.movements, limit)
        assert [(row["occurred_at"], row["id"]) for row in rows] == expected


async def test_given_new_movements_while_somebody_pages_then_what_was_there_is_seen_once(shop, after):
    for i in range(30):
        shop.post(Kind.STOCK_INITIALISED, 1, at=after(seconds=i // 3))
    await shop.record_all()
    there = {movement.id for movement in shop.journal}

    async def more() -> None:
        shop.post(Kind.STOCK_INITIALISED, 1, at=after(hours=1))
        shop.post(Kind.STOCK_INITIALISED, 1, at=after(hours=-1))
        await shop.record_all()

    seen = Counter([row["id"] for row in await walk(shop.queries.movements, 4, more)])
    assert {seen[ident] for ident in there} == {1}
    assert max(seen.values()) == 1


async def test_given_filters_then_only_what_fits_is_listed_newest_first(shop, after):
    opened = shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    moved = shop.post(Kind.TRANSFER_SHIPPED, 2, there="NYC", transit="T1", at=after(hours=1))
    other = shop.post(Kind.STOCK_INITIALISED, 5, "NYC", sku="MUG", at=after(hours=2))
    sold = shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(hours=3))
    voided = shop.void(sold, known=after(hours=4))
    await shop.record_all()

    async def listed(**filters) -> list[str]:
        return [row["id"] for row in (await shop.queries.movements(**filters)).items]

    assert await listed() == [m.id for m in (voided, sold, other, moved, opened)]
    assert await listed(sku="MUG") == [other.id]
    assert await listed(location="NYC") == [other.id, moved.id]
    assert await listed(location="NYC", sku="TEE") == [moved.id]
    assert await listed(location="transit:T1") == [moved.id]
    assert await listed(location="@customer") == [], "a boundary account is no location"
    assert await listed(since=after(hours=1), until=after(hours=2)) == [other.id, moved.id]
    assert await listed(sku="NONE") == []


async def test_given_a_filter_then_its_pages_hold_it_too(shop, after):
    busy_day(shop, after, 5, 120)
    await shop.record_all()

    async def ask(**page) -> Page:
        return await shop.queries.movements(sku="TEE", location="WH", since=after(minutes=10), **page)

    expected = {
        movement.id
        for movement in shop.journal
        if movement.sku == "TEE"
        and any(leg.location == "WH" for leg in movement.legs)
        and movement.occurred_at >= after(minutes=10)
    }
    rows = await walk(ask, 3)
    assert len(rows) == len(expected)
    assert {row["id"] for row in rows} == expected


async def test_given_a_movement_then_the_journal_shows_it_as_it_was_posted(shop):
    sold = shop.post(Kind.POS_SALE_COMPLETED, 3, channel="tills", document="sale/9")
    shop.void(sold)
    await shop.record_all()
    void, sale = (await shop.queries.movements()).items
    assert sale["legs"] == [
        {"location": "WH", "state": "available", "quantity": -3},
        {"location": "@customer", "state": "boundary", "quantity": 3},
    ]
    assert (sale["kind"], sale["quantity"], sale["channel"]) == ("PosSaleCompleted", 3, "tills")
    assert (sale["document"], sale["transaction"], sale["voids"]) == ("sale/9", "tills/sale/9", None)
    assert (void["kind"], void["voids"]) == ("MovementVoided", "PosSaleCompleted")


def cursor_of(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


NOT_OURS = (
    *("x", "%%%", "é", "W1tb" * 5_000),
    *(
        cursor_of(value)
        for value in ("TEE", ["one"], ["a", "b", "c"], [1, 2], {"at": 1}, ["yesterday", "0-0-0"])
    ),
)


@pytest.mark.parametrize("cursor", NOT_OURS, ids=lambda cursor: cursor[:8])
async def test_given_a_cursor_that_is_not_ours_then_it_is_refused(shop, cursor):
    open_orders = partial(shop.queries.commitments, datetime.now(UTC))
    for ask in (shop.queries.movements, shop.queries.dead_letters, open_orders):
        with pytest.raises(BadCursor):
            await ask(cursor=cursor)


# -- channels


async def test_given_a_catalogue_then_availability_is_paged_by_sku_and_each_channel_sees_its_own(shop):
    skus = [f"SKU-{n:02}" for n in range(23)]
    for sku in random.Random(1).sample(skus, len(skus)):
        shop.post(Kind.STOCK_INITIALISED, 5, sku=sku)
    await shop.record_all(web=ChannelRules(), tills=ChannelRules(safety_stock=2, publish="locations"))

    async def ask(**page) -> Page:
        return await shop.queries.availability("web", [], **page)

    for limit in (1, 5, 23, 1_000):
        rows = await walk(ask, limit)
        assert [row["sku"] for row in rows] == skus
        assert {row["quantity"] for row in rows} == {5}
    named = await shop.queries.availability("tills", ["SKU-07", "NONE", "SKU-03"])
    assert [(row["sku"], row["quantity"]) for row in named.items] == [("SKU-03", 3), ("SKU-07", 3)]
    assert named.items[0]["places"]["WH"]["quantity"] == 3
    assert named.next is None
    assert (await shop.queries.availability("nobody", [])).items == []


async def test_given_named_skus_then_they_are_paged_too(shop):
    for n in range(9):
        shop.post(Kind.STOCK_INITIALISED, 5, sku=f"SKU-{n}")
    await shop.record_all(web=ChannelRules())
    wanted = ["SKU-7", "SKU-1", "SKU-4"]

    async def ask(**page) -> Page:
        return await shop.queries.availability("web", wanted, **page)

    assert [row["sku"] for row in await walk(ask, 2)] == sorted(wanted)


async def test_given_named_skus_then_they_are_looked_up_by_themselves_even_under_a_plan_for_any_question(
    shop,
):
    prepared = NUMBERS_OF
    for number, name in enumerate(("channel", "skus"), start=1):
        prepared = prepared.replace(f"%({name})s", f"${number}")
    async with shop.pool.connection() as connection, connection.transaction(force_rollback=True):
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(  # a small table is read whole
            "INSERT INTO channel_quantities SELECT 'web', 'SKU-' || n, 0, '{}', 0 FROM generate_series(1, 20000) AS n"
        )
        await connection.execute("ANALYZE channel_quantities")
        await connection.execute(f"PREPARE named (text, text[]) AS {prepared}".encode())
        found = await connection.execute("EXPLAIN EXECUTE named ('web', ARRAY['TEE'])")
        plan = "\n".join(line for (line,) in await found.fetchall())
        await connection.execute("DEALLOCATE named")
    assert re.search(r"Index Cond: .*sku = ANY", plan), plan


async def test_given_more_units_than_a_small_integer_holds_then_the_page_still_shows_them(shop):
    big = ChannelQuantity(channel="web", sku="TEE", quantity=3_000_000_000, places={}, rules="r", offset=1)
    await shop.record(CHANNEL_QUANTITIES, [big])
    assert (await shop.queries.availability("web", [])).items[0]["quantity"] == 3_000_000_000
    assert [row["units"] for row in await shop.queries.channels()] == [3_000_000_000]


async def test_given_a_channels_numbers_then_they_come_with_the_offset_up_to_which_that_is_all(shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    shop.post(Kind.STOCK_INITIALISED, 5, sku="MUG")
    await shop.record_all(web=ChannelRules(), tills=ChannelRules(publish="locations"))
    numbers, offsets = await shop.queries.channel_quantities_of("tills")
    assert {number.sku for number in numbers} == {"TEE", "MUG"}
    assert {number.channel for number in numbers} == {"tills"}
    assert offsets == {0: 4}
    everything = [number async for number in shop.queries.all_channel_quantities()]
    assert Counter(number.channel for number in everything) == {"web": 2, "tills": 2}
    assert numbers[0].places["WH"] == Place(quantity=5, level=5, own=0, opened=False)


async def test_given_channels_then_each_is_counted_with_what_it_was_told(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 5)
    shop.post(Kind.STOCK_INITIALISED, 7, sku="MUG")
    await shop.record_all(web=ChannelRules(), tills=ChannelRules(publish="locations"))
    cell = {
        "channel": "web",
        "sku": "TEE",
        "place": "network",
        "quantity": 5,
        "level": 5,
        "own": 0,
        "offset": 0,
    }
    await shop.record(RECEIPTS, [Receipt(**cell, outcome=Outcome.PUSHED, pushed_at=after())])
    silent = {"waiting": None, "failing_since": None, "reason": None}
    assert await shop.queries.channels() == [
        {"channel": "tills", "skus": 2, "units": 12, "told": 0, **silent},
        {"channel": "web", "skus": 2, "units": 12, "told": 1, **silent},
    ]


# -- what others opened


async def test_given_a_history_that_comes_after_others_opened_the_place_then_only_what_had_left_before_is_found(
    shop, after
):
    early, opened, late, came = after(days=-2), after(), after(hours=1), after(hours=2)
    sold = partial(shop.post, Kind.ORDER_SHIPPED, known=came)
    sold(9, at=early, known=after(days=-2))  # the opener knew of it
    shop.post(Kind.STOCK_INITIALISED, 20, at=opened, channel="erp", document="opening")
    sold(2, at=early)
    sold(3, at=early)
    sold(4, at=late)
    sold(5, at=early, channel="tills")
    sold(6, "NYC", at=early)  # nobody opened that
    shop.post(Kind.ORDER_PLACED, 7, at=early, known=came)  # promised, and still there
    shop.post(Kind.RETURN_RECEIVED, 1, at=early, known=came)
    shop.void(sold(8, at=early), known=came)
    await shop.record_all()
    found = await shop.queries.opened_by_others("web", "opening/web/")
    assert [(row["sku"], row["location"], row["units"], row["at"]) for row in found] == [
        ("TEE", "WH", -2 - 3 + 1, opened)
    ]
    assert await shop.queries.opened_by_others("erp", "opening/erp/") == []
    assert await shop.queries.opened_by_others("web", "erp/opening") == [], "an opening of its own import"


async def test_given_a_count_between_a_sale_and_the_opening_then_it_has_taken_the_sale_in_already(
    shop, after
):
    shop.count(30, at=after(hours=-3), channel="erp")
    shop.post(Kind.STOCK_INITIALISED, 0, at=after(), channel="erp", document="opening")
    shop.post(Kind.ORDER_SHIPPED, 2, at=after(hours=-4), known=after(hours=1))
    shop.post(Kind.ORDER_SHIPPED, 3, at=after(hours=-2), known=after(hours=1))
    assert shop.stocks["TEE"].on_hand("WH") == 30 - 3
    await shop.record_all()
    found = await shop.queries.opened_by_others("web", "opening/web/")
    assert [row["units"] for row in found] == [-3]


# -- commitments


async def held(shop, now, **filters) -> list[tuple]:
    """What is committed: transaction, location, units and age in days."""
    rows = (await shop.queries.commitments(now, **filters)).items
    return [(row["transaction"], row["location"], row["units"], row["age_days"]) for row in rows]


async def test_given_units_that_were_ordered_then_they_are_committed_until_they_leave_or_are_cancelled(
    shop, after
):
    shop.post(Kind.ORDER_PLACED, 5, at=after())
    shop.post(Kind.ORDER_CANCELLED, 1, at=after(days=1))
    sent = shop.post(Kind.ORDER_SHIPPED, 1, at=after(days=2))
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(days=1), document="sale/1")
    shop.post(Kind.RESERVATION_PLACED, 1, at=after(days=1), document="hold/1")
    await shop.record_all()
    assert await held(shop, after(days=10)) == [("web/order/1", "WH", 3, 10)]
    shop.void(sent)
    await shop.record_all()
    assert await held(shop, after(days=10)) == [("web/order/1", "WH", 4, 10)]
    shop.post(Kind.ORDER_SHIPPED, 4, at=after(days=3))
    await shop.record_all()
    assert await held(shop, after(days=10)) == []
    shop.post(Kind.SHIPMENT_VOIDED, 2, at=after(days=4))
    await shop.record_all()
    assert await held(shop, after(days=10)) == [("web/order/1", "WH", 2, 10)], "they were ordered then"


async def test_given_demand_without_a_place_then_it_keeps_its_age_when_it_is_routed(shop, after):
    shop.post(Kind.ORDER_PLACED, 3, "@unrouted", at=after())
    await shop.record_all()
    assert await held(shop, after(days=2)) == [("web/order/1", "@unrouted", 3, 2)]
    shop.post(Kind.ORDER_ROUTED, 2, "@unrouted", there="NYC", at=after(days=1))
    await shop.record_all()
    by_place = [("web/order/1", "@unrouted", 1, 2), ("web/order/1", "NYC", 2, 2)]
    assert sorted(await held(shop, after(days=2))) == by_place
    assert await held(shop, after(days=2), location="NYC") == by_place[1:]


async def test_given_a_converted_reservation_then_it_is_committed_since_then(shop, after):
    shop.post(Kind.RESERVATION_PLACED, 2, at=after(), channel="onhand", document="hold/1")
    converted = shop.post(
        Kind.RESERVATION_CONVERTED, 2, at=after(days=1), channel="onhand", document="hold/1"
    )
    await shop.record_all()
    (row,) = (await shop.queries.commitments(after(days=4, seconds=-1))).items
    assert (row["units"], row["age_days"], row["channel"]) == (2, 2, "onhand")
    assert row["since"] == converted.occurred_at


async def test_given_an_order_that_was_told_anew_then_only_what_stands_says_how_old_it_is(shop, after):
    taken_back = shop.post(Kind.ORDER_PLACED, 2, at=after(), channel="tills")
    shop.void(taken_back)
    shop.post(Kind.ORDER_PLACED, 1, at=after(days=2), channel="tills")
    shop.post(Kind.ORDER_PLACED, 1, at=after(days=1), channel="tills")
    await shop.record_all()
    assert await held(shop, after(days=5)) == [("tills/order/1", "WH", 2, 4)]


async def test_given_an_order_of_two_skus_then_each_has_its_own_age(shop, after):
    shop.post(Kind.ORDER_PLACED, 1, sku="TEE", at=after())
    shop.post(Kind.ORDER_PLACED, 2, sku="MUG", at=after(days=1))
    await shop.record_all()
    assert await held(shop, after(days=3)) == [("web/order/1", "WH", 1, 3), ("web/order/1", "WH", 2, 2)]
    assert await held(shop, after(days=3), sku="MUG") == [("web/order/1", "WH", 2, 2)]


async def test_given_an_age_then_only_what_is_older_is_listed(shop, after):
    for n in (1, 2, 3):
        shop.post(Kind.ORDER_PLACED, n, at=after(days=-n), document=f"order/{n}")
    await shop.record_all()
    assert [units for _, _, units, _ in await held(shop, after())] == [3, 2, 1]
    assert [units for _, _, units, _ in await held(shop, after(), older_than_days=2)] == [3]
    later = after(microseconds=1)
    assert [units for _, _, units, _ in await held(shop, later, older_than_days=2)] == [3, 2]


async def test_given_many_commitments_then_pages_are_the_stocks_committed_units_oldest_first(shop, after):
    rng = random.Random(8)
    for n in range(60):
        where = {"sku": rng.choice(["TEE", "MUG"]), "document": f"order/{n % 40}"}
        here = rng.choice(["WH", "NYC", "@unrouted"])
        shop.post(Kind.ORDER_PLACED, rng.randint(2, 5), here, at=after(days=-rng.randrange(4)), **where)
        shop.post(Kind.ORDER_SHIPPED, rng.randint(1, 2), here, at=after(), **where)
    await shop.record_all()

    async def ask(**page) -> Page:
        return await shop.queries.commitments(after(days=1), **page)

    everything = await walk(ask, 1_000)
    for limit in (1, 7, len(everything)):
        assert await walk(ask, limit) == everything
    assert [row["since"] for row in everything] == sorted(row["since"] for row in everything)
    listed: Counter[tuple[str, str]] = Counter()
    for row in everything:
        listed[row["sku"], row["location"]] += row["units"]
    assert listed == {
        (sku, place): units["committed"]
        for sku, stock in shop.stocks.items()
        for place, units in stock.locations.items()
        if units.get("committed")
    }


async def test_given_documents_of_a_kind_then_those_that_moved_a_sku_are_counted_each_once(shop, after):
    for number in (1, 1, 2):
        shop.post(Kind.STOCK_ADJUSTED, 1, document=f"SOHO/{number}", channel="edit")
    shop.post(Kind.STOCK_ADJUSTED, 1, document="SOHO_/1", channel="edit")
    shop.post(Kind.STOCK_ADJUSTED, 1, document="SOHO/3", channel="edit", sku="MUG")
    await shop.record_all()
    assert await shop.queries.documents_of("TEE", "edit/SOHO/") == 2
    assert await shop.queries.documents_of("MUG", "edit/SOHO/") == 1
    assert await shop.queries.documents_of("CAP", "edit/SOHO/") == 0


# -- dead letters


async def test_given_a_refused_document_that_waits_then_it_is_known_what_it_is_about(shop, after):
    payload = {"id": 7, "line_items": [{"sku": "MUG", "variant_id": 404}, {"sku": "MU"}]}
    letter = DeadLetter(
        channel="web",
        topic="orders/create",
        stage="mapping",
        reason="unknown SKU MU",
        ref="order/7",
        received_at=after(),
        payload=payload,
    )
    await shop.record(DEAD_LETTERS, [letter])
    about = shop.queries.refused_about
    assert [await about("web", [name]) for name in ("MUG", "404", "MU")] == [True, True, True]
    assert await about("web", ["TEE", "MUG"])
    assert not await about("web", ["TEE", "G", "40"]), "a part of a name is another name"
    assert not await about("tills", ["MUG"])
    await shop.queries.mark_retried("0-0", after())
    assert not await about("web", ["MUG"])


async def test_given_dead_letters_then_they_are_paged_newest_first_and_leave_the_list_when_retried(
    shop, after
):
    letters = [
        DeadLetter(
            channel="web",
            topic="orders/create",
            stage="mapping",
            reason=f"unknown SKU {n}",
            ref=f"order/{n}",
            received_at=after(seconds=n // 4),
            payload={"id": n},
        )
        for n in range(21)
    ]
    await shop.record(DEAD_LETTERS, letters)
    for limit in (1, 4, 21, 100):
        rows = await walk(shop.queries.dead_letters, limit)
        assert [row["received_at"] for row in rows] == sorted(
            (letter.received_at for letter in letters), reverse=True
        )
        assert len({row["id"] for row in rows}) == 21
    assert "payload" not in rows[0], "a list shows reasons; one letter shows its payload"

    one = await shop.queries.dead_letter("0-7")
    assert (one["ref"], one["payload"], one["retried_at"]) == ("order/7", {"id": 7}, None)
    assert await shop.queries.dead_letter("0-21") is None
    assert await shop.queries.dead_letter("nonsense") is None

    await shop.queries.mark_retried("0-7", after(hours=1))
    assert "0-7" not in {row["id"] for row in await walk(shop.queries.dead_letters, 5)}

    async def everything(**page) -> Page:
        return await shop.queries.dead_letters(pending=False, **page)

    retried = {row["id"]: row["retried_at"] for row in await walk(everything, 5)}
    assert retried["0-7"] == after(hours=1)
    assert len(retried) == 21
    assert (await shop.queries.counts())["dead_letters"] == 20


# -- what is kept beside the log


async def test_given_a_saved_directory_then_it_comes_back_the_same_and_a_new_one_replaces_it(shop):
    assert await shop.queries.load_directory("web") is None
    await shop.queries.save_directory(
        "web",
        items={"variant/1": ["TEE", True], "variant/2": ["GIFT", False]},
        locations={"1": "WH"},
        handles={"TEE": "inventory/1"},
        places={"WH": "gid/1"},
    )
    kept = await shop.queries.load_directory("web")
    assert kept.items == {"variant/1": ("TEE", True), "variant/2": ("GIFT", False)}
    assert (kept.locations, kept.handles, kept.places) == (
        {"1": "WH"},
        {"TEE": "inventory/1"},
        {"WH": "gid/1"},
    )
    await shop.queries.save_directory("web", items={}, locations={}, handles={}, places={})
    assert (await shop.queries.load_directory("web")).items == {}
    assert await shop.queries.load_directory("tills") is None


async def test_given_a_poll_cursor_then_it_is_remembered_for_its_channel(shop):
    assert await shop.queries.cursor("web") is None
    for cursor in ("2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z"):
        await shop.queries.save_cursor("web", cursor)
    assert await shop.queries.cursor("web") == "2026-11-20T13:00:00Z"
    assert await shop.queries.cursor("tills") is None


async def test_given_a_day_then_the_counts_say_what_is_there(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 1)
    shop.post(Kind.ORDER_PLACED, 3)
    shop.post(Kind.STOCK_INITIALISED, 4, "NYC", sku="MUG")
    shop.post(Kind.ORDER_PLACED, 2, "@unrouted", sku="MUG")
    await shop.record_all()
    cell = {
        "channel": "web",
        "sku": "TEE",
        "place": "network",
        "quantity": 0,
        "level": 0,
        "own": 0,
        "offset": 0,
    }
    answers = [
        Receipt(**cell, outcome=outcome, pushed_at=after()) for outcome in (Outcome.ASKED, Outcome.PUSHED)
    ]
    await shop.record(RECEIPTS, answers)
    await shop.record(OVERSELLS, [oversell("0-1-0", after()), oversell("0-1-0", after())])
    assert await shop.queries.counts() == {
        "movements": 4,
        "skus": 2,
        "dead_letters": 0,
        "channel_updates": 1,
        "oversells": 1,
        "locations": 2,
    }
    assert await shop.queries.progress() == {"movements": 4, "receipts": 2}


async def test_given_more_rows_than_a_page_may_have_then_a_page_is_bounded_all_the_same(shop):
    for _ in range(1_003):
        shop.post(Kind.STOCK_INITIALISED, 1)
    await shop.record(MOVEMENTS, shop.journal)
    page = await shop.queries.movements(limit=10_000)
    assert len(page.items) == 1_000
    assert len((await shop.queries.movements(limit=10_000, cursor=page.next)).items) == 3


def oversell(movement: str, at, sku: str = "TEE") -> Oversell:
    return Oversell(
        movement=movement,
        sku=sku,
        place="WH",
        available=-2,
        cause=OversellCause.LATENCY,
        kind=Kind.ORDER_PLACED,
        transaction="web/order/1",
        channel="web",
        occurred_at=at,
        recorded_at=at,
    )


async def test_given_oversells_then_they_are_told_newest_first_each_once_with_its_cause(shop, after):
    told = [oversell(f"0-{n}-0", after(minutes=n), "TEE" if n else "MUG") for n in range(4)]
    await shop.record(OVERSELLS, [*told, told[0]])
    first = await shop.queries.oversells(limit=3)
    rest = await shop.queries.oversells(limit=3, cursor=first.next)
    assert [row["movement"] for row in (*first.items, *rest.items)] == ["0-3-0", "0-2-0", "0-1-0", "0-0-0"]
    assert {row["cause"] for row in first.items} == {"latency"}
    assert [row["sku"] for row in (await shop.queries.oversells("MUG")).items] == ["MUG"]


def test_given_the_read_side_then_no_subject_hides_what_another_is_asked_with():
    subjects = [subject for subject in Queries.__mro__ if subject.__module__.startswith("projections.")]
    names = Counter(
        name
        for subject in subjects
        for name in vars(subject)
        if not name.startswith("__") and callable(getattr(subject, name))
    )
    assert len(names) > 40
    assert [name for name, count in names.items() if count > 1] == []
