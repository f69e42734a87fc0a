"""The client against the sandbox: directory, levels, polling, waiting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.directory import Item
from connectors.errors import Malformed, SlowDown, Unreachable
from connectors.heartland.api import Api
from connectors.heartland.client import HeartlandClient
from connectors.heartland.sandbox.books import Cell, stamp

SECRETS = {"token": SecretStr("token")}
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def polled(client, cursor=None):
    """The topics and ids of the documents of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        found += [(payload.topic, payload.body["id"]) for payload in payloads]
        cursor = reached
    return found, cursor


async def tickets(client, cursor=None):
    found, cursor = await polled(client, cursor)
    return [ident for _, ident in found], cursor


async def test_given_items_and_locations_then_the_directory_resolves_both_ways(client, sandbox):
    directory = await client.directory()
    shirt, boston = sandbox.item("SHIRT"), sandbox.at("Boston")
    assert directory.items[f"item:{shirt}"] == Item("SHIRT")
    assert directory.items[f"item:{sandbox.item('GIFTCARD')}"] == Item("GIFTCARD", tracked=False)
    assert directory.locations[f"location:{boston}"] == "Boston"
    assert directory.handles["SHIRT"] == str(shirt)
    assert directory.places["Boston"] == str(boston)


async def test_given_more_items_than_a_page_then_the_directory_has_them_all(client, sandbox):
    for number in range(1_100):
        sandbox.seed(f"SKU{number}", "Boston", 1)
    assert len((await client.directory()).handles) == 1_104


async def test_given_two_items_of_one_sku_then_neither_is_guessed(client, sandbox):
    sandbox.books.collections["items"][sandbox.item("SHIRT")]["public_id"] = "MUG"
    directory = await client.directory()
    assert "MUG" not in directory.handles
    assert "MUG" not in {item.sku for item in directory.items.values()}


async def test_given_skus_in_a_custom_field_then_items_without_one_are_left_out(sandbox, settings):
    sandbox.books.collections["items"][sandbox.item("SHIRT")]["custom"]["upc"] = "0123456789012"
    client = HeartlandClient(settings.model_copy(update={"sku_field": "custom@upc"}), SECRETS)
    assert (await client.directory()).handles == {"0123456789012": str(sandbox.item("SHIRT"))}
    await client.close()


async def test_given_levels_then_each_is_what_may_be_sold_and_none_is_untracked(client, sandbox):
    sandbox.books.committed[Cell(sandbox.item("SHIRT"), sandbox.at("Boston"))] = 3
    for number in range(510):
        sandbox.seed(f"SKU{number}", "Boston", -number - 1)
    before = datetime.now(UTC) - timedelta(seconds=2)
    seen = {}
    async for rows in client.levels():
        for row in rows:
            assert (row.item, row.location) not in seen
            assert before < row.observed_at
            seen[row.item, row.location] = row.level
    boston = f"location:{sandbox.at('Boston')}"
    assert len(seen) == 516
    assert seen[f"item:{sandbox.item('SHIRT')}", boston] == 7
    assert seen[f"item:{sandbox.item('SKU509')}", boston] == -510


async def test_given_a_poll_then_the_next_has_only_what_changed_since(client, sandbox):
    first = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    second = sandbox.sell("Boston", [("MUG", 1)], at=NOW)
    found, cursor = await tickets(client)
    assert found == [first, second]
    assert await tickets(client, cursor) == ([], cursor)
    sandbox.become("sales/tickets", first, "void", at=NOW)
    assert (await tickets(client, cursor))[0] == [first]


async def test_given_a_ticket_that_became_visible_after_a_later_one_then_it_is_found(client, sandbox):
    late = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    hidden = sandbox.books.collections["sales/tickets"].pop(late)
    hidden["updated_at"] = stamp(datetime.now(UTC) - timedelta(seconds=60))
    sandbox.sell("Boston", [("MUG", 1)], at=NOW)
    _, cursor = await tickets(client)
    sandbox.books.collections["sales/tickets"][late] = hidden
    assert (await tickets(client, cursor))[0] == [late]


async def test_given_more_tickets_in_one_second_than_a_page_then_each_comes_once(client, sandbox):
    sold = [sandbox.sell("Boston", [], at=NOW, status="") for _ in range(45)]
    for ident in sold[3:]:
        sandbox.books.collections["sales/tickets"][ident]["updated_at"] = "2026-11-23T12:00:00Z"
    for ident in sold[:3]:
        sandbox.books.collections["sales/tickets"][ident]["updated_at"] = "2026-11-23T12:00:01Z"
    api = Api(f"{sandbox.url}/api", "token")
    pages = [page.rows async for page in api.changed("sales/tickets", None, size=10)]
    assert {row["id"] for rows in pages for row in rows} == set(sold)
    assert len(pages) <= 8
    await api.http.close()


async def test_given_a_ticket_changes_while_pages_are_read_then_none_is_missed(sandbox):
    sold = [sandbox.sell("Boston", [], at=NOW, status="") for _ in range(30)]
    held = sandbox.books.collections["sales/tickets"]
    for at, ident in enumerate(sold):
        held[ident]["updated_at"] = f"2026-11-23T12:00:{at:02}Z"
    api, found = Api(f"{sandbox.url}/api", "token"), set()
    async for rows, _ in api.changed("sales/tickets", None, size=10):
        found |= {row["id"] for row in rows}
        held[rows[0]["id"]]["updated_at"] = "2026-11-23T13:00:00Z"  # it moves to the end: the others move up
    assert found == set(sold)
    await api.http.close()


async def test_given_a_poll_that_was_not_taken_then_the_next_has_it_again(client, sandbox):
    _, cursor = await tickets(client)
    sale = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    polling = client.poll(cursor)
    await anext(polling)
    await polling.aclose()
    assert (await tickets(client, cursor))[0] == [sale]


async def test_given_a_client_that_starts_anew_then_it_looks_behind_its_cursor(client, settings, sandbox):
    sale = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    _, cursor = await tickets(client)
    other = HeartlandClient(settings, SECRETS)
    assert (await tickets(other, cursor))[0] == [sale]
    await other.close()


async def test_given_a_first_instant_then_older_documents_are_not_read(settings, sandbox):
    old = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    sandbox.books.collections["sales/tickets"][old]["updated_at"] = "2020-01-01T00:00:00Z"
    new = sandbox.sell("Boston", [("SHIRT", 1)], at=NOW)
    client = HeartlandClient(settings.model_copy(update={"since": NOW - timedelta(days=365)}), SECRETS)
    assert (await tickets(client))[0] == [new]
    await client.close()


async def test_given_an_invoice_changes_then_its_whole_order_is_told(client, sandbox):
    fields = {"station_id": 1, "source_location_id": sandbox.at("Boston")}
    customer = sandbox.books.add("customers", {"email": "a@example.com"})["id"]
    order = sandbox.document("sales/orders", [("MUG", 1)], at=NOW, customer_id=customer, **fields)
    sandbox.become("sales/orders", order, "open", at=NOW)
    _, cursor = await polled(client)
    sandbox.document("sales/invoices", [], at=NOW, status="complete", order_id=order, **fields)
    found, _ = await polled(client, cursor)
    assert ("sales/orders", order) in found
    assert all(topic == "sales/orders" for topic, _ in found)


async def test_given_a_request_to_wait_in_the_middle_then_what_was_read_before_it_is_kept(client, sandbox):
    sold = [sandbox.sell("Boston", [("SHIRT", 1)], at=NOW) for _ in range(25)]
    polling = client.poll(None)
    payloads, cursor = await anext(polling)
    sandbox.gate.throttle = 1
    with pytest.raises(SlowDown) as wait:
        await anext(polling)
    assert wait.value.retry_after == 2
    assert [payload.body["id"] for payload in payloads] == sold[:10]
    await asyncio.sleep(wait.value.retry_after)
    assert (await tickets(client, cursor))[0] == sold[10:]


async def test_given_a_broken_platform_then_it_is_unreachable(client, sandbox):
    sandbox.gate.broken = 1
    with pytest.raises(Unreachable, match="500"):
        await client.directory()


async def test_given_a_wrong_token_then_nothing_is_read_and_the_token_is_not_repeated(settings):
    stranger = HeartlandClient(settings, {"token": SecretStr("a-stranger")})
    for call in (stranger.directory(), anext(stranger.levels()), anext(stranger.poll(None))):
        with pytest.raises(Unreachable, match="401") as refusal:
            await call
        assert "a-stranger" not in f"{refusal.value} {stranger!r} {vars(stranger)}"
    await stranger.close()


@pytest.mark.parametrize("cursor", ["7", "[1]", "no json", '{"sales/tickets": "yesterday"}'])
async def test_given_a_cursor_that_is_not_ours_then_it_is_said(client, cursor):
    with pytest.raises((Malformed, Unreachable)):
        await polled(client, cursor)


async def test_given_webhooks_then_none_is_set_up_and_none_is_taken(client, sandbox):
    await client.subscribe("http://127.0.0.1:1/webhooks/tills")
    assert sandbox.gate.calls == []


async def test_given_a_transfer_that_goes_on_in_the_second_it_was_read_then_the_next_poll_has_it(
    client, sandbox
):
    ends = {"from_location_id": sandbox.at("Boston"), "to_location_id": sandbox.at("Denver")}
    transfer = sandbox.document("inventory/transfers", [], at=NOW, status="open", **ends)
    sandbox.carry(transfer, "ship", [("SHIRT", 2)], at=NOW)
    head = sandbox.books.collections["inventory/transfers"][transfer]
    same = head["updated_at"]
    _, cursor = await polled(client)
    sandbox.carry(transfer, "receive", [("SHIRT", 2)], at=NOW)
    head["updated_at"] = same
    assert (await polled(client, cursor))[0] == [("inventory/transfers", transfer)]
    assert (await polled(client, cursor))[0] == []
