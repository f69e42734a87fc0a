"""The sandbox answers what R-Series documents, and keeps its levels, its log and its documents in step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from connectors.errors import Refused
from connectors.lightspeed_r import connector
from connectors.lightspeed_r.sandbox import LightspeedRSandbox

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = "/API/V3/Account/1001"
CLIENT = {"client_id": "client-1", "client_secret": "secret-1"}


async def token(session, sandbox, refresh, **other):
    body = {**CLIENT, "grant_type": "refresh_token", "refresh_token": refresh, **other}
    async with session.post(f"{sandbox.url}/auth/oauth/token", json=body) as answer:
        return answer.status, await answer.json()


async def get(session, sandbox, path, access, **query):
    headers = {"Authorization": f"Bearer {access}"}
    async with session.get(f"{sandbox.url}{BASE}{path}", headers=headers, params=query) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers


async def rows(client, path, name, **query):
    return [row async for page in client.pages(path, name, query) for row in page]


async def test_given_a_refresh_then_the_old_token_works_until_the_new_access_token_is_used(sandbox):
    async with aiohttp.ClientSession() as session:
        status, first = await token(session, sandbox, "refresh-0")
        assert (status, first["expires_in"], first["token_type"]) == (200, 1800, "Bearer")
        status, second = await token(session, sandbox, "refresh-0")
        assert status == 200, "its answer might have been lost"
        assert (await get(session, sandbox, "/Shop.json", second["access_token"]))[0] == 200
        status, body = await token(session, sandbox, "refresh-0")
        assert (status, body["error"]) == (400, "invalid_grant")
        assert (await token(session, sandbox, second["refresh_token"]))[0] == 200


@pytest.mark.parametrize(
    ("other", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "invalid_request"),
    ],
)
async def test_given_wrong_credentials_then_there_is_no_token(sandbox, other, status, error):
    async with aiohttp.ClientSession() as session:
        found, body = await token(session, sandbox, "refresh-0", **other)
        assert (found, body["error"]) == (status, error)


async def test_given_no_access_token_then_the_answer_is_the_recorded_401(sandbox):
    async with aiohttp.ClientSession() as session:
        status, body, _ = await get(session, sandbox, "/Shop.json", "wrong")
        assert (status, body["errorClass"]) == (401, "BadAuthenticationRequestError")


async def test_given_calls_then_the_headers_count_drips_and_the_call_that_fills_the_bucket_is_let_through(
    sandbox,
):
    sandbox.gate.size, sandbox.gate.drip = 3.0, 0.001
    async with aiohttp.ClientSession() as session:
        access = (await token(session, sandbox, "refresh-0"))[1]["access_token"]
        for level in ("1/3", "2/3", "3/3"):
            status, _, headers = await get(session, sandbox, "/Shop.json", access)
            assert (status, headers["X-LS-API-Bucket-Level"]) == (200, level)
            assert headers["X-LS-Api-Request-Cost"] == "1"
        sandbox.gate.level = 3.5
        status, _, headers = await get(session, sandbox, "/Shop.json", access)
        assert (status, headers["X-LS-API-RateLimit-Type"]) == (429, "api-leaky-bucket")
        assert int(headers["Retry-After"]) >= 1


async def test_given_too_many_calls_in_a_second_then_the_burst_limit_says_so(sandbox):
    sandbox.gate.burst = 0
    async with aiohttp.ClientSession() as session:
        access = (await token(session, sandbox, "refresh-0"))[1]["access_token"]
        status, _, headers = await get(session, sandbox, "/Shop.json", access)
        assert (status, headers["X-LS-API-RateLimit-Type"]) == (429, "api-burst-limiter")


async def test_given_shops_then_the_bucket_is_as_large_as_documented():
    plain = {**CLIENT, "refresh_token": "refresh-0"}
    for shops, size, drip in ((["A"], 90.0, 1.0), (["A", "B", "C"], 110.0, 2.0)):
        gate = LightspeedRSandbox(account_id="1", shops=shops, **plain).gate
        assert (gate.size, gate.drip) == (size, drip)


async def test_given_a_list_then_it_is_paged_by_cursor_and_its_last_page_names_none(client, sandbox):
    for number in range(5):
        sandbox.sell("Mall", [("SHIRT", 1)], at=NOON - timedelta(minutes=number % 3))
    query = {"limit": "2", "sort": "updatetime"}
    first = (await client.call("GET", "/Sale.json", query=query)).body
    assert first["@attributes"]["next"].startswith(
        "https://api.lightspeedapp.com/API/V3/Account/1001/Sale.json?"
    )
    found = await rows(client, "/Sale.json", "Sale", **query)
    assert [row["saleID"] for row in found] == ["3", "2", "5", "1", "4"]
    assert [
        row["saleID"] for row in await rows(client, "/Sale.json", "Sale", limit="2", sort="-saleID")
    ] == list("54321")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"saleID": "2"}, ["2"]),
        ({"saleID": ">,1"}, ["2", "3"]),
        ({"saleID": "IN,[1,3]"}, ["1", "3"]),
        ({"referenceNumber": "R-2"}, ["2"]),
        ({"completed": "true"}, ["1", "2"]),
        ({"archived": "true"}, ["1", "2", "3", "4"]),
        ({"archived": "only"}, ["4"]),
        ({"updatetime": f">=,{(NOON + timedelta(minutes=2)).isoformat()}"}, ["3"]),
    ],
)
async def test_given_a_filter_then_only_what_it_asks_for_is_answered(client, sandbox, query, found):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON + timedelta(minutes=1), referenceNumber="R-2")
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON + timedelta(minutes=2), completed=False)
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON, completed=False, archived=True)
    assert [row["saleID"] for row in await rows(client, "/Sale.json", "Sale", **query)] == found


@pytest.mark.parametrize("query", [{"sort": "total"}, {"limit": "101"}, {"nonsense": "1"}, {"saleID": ">,x"}])
async def test_given_a_query_that_is_none_then_the_answer_is_400(client, sandbox, query):
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOON)
    assert (await client.call("GET", "/Sale.json", query=query)).status == 400


async def test_given_any_deeds_then_the_log_adds_up_to_every_level(sandbox):
    box = sandbox
    held = box.lay_away("Mall", "SHIRT", 9, at=NOON)
    assert (box.account.lines[held]["_reserved"], box.level("SHIRT", "Mall")) == (5, 0)
    sale = box.collect([held], at=NOON)
    assert box.level("SHIRT", "Mall") == -4, "what was not set aside is taken when the sale is completed"
    box.void(sale, at=NOON)
    assert box.level("SHIRT", "Mall") == 5
    box.let_go(box.lay_away("Mall", "MUG", 2, at=NOON), at=NOON)
    transfer = box.transfer("High Street", "Mall", {"MUG": 4}, at=NOON)
    box.receive(transfer, {"MUG": 3}, at=NOON)
    box.check_in(box.order("Mall", {"CAP": 5}, at=NOON), {"CAP": 5}, at=NOON)
    box.sell("Mall", [("CAP", 2), ("CAP", -1)], at=NOON)
    for (item, shop), cell in box.account.levels.items():
        logged = sum(
            row["qohChange"] for row in box.account.logs if (row["itemID"], row["shopID"]) == (item, shop)
        )
        assert cell["qoh"] == {1: 10, 2: 5}[shop] + logged
    assert (box.level("MUG", "High Street"), box.level("MUG", "Mall"), box.level("CAP", "Mall")) == (6, 8, 9)


async def test_given_writes_that_are_not_acceptable_then_they_are_refused_and_nothing_moves(client, sandbox):
    line = {"itemID": 1, "unitQuantity": 1, "unitPrice": "5"}
    sale = {"shopID": 2, "registerID": 20, "employeeID": 2, "completed": True}
    unbalanced = {**sale, "SaleLines": {"SaleLine": [line]}}
    layaway = {"shopID": 2, "itemID": 1, "unitQuantity": 1, "customerID": 1, "employeeID": 2}
    for path, body, status in (
        ("/Sale.json", unbalanced, 422),
        ("/Sale.json", {**sale, "registerID": 10}, 400),
        ("/Sale.json", {**sale, "SaleLines": {"SaleLine": {"itemID": 99}}}, 422),
        ("/SaleLine.json", layaway, 400),
        ("/SaleLine.json", {**layaway, "isLayaway": "true"}, 422),
        ("/Customer.json", {}, 400),
    ):
        assert (await client.call("POST", path, body=body)).status == status
    assert (sandbox.account.logs, sandbox.account.lines) == ([], {})


async def test_given_a_lost_answer_then_the_write_was_done(client, sandbox):
    sandbox.lose_answers()
    with pytest.raises(Exception, match="Customer"):
        await client.call("POST", "/Customer.json", body={"firstName": "Ada"})
    assert len(sandbox.account.customers) == 1


async def test_given_the_sandboxs_documents_then_none_is_refused_and_no_canary_is_kept(client, sandbox):
    sandbox.sell("Mall", [("SHIRT", 1), ("MUG", -1)], at=NOON)
    sandbox.lay_away("Mall", "SHIRT", 2, at=NOON)
    sandbox.order("Mall", {"CAP": 4}, at=NOON)
    sandbox.transfer("Mall", "High Street", {"MUG": 1}, at=NOON)
    sandbox.adjust("Mall", "CAP", -1, at=NOON, reason="ManualQuantityAdjustment")
    found = [payload async for payloads, _ in client.poll(None) for payload in payloads]
    assert len(found) == 6
    for payload in found:
        try:
            connector.read("tills", payload)
        except Refused as refusal:  # pragma: no cover
            pytest.fail(f"{payload.topic}: {refusal}")
    assert "canary" not in str(found)
