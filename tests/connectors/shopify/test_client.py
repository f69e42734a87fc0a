from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.contract import Payload
from connectors.directory import Item
from connectors.errors import ConnectorError
from connectors.shopify import connector, documents, polling
from connectors.shopify.mapping import TOPICS, WEBHOOKS, read
from connectors.shopify.reading import Reader
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.webhooks import receive


async def polled(client: Any, cursor: str | None) -> tuple[list[Payload], str | None]:
    found: list[Payload] = []
    async for payloads, after in client.poll(cursor):
        found.extend(payloads)
        cursor = after
    return found, cursor


async def test_given_a_catalogue_of_many_pages_then_the_directory_has_all_of_it(make, connect):
    shop = await make()
    for number in range(601):
        shop.seed(f"SKU-{number}", "WH", number)
    shop.seed("SERVICE", "WH", 0, tracked=False)
    shop.seed("", "WH", 1)
    directory = await connect(shop).directory()
    assert directory.items["SKU-600"] == Item("SKU-600")
    assert directory.items["inventory_item:40000000000601"] == Item("SKU-600")
    assert directory.items["variant:50000000000601"] == Item("SKU-600")
    assert directory.items["SERVICE"] == Item("SERVICE", tracked=False)
    assert "" not in directory.items
    assert directory.handles["SKU-600"] == "gid://shopify/InventoryItem/40000000000601"
    assert directory.locations == {"location:1001": "Warehouse", "location:1002": "Store One"}
    assert directory.places == {
        "Warehouse": "gid://shopify/Location/1001",
        "Store One": "gid://shopify/Location/1002",
        "network": "gid://shopify/Location/1001",
    }


async def test_given_levels_then_each_tracked_one_is_told_with_its_place(shop, connect):
    found = [level async for page in connect(shop).levels() for level in page]
    assert {(level.item, level.location, level.level) for level in found} == {
        ("inventory_item:40000000000001", "location:1001", 10),
        ("inventory_item:40000000000001", "location:1002", 3),
        ("inventory_item:40000000000002", "location:1001", 5),
        ("inventory_item:40000000000003", "location:1001", 0),
    }
    assert all(level.observed_at.tzinfo for level in found)
    assert all(level.changed_at is not None and level.changed_at <= level.observed_at for level in found)


async def test_given_a_small_bucket_then_a_long_read_waits_and_ends(make, connect):
    shop = await make(restore_rate=40)
    for number in range(2100):
        shop.seed(f"SKU-{number}", "WH", number)
    client = connect(shop)
    found = [level async for page in client.levels() for level in page]
    assert len(found) == 2100


async def test_given_orders_of_many_pages_then_a_poll_gives_each_once_and_the_cursor_goes_on(
    shop, connect, at
):
    numbers = [shop.order([("A", 1)], at=at + timedelta(seconds=n // 3)) for n in range(60)]
    client = connect(shop)
    found, cursor = await polled(client, None)
    assert [payload.body["id"] for payload in found] == numbers
    assert await polled(client, cursor) == ([], cursor)
    late = shop.order([("B", 1)], at=at + timedelta(seconds=19))  # in the second the cursor stands at
    found, cursor = await polled(client, cursor)
    assert [payload.body["id"] for payload in found] == [late]
    shop.cancel(numbers[0], at=at + timedelta(minutes=1))
    found, _ = await polled(client, cursor)
    assert [payload.body["id"] for payload in found] == [numbers[0]]


async def test_given_more_orders_than_one_search_pages_through_then_the_search_goes_on(
    shop, connect, at, monkeypatch
):
    monkeypatch.setattr(polling, "PAGED_MAX", 25)
    numbers = [shop.order([("A", 1)], at=at + timedelta(seconds=n // 2)) for n in range(90)]
    found, _ = await polled(connect(shop), None)
    assert [payload.body["id"] for payload in found] == numbers


async def test_given_a_poll_and_a_webhook_of_one_order_then_they_claim_the_same(
    *, shop, connect, inbox, settings, secrets, at
):
    client = connect(shop)
    await client.subscribe(inbox.url)
    number = shop.order([("A", 4), ("B", 2)], at=at)
    shop.refund(number, [("A", 1)], restock="no_restock", location=None, at=at + timedelta(minutes=1))
    shop.fulfil(number, "S1", [("A", 2)], at=at + timedelta(minutes=2))
    shop.refund(number, [("A", 1)], restock="return", location="S1", at=at + timedelta(minutes=3))
    shop.refund(number, [("B", 1)], restock="cancel", location="WH", at=at + timedelta(minutes=4))
    shop.tell(number)
    await shop.emitter.drain()
    headers, body, _ = next(one for one in inbox.got if one[0]["X-Shopify-Topic"] == "orders/updated")
    told = receive(settings, secrets, headers, body, "")[0]
    asked = (await polled(client, None))[0][0]
    asked, told = read("eu-shop", asked), read("eu-shop", told)
    assert asked.transaction == told.transaction
    assert [one for one in asked.documents if not one.id.startswith("routing/")] == list(told.documents)


async def test_given_lines_beyond_the_first_page_then_a_poll_has_them_all(shop, connect, at):
    number = shop.order([("A", 1)], at=at)
    client = connect(shop)
    ask, first = client.admin.call, {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}

    async def in_parts(document: str, variables: Any) -> Any:
        if "MoreLines" in document:
            assert variables == {"id": f"gid://shopify/Order/{number}", "after": "x"}
            return {"node": {"part": lines}}
        return await ask(document, variables)

    asked = {"first": 1, **dict.fromkeys(("routing", "returns", "customers", "groups"), False)}
    whole = (await ask(documents.ORDERS, asked))["orders"]["nodes"][0]
    lines = whole["lineItems"]
    client.admin.call = in_parts
    cut = {**whole, "lineItems": first}
    reader = Reader(client.admin, client.settings.model_copy(update={"polls": ()}))
    assert [line["sku"] for line in (await reader.order(cut)).body["line_items"]] == ["A"]


async def test_given_a_page_that_costs_too_much_then_smaller_ones_are_asked_for(shop, connect):
    client = connect(shop)
    ask, sizes = client.admin._http.call, []

    async def costly(method: str, path: str, *, body: Any, **rest: Any) -> Any:
        reply = await ask(method, path, body=body, **rest)
        size = body["variables"]["first"]
        sizes.append(size)
        if size > 2:
            reply.body.clear()
            reply.body["errors"] = [{"message": "too much", "extensions": {"code": "MAX_COST_EXCEEDED"}}]
        return reply

    client.admin._http.call = costly
    found = [level async for page in client.levels() for level in page]
    assert len(found) == 4
    assert sizes[:5] == [25, 12, 6, 3, 1]


async def test_given_a_subscription_then_subscribing_again_adds_none(shop, connect, inbox):
    client = connect(shop)
    await client.subscribe(inbox.url)
    await client.subscribe(inbox.url)
    held = [(one["topic"], one["uri"]) for one in shop._api.subscriptions]
    assert sorted(held) == sorted((topic.replace("/", "_").upper(), inbox.url) for topic in WEBHOOKS)


async def test_given_one_subscription_was_deleted_then_only_that_one_comes_back(shop, connect, inbox):
    client = connect(shop)
    await client.subscribe(inbox.url)
    gone = shop._api.subscriptions.pop(3)
    await client.subscribe(inbox.url)
    assert len(shop._api.subscriptions) == len(WEBHOOKS)
    assert shop._api.subscriptions[-1]["topic"] == gone["topic"]


async def test_given_a_wrong_token_or_version_then_the_reason_is_named(shop, connect):
    with pytest.raises(ConnectorError, match="access token"):
        await connect(shop, token="wrong").directory()
    with pytest.raises(ConnectorError, match="API version"):
        await connect(shop, api_version="2019-01").directory()


@pytest.mark.parametrize(
    "wrong",
    [
        {"shop": "shop.example.com"},
        {"shop": "https://x.myshopify.com"},
        {"publish_location": "1001"},
        {"surprise": 1},
        {"api_version": "2026-01"},
        {"api_version": "unstable"},
        {"auth": "password"},
        {"polls": ["customers"]},
    ],
)
def test_given_settings_that_cannot_be_then_they_are_refused(wrong):
    good = {"platform": "shopify", "shop": "x.myshopify.com", "publish_location": "gid://shopify/Location/1"}
    assert ShopifySettings(**good).address == "https://x.myshopify.com"
    with pytest.raises(ValidationError):
        ShopifySettings(**{**good, **wrong})


def test_given_the_connector_then_it_reads_every_topic_it_lists():
    assert connector.topics == TOPICS
    assert connector.tells == "quantity"
