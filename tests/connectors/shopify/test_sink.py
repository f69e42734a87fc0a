from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Seen, Target
from connectors.directory import Directory, overlay
from connectors.errors import ConnectorError, SlowDown, Unreachable
from connectors.shopify import documents
from connectors.shopify.client import ShopifyClient
from connectors.shopify.sandbox import ShopifySandbox
from connectors.shopify.sink import ROUNDS_MAX, Row, ShopifySink, key_of
from schemas.receipts import Outcome


def target(
    sku: str, wanted: int, expected: int | None = None, place: str = "network", offset: int = 1
) -> Target:
    return Target(sku=sku, place=place, wanted=wanted, expected=expected, own=0, offset=offset)


async def ready(shop: ShopifySandbox, connect: Any) -> tuple[ShopifySink, Directory, ShopifyClient]:
    client = connect(shop)
    return ShopifySink(client), await client.directory(), client


def outcomes(answers: Any) -> dict[str, tuple[str, int]]:
    return {answer.target.sku: (answer.outcome.value, answer.level) for answer in answers}


async def test_given_a_look_then_levels_are_as_the_shop_shows_them(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    mapped = overlay(directory, {"location:1002": "S1"}, {})
    shop.order([("A", 4)], at=at)
    looked = [target("A", 12), target("C", 2), target("B", 1, place="S1"), target("NEW", 1)]
    assert await sink.look(looked, mapped) == [Seen(6), Seen(0), Seen(None), Seen(None)]


async def test_given_numbers_then_those_that_differ_are_told(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    answers = await sink.push([target("A", 12, 10), target("B", 5, 5), target("C", 2, 0)], directory)
    assert outcomes(answers) == {"A": ("pushed", 12), "B": ("unchanged", 5), "C": ("pushed", 2)}
    assert [shop.available(sku, "WH") for sku in "ABC"] == [12, 5, 2]
    assert next(a for a in answers if a.target.sku == "A").ref.startswith(
        "gid://shopify/InventoryAdjustmentGroup/"
    )


async def test_given_two_places_then_each_is_told_its_own_number(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    mapped = overlay(directory, {"location:1002": "S1", "location:1001": "WH"}, {})
    await sink.push([target("A", 7, 10, "WH"), target("A", 1, 3, "S1")], mapped)
    assert (shop.available("A", "WH"), shop.available("A", "S1")) == (7, 1)


async def test_given_an_item_that_was_never_at_the_place_then_it_is_set_there(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    mapped = overlay(directory, {"location:1002": "S1"}, {})
    assert outcomes(await sink.push([target("B", 4, None, "S1")], mapped)) == {"B": ("pushed", 4)}
    assert shop.available("B", "S1") == 4


async def test_given_an_order_we_have_not_seen_then_it_stays_counted(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    shop.order([("A", 4)], at=at)
    answers = await sink.push([target("A", 9, expected=10), target("B", 4, expected=5)], directory)
    assert outcomes(answers) == {"A": ("pushed", 9), "B": ("pushed", 4)}
    assert (shop.available("A", "WH"), shop.available("B", "WH")) == (5, 4)


async def test_given_a_cancel_we_have_not_seen_then_it_stays_counted(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    shop.cancel(shop.order([("A", 4)], at=at), at=at)
    assert outcomes(await sink.push([target("A", 2, expected=6)], directory)) == {"A": ("pushed", 2)}
    assert shop.available("A", "WH") == 6


async def test_given_an_order_not_seen_that_makes_the_number_right_by_chance_then_it_stays_counted(
    shop, connect, at
):
    sink, directory, _ = await ready(shop, connect)
    shop.order([("A", 4)], at=at)
    assert outcomes(await sink.push([target("A", 6, expected=10)], directory)) == {"A": ("pushed", 6)}
    assert shop.available("A", "WH") == 2


async def test_given_more_orders_not_seen_than_the_number_then_it_is_held_until_they_are(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    shop.order([("A", 4)], at=at)
    (answer,) = await sink.push([target("A", 3, expected=10)], directory)
    assert (answer.outcome, answer.level) == (Outcome.HELD, 10)
    assert "less than nothing" in answer.detail
    assert shop.available("A", "WH") == 6
    assert outcomes(await sink.push([target("A", 0, expected=6)], directory)) == {"A": ("pushed", 0)}
    assert shop.available("A", "WH") == 0


async def test_given_a_lost_answer_then_the_same_push_again_is_recognised(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    shop.answers_to_lose = 1
    with pytest.raises(Unreachable):
        await sink.push([target("A", 8, expected=10)], directory)
    assert shop.available("A", "WH") == 8
    assert outcomes(await sink.push([target("A", 8, expected=10)], directory)) == {"A": ("pushed", 8)}
    assert await sink.look([target("A", 8)], directory) == [Seen(8)]
    assert shop.available("A", "WH") == 8


async def test_given_a_lost_answer_and_a_sale_then_the_repeat_does_not_undo_the_sale(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    shop.answers_to_lose = 1
    with pytest.raises(Unreachable):
        await sink.push([target("A", 8, expected=10)], directory)
    shop.order([("A", 1)], at=at)
    await sink.push([target("A", 8, expected=10)], directory)
    assert shop.available("A", "WH") == 7


async def test_given_a_burnt_key_then_a_new_one_is_used(shop, connect, at):
    sink, directory, _ = await ready(shop, connect)
    number = shop.order([("A", 4)], at=at)
    await sink.push([target("A", 9, expected=10)], directory)
    shop.cancel(number, at=at)
    assert outcomes(await sink.push([target("A", 9, expected=10)], directory)) == {"A": ("pushed", 9)}


async def test_given_a_level_that_changes_while_it_is_written_then_it_is_held(shop, connect, at):
    sink, directory, client = await ready(shop, connect)
    ask = client.admin.call

    async def and_then_a_sale(document: str, variables: Any) -> Any:
        found = await ask(document, variables)
        if document == documents.AVAILABLE:
            shop.order([("A", 1)], at=at)
        return found

    client.admin.call = and_then_a_sale
    answers = await sink.push([target("A", 9, expected=6)], directory)
    assert outcomes(answers) == {"A": ("held", 6)}
    assert shop.available("A", "WH") == 10 - ROUNDS_MAX  # only the sales


async def test_given_the_same_push_is_still_running_then_it_is_tried_again_later(shop, connect):
    sink, directory, client = await ready(shop, connect)

    async def busy(_document: str, _variables: Any) -> Any:
        error = {"code": "IDEMPOTENCY_CONCURRENT_REQUEST", "field": None, "message": "in progress"}
        return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [error]}}

    client.admin.call = busy
    with pytest.raises(SlowDown):
        await sink.push([target("A", 2, expected=10)], directory)


async def test_given_an_error_that_names_no_row_then_every_row_is_refused_with_it(shop, connect):
    sink, directory, client = await ready(shop, connect)

    stale = {"code": "CHANGE_FROM_QUANTITY_STALE", "field": ["input", "quantities", "0"], "message": "moved"}
    error = {"code": "INVALID_REASON", "field": ["input", "reason"], "message": "no"}
    called = []

    async def refusing(document: str, _variables: Any) -> Any:
        called.append(document)
        return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [stale, error]}}

    client.admin.call = refusing
    answers = await sink.push([target("A", 2, 10), target("B", 2, 5)], directory)
    assert [(answer.outcome, answer.detail) for answer in answers] == [
        (Outcome.REFUSED, "INVALID_REASON: no")
    ] * 2
    assert called == [documents.SET_AVAILABLE], "one write, and nothing is read for rows that are lost"


def test_given_the_same_rows_in_another_order_then_the_key_is_the_same_and_else_it_is_not():
    one = Row(target("A", 2, 10), "gid://shopify/InventoryItem/1", "gid://shopify/Location/1", 10, 2)
    two = Row(target("B", 2, 5), "gid://shopify/InventoryItem/2", "gid://shopify/Location/1", 5, 2)
    assert key_of([one, two]) == key_of([two, one])
    different = [
        key_of([one]),
        key_of([one], attempt=1),
        key_of([replace(one, base=9)]),
        key_of([replace(one, base=None)]),
        key_of([replace(one, target=target("A", 2, 10, offset=2))]),
        key_of([replace(one, number=3)]),
        key_of([replace(one, location="gid://shopify/Location/2")]),
    ]
    assert len(set(different)) == len(different)


async def test_given_rows_the_shop_refuses_then_the_others_are_told(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    broken = Directory(
        handles={**directory.handles, "GONE": "gid://shopify/InventoryItem/999999999999"},
        places={**directory.places, "closed": "gid://shopify/Location/999999999999"},
    )
    pushed = [target("A", 8, 10), target("GONE", 1, 0), target("C", 1, 0, "closed"), target("NEW", 1)]
    answers = await sink.push(pushed, broken)
    assert outcomes(answers) == {
        "A": ("pushed", 8),
        "GONE": ("refused", 0),
        "C": ("refused", 0),
        "NEW": ("refused", 0),
    }
    details = {answer.target.sku: answer.detail for answer in answers}
    assert details["GONE"] == "INVALID_INVENTORY_ITEM: The specified inventory item could not be found."
    assert details["C"] == "INVALID_LOCATION: The specified location could not be found."
    assert "NEW" in details["NEW"]


async def test_given_two_items_with_one_sku_then_neither_is_told_and_the_reason_is_given(shop, connect):
    shop.shop.items["A2"] = twin = shop.shop.add_item("A2", True)
    twin.sku = "A"
    sink, directory, _ = await ready(shop, connect)
    answers = await sink.push([target("A", 8, 10)], directory)
    assert answers[0].outcome is Outcome.REFUSED
    assert "no single inventory item" in (answers[0].detail or "")


async def test_given_an_empty_bucket_then_the_wait_is_what_the_cost_needs(make, connect):
    shop = await make(restore_rate=2)
    shop.seed("A", "WH", 10)
    client = connect(shop)
    directory = Directory(
        handles={"A": "gid://shopify/InventoryItem/40000000000001"},
        places={"network": "gid://shopify/Location/1001"},
    )
    sink = ShopifySink(client)
    for wanted in (9, 8, 7):
        await sink.push([target("A", wanted, wanted + 1)], directory)
    with pytest.raises(SlowDown) as raised:
        await sink.push([target("A", 6, 7)], directory)
    assert 5.0 < raised.value.retry_after <= 6.5  # 13 points, next to none left, 2 a second
    assert shop.available("A", "WH") == 7


async def test_given_a_wrong_token_then_it_says_so_and_nothing_changes(shop, connect):
    _, directory, _ = await ready(shop, connect)
    with pytest.raises(ConnectorError, match="access token"):
        await ShopifySink(connect(shop, token="wrong")).push([target("A", 1, 10)], directory)
    assert shop.available("A", "WH") == 10


async def test_given_no_server_then_the_outcome_is_unknown(shop, connect):
    sink, directory, _ = await ready(shop, connect)
    await shop.stop()
    with pytest.raises(Unreachable):
        await sink.push([target("A", 1, 10)], directory)


async def test_given_a_flash_sale_while_pushing_then_no_unit_is_offered_twice(shop, connect, at):
    """Sales land between our pushes; whatever is pushed, sold plus offered never exceeds what there was."""
    sink, directory, _ = await ready(shop, connect)
    sold = 0
    for offset in range(20):
        if offset % 3 == 0 and sold < 10:
            shop.order([("A", 1)], at=at)
            sold += 1
        await asyncio.gather(
            *(
                sink.push([target("A", 10 - sold + 1, expected=10 - sold + 1, offset=offset)], directory)
                for _ in "12"
            )
        )
        assert shop.available("A", "WH") + sold <= 10


async def test_given_250_rows_then_one_call_tells_them(make, connect):
    shop = await make()
    for number in range(250):
        shop.seed(f"SKU-{number}", "WH", 100)
    sink, directory, _ = await ready(shop, connect)
    assert sink.batch_max == 250
    began, cpu = time.perf_counter(), time.process_time()
    rounds = 8
    for turn in range(rounds):
        pushed = [target(f"SKU-{n}", 99 - turn, 100 - turn, offset=turn) for n in range(250)]
        answers = await sink.push(pushed, directory)
        assert {answer.outcome for answer in answers} == {Outcome.PUSHED}
    took = (time.perf_counter() - began) / rounds * 1000
    used = (time.process_time() - cpu) / rounds * 1000
    sys.stdout.write(f"\n250 rows: {took:.1f} ms, of which CPU {used:.1f} ms (client and sandbox together)\n")
    assert shop.available("SKU-249", "WH") == 100 - rounds
