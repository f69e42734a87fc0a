"""What judges the day, judged itself: a unit too few, a call too many, a webhook that was not lost."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession
from comparing import ledger, platforms
from dealing import Shelves
from limits import watched
from network import Scrambler
from retail import SEATS, opening
from truth import Oracle

from connectors.heartland.sandbox import HeartlandSandbox
from connectors.shopify.sandbox import ShopifySandbox
from schemas.ledger import Stock

CELL = "TEE", "DC"


def stock(available, committed):
    return Stock(sku="TEE", locations={"DC": {"available": available, "committed": committed}})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([stock(7, 3)], []),
        ([stock(8, 2)], [("available", 7, 8)]),
        ([stock(7, 2)], [("on hand", 10, 9)]),
        ([], [("available", 7, 0), ("on hand", 10, 0)]),
        (
            [stock(7, 3), Stock(sku="MUG", locations={"DC": {"available": 1}})],
            [("available", 0, 1), ("on hand", 0, 1)],
        ),
    ],
)
def test_given_a_ledger_then_every_cell_that_is_not_the_oracles_is_named(found, said):
    oracle = Oracle({CELL: 10})
    oracle.promise("DC", [("TEE", 3)])
    assert [(one.what, one.due, one.found) for one in ledger(oracle, found)] == said


def test_given_platforms_then_one_that_shows_another_number_is_named_and_below_zero_nobody_sells():
    oracle = Oracle({("TEE", place): 5 for seat in SEATS.values() for place in seat.sees})
    oracle.go("DC", [("TEE", 9)])
    shown = SimpleNamespace(
        available=lambda _sku, place: 0 if place == "DC" else 5,
        quantity=lambda _sku, place: 1 if place == "DC" else 5,
        level=lambda _sku, place: 0 if place == "DC" else 5,
    )
    wrong = list(platforms(oracle, SEATS, dict.fromkeys(SEATS, shown), ["TEE"]))
    assert [(one.who, one.place, one.due, one.found) for one in wrong] == [("europe", "DC", 0, 1)]


def test_given_steps_of_a_deal_then_what_is_promised_is_there_and_not_for_sale():
    oracle = Oracle({CELL: 10, ("TEE", "SOHO"): 0})
    oracle.promise("DC", [("TEE", 4)])
    oracle.send("DC", "SOHO", [("TEE", 3)])
    assert (oracle.available[CELL], oracle.on_hand[CELL]) == (9, 10)
    assert (oracle.available["TEE", "SOHO"], oracle.on_hand["TEE", "SOHO"]) == (-3, -3)
    oracle.count("DC", "TEE", 8)
    assert (oracle.available[CELL], oracle.on_hand[CELL]) == (7, 8)


async def test_given_a_platform_that_is_asked_too_often_then_its_limit_is_broken():
    sandbox = HeartlandSandbox(token="t", locations=["MALL"])
    watch = watched(sandbox)
    await sandbox.start()
    async with ClientSession(headers={"Authorization": "Bearer t"}) as session:
        for throttle, status in ((0, 200), (1, 429), (0, 200)):
            sandbox.gate.throttle = throttle
            async with session.get(f"{sandbox.url}/api/locations") as answer:
                assert answer.status == status
    await sandbox.stop()
    assert (watch.asked, watch.broken) == (3, 1)


def test_given_a_query_that_costs_more_points_than_there_are_then_the_limit_is_broken():
    sandbox = ShopifySandbox(
        shop="web", access_token="t", webhook_secret="s", locations=["DC"], sells_from="DC", restore_rate=1
    )
    watch = watched(sandbox)
    assert [sandbox._bucket.take(15), sandbox._bucket.take(15)] == [True, False]
    assert (watch.asked, watch.broken) == (2, 1)


def test_given_webhooks_then_some_are_lost_some_come_twice_and_none_comes_later_than_an_hour(monkeypatch):
    sent = []
    monkeypatch.setattr(
        Scrambler, "_spawn", lambda _, url, body, headers, tag, wait: sent.append((int(body), wait))
    )
    emitter = Scrambler(hour=20.0)
    for number in range(5_000):
        emitter.send("http://127.0.0.1/", b"%d" % number, {})
    assert 0.015 < emitter.swallowed / 5_000 < 0.025
    assert 0.09 < emitter.repeated / 5_000 < 0.11
    assert len({number for number, _ in sent}) == 5_000 - emitter.swallowed
    assert len(sent) == 5_000 - emitter.swallowed + emitter.repeated
    waits = [wait for _, wait in sent]
    assert 0.0 <= min(waits) < 0.1
    assert 19.9 < max(waits) <= 20.0


async def test_given_a_shelf_that_is_counted_then_who_wants_to_touch_it_waits():
    shelves, done = Shelves(), []

    async def touch():
        await shelves.free("DC", [("TEE", 1)])
        done.append("touched")

    async with shelves.counting(CELL):
        task = asyncio.create_task(touch())
        await asyncio.sleep(0.3)
        done.append("counted")
    await task
    assert done == ["counted", "touched"]


def test_given_the_retailer_then_every_place_is_kept_by_one_and_has_stock():
    keepers = [place for seat in SEATS.values() for place in seat.keeps]
    assert sorted(keepers) == sorted({place for seat in SEATS.values() for place in seat.sees})
    stock = opening(["TEE"], random.Random(1))
    assert {place for _, place in stock} == set(keepers)
    assert min(stock.values()) >= 150
