"""The study around the model: what is asked for, the buffers, the rows, the table and the chart."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from delaying import Measured, Ticks
from oversell import NotMeasured, _latency, drawn, table
from rich.console import Console
from selling import DELIVERY, MARKET, SHOP, TILL, Ask
from wanted import Item, Retailer, dealt, items, wanted
from weighing import World, figures, study, world

from streams.charting import Panel, chart
from streams.trading import Basket, read

NOON = datetime(2017, 1, 2, 12, tzinfo=UTC)
HALF_HOUR = Ticks("every 30 minutes", 1800)


def said(text):
    assert "orders cut short" in text


# -- what is asked for


def test_given_baskets_then_each_sku_has_its_lines_in_order_without_fuel_and_lines_of_nothing():
    baskets = [
        Basket("STORE-1", NOON, (("TEE", 1), ("FUEL", 9_000), ("TEE", 2))),
        Basket("STORE-2", NOON + timedelta(seconds=5), (("TEE", 0), ("MUG", -1), ("CAP", 1))),
    ]
    found = wanted(baskets, frozenset({"FUEL"}))
    at = int(NOON.timestamp())
    assert found.lines == {"TEE": [(at, 3, 0)], "CAP": [(at + 5, 1, 1)]}
    assert (found.baskets, found.since, found.until) == (2, at, at + 5)


def test_given_baskets_when_they_are_dealt_then_so_many_of_a_hundred_are_online_and_a_seed_decides():
    retailer = Retailer(shop_percent=20, market_percent=10)
    channels = dealt(20_000, retailer, 1)
    assert channels == dealt(20_000, retailer, 1) != dealt(20_000, retailer, 2)
    assert channels.count(SHOP) == pytest.approx(4_000, rel=0.05)
    assert channels.count(MARKET) == pytest.approx(2_000, rel=0.07)


def test_given_what_a_sku_sells_in_the_mean_then_its_level_covers_so_many_days():
    days = [
        Basket("STORE-1", NOON + timedelta(days=day), (("TEE", 3), ("CAP", int(day == 3))))
        for day in range(11)
    ]
    skus = {one.sku: one for one in items(wanted(days, frozenset()), Retailer(cover_days=7), [TILL] * 11)}
    assert skus["TEE"].level == 24  # 33 units in 10 days, 7 of which are covered
    assert (skus["CAP"].level, skus["CAP"].speed, skus["TEE"].speed) == (2, 0, 2)
    came = [datetime.fromtimestamp(ask.at, UTC) for ask in skus["TEE"].asks if ask.channel == DELIVERY]
    assert came == [datetime(2017, 1, day, 8, tzinfo=UTC) for day in (5, 12)]


# -- rows


def small(skus, orders):
    return World(10_000, orders, ((1, tuple(skus)),))


def rush(first):
    """Of two units the till sells one, then both channels have an order of one unit."""
    return Item("TEE", 2, 2, (Ask(10, TILL, 1), Ask(20, SHOP, 1, first), Ask(30, MARKET, 1, first + 1)))


def test_given_oversells_then_the_least_buffers_that_are_enough_are_found_for_all_and_for_each_speed():
    played = small([rush(1), Item("MUG", 2, 0, (Ask(40, SHOP, 1, 9),))], 100)
    (row,) = study(played, [HALF_HOUR], said)
    assert (row.plain.oversold, row.plain.orders, row.plain.refused) == (1, {2}, 0)
    assert (row.for_all.buffers, row.for_all.tally.oversold, row.for_all.tally.refused) == ((2, 2, 2), 0, 3)
    assert (row.by_speed.buffers, row.by_speed.tally.oversold, row.by_speed.tally.refused) == (
        (0, 0, 2),
        0,
        2,
    )


@pytest.mark.parametrize(("orders", "buffer"), [(1_000, 0), (999, 2)])
def test_given_one_order_of_a_thousand_is_cut_short_then_no_buffer_is_needed_and_of_fewer_it_is(
    orders, buffer
):
    (row,) = study(small([rush(1)], orders), [HALF_HOUR], said)
    assert len(row.plain.orders) == 1
    assert (row.for_all.buffers[2], row.by_speed.buffers[2]) == (buffer, buffer)


def test_given_a_large_order_then_a_buffer_as_large_is_found():
    asks = (Ask(10, TILL, 20), Ask(20, SHOP, 20, 1))
    (row,) = study(small([Item("TEE", 30, 1, asks)], 100), [HALF_HOUR], said)
    assert row.plain.oversold == 10
    assert (row.for_all.buffers, row.for_all.tally.lost, row.by_speed.buffers) == (
        (20, 20, 20),
        10,
        (0, 20, 0),
    )


DELAYS = (HALF_HOUR, Ticks("every 5 seconds", 5), Measured("Onhand", 144.6, 285.4), Ticks("at once", 0))


@pytest.fixture(scope="module")
def rows():
    """Two seeds of the first real baskets, played as if a day's sales were a day's cover."""
    return [_rows(), _rows()]


def _rows():
    baskets, untracked, unlisted = read(1_500)
    retailer = Retailer(delivery_days=1, cover_days=1.5, least=1)
    played = world(wanted(baskets, untracked | unlisted), retailer, (1, 2))
    return [figures(played, row) for row in study(played, DELAYS, said)]


def test_given_the_same_sales_and_seed_then_the_rows_are_the_same_to_the_unit(rows):
    assert json.dumps(rows[0]) == json.dumps(rows[1])


def test_given_real_sales_then_a_batch_oversells_and_no_delay_does_not(rows):
    plain = [row["no_buffer"]["oversold_units"] for row in rows[0]]
    assert plain[0] > 10 * plain[1]
    assert plain[0] > 20
    assert plain[3] == 0
    assert rows[0][0]["one_buffer"]["orders_cut_short_percent"] <= 0.1
    assert rows[0][0]["one_buffer"]["refused_though_there_units"] > 0
    assert rows[0][3]["one_buffer"]["buffers"] == dict.fromkeys(("slow", "middling", "fast"), 0)


# -- shown


@pytest.fixture
def found(rows):
    return {
        "dataset": "some sales",
        "seeds": [1, 2],
        "online_orders": 900,
        "latency_ms": {"p50": 144.6, "p99": 285.4, "measured": 1_289},
        "rows": rows[0],
    }


def test_given_rows_then_the_table_says_every_number_of_every_delay(found):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(found))
    text = console.export_text()
    first = found["rows"][0]
    for number in (
        first["delay"],
        first["no_buffer"]["oversold_units"],
        first["one_buffer"]["sales_lost_by_it_units"],
    ):
        assert str(number) in text
    assert "p50 144.6 ms, p99 285.4 ms, measured 1289" in text


def test_given_rows_then_the_chart_has_a_bar_for_each_delay_but_the_control_and_reads_on_dark_ground(found):
    svg = drawn(found)
    assert svg == drawn(found)
    bars = [one for one in ET.fromstring(svg).iter() if one.tag.endswith("rect")]
    assert len(bars) == 2 * (len(found["rows"]) - 1)
    assert "prefers-color-scheme: dark" in svg


def test_given_values_then_bars_are_as_long_as_they_are_large_and_names_are_escaped():
    svg = chart("<title>", ["a & b", "c"], [Panel("head", "note", ((4.0, "4"), (1.0, "1")))])
    tree = ET.fromstring(svg)
    long, short = (float(one.get("width")) for one in tree.iter() if one.tag.endswith("rect"))
    assert long == pytest.approx(4 * short, rel=0.01)
    assert [one.text for one in tree.iter() if one.text == "a & b"] == ["a & b"]


@pytest.mark.parametrize(
    "latency", [{"p50": 0.0, "p99": 0.0, "measured": 0}, {"p50": 9.0, "p99": 8.0, "measured": 3}]
)
def test_given_a_demo_that_measured_nothing_then_the_study_says_so(latency):
    with pytest.raises(NotMeasured):
        _latency({"latency_ms": latency})
