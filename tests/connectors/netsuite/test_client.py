"""The client against the sandbox: catalogue, levels, polls, and what it does when NetSuite says no."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from connectors.directory import Item
from connectors.errors import SlowDown, Unreachable
from connectors.netsuite import queries
from connectors.netsuite.changes import TOGETHER, utc
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.settings import NetSuiteSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SQL = "SELECT l.id FROM location l ORDER BY l.id"


def at(minutes):
    return NOW + timedelta(minutes=minutes)


async def polled(client, cursor=None):
    """The ids of the transactions of one poll, and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        found += [int(payload.body["id"]) for payload in payloads]
        cursor = reached
    return found, cursor


async def test_given_items_and_locations_then_the_directory_resolves_both_ways(client, sandbox):
    directory = await client.directory()
    assert directory.items[f"item:{sandbox.item_id('SHIRT')}"] == Item("SHIRT")
    assert directory.items[f"item:{sandbox.item_id('GIFTCARD')}"] == Item("GIFTCARD", tracked=False)
    assert directory.handles == {sku: sandbox.item_id(sku) for sku in ("SHIRT", "MUG", "CAP")}
    assert directory.places == {name: sandbox.location_id(name) for name in ("Mall", "Warehouse")}
    assert client.subsidiaries == dict.fromkeys(directory.places.values(), "1")


async def test_given_more_items_than_a_page_then_the_directory_has_them_all(client, sandbox):
    for number in range(2_100):
        sandbox.seed(f"SKU{number}", "Mall", 1)
    assert len((await client.directory()).handles) == 2_103


async def test_given_two_items_of_one_name_then_neither_is_guessed(client, sandbox):
    sandbox.books.write("UPDATE item SET itemid = 'MUG' WHERE itemid = 'CAP'")
    directory = await client.directory()
    assert "MUG" not in directory.handles
    assert {item.sku for item in directory.items.values()} == {"SHIRT", "GIFTCARD"}


async def test_given_two_locations_of_one_name_then_both_are_read_and_neither_is_written_to(client, sandbox):
    sandbox.books.write("UPDATE location SET name = 'Mall'")
    directory = await client.directory()
    assert directory.places == {}
    assert set(directory.locations.values()) == {"Mall"}


@pytest.mark.parametrize("table", ["item", "location"])
async def test_given_a_role_that_sees_nothing_then_that_is_not_taken_for_an_empty_account(
    client, sandbox, table
):
    """NS-18."""
    sandbox.books.write(f"DELETE FROM {table}")
    with pytest.raises(Unreachable, match="permission"):
        await client.directory()


async def test_given_levels_then_each_is_on_hand_less_all_open_demand(client, sandbox):
    sandbox.order([("SHIRT", 8)], location="Mall", at=NOW)
    sandbox.order([("MUG", 2)], location="Mall", at=NOW)
    found = {(row.item, row.location): row.level async for rows in client.levels() for row in rows}
    mall = f"location:{sandbox.location_id('Mall')}"
    assert found[f"item:{sandbox.item_id('SHIRT')}", mall] == -3
    assert found[f"item:{sandbox.item_id('MUG')}", mall] == 3
    assert len(found) == 6


async def test_given_more_levels_than_a_page_then_each_comes_once(client, sandbox):
    for number in range(1_200):
        sandbox.seed(f"SKU{number}", "Mall", number)
        sandbox.seed(f"SKU{number}", "Warehouse", number)
    found = [(row.item, row.location) async for rows in client.levels() for row in rows]
    assert len(found) == len(set(found)) == 2_406


async def test_given_a_poll_then_the_next_has_only_what_changed_since(client, sandbox):
    first = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    second = sandbox.sell("Mall", [("MUG", 1)], at=at(1))
    found, cursor = await polled(client)
    assert found == [first, second]
    assert await polled(client, cursor) == ([], cursor)
    sandbox.edit(first, "SHIRT", -2, at=at(2))
    found, moved = await polled(client, cursor)
    assert found == [first]
    assert moved > cursor


async def test_given_nothing_new_then_a_poll_is_one_call(client, sandbox):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    _, cursor = await polled(client)
    before = len(sandbox.gate.calls)
    await polled(client, cursor)
    assert len(sandbox.gate.calls) - before == 1


async def test_given_many_changes_within_one_second_then_pages_lose_none(client, sandbox):
    made = [sandbox.sell("Mall", [("SHIRT", 1), ("MUG", 1)], at=NOW) for _ in range(2 * TOGETHER + 3)]
    assert (await polled(client))[0] == made


async def test_given_more_changes_than_a_page_then_one_between_pages_is_not_missed(client, sandbox):
    """NS-1."""
    made = [sandbox.sell("Mall", [("SHIRT", 1)], at=at(number / 60)) for number in range(1_100)]
    found = []
    async for payloads, _ in client.poll(None):
        if not found:
            sandbox.edit(made[0], "SHIRT", -7, at=at(60))
        found += [(int(payload.body["id"]), payload.body["lines"][0]["quantity"]) for payload in payloads]
    assert {ident for ident, _ in found} == set(made)
    assert found[-1] == (made[0], "-7")


async def test_given_a_poll_that_was_not_taken_then_the_next_has_it_again(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    polling = client.poll(None)
    await anext(polling)
    await polling.aclose()
    assert (await polled(client))[0] == [sale]


async def test_given_a_transaction_that_commits_late_then_the_overlap_finds_it(client, sandbox):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    _, cursor = await polled(client)
    late = sandbox.sell("Mall", [("MUG", 1)], at=at(-60))
    assert (await polled(client, cursor))[0] == [late]


async def test_given_a_restarted_client_then_the_overlap_is_told_again_and_nothing_older(sandbox, connect):
    old = sandbox.sell("Mall", [("SHIRT", 1)], at=at(-24 * 60))
    new = sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    found, cursor = await polled(connect(sandbox))
    assert found == [old, new]
    assert (await polled(connect(sandbox), cursor))[0] == [new]


async def test_given_a_change_in_this_very_second_then_it_is_looked_at_again(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 1)], at=datetime.now(UTC))
    found, cursor = await polled(client)
    assert found == [sale]
    assert (await polled(client, cursor))[0] == [sale], "another change may have the same second"


async def test_given_a_return_of_an_order_then_its_origins_lead_back_to_the_order(client, sandbox):
    order = sandbox.order([("SHIRT", 2)], location="Mall", at=NOW, externalid="onhand:order/web/7")
    sandbox.fulfil(order, [("SHIRT", 2)], location="Mall", at=NOW)
    authorised = sandbox.take_back([("SHIRT", 1)], location="Mall", at=NOW, source=order)
    receipt = sandbox.receive(authorised, [("SHIRT", 1)], location="Mall", at=NOW)
    documents = [payload.body async for payloads, _ in client.poll(None) for payload in payloads]
    (found,) = [each for each in documents if int(each["id"]) == receipt]
    assert [(int(each["id"]), each["type"]) for each in found["origins"]] == [
        (authorised, "RtnAuth"),
        (order, "SalesOrd"),
    ]
    assert found["origins"][1]["externalid"] == "onhand:order/web/7"


async def test_given_a_transfers_parcel_then_its_origin_names_both_ends(client, sandbox):
    order = sandbox.order_transfer([("SHIRT", 2)], origin="Warehouse", destination="Mall", at=NOW)
    sandbox.fulfil(order, [("SHIRT", 2)], location="Warehouse", at=at(1))
    documents = [payload.body async for payloads, _ in client.poll(None) for payload in payloads]
    (origin,) = documents[-1]["origins"]
    ends = origin["origin"], origin["destination"]
    assert ends == (sandbox.location_id("Warehouse"), sandbox.location_id("Mall"))


async def test_given_lines_that_leave_the_location_to_the_header_then_it_is_taken_from_there(client, sandbox):
    sandbox.order([("SHIRT", 2)], location="Mall", at=NOW)
    moving = sandbox.order_transfer([("SHIRT", 2)], origin="Warehouse", destination="Mall", at=at(1))
    sandbox.books.write("UPDATE transactionline SET location = NULL WHERE item > 0 AND quantity < 0")
    sandbox.fulfil(moving, [("SHIRT", 2)], location="Warehouse", at=at(2))
    order, transfer, parcel = [each.body async for found, _ in client.poll(None) for each in found]
    assert (order["location"], len(order["lines"])) == (sandbox.location_id("Mall"), 1)
    assert transfer["location"] == parcel["origins"][0]["origin"] == sandbox.location_id("Warehouse")
    assert parcel["origins"][0]["destination"] == sandbox.location_id("Mall")


async def test_given_opening_stock_then_what_is_in_it_already_is_not_read(sandbox, connect):
    old_order = sandbox.order([("SHIRT", 2)], location="Mall", at=at(-60))
    supply = sandbox.purchase([("MUG", 9)], location="Mall", at=at(-60))
    sandbox.sell("Mall", [("SHIRT", 1)], at=at(-50))
    sandbox.fulfil(old_order, [("SHIRT", 2)], location="Mall", at=at(10))
    came = sandbox.receive(supply, [("MUG", 9)], location="Mall", at=at(11))
    sold = sandbox.sell("Mall", [("SHIRT", 1)], at=at(12))
    assert (await polled(connect(sandbox, since=NOW)))[0] == [came, sold]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
async def test_given_an_accounts_zone_then_instants_are_the_same_everywhere(open_account, connect, zone):
    sandbox = await open_account(timezone=zone)
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    async for payloads, cursor in connect(sandbox, timezone=zone).poll(None):
        assert payloads[0].body["created"] == payloads[0].body["modified"] == NOW.isoformat()
        assert cursor.startswith(NOW.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"))


def test_given_the_hour_that_comes_twice_then_a_later_change_never_gets_an_earlier_instant():
    """NS-13. 2026-11-01, 01:00 to 02:00 in Los Angeles is first at UTC-7, then at UTC-8."""
    zone, before = ZoneInfo("America/Los_Angeles"), datetime(2026, 11, 1, 8, 50, tzinfo=UTC)
    read = []
    for minutes in range(0, 180, 7):
        changed = before + timedelta(minutes=minutes)
        stamp = changed.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        seen = [utc(stamp, zone, changed + timedelta(minutes=wait)) for wait in (0, 1, 6)]
        assert all(changed <= each for each in seen)
        read += seen
    assert read == sorted(read)


async def test_given_too_many_calls_at_once_then_netsuite_says_so_and_we_keep_to_our_own_number(
    open_account, connect
):
    sandbox = await open_account(limit=2)
    sandbox.gate.pause = 0.05
    polite = connect(sandbox, concurrency=2)
    assert {reply.status for reply in await asyncio.gather(*(polite.ask(SQL) for _ in range(6)))} == {200}
    greedy = connect(sandbox, concurrency=6)
    answers = await asyncio.gather(*(greedy.ask(SQL) for _ in range(6)), return_exceptions=True)
    assert {type(each) for each in answers if isinstance(each, Exception)} == {SlowDown}


@pytest.fixture
async def says():
    """A server that answers as it is told."""
    said = []

    async def answer(request: web.Request) -> web.Response:
        status, body, headers = said.pop(0) if len(said) > 1 else said[0]
        return web.json_response(body, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double = SimpleNamespace(url=f"http://127.0.0.1:{runner.addresses[0][1]}")

    def say(*answers):
        said[:] = answers
        return double

    yield say
    await runner.cleanup()


def error(status, code):
    return (
        status,
        {"title": "x", "status": status, "o:errorDetails": [{"detail": "d", "o:errorCode": code}]},
        {},
    )


@pytest.mark.parametrize(
    ("answer", "refusal", "words"),
    [
        (error(429, "CONCURRENCY_LIMIT_EXCEEDED"), SlowDown, "wait 1 s"),
        ((429, {}, {"Retry-After": "7"}), SlowDown, "wait 7 s"),
        (error(400, "SSS_REQUEST_LIMIT_EXCEEDED"), SlowDown, "wait 2 s"),
        ((503, {}, {}), Unreachable, "503"),
        ((500, {}, {}), Unreachable, "500"),
        (error(400, "INVALID_PARAMETER"), Unreachable, "answered 400 to a query: d"),
        ((200, {"items": "none"}, {}), Unreachable, "no rows"),
        ((200, {"items": [{"id": "x"}]}, {}), Unreachable, "id is not an id"),
        ((200, [], {}), Unreachable, "no rows"),
    ],
)
async def test_given_netsuite_says_no_then_it_is_known_what_to_do_next(says, connect, answer, refusal, words):
    """NS-14."""
    with pytest.raises(refusal, match=words):
        await connect(says(answer)).directory()


async def test_given_a_first_invalid_login_under_load_then_it_is_tried_once_more(says, connect):
    """NS-14."""
    client = connect(says(error(401, "INVALID_LOGIN"), (200, {"items": []}, {})))
    assert (await client.ask(SQL)).status == 200


async def test_given_a_row_without_a_date_then_it_is_not_netsuite(says, connect):
    row = {"id": "1", "type": "CashSale", "modified": "20/11/2026", "created": "2026-11-20 12:00:00"}
    with pytest.raises(Unreachable, match="modified is not a date"):
        await polled(connect(says((200, {"items": [row]}, {}), (200, {"items": []}, {}))))


def test_given_a_stamp_that_is_none_then_it_never_gets_into_a_query():
    with pytest.raises(ValueError, match="stamp"):
        queries.changed("2026-01-01' OR '1'='1", 0)


def test_given_a_quote_in_a_reference_then_it_stays_one_literal():
    assert "= 'onhand:o''1'" in queries.named("SalesOrd", "onhand:o'1")


def test_given_a_client_then_its_address_follows_from_the_account():
    settings = NetSuiteSettings(platform="netsuite", account="1234567_SB1", adjustment_account="1")
    assert settings.api == "https://1234567-sb1.suitetalk.api.netsuite.com"
    assert settings.realm == "1234567_SB1"
    assert NetSuiteClient(settings, {}).settings is settings
