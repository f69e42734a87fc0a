"""What the journal says for holding units back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from projections.evidence import Evidences
from projections.paging import BadCursor
from schemas.buffers import Evidence, suggested
from schemas.oversells import Oversell, OversellCause
from schemas.postings import Kind
from schemas.topics import OVERSELLS


@pytest.fixture
def asking(shop, after):
    """The evidence of everything, a hundred days after noon; by SKU and place."""

    async def ask(days: float = 100.0, **more) -> dict[tuple[str, str], Evidence]:
        await shop.record_all()
        found, cursor = await Evidences(shop.queries, after(days=100), days).page(**more)
        assert cursor is None
        return {(one.sku, one.location): one for one in found}

    return ask


def oversell(movement, place: str, available: int, cause: OversellCause) -> Oversell:
    named = ("sku", "kind", "transaction", "channel", "occurred_at", "recorded_at")
    said = {name: getattr(movement, name) for name in named}
    return Oversell(movement=movement.id, place=place, available=available, cause=cause, **said)


async def test_given_sales_then_how_many_and_how_late_they_were_heard_of_is_evidence_and_other_movements_are_not(
    shop, after, asking
):
    shop.post(Kind.STOCK_INITIALISED, 100, at=after())
    for n in range(20):
        late = timedelta(minutes=30 if n in (3, 4) else 0, seconds=1)
        shop.post(
            Kind.POS_SALE_COMPLETED,
            5 if n == 7 else 1,
            at=after(days=n),
            known=after(days=n) + late,
            document=f"s/{n}",
        )
    shop.post(Kind.ORDER_SHIPPED, 9, at=after(days=30))
    shop.post(Kind.STOCK_DAMAGED, 2, at=after(days=30))
    shop.post(Kind.RETURN_RECEIVED, 1, at=after(days=30))
    shop.void(shop.post(Kind.STOCK_ADJUSTED, -3, at=after(days=31)))
    found = (await asking())["TEE", "WH"]
    assert found == Evidence(
        sku="TEE",
        location="WH",
        days=100.0,
        available=100 - 24 - 2 + 1,
        takes=20,
        units=24,
        units_usual=1,
        news_seconds=1_801.0,
        late=2,
        latest_seconds=1_801.0,
        counted_days=100.0,
    )


async def test_given_sales_from_before_the_place_was_opened_then_they_are_no_late_news_and_the_rate_is_since_then(
    shop, after, asking
):
    shop.post(Kind.POS_SALE_COMPLETED, 4, at=after(days=60), known=after(days=90), document="s/1")
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(days=90))
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(days=91), document="s/2")
    found = (await asking())["TEE", "WH"]
    assert (found.takes, found.units, found.news_seconds, found.days) == (1, 1, 0.0, 10.0)
    shop.post(Kind.STOCK_INITIALISED, 10, "NYC", at=after(days=99.9))
    assert (await asking())["TEE", "NYC"].days == 1.0


async def test_given_a_window_then_only_what_happened_in_it_counts_but_the_last_count_is_found_before_it(
    shop, after, asking
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(days=-300))
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(days=50))
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(days=80))
    found = (await asking(30.0))["TEE", "WH"]
    assert (found.takes, found.days, found.counted_days) == (1, 30.0, 400.0)


async def test_given_counts_then_what_each_found_missing_adds_up_and_what_others_found_too_much_takes_nothing_off(
    shop, after, asking
):
    shop.post(Kind.STOCK_INITIALISED, 20, at=after())
    shop.count(17, at=after(days=10), document="count/1")
    shop.count(19, at=after(days=20), document="count/2")
    shop.count(18, at=after(days=30), document="count/3")
    shop.post(
        Kind.POS_SALE_COMPLETED, 1, at=after(days=29, hours=12), known=after(days=31), document="offline"
    )
    gone = shop.count(0, at=after(days=32), document="count/4")
    shop.void(gone)
    found = (await asking())["TEE", "WH"]
    assert found.shrink == 3, "the one that count/3 missed was sold; count/4 was a mistake"
    assert found.counted_days == 70.0


async def test_given_picks_that_failed_then_those_since_the_last_count_are_missing(shop, after, asking):
    shop.post(Kind.STOCK_INITIALISED, 20, at=after())
    shop.post(Kind.STOCK_INITIALISED, 20, "NYC", at=after())
    shop.post(Kind.PICK_REJECTED, 2, there="NYC", at=after(days=9))
    shop.count(20, at=after(days=10))
    shop.post(Kind.PICK_REJECTED, 3, there="NYC", at=after(days=11))
    found = await asking()
    assert (found["TEE", "WH"].rejects, found["TEE", "WH"].missing) == (1, 3)
    assert (found["TEE", "NYC"].rejects, found["TEE", "NYC"].takes) == (0, 2)
    assert suggested(found["TEE", "WH"]).units == 3


async def test_given_oversells_then_those_a_buffer_helps_against_say_what_was_lacked(shop, after, asking):
    shop.post(Kind.STOCK_INITIALISED, 20, at=after())
    sales = [shop.post(Kind.ORDER_PLACED, 1, at=after(days=n), document=f"o/{n}") for n in (5, 15, 16, 17)]
    shop.count(16, at=after(days=10))
    causes = (
        OversellCause.WRONG_COUNT,
        OversellCause.LATENCY,
        OversellCause.RULE,
        OversellCause.WRONG_COUNT,
    )
    await shop.record(
        OVERSELLS,
        [
            oversell(sale, "WH", -n, cause)
            for n, (sale, cause) in enumerate(zip(sales, causes, strict=True), 1)
        ],
    )
    found = (await asking())["TEE", "WH"]
    assert (sorted(found.lacked), found.oversells) == ([2, 4], 4)


async def test_given_many_skus_and_places_then_pages_hold_each_once_in_order_and_filters_narrow_them(
    shop, after, asking
):
    cells = [(f"S-{n}", place) for n in range(4) for place in ("NYC", "WH")]
    for sku, place in cells:
        shop.post(Kind.STOCK_INITIALISED, 1, place, sku=sku, at=after())
    shop.post(Kind.ORDER_PLACED, 1, "@unrouted", sku="S-1", at=after())
    await shop.record_all()
    evidences, cursor, found = Evidences(shop.queries, after(days=1), 1.0), None, []
    for _ in range(9):
        page, cursor = await evidences.page(cursor=cursor, limit=3)
        assert len(page) <= 3
        found += [(one.sku, one.location) for one in page]
        if cursor is None:
            break
    assert found == cells
    assert list(await asking(sku="S-1")) == [("S-1", "NYC"), ("S-1", "WH")]
    assert list(await asking(location="WH", sku="S-2")) == [("S-2", "WH")]
    with pytest.raises(BadCursor):
        await evidences.page(cursor="nonsense")


async def test_given_a_place_where_the_sku_is_not_tracked_then_nothing_is_suggested_there(
    shop, after, asking
):
    shop.post(Kind.ORDER_PLACED, 1, at=after())
    assert await asking() == {}
