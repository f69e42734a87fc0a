"""The client against the sandbox: directory, levels, paging, polling, waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.directory import Item
from connectors.errors import SlowDown, Unreachable
from connectors.lightspeed_r.client import LightspeedRClient, room_after
from connectors.lightspeed_r.feeds import Reached

SECRETS = {
    "client_id": SecretStr("client-1"),
    "client_secret": SecretStr("secret-1"),
    "refresh_token": SecretStr("refresh-0"),
}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def polled(client, cursor=None):
    """Topics and ids of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        for payload in payloads:
            names = ("saleLineID", "inventoryLogID", "transferID", "orderID", "saleID")
            found.append((payload.topic, next(payload.body[name] for name in names if name in payload.body)))
        cursor = reached
    return found, cursor


async def test_given_items_and_shops_then_the_directory_resolves_both_ways(client, sandbox):
    directory = await client.directory()
    shirt = sandbox.account.item_by_sku["SHIRT"]
    assert directory.items[f"item:{shirt}"] == Item("SHIRT")
    assert [item.sku for item in directory.items.values() if not item.tracked] == ["GIFTCARD"]
    assert directory.locations == {"shop:1": "High Street", "shop:2": "Mall"}
    assert directory.handles["SHIRT"] == str(shirt)
    assert directory.places == {"High Street": "1", "Mall": "2"}


async def test_given_more_items_than_a_page_then_the_directory_has_them_all(client, sandbox):
    for number in range(250):
        sandbox.seed(f"SKU{number}", "Mall", 1)
    assert len((await client.directory()).handles) == 254


async def test_given_one_sku_on_two_items_or_none_then_neither_is_guessed(client, sandbox):
    items = list(sandbox.account.items.values())
    items[0]["customSku"] = "MUG"
    items[2]["customSku"] = ""
    directory = await client.directory()
    assert {item.sku for item in directory.items.values()} == {"GIFTCARD"}
    assert set(directory.handles) == {"GIFTCARD"}


async def test_given_an_item_made_anew_then_the_archived_one_gives_way_and_a_lone_archived_one_is_known(
    client, sandbox
):
    shirt, mug, cap, _ = sandbox.account.items.values()
    mug.update(archived=True, customSku="SHIRT")
    cap.update(archived=True)
    directory = await client.directory()
    assert directory.handles["SHIRT"] == str(shirt["itemID"])
    assert f"item:{mug['itemID']}" not in directory.items
    assert directory.items[f"item:{cap['itemID']}"].sku == "CAP"


async def test_given_another_field_for_the_sku_then_it_is_used(settings, sandbox):
    other = LightspeedRClient(settings.model_copy(update={"sku_field": "systemSku"}), SECRETS)
    assert "210000000001" in (await other.directory()).handles
    await other.close()


async def test_given_levels_then_the_summary_row_is_left_out_and_a_negative_one_is_told(client, sandbox):
    sandbox.sell("Mall", [("CAP", 7)], at=NOON)
    before = datetime.now(UTC) - timedelta(seconds=2)
    rows = [row async for page in client.levels() for row in page]
    assert len(rows) == 6
    assert {row.location for row in rows} == {"shop:1", "shop:2"}
    cap = f"item:{sandbox.account.item_by_sku['CAP']}"
    assert {(row.item, row.location): row.level for row in rows}[cap, "shop:2"] == -2
    assert all(row.observed_at > before for row in rows)


async def test_given_a_poll_then_the_next_has_only_what_changed_since(client, sandbox):
    first = sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    second = sandbox.sell("Mall", [("MUG", 1)], at=NOON)
    found, cursor = await polled(client)
    assert found == [("sale", str(first)), ("sale", str(second))]
    assert (await polled(client, cursor))[0] == []
    sandbox.void(first, at=NOON)
    assert (await polled(client, cursor))[0] == [("sale", str(first))]


async def test_given_every_kind_of_document_then_a_poll_has_each_once_and_no_row_of_the_log_that_one_tells_of(
    client, sandbox
):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    line = sandbox.lay_away("Mall", "SHIRT", 2, at=NOON)
    transfer = sandbox.transfer("Mall", "High Street", {"MUG": 1}, at=NOON)
    order = sandbox.order("Mall", {"CAP": 4}, at=NOON)
    sandbox.check_in(order, {"CAP": 4}, at=NOON)
    sandbox.adjust("Mall", "CAP", -1, at=NOON, reason="manualAdjustQOH")
    assert len(sandbox.account.logs) == 5
    found, cursor = await polled(client)
    assert found == [
        ("reservation", str(line)),
        ("sale", "1"),
        ("purchase_order", str(order)),
        ("transfer", str(transfer)),
        ("inventory_log", "2"),  # the layaway's own row, which is skipped
        ("inventory_log", "5"),
    ]
    assert (await polled(client, cursor))[0] == []


async def test_given_more_of_everything_than_a_page_then_nothing_is_missing_or_doubled(client, sandbox):
    for number in range(230):
        sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)  # all in one second
        sandbox.adjust("Mall", "CAP", 1, at=NOON - timedelta(days=number), reason="GenericReason")
        sandbox.lay_away("Mall", "GIFTCARD", 1, at=NOON)
    found, _ = await polled(client)
    assert len(found) == len(set(found)) == 690


async def test_given_a_poll_that_was_not_taken_then_the_next_has_it_again(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    polling = client.poll(None)
    await anext(polling)
    await polling.aclose()
    assert (await polled(client))[0] == [("sale", str(sale))]


async def test_given_a_client_that_starts_anew_then_it_looks_behind_its_cursor(client, settings, sandbox):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    _, cursor = await polled(client)
    late = sandbox.sell("Mall", [("MUG", 1)], at=NOON - timedelta(minutes=4))
    older = sandbox.sell("Mall", [("MUG", 1)], at=NOON - timedelta(minutes=6))
    other = LightspeedRClient(settings, {**SECRETS, "refresh_token": SecretStr("refresh-1")})
    found = (await polled(other, cursor))[0]
    assert ("sale", str(late)) in found
    assert ("sale", str(older)) not in found
    await other.close()


async def test_given_a_row_of_the_log_that_becomes_visible_late_or_is_dated_back_then_it_is_found(
    client, sandbox
):
    for _ in range(3):
        sandbox.adjust("Mall", "CAP", 1, at=NOON, reason="GenericReason")
    hidden = sandbox.account.logs.pop(1)
    _, cursor = await polled(client)
    hidden["createTime"] = NOON - timedelta(days=30)
    sandbox.account.logs.append(hidden)
    assert (await polled(client, cursor))[0] == [("inventory_log", "2")]


async def test_given_a_reservation_that_is_removed_then_it_is_told_once_and_forgotten(client, sandbox):
    line = sandbox.lay_away("Mall", "SHIRT", 2, at=NOON)
    _, cursor = await polled(client)
    assert list(Reached.parse(cursor).open) == [str(line)]
    sandbox.let_go(line, at=NOON)
    found, after = await polled(client, cursor)
    assert found[0] == ("reservation", str(line))
    assert Reached.parse(after).open == {}
    assert (await polled(client, after))[0] == []


async def test_given_a_reservation_in_an_open_sale_then_it_is_not_removed_and_its_completion_is_told(
    client, sandbox
):
    line = sandbox.lay_away("Mall", "SHIRT", 2, at=NOON)
    _, cursor = await polled(client)
    sale = sandbox.collect([line], at=NOON, completed=False)
    found, cursor = await polled(client, cursor)
    assert found == [("sale", str(sale)), ("reservation", str(line))]
    assert list(Reached.parse(cursor).open) == [str(line)]
    sandbox.complete(sale, at=NOON + timedelta(seconds=1))
    found, cursor = await polled(client, cursor)
    assert found == [("sale", str(sale)), ("reservation", str(line))]
    assert Reached.parse(cursor).open == {}


async def test_given_a_reservation_then_the_cursor_remembers_it_before_it_is_told(client, sandbox):
    line = sandbox.lay_away("Mall", "SHIRT", 2, at=NOON)
    polling = client.poll(None)
    payloads, cursor = await anext(polling)
    await polling.aclose()
    assert payloads == []
    sandbox.let_go(line, at=NOON)
    assert (await polled(client, cursor))[0][0] == ("reservation", str(line))


async def test_given_a_special_order_whose_goods_came_then_it_is_told_though_its_time_stands_still(
    client, sandbox
):
    line = sandbox.lay_away("Mall", "SHIRT", 2, at=NOON, special=True)
    _, cursor = await polled(client)
    sandbox.account.reserve(sandbox.account.lines[line], NOON)
    assert ("reservation", str(line)) in (await polled(client, cursor))[0]


async def test_given_a_next_page_somewhere_else_then_it_is_not_followed(client):
    with pytest.raises(Unreachable, match="not the account's"):
        client._after(
            {"@attributes": {"next": "https://api.lightspeedapp.com/API/V3/Account/7/Item.json?after=x"}}
        )
    assert client._after({"@attributes": {"next": ""}}) == client._after({}) == ""


async def test_given_a_full_bucket_then_the_answer_to_slow_down_says_for_how_long(client, sandbox):
    await client.directory()
    sandbox.gate.size = 10.0
    sandbox.gate.level = 14.5
    with pytest.raises(SlowDown) as wait:
        await client.directory()
    assert 4 <= wait.value.retry_after <= 6


async def test_given_a_full_second_then_it_is_slow_down_too(client, sandbox):
    await client.directory()
    sandbox.gate.burst = 0
    with pytest.raises(SlowDown) as wait:
        await client.directory()
    assert wait.value.retry_after == 1


async def test_given_a_nearly_full_bucket_then_the_next_call_waits_for_room(client, sandbox):
    await client.directory()
    sandbox.gate.size, sandbox.gate.drip, sandbox.gate.level = 20.0, 10.0, 19.9
    assert (await client.directory()).handles


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"X-LS-API-Bucket-Level": "1/90"}, 0.0),
        ({"X-LS-API-Bucket-Level": "9.2179536819447/90"}, 0.0),
        ({"X-LS-API-Bucket-Level": "92.5/90", "X-LS-Api-Drip-Rate": "1"}, 3.5),
        ({"X-LS-API-Bucket-Level": "91/90", "X-LS-Api-Drip-Rate": "2"}, 1.0),
        ({"X-LS-API-Bucket-Level": "1/90", "X-LS-API-Burst-Level": "20/20"}, 1.0),
        ({"X-LS-API-Bucket-Level": "full"}, 0.0),
    ],
)
def test_given_the_levels_in_an_answer_then_they_say_how_long_to_wait(headers, seconds):
    assert room_after(headers) == pytest.approx(seconds)


async def test_given_a_gateway_in_trouble_then_it_is_unreachable_and_the_next_call_works(client, sandbox):
    await client.directory()
    sandbox.gate.fail_next = 1
    with pytest.raises(Unreachable, match="502"):
        await client.directory()
    assert (await client.directory()).handles


async def test_given_a_subscription_then_nothing_is_asked(client, sandbox):
    await client.subscribe("http://127.0.0.1:1/webhooks/tills")
    assert sandbox.gate.calls == 0
