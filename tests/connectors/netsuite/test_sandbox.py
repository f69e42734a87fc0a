"""The sandbox answers as Oracle documents, and its books add up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.netsuite.answers import codes, said

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SUITEQL = "/services/rest/query/v1/suiteql"
RECORD = "/services/rest/record/v1"
SQL = "SELECT i.id, i.itemid FROM item i ORDER BY i.id"


async def ask(client, query=SQL, prefer="transient", **page):
    given = {"limit": "1000", "offset": "0", **{name: str(value) for name, value in page.items()}}
    return await client.call("POST", SUITEQL, body={"q": query}, query=given, prefer=prefer)


@pytest.fixture
def adjustment(sandbox):
    def body(**more):
        row = {
            "item": {"id": sandbox.item_id("SHIRT")},
            "location": {"id": sandbox.location_id("Mall")},
            "adjustQtyBy": -3.0,
            **more.pop("row", {}),
        }
        return {
            "externalId": "onhand:adjust/1",
            "account": {"id": "213"},
            "subsidiary": {"id": "1"},
            "tranDate": "2026-11-23",
            "inventory": {"items": [row]},
            **more,
        }

    return body


async def test_given_a_query_then_values_are_strings_and_nulls_are_absent(client, sandbox):
    sandbox.order([("SHIRT", 2)], at=NOW)
    reply = await ask(
        client,
        "SELECT tl.uniquekey, tl.LOCATION, tl.quantity FROM transactionline tl"
        " WHERE tl.mainline = 'F' ORDER BY tl.uniquekey",
    )
    (row,) = reply.body["items"]
    assert {**row, "uniquekey": "1"} == {"links": [], "uniquekey": "1", "quantity": "-2"}
    assert {name: reply.body[name] for name in ("count", "hasMore", "offset", "totalResults")} == {
        "count": 1,
        "hasMore": False,
        "offset": 0,
        "totalResults": 1,
    }


async def test_given_pages_then_limit_and_offset_are_as_documented(client):
    pages = [await ask(client, limit=2, offset=offset) for offset in (0, 2)]
    assert [(page.body["count"], page.body["hasMore"]) for page in pages] == [(2, True), (2, False)]
    wrong = [{"limit": 2, "offset": 1}, {"limit": 1_001}, {"limit": 0}, {"offset": "x"}]
    assert [(await ask(client, **page)).status for page in wrong] == [400] * 4


@pytest.mark.parametrize(
    ("query", "prefer", "code"),
    [
        (SQL, None, "INVALID_HEADER"),
        ("SELECT i.colour FROM item i ORDER BY i.id", "transient", "INVALID_PARAMETER"),
        (SQL + " LIMIT 5", "transient", "INVALID_PARAMETER"),
        ("DELETE FROM item", "transient", "INVALID_PARAMETER"),
    ],
)
async def test_given_a_query_that_suiteql_does_not_know_then_it_is_a_400_with_a_code(
    client, query, prefer, code
):
    reply = await ask(client, query, prefer)
    assert (reply.status, codes(reply)) == (400, [code])
    assert set(reply.body) == {"type", "title", "status", "o:errorDetails"}
    assert said(reply) != "no reason"


async def test_given_a_query_without_an_order_then_rows_come_in_any(client):
    found = [(await ask(client, query)).body["items"] for query in (SQL, SQL.partition(" ORDER")[0])]
    assert found[0] != found[1]
    assert found[0] == found[1][::-1]


async def test_given_an_adjustment_then_it_is_204_with_its_address_and_moves_by_the_difference(
    client, sandbox, adjustment
):
    reply = await client.call("POST", f"{RECORD}/inventoryAdjustment", body=adjustment())
    assert (reply.status, reply.body) == (204, None)
    assert reply.headers["Location"].startswith(f"{sandbox.url}{RECORD}/inventoryAdjustment/")
    assert sandbox.level("SHIRT", "Mall") == 2


async def test_given_an_external_id_that_is_there_then_the_record_is_refused_and_nothing_moves(
    client, sandbox, adjustment
):
    for status in (204, 400):
        reply = await client.call("POST", f"{RECORD}/inventoryAdjustment", body=adjustment())
        assert reply.status == status
    assert sandbox.level("SHIRT", "Mall") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": None},
        {"subsidiary": None},
        {"subsidiary": {"id": "3"}},
        {"tranDate": None},
        {"tranDate": "23/11/2026"},
        {"inventory": {"items": []}},
        {"inventory": None},
        {"row": {"adjustQtyBy": 0}},
        {"row": {"adjustQtyBy": "-3"}},
        {"row": {"item": {"id": "1"}}},
        {"row": {"location": {"id": "1"}}},
        {"row": {"item": "SHIRT"}},
    ],
)
async def test_given_a_record_that_lacks_something_then_all_of_it_is_refused(
    client, sandbox, adjustment, wrong
):
    reply = await client.call("POST", f"{RECORD}/inventoryAdjustment", body=adjustment(**wrong))
    assert reply.status == 400
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_a_record_by_put_then_there_is_no_such_way(client, adjustment):
    for path in (f"{RECORD}/inventoryAdjustment", f"{RECORD}/inventoryAdjustment/eid:1"):
        assert (await client.call("PUT", path, body=adjustment())).status in {404, 405}


def test_given_open_demand_then_available_stops_at_what_is_committed(sandbox):
    order = sandbox.order([("SHIRT", 8)], location="Mall", at=NOW)
    cell = sandbox._cell("SHIRT", "Mall")
    assert tuple(cell)[2:] == (5, 5, 0, 3)
    sandbox.fulfil(order, [("SHIRT", 2)], location="Mall", at=NOW)
    assert (sandbox.on_hand("SHIRT", "Mall"), sandbox.level("SHIRT", "Mall")) == (3, -3)
    sandbox.end(order, at=NOW)
    assert sandbox.level("SHIRT", "Mall") == 3


def test_given_a_picked_fulfilment_then_goods_are_there_until_it_is_shipped(sandbox):
    order = sandbox.order([("SHIRT", 2)], location="Mall", at=NOW)
    picked = sandbox.fulfil(order, [("SHIRT", 2)], location="Mall", at=NOW, status="A")
    assert (sandbox.on_hand("SHIRT", "Mall"), sandbox.level("SHIRT", "Mall")) == (5, 3)
    sandbox.ship(picked, at=NOW)
    assert (sandbox.on_hand("SHIRT", "Mall"), sandbox.level("SHIRT", "Mall")) == (3, 3)


def test_given_an_order_that_is_not_approved_then_it_commits_nothing(sandbox):
    sandbox.order([("SHIRT", 2)], location="Mall", at=NOW, status="A")
    assert sandbox.level("SHIRT", "Mall") == 5


def test_given_a_platform_without_webhooks_then_nothing_is_signed(sandbox):
    with pytest.raises(NotImplementedError):
        sandbox.signed("transaction", {})
