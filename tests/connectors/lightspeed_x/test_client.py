"""The client against the sandbox: directory, levels, polling, subscribing, waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.directory import Item, resolve
from connectors.errors import SlowDown, Unreachable
from connectors.lightspeed_x import feeds, mapping
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.webhooks import WEBHOOKS
from schemas.bundles import unbundled

SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
OUTLETS = ("High Street", "Mall")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def polled(client, cursor=None):
    """The ids of the sales of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        found += [payload.body["id"] for payload in payloads]
        cursor = reached
    return found, cursor


async def test_given_products_outlets_and_registers_then_the_directory_resolves_both_ways(client, sandbox):
    directory = await client.directory()
    shirt, mall = sandbox.product_id("SHIRT"), sandbox.outlet_id("Mall")
    assert directory.items[f"product:{shirt}"] == Item("SHIRT")
    assert directory.items[f"product:{sandbox.product_id('GIFTCARD')}"] == Item("GIFTCARD", tracked=False)
    assert directory.locations[f"outlet:{mall}"] == "Mall"
    assert directory.locations[f"register:{sandbox.register_id('Mall')}"] == "Mall"
    assert directory.handles["SHIRT"] == shirt
    assert directory.places == {name: sandbox.outlet_id(name) for name in OUTLETS}


async def test_given_more_products_than_a_page_then_the_directory_has_them_all(client, sandbox):
    for number in range(2_100):
        sandbox.seed(f"SKU{number}", "Mall", 1)
    assert len((await client.directory()).handles) == 2_104


async def test_given_two_products_of_one_sku_then_neither_is_guessed(client, sandbox):
    sandbox._retailer.products.skus[0] = "MUG"
    directory = await client.directory()
    assert "MUG" not in directory.handles
    assert {item.sku for item in directory.items.values()} == {"CAP", "GIFTCARD"}


async def test_given_more_levels_than_a_page_then_each_comes_once_with_the_platforms_instant(client, sandbox):
    for number in range(5_100):
        sandbox.seed(f"SKU{number}", "Mall", number)
    before = datetime.now(UTC) - timedelta(seconds=2)
    seen = {}
    async for rows in client.levels():
        for row in rows:
            assert (row.item, row.location) not in seen
            assert before < row.observed_at
            seen[row.item, row.location] = row.level
    mall = f"outlet:{sandbox.outlet_id('Mall')}"
    assert len(seen) == 5_106
    assert seen[f"product:{sandbox.product_id('SKU5099')}", mall] == 5_099


async def test_given_a_poll_then_the_next_has_only_what_changed_since(client, sandbox):
    first = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, webhook=False)
    second = sandbox.sell("Mall", [("MUG", 1)], at=NOW, webhook=False)
    found, cursor = await polled(client)
    assert found == [first, second]
    assert await polled(client, cursor) == ([], cursor)
    sandbox.void(first, at=NOW)
    found, moved = await polled(client, cursor)
    assert found == [first]
    assert feeds.reached(moved)["sales"] > feeds.reached(cursor)["sales"]


async def test_given_a_poll_that_was_not_taken_then_the_next_has_it_again(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, webhook=False)
    cursor = str(sandbox._retailer.take_version())  # the sale became visible after a higher version
    polling = client.poll(cursor)
    await anext(polling)
    await polling.aclose()
    assert (await polled(client, cursor))[0] == [sale]
    assert (await polled(client, cursor))[0] == []


async def test_given_a_client_that_starts_anew_then_it_looks_behind_its_cursor(client, settings, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, webhook=False)
    _, cursor = await polled(client)
    other = LightspeedXClient(settings, SECRETS)
    assert (await polled(other, cursor))[0] == [sale]
    await other.close()
    narrow = LightspeedXClient(settings.model_copy(update={"poll_overlap": 0}), SECRETS)
    assert (await polled(narrow, cursor))[0] == []
    await narrow.close()


async def test_given_a_poll_of_everything_then_what_was_taken_before_comes_again(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, webhook=False)
    await polled(client)
    assert (await polled(client))[0] == [sale]


async def test_given_a_second_subscription_then_there_is_still_one_webhook_of_each_type(client, sandbox):
    for _ in range(2):
        await client.subscribe("http://127.0.0.1:1/webhooks/tills")
    hooks = sandbox._api.hooks.values()
    assert sorted(hook["url"].rpartition("/")[2] for hook in hooks) == sorted(WEBHOOKS)


async def test_given_a_webhook_that_was_deleted_or_switched_off_then_subscribing_brings_it_back(
    client, sandbox
):
    await client.subscribe("http://127.0.0.1:1/webhooks/tills")
    first, second, *_ = sandbox._api.hooks
    del sandbox._api.hooks[first]
    sandbox._api.hooks[second]["active"] = False
    await client.subscribe("http://127.0.0.1:1/webhooks/tills")
    hooks = list(sandbox._api.hooks.values())
    assert sorted(hook["type"] for hook in hooks) == sorted(WEBHOOKS)
    assert all(hook["active"] for hook in hooks)


async def test_given_a_cursor_of_before_there_were_several_lists_then_it_is_for_all_of_them(client, sandbox):
    assert feeds.reached("7") == {"sales": 7, "consignments": 7, "stock_adjustments": 7}
    assert feeds.reached(None) == {"sales": 0, "consignments": 0, "stock_adjustments": 0}
    somewhere = {"sales": 7, "consignments": 9, "stock_adjustments": 8}
    assert feeds.reached(feeds.written(somewhere)) == somewhere


async def test_given_a_composite_then_no_level_is_told_of_it_and_a_bundle_of_ours_takes_its_components(
    client, sandbox, book
):
    sandbox.compose("GIFT", {"SHIRT": 1, "MUG": 2})
    directory = await client.directory()
    assert directory.items[f"product:{sandbox.product_id('GIFT')}"] == Item("GIFT")
    assert "GIFT" not in directory.handles
    sandbox.sell("Mall", [("GIFT", 2)], at=NOW, webhook=False)
    ((payload,), _) = await anext(client.poll(None))
    claim = resolve(mapping.read("tills", payload), directory, "Mall", 100)
    ours = book()
    ours.settle(unbundled(claim, {"GIFT": {"SHIRT": 1, "MUG": 2}}))
    for sku in ("SHIRT", "MUG"):
        assert ours.on_hand(sku, "Mall") == sandbox.level(sku, "Mall")
    assert sandbox.level("MUG", "Mall") == 1
    wrong = {"product_id": sandbox.product_id("GIFT"), "outlet_id": sandbox.outlet_id("Mall")}
    body = {"stock_adjustments": [{**wrong, "quantity": "-1", "reason": "DAMAGE"}]}
    assert (await client.http.call("POST", "/stock_adjustments", body=body)).status == 422


async def test_given_more_fulfillments_than_a_page_then_each_sale_has_its_own(client, sandbox, monkeypatch):
    sales = [
        sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, webhook=False, state="pending", attributes=("pickup",))
        for _ in range(230)
    ]
    found = {}
    async for payloads, _ in client.poll(None):
        found |= {payload.body["id"]: payload.body["fulfillments"] for payload in payloads}
    assert list(found) == sales
    assert {len(rows) for rows in found.values()} == {1}
    monkeypatch.setattr(feeds, "FULFILLMENTS_PAGE", 7)
    asked = sales[: feeds.SALES_AT_ONCE]
    assert [row["sale_id"] for row in await client.fulfillments(asked)] == asked


async def test_given_a_used_up_limit_then_the_date_in_retry_after_becomes_seconds(client, sandbox):
    sandbox.gate._allowance = 1
    await client.http.call("GET", "/outlets")
    with pytest.raises(SlowDown) as wait:
        await client.http.call("GET", "/outlets")
    assert 290 <= wait.value.retry_after <= 301


async def test_given_a_wrong_token_then_nothing_is_read(settings):
    stranger = LightspeedXClient(settings, {**SECRETS, "access_token": SECRETS["client_secret"]})
    with pytest.raises(Unreachable, match="401"):
        await stranger.directory()
    await stranger.close()
