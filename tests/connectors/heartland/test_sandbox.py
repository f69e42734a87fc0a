"""The sandbox keeps Heartland's conventions, and its own books."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import aiohttp
import pytest

from connectors.heartland.sandbox import HeartlandSandbox
from connectors.heartland.sandbox.books import Cell

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def ask(sandbox):
    """Asks the API: status, headers and body."""
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer token"}) as session:

        async def asked(method, path, body=None, token=None):
            headers = {} if token is None else {"Authorization": token}
            async with session.request(
                method, f"{sandbox.url}/api/{path}", json=body, headers=headers
            ) as reply:
                raw = await reply.read()
                return reply.status, reply.headers, (await reply.json() if raw else None)

        yield asked


def tickets(sandbox, count=30):
    return [sandbox.sell("Boston", [("SHIRT", 1)], at=NOW) for _ in range(count)]


async def test_given_a_list_then_it_has_a_total_pages_and_twenty_results(sandbox, ask):
    sold = tickets(sandbox)
    status, _, body = await ask("GET", "sales/tickets")
    assert (status, body["total"], body["pages"], len(body["results"])) == (200, 30, 2, 20)
    _, _, body = await ask("GET", "sales/tickets?per_page=all")
    assert (body["pages"], len(body["results"])) == (1, 30)
    _, _, body = await ask("GET", "sales/tickets?per_page=20&page=2&sort[]=id,desc")
    assert [row["id"] for row in body["results"]] == sold[9::-1]
    assert (await ask("GET", "sales/tickets?page=3&per_page=20"))[2]["results"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("~[id]={0}", [0]),
        ("~[id][$gt]={0}", [1, 2]),
        ("~[status]=complete", [0, 1]),
        ("status=void", [2]),
        ('_filter={{"id":{{"$in":[{0},{2}]}}}}', [0, 2]),
        ('_filter[]={{"$and":[{{"status":"complete"}},{{"id":{{"$neq":{1}}}}}]}}', [0]),
        ('_filter={{"$or":[{{"id":{0}}},{{"status":"void"}}]}}', [0, 2]),
        ("~[created_at][$lt]=2026-11-23T13:00:00%2B01:00", []),
        ("~[created_at][$lte]=2026-11-23T12:00:00Z", [0, 1, 2]),
    ],
)
async def test_given_a_filter_of_any_spelling_then_only_its_rows_are_found(sandbox, ask, query, found):
    made = tickets(sandbox, 3)
    sandbox.become("sales/tickets", made[2], "void", at=NOW)
    _, _, body = await ask("GET", f"sales/tickets?sort[]=id,asc&{query.format(*made)}")
    assert [row["id"] for row in body["results"]] == [made[at] for at in found]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "sales/unicorns", None, 404),
        ("GET", "sales/tickets/1", None, 404),
        ("GET", "sales/tickets/1/lines", None, 404),
        ("PUT", "sales/tickets", {}, 404),
        ("POST", "sales/tickets/1", {}, 404),
        ("GET", "sales/tickets?_filter=x", None, 400),
        ("GET", "sales/tickets?page=0", None, 400),
        ("GET", "items?sort[]=nothing,asc", None, 400),
        ("GET", "items?~[id][$like]=1", None, 400),
        ("POST", "inventory/adjustment_sets", {"location_id": 7}, 422),
    ],
)
async def test_given_a_wrong_request_then_its_error_says_so(ask, method, path, body, status):
    found, _, answer = await ask(method, path, body)
    assert (found, bool(answer["error"]), "details" in answer) == (status, True, True)


async def test_given_a_wrong_field_then_the_details_name_it(sandbox, ask):
    made = await ask("POST", "inventory/adjustment_sets", {"location_id": 7})
    assert made[2]["details"] == {"adjustment_reason_id": "is required", "location_id": "is invalid"}
    ident = sandbox.document(
        "inventory/adjustment_sets", [], at=NOW, location_id=sandbox.at("Boston"), adjustment_reason_id=1
    )
    _, _, body = await ask("POST", f"inventory/adjustment_sets/{ident}/lines", {"item_id": 1, "qty": "2"})
    assert body["details"].keys() == {"item_id", "qty"}


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic token", "token"])
async def test_given_other_credentials_then_nobody_gets_in(ask, token):
    assert (await ask("GET", "items", token=token))[0] == 401


async def test_given_no_token_at_all_then_nobody_gets_in():
    sandbox = HeartlandSandbox(token="", locations=("Boston",))
    await sandbox.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{sandbox.url}/api/items", headers={"Authorization": "Bearer "}) as reply,
    ):
        assert reply.status == 401
    await sandbox.stop()


async def test_given_writes_at_the_same_time_then_all_but_one_are_asked_to_wait(sandbox, ask, monkeypatch):
    async def slow(request):
        await asyncio.sleep(0.05)
        return {"name": "x"}

    monkeypatch.setattr("connectors.heartland.sandbox.api._body", slow)
    replies = await asyncio.gather(*(ask("POST", "customers", {}) for _ in range(3)))
    assert sorted(status for status, _, _ in replies) == [201, 429, 429]
    assert {headers.get("Retry-After") for status, headers, _ in replies if status == 429} == {"2"}


async def test_given_a_status_that_cannot_follow_then_it_is_refused(sandbox, ask):
    (ticket,) = tickets(sandbox, 1)
    sandbox.become("sales/tickets", ticket, "void", at=NOW)
    assert (await ask("PUT", f"sales/tickets/{ticket}", {"status": "complete"}))[0] == 422
    assert sandbox.on_hand("SHIRT", "Boston") == 10


async def test_given_levels_without_both_groups_then_there_is_one_grand_total(sandbox, ask):
    _, _, body = await ask("GET", "inventory/values?group[]=item_id")
    assert body["results"] == [{"qty": 45}]
    _, _, body = await ask("GET", "inventory/values?group[0]=item_id&group[1]=location_id")
    assert body["total"] == 1
    _, _, body = await ask("GET", "inventory/values?group[]=item_id&group[]=location_id")
    assert body["total"] == 6
    assert body["results"][0].keys() >= {"qty", "qty_on_hand", "qty_committed", "qty_available", "unit_cost"}


async def test_given_a_day_then_the_ledger_sums_to_what_is_on_hand(sandbox):
    opened = Counter(sandbox.books.on_hand)
    first, *_ = tickets(sandbox, 5)
    sandbox.become("sales/tickets", first, "void", at=NOW)
    sandbox.sell("Boston", [("GIFTCARD", 1), ("MUG", -1)], at=NOW)
    count = sandbox.count("Boston", [("CAP", 3)], at=NOW, scope="full")
    sandbox.become("inventory/physical_counts", count, "accepted", at=NOW)
    summed = Counter(opened)
    for row in sandbox.books.collections["inventory/transactions"].values():
        summed[Cell(row["item_id"], row["location_id"])] += row["qty"]
    assert summed == sandbox.books.on_hand
    assert sandbox.on_hand("SHIRT", "Boston") == 0
    assert Cell(sandbox.item("GIFTCARD"), sandbox.at("Boston")) not in sandbox.books.on_hand


async def test_given_a_restart_then_ids_of_things_are_the_same_and_of_documents_others(sandbox):
    again = HeartlandSandbox(token="token", locations=("Boston",))
    again.seed("SHIRT", "Boston", 1)
    assert again.item("SHIRT") == sandbox.item("SHIRT")
    sold = tickets(sandbox, 3)
    await asyncio.sleep(0.01)
    later = HeartlandSandbox(token="token", locations=("Boston",))
    assert later.sell("Boston", [], at=NOW) not in sold


async def test_given_a_webhook_then_it_is_the_bare_record_without_a_signature(sandbox):
    body, headers = sandbox.signed("sales/tickets", {"id": 1})
    assert (body, headers) == (b'{"id":1}', {"Content-Type": "application/json"})
