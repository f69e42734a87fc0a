"""The double answers as the real shop was recorded to, and keeps its books as the real shop does."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from connectors.emitter import Faults
from connectors.shopify import documents
from connectors.shopify.sandbox import ShopifySandbox, inventory, transfers

ITEM = "gid://shopify/InventoryItem/40000000000001"
PLACE = "gid://shopify/Location/1001"
WITHOUT_KEY = """
mutation Push($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) { userErrors { code field message } }
}"""
CHANGES = """
mutation Push($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      reason referenceDocumentUri changes { name delta quantityAfterChange item { id } location { id } }
    }
    userErrors { code field message }
  }
}"""


def row(quantity: int = 5, base: int | None = 10, item: str = ITEM, place: str = PLACE) -> dict[str, Any]:
    return {
        "inventoryItemId": item,
        "locationId": place,
        "quantity": quantity,
        "changeFromQuantity": base,
    }


async def ask(
    shop: ShopifySandbox,
    rows: list[dict[str, Any]],
    document: str = documents.SET_AVAILABLE,
    key: str = "k",
    **more: Any,
) -> tuple[int, dict[str, Any]]:
    intent = {"name": "available", "reason": "correction", "quantities": rows, **more}
    body = {"query": document, "variables": {"input": intent, "key": key}}
    headers = {"X-Shopify-Access-Token": "token"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{shop.url}/admin/api/2026-10/graphql.json", json=body) as answer,
    ):
        return answer.status, await answer.json()


def errors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return answer["data"]["inventorySetQuantities"]["userErrors"]


async def test_given_no_idempotency_key_then_the_answer_is_as_recorded(shop):
    status, answer = await ask(shop, [row()], WITHOUT_KEY)
    assert status == 200
    assert answer["data"] == {"inventorySetQuantities": None}
    assert answer["errors"] == [
        {
            "message": "The @idempotent directive is required for this mutation but was not provided.",
            "locations": [{"line": 3, "column": 3}],
            "extensions": {"code": "BAD_REQUEST"},
            "path": ["inventorySetQuantities"],
        }
    ]
    assert shop.available("A", "WH") == 10


async def test_given_no_compare_then_the_answer_is_as_recorded(shop):
    bare = row()
    del bare["changeFromQuantity"]
    _, answer = await ask(shop, [bare])
    assert answer["data"] == {"inventorySetQuantities": None}
    assert answer["errors"] == [
        {
            "message": "InventoryQuantityInput must include the following argument: changeFromQuantity.",
            "locations": [{"line": 3, "column": 3}, {"line": 2, "column": 15}],
            "extensions": {"code": "INVALID_FIELD_ARGUMENTS"},
            "path": ["inventorySetQuantities"],
        }
    ]


async def test_given_null_as_the_compare_then_it_is_skipped(shop):
    _, answer = await ask(shop, [row(5, None)])
    assert errors(answer) == []
    assert shop.available("A", "WH") == 5


async def test_given_a_change_then_the_group_and_the_cost_are_as_recorded(shop):
    _, answer = await ask(shop, [row(12)], CHANGES, referenceDocumentUri="gid://onhand/ChannelPush/1")
    group = answer["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]
    change = {"delta": 2, "quantityAfterChange": None, "item": {"id": ITEM}, "location": {"id": PLACE}}
    assert group["changes"] == [{"name": "available", **change}, {"name": "on_hand", **change}]
    assert group["referenceDocumentUri"] == "gid://onhand/ChannelPush/1"
    assert answer["extensions"]["cost"] == {
        "requestedQueryCost": 13,
        "actualQueryCost": 13,
        "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 1987, "restoreRate": 100},
    }


async def test_given_nothing_changes_then_there_is_no_group_and_no_error(shop):
    _, answer = await ask(shop, [row(10)])
    assert answer["data"]["inventorySetQuantities"] == {"inventoryAdjustmentGroup": None, "userErrors": []}


async def test_given_more_keys_than_are_remembered_then_the_oldest_alone_is_forgotten(shop, monkeypatch):
    monkeypatch.setattr(inventory, "KEYS_KEPT", 2)
    for units, key in ((9, "first"), (8, "second"), (7, "third")):
        await ask(shop, [row(units, None)], key=key)
    _, answer = await ask(shop, [row(1, None)], key="second")
    assert errors(answer)[0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    _, answer = await ask(shop, [row(6, None)], key="first")
    assert errors(answer) == []
    assert shop.available("A", "WH") == 6


async def test_given_unknown_ids_then_the_errors_are_as_recorded(shop):
    unknown = "gid://shopify/InventoryItem/999999999999"
    _, answer = await ask(shop, [row(item=unknown)])
    assert errors(answer) == [
        {
            "field": ["input", "quantities", "0", "inventoryItemId"],
            "message": "The specified inventory item could not be found.",
            "code": "INVALID_INVENTORY_ITEM",
        }
    ]
    _, answer = await ask(shop, [row(place="gid://shopify/Location/999999999999")], key="other")
    assert errors(answer) == [
        {
            "field": ["input", "quantities", "0", "locationId"],
            "message": "The specified location could not be found.",
            "code": "INVALID_LOCATION",
        }
    ]


async def test_given_one_stale_row_then_no_row_is_done_and_the_key_is_burnt(shop):
    other = row(9, 5, "gid://shopify/InventoryItem/40000000000002")
    _, answer = await ask(shop, [row(3, 9), other])
    assert [(error["code"], error["field"][2]) for error in errors(answer)] == [
        ("CHANGE_FROM_QUANTITY_STALE", "0")
    ]
    assert (shop.available("A", "WH"), shop.available("B", "WH")) == (10, 5)
    _, answer = await ask(shop, [row(3, 9), other])
    assert [error["code"] for error in errors(answer)] == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]


async def test_given_a_key_again_then_the_answer_is_the_first_and_other_parameters_are_refused(shop, at):
    _, first = await ask(shop, [row(8)])
    shop.order([("A", 1)], at=at)
    _, again = await ask(shop, [row(8)])
    assert again["data"] == first["data"]
    assert shop.available("A", "WH") == 7
    _, other = await ask(shop, [row(9)])
    assert [error["code"] for error in errors(other)] == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"quantities": [row(), row()]}, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"),
        ({"quantities": [row(1_000_000_001)]}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"quantities": [row(-1_000_000_001)]}, "INVALID_QUANTITY_TOO_LOW"),
        ({"reason": "because"}, "INVALID_REASON"),
        ({"name": "committed"}, "INVALID_NAME"),
    ],
)
async def test_given_an_input_against_the_rules_then_it_is_named(shop, changed, code):
    intent = {"quantities": [row()], **changed}
    _, answer = await ask(shop, intent.pop("quantities"), **intent)
    assert errors(answer)[0]["code"] == code
    assert shop.available("A", "WH") == 10


async def test_given_251_rows_then_the_call_is_refused_whole(shop):
    _, answer = await ask(shop, [row() for _ in range(251)])
    assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"


async def test_given_a_field_of_an_older_api_then_the_schema_refuses_it(shop):
    _, answer = await ask(shop, [row()], ignoreCompareQuantity=True)
    assert "ignoreCompareQuantity" in answer["errors"][0]["message"]


async def test_given_an_empty_bucket_then_it_is_throttled_with_http_200(make):
    shop = await make(restore_rate=1)
    shop.seed("A", "WH", 10)
    await ask(shop, [row(9)])
    status, answer = await ask(shop, [row(8, 9)], key="two")
    assert status == 200
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert answer["extensions"]["cost"]["actualQueryCost"] is None
    assert shop.available("A", "WH") == 9


async def test_given_the_life_of_an_order_then_the_states_move_as_documented(shop, at):
    seen: list[tuple[int, int, int]] = []

    def look() -> None:
        level = shop.shop.levels[shop.shop.items["A"].id, 1001]
        seen.append((level.available, level.committed, level.on_hand))

    look()
    number = shop.order([("A", 6)], at=at)
    look()
    shop.fulfil(number, "WH", [("A", 2)], at=at)
    look()
    shop.refund(number, [("A", 1)], restock="return", location="WH", at=at)
    look()
    shop.refund(number, [("A", 1)], restock="cancel", location=None, at=at)
    look()
    shop.cancel(number, at=at)
    look()
    assert seen == [(10, 0, 10), (4, 6, 10), (4, 4, 8), (5, 4, 9), (6, 3, 9), (9, 0, 9)]


async def test_given_an_order_of_more_than_there_is_then_available_is_negative_and_on_hand_is_not(shop, at):
    shop.order([("C", 2)], at=at)
    level = shop.shop.levels[shop.shop.items["C"].id, 1001]
    assert (level.available, level.committed, level.on_hand) == (-2, 2, 0)


async def test_given_a_parcel_from_elsewhere_then_the_demand_moves_there_if_asked_to(make, at):
    shop = await make(moves=True)
    shop.seed("A", "WH", 0)
    shop.seed("A", "S1", 1)
    number = shop.order([("A", 1)], at=at)
    shop.fulfil(number, "S1", at=at)
    assert (shop.available("A", "WH"), shop.available("A", "S1")) == (0, 0)


async def test_given_an_untracked_item_then_no_order_moves_its_stock(shop, at):
    shop.order([("SERVICE", 3)], at=at)
    assert shop.available("SERVICE", "WH") == 0


async def test_given_any_cause_then_every_change_of_available_is_told_at_once(make, at):
    told: list[tuple[str, str, int]] = []
    shop = await make(on_level=lambda sku, place, level, _when: told.append((sku, place, level)))
    shop.seed("A", "WH", 10)
    number = shop.order([("A", 3)], at=at)
    shop.fulfil(number, "WH", [("A", 1)], at=at)  # available stays
    await ask(shop, [row(5, 7)])
    shop.cancel(number, at=at)
    assert told == [("A", "WH", 10), ("A", "WH", 7), ("A", "WH", 5), ("A", "WH", 7)]


async def test_given_subscriptions_then_each_event_is_exactly_one_signed_webhook(shop, connect, inbox, at):
    await connect(shop).subscribe(inbox.url)
    accepted: list[str] = []
    shop.emitter.accepted = lambda tag, _when: accepted.append(tag)
    number = shop.order([("A", 4)], at=at, tag="t1")
    parcel = shop.fulfil(number, "WH", [("A", 1)], at=at + timedelta(minutes=1), tag="t2")
    shop.refund(number, [("A", 1)], restock="cancel", location="WH", at=at + timedelta(minutes=2), tag="t3")
    shop.cancel(number, at=at + timedelta(minutes=3), tag="t4")
    shop.report_level("A", "WH", at=at + timedelta(minutes=4), tag="t5")
    shop.unfulfil(parcel, at=at + timedelta(minutes=5), tag="t6")
    await shop.emitter.drain()
    assert sorted(headers["X-Shopify-Topic"] for headers, _, _ in inbox.got) == [
        "fulfillments/create",
        "fulfillments/update",
        "inventory_levels/update",
        "orders/cancelled",
        "orders/create",
        "refunds/create",
    ]
    assert sorted(accepted) == ["t1", "t2", "t3", "t4", "t5", "t6"]
    level = next(body for headers, body, _ in inbox.got if headers["X-Shopify-Topic"].startswith("inventory"))
    assert json.loads(level)["available"] == 9


async def test_given_other_topics_are_wished_for_then_a_parcel_is_told_by_each(shop, connect, inbox, at):
    await connect(shop).subscribe(inbox.url)
    number = shop.order([("A", 1)], at=at)
    shop.fulfil(number, "WH", at=at, topics=("fulfillments/create", "orders/fulfilled", "orders/updated"))
    await shop.emitter.drain()
    topics = sorted(headers["X-Shopify-Topic"] for headers, _, _ in inbox.got)
    assert topics == ["fulfillments/create", "orders/create", "orders/fulfilled", "orders/updated"]


async def test_given_echo_then_a_write_is_told_once_with_what_is_true_by_then(make, connect, inbox, at):
    shop = await make(echo=True)
    shop.seed("A", "WH", 0)
    await connect(shop).subscribe(inbox.url)
    await ask(shop, [row(10, 0)], key="one")
    shop.order([("A", 1)], at=at)
    await ask(shop, [row(8, 9)], key="two")
    await _until(lambda: len(inbox.got) >= 2)
    levels = [json.loads(body) for headers, body, _ in inbox.got if "levels" in headers["X-Shopify-Topic"]]
    assert [level["available"] for level in levels] == [8]


async def test_given_no_echo_then_a_write_sends_no_webhook(shop, connect, inbox):
    await connect(shop).subscribe(inbox.url)
    await ask(shop, [row(5)])
    await shop.emitter.drain()
    assert inbox.got == []


async def test_given_repeated_deliveries_then_the_body_and_its_ids_are_the_same(make, connect, inbox, at):
    shop = await make(faults=Faults(duplicated=1.0, delay=0.01))
    shop.seed("A", "WH", 5)
    await connect(shop).subscribe(inbox.url)
    shop.order([("A", 1)], at=at)
    await shop.emitter.drain()
    assert len(inbox.got) == 2
    assert inbox.got[0][1] == inbox.got[1][1]
    assert inbox.got[0][0]["X-Shopify-Webhook-Id"] == inbox.got[1][0]["X-Shopify-Webhook-Id"]


async def test_given_events_that_cannot_be_then_nothing_moves(shop, at):
    number = shop.order([("A", 2)], at=at)
    for impossible in (
        lambda: shop.order([("UNKNOWN", 1)], at=at),
        lambda: shop.order([], at=at),
        lambda: shop.fulfil(number, "WH", [("A", 3)], at=at),
        lambda: shop.fulfil(number, "WH", [("B", 1)], at=at),
        lambda: shop.refund(number, [("A", 1)], restock="return", location="WH", at=at),
        lambda: shop.refund(number, [("A", 3)], restock="cancel", location="WH", at=at),
    ):
        with pytest.raises(ValueError, match=r"order"):
            impossible()
    assert shop.available("A", "WH") == 8


async def test_given_a_list_of_names_and_a_gid_to_sell_from_then_both_are_understood(make, at):
    shop = await make(locations=["DC", "S1"], sells_from="gid://shopify/Location/1002")
    shop.seed("A", "S1", 3)
    shop.order([("A", 1)], at=at)
    assert shop.available("A", "S1") == 2
    own = await make(locations=["DC"], sells_from="gid://shopify/Location/77")
    own.seed("A", "DC", 3)
    own.order([("A", 1)], at=at)
    assert (own.available("A", "DC"), own.available("A", "Location 77")) == (3, -1)


async def _until(true: Any) -> None:
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


FULFILMENT_ORDERS = """
query Routes($id: ID!) {
  node(id: $id) { ... on Order { fulfillmentOrders(first: 9) { nodes {
    status requestStatus updatedAt assignedLocation { location { name } }
    lineItems(first: 9) { nodes { totalQuantity remainingQuantity lineItem { quantity } } }
  } } } }
}"""


async def routes(client: Any, number: int) -> list[tuple[Any, ...]]:
    """An order's fulfilment orders as the API shows them."""
    data = await client.admin.call(FULFILMENT_ORDERS, {"id": f"gid://shopify/Order/{number}"})
    return [
        (
            one["status"],
            one["assignedLocation"]["location"]["name"],
            [
                (row["totalQuantity"], row["remainingQuantity"], row["lineItem"]["quantity"])
                for row in one["lineItems"]["nodes"]
            ],
            one["updatedAt"][11:16],
        )
        for one in data["node"]["fulfillmentOrders"]["nodes"]
    ]


async def test_given_some_units_moved_then_the_fulfilment_orders_are_as_recorded(shop, connect, at):
    """Recorded on API 2026-04 (fulfillment-order-move-multi-line): of 2 and 3 units, 2 and 1 are moved."""
    client = connect(shop)
    number = shop.order([("A", 2), ("B", 3)], at=at)
    shop.reroute(number, "S1", [("A", 2), ("B", 1)], at=at + timedelta(minutes=1))
    assert await routes(client, number) == [
        ("OPEN", "Warehouse", [(2, 2, 3)], "09:30"),
        ("OPEN", "Store One", [(2, 2, 2), (1, 1, 3)], "09:31"),
    ]
    shop.fulfil(number, "S1", [("A", 2), ("B", 1)], at=at + timedelta(minutes=2))
    shop.reroute(number, "S1", at=at + timedelta(minutes=3))
    assert await routes(client, number) == [
        ("CLOSED", "Warehouse", [(0, 0, 3)], "09:33"),
        ("CLOSED", "Store One", [(2, 0, 2), (1, 0, 3)], "09:32"),
        ("OPEN", "Store One", [(2, 2, 3)], "09:33"),
    ]


async def test_given_a_transfer_ready_to_ship_then_the_states_are_as_recorded(make, at):
    """Recorded on API 2025-01 (inventory-transfer-lifecycle): 3 of 5 units are to go."""
    shop = await make()
    shop.seed("A", "WH", 5)
    made = transfers.plan(shop.shop, "WH", "S1", {"A": 3}, at)
    level = shop.shop.levels[shop.shop.items["A"].id, 1001]
    assert (level.available, level.reserved, level.on_hand) == (5, 0, 5)
    transfers.ready(shop.shop, made, at)
    assert (level.available, level.reserved, level.on_hand) == (2, 3, 5)
    transfers.cancel(shop.shop, made, at)
    assert (level.available, level.reserved, level.on_hand) == (5, 0, 5)
    with pytest.raises(ValueError, match="left to ship"):
        transfers.ship(shop.shop, made, {"A": 4}, at)


async def test_given_a_return_not_restocked_then_it_is_shown_as_recorded_and_no_level_moves(
    shop, connect, at
):
    """Recorded on API 2026-04 (return-reverse-logistics): a disposition has a place whatever its kind."""
    number = shop.order([("A", 3)], at=at)
    shop.fulfil(number, "WH", at=at)
    shown = shop.available("A", "S1")
    made = shop.give_back(number, [("A", 1)], kind="NOT_RESTOCKED", location="S1", at=at)
    asked = {"id": f"gid://shopify/Return/{made}", "first": 5, "after": None}
    (part,) = (await connect(shop).admin.call(documents.REVERSE, asked))["node"]["part"]["nodes"]
    (line,) = part["lineItems"]["nodes"]
    assert line["totalQuantity"] == 1
    assert [(one["type"], one["quantity"], one["location"]) for one in line["dispositions"]] == [
        ("NOT_RESTOCKED", 1, {"legacyResourceId": "1002"})
    ]
    assert shop.available("A", "S1") == shown
    with pytest.raises(ValueError, match="did not send"):
        shop.give_back(number, [("A", 4)], kind="RESTOCKED", location="S1", at=at)
