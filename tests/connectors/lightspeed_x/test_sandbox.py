"""The sandbox answers what X-Series documents, and plays a retailer that Onhand can follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import jsonschema_rs
import pytest
from pydantic import SecretStr

from connectors.directory import resolve
from connectors.errors import Refused
from connectors.lightspeed_x import connector
from connectors.lightspeed_x.sandbox import LightspeedXSandbox

SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
OUTLETS = ("High Street", "Mall")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENT = json.loads((Path(__file__).parent / "samples" / "x_series_2026_07.json").read_text())
LINE = {"quantity": 2, "pricing": {"price": 1.0}, "tax": {"id": "t", "amount": 0}}


def faults_of(kind: str, rows: list) -> list[str]:
    """What in the rows is not as the OpenAPI document says."""
    assert rows
    schema = {"$defs": DOCUMENT["$defs"], "$ref": f"#/$defs/{kind}"}
    check = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return [str(fault) for row in rows for fault in check.iter_errors(row)]


async def ask(client, method, path, body=None, **query):
    return await client.http.call(method, path, body=body, query=query or None)


def adjustment(sandbox, **more):
    row = {
        "product_id": sandbox.product_id("SHIRT"),
        "outlet_id": sandbox.outlet_id("Mall"),
        "quantity": "-1",
    }
    return {"stock_adjustments": [{**row, "reason": "DAMAGE", **more}]}


def sale_of(sandbox, **more):
    return {
        "source": {
            "author_id": "a",
            "register_id": sandbox.register_id("Mall"),
            "id": "ORDER-1",
            "type": "hub",
        },
        "state": "closed",
        "line_items": [{"product": {"id": sandbox.product_id("SHIRT")}, **LINE}],
        **more,
    }


async def test_given_every_list_then_its_rows_and_envelope_are_as_documented(client, sandbox):
    sandbox.sell("Mall", [("SHIRT", 1), ("MUG", -1)], at=NOW)
    await ask(client, "POST", "/stock_adjustments", adjustment(sandbox))
    await connector.sink(client)._our_reasons()
    await client.subscribe("http://127.0.0.1:1/x")
    lists = {"products": "Product", "outlets": "Outlet", "registers": "Register"}
    lists |= {"sales": "Sale", "stock_adjustments": "StockAdjustment", "consignments": "Consignment"}
    order = sandbox.consign("SUPPLIER", "Mall", {"SHIRT": 1}, at=NOW)
    lists[f"consignments/{order}/products"] = "ConsignmentProduct"
    for path, kind in lists.items():
        body = (await ask(client, "GET", f"/{path}")).body
        assert faults_of(kind, body["data"]) == []
        assert faults_of("Versions", [body["version"]]) == []
        after = str(body["version"]["max"])
        empty = (await ask(client, "GET", f"/{path}", after=after)).body
        assert empty == {"data": [], "version": {"min": None, "max": None}}
    taxes = (await ask(client, "GET", "/taxes")).body
    assert faults_of("Tax", taxes["data"]) == []
    assert taxes.keys() == {"data"}
    reasons = (await ask(client, "GET", "/custom_inventory_adjustment_reasons")).body["data"]
    assert faults_of("Reason", reasons) == []
    assert faults_of("Webhook", (await ask(client, "GET", "/webhooks")).body["data"]) == []


async def test_given_a_sale_that_is_fulfilled_later_then_its_fulfillment_is_as_documented(client, sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 2)], at=NOW, state="pending", attributes=("pickup",))
    sandbox.sell("Mall", [("SHIRT", 2)], at=NOW, state="pending", attributes=("delivery",))
    assert faults_of("Fulfillment", (await ask(client, "GET", "/fulfillments")).body["data"]) == []
    sandbox.hand_over(sale, {0: 1}, at=NOW)
    (row,) = (await ask(client, "GET", "/fulfillments", sale_id=sale)).body["data"]
    assert (row["state"], row["line_items"][0]["fulfilled_quantity"]) == ("STARTED", "1.00")
    assert sandbox.level("SHIRT", "Mall") == 4
    sandbox.hand_over(sale, {0: 1}, at=NOW)
    (row,) = (await ask(client, "GET", "/fulfillments", sale_id=sale)).body["data"]
    found = (await ask(client, "GET", f"/sales/{sale}")).body["data"]
    assert (row["state"], row["version"], found["state"]) == ("FULFILLED", 3, "closed")
    assert sandbox.level("SHIRT", "Mall") == 3
    with pytest.raises(ValueError, match="closed"):
        sandbox.hand_over(sale, {0: 1}, at=NOW)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("SUPPLIER", "RECEIVED"), ("OUTLET", "RECEIVED"), ("RETURN", "RECEIVED"), ("STOCKTAKE", "CLOSED")],
)
async def test_given_a_step_that_x_series_does_not_have_then_the_consignment_stays(sandbox, kind, status):
    source = "High Street" if kind == "OUTLET" else None
    one = sandbox.consign(kind, "Mall", {"SHIRT": 1}, at=NOW, source=source)
    with pytest.raises(ValueError, match="cannot become"):
        sandbox.step(one, status, at=NOW)
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_inventory_then_it_is_a_bare_array_as_documented(client, sandbox):
    shirt = sandbox.product_id("SHIRT")
    assert faults_of("Inventory", (await ask(client, "POST", "/inventory", {})).body) == []
    assert faults_of("Inventory", (await ask(client, "GET", f"/inventory/{shirt}")).body) == []
    asked = {"product_ids": [shirt], "location_ids": [sandbox.outlet_id("Mall")]}
    rows = (await ask(client, "POST", "/inventory_levels", asked)).body
    assert faults_of("InventoryLevel", rows) == []
    assert [row["current_inventory_level"] for row in rows] == [5.0]
    assert len((await ask(client, "POST", "/inventory_levels", {"size": 4, "offset": 4})).body) == 2


async def test_given_no_direction_then_inventory_is_newest_first_and_a_cursor_would_skip_rows(client):
    newest = (await ask(client, "POST", "/inventory", {"size": 2})).body
    oldest = (await ask(client, "POST", "/inventory", {"size": 2, "sort_direction": "asc"})).body
    assert newest[0]["version"] > newest[1]["version"] > oldest[1]["version"] > oldest[0]["version"]
    after = max(row["version"] for row in newest)
    assert (await ask(client, "POST", "/inventory", {"after": after})).body == []


async def test_given_many_changes_of_one_level_then_it_is_listed_once_at_its_newest_version(client, sandbox):
    for _ in range(11_000):
        sandbox.seed("SHIRT", "Mall", 1)
    rows = (await ask(client, "POST", "/inventory", {"sort_direction": "asc"})).body
    assert len(rows) == 6
    assert rows[-1]["product_id"] == sandbox.product_id("SHIRT")
    assert len(sandbox._retailer.inventory._keys) < 11_000


@pytest.mark.parametrize(
    "more",
    [
        {"quantity": -1},
        {"quantity": "0"},
        {"quantity": "one"},
        {"quantity": "1"},
        {"reason": "STOCK_FOUND"},
        {"reason": "BORED"},
        {"reason": "CUSTOM"},
        {"reason": "CUSTOM", "custom_inventory_adjustment_reason_id": "none"},
        {"custom_inventory_adjustment_reason_id": "none"},
        {"product_id": "none"},
        {"outlet_id": "none"},
        {"comment": "none"},
    ],
)
async def test_given_a_wrong_adjustment_then_the_batch_is_refused_and_nothing_moves(client, sandbox, more):
    body = adjustment(sandbox)
    body["stock_adjustments"] += adjustment(sandbox, **more)["stock_adjustments"]
    assert (await ask(client, "POST", "/stock_adjustments", body)).status == 422
    assert sandbox.level("SHIRT", "Mall") == 5


@pytest.mark.parametrize("rows", [0, 1_001])
async def test_given_no_or_too_many_adjustments_then_they_are_refused(client, sandbox, rows):
    body = {"stock_adjustments": adjustment(sandbox)["stock_adjustments"] * rows}
    assert (await ask(client, "POST", "/stock_adjustments", body)).status == 422


@pytest.mark.parametrize(("kind", "quantity"), [("POSITIVE", "-1"), ("NEGATIVE", "1")])
async def test_given_a_custom_reason_then_the_sign_must_match_its_type(client, sandbox, kind, quantity):
    body = {"name": "Ours", "type": kind, "enabled": True}
    made = await ask(client, "POST", "/custom_inventory_adjustment_reasons", body)
    assert (await ask(client, "POST", "/custom_inventory_adjustment_reasons", body)).status == 409
    custom = {"reason": "CUSTOM", "custom_inventory_adjustment_reason_id": made.body["data"]["id"]}
    wrong = adjustment(sandbox, quantity=quantity, **custom)
    assert (await ask(client, "POST", "/stock_adjustments", wrong)).status == 422
    right = adjustment(sandbox, quantity=str(-int(quantity)), **custom)
    assert (await ask(client, "POST", "/stock_adjustments", right)).status == 201


async def test_given_a_posted_sale_then_it_has_our_id_and_takes_its_goods(client, sandbox):
    ident = "12345678-1234-4234-8234-123456789012"
    reply = await ask(client, "POST", "/sales", sale_of(sandbox, id=ident))
    assert faults_of("Sale", [reply.body["data"]]) == []
    assert (reply.body["data"]["id"], reply.body["data"]["source"]["id"]) == (ident, "ORDER-1")
    assert sandbox.level("SHIRT", "Mall") == 3
    sandbox.void(ident, at=NOW)
    assert sandbox.level("SHIRT", "Mall") == 5


async def test_given_a_posted_pickup_then_its_goods_stay_until_it_is_closed(client, sandbox):
    body = sale_of(sandbox, state="pending", attributes=["pickup"])
    ident = (await ask(client, "POST", "/sales", body)).body["data"]["id"]
    assert sandbox.level("SHIRT", "Mall") == 5
    sandbox.close(ident, at=NOW)
    assert sandbox.level("SHIRT", "Mall") == 3


@pytest.mark.parametrize(
    "more",
    [
        {"state": "sold"},
        {"source": {"author_id": "a"}},
        {"source": {}},
        {"attributes": ["onaccount", "layby"]},
        {"line_items": [LINE]},
        {"date": "yesterday"},
    ],
)
async def test_given_a_wrong_sale_then_it_is_refused(client, sandbox, more):
    assert (await ask(client, "POST", "/sales", sale_of(sandbox, **more))).status == 422


async def test_given_sales_returns_and_voids_then_levels_follow_below_zero_too(sandbox):
    sale = sandbox.sell("Mall", [("SHIRT", 7), ("MUG", -2)], at=NOW)
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (-2, 7)
    sandbox.void(sale, at=NOW)
    assert (sandbox.level("SHIRT", "Mall"), sandbox.level("MUG", "Mall")) == (5, 5)
    with pytest.raises(ValueError, match="voided"):
        sandbox.void(sale, at=NOW)


async def test_given_a_listener_then_it_hears_every_level(sandbox):
    heard = []
    sandbox._on_level = lambda *change: heard.append(change[:3])
    sandbox.sell("Mall", [("SHIRT", 1), ("GIFTCARD", 1)], at=NOW)
    assert heard == [("SHIRT", "Mall", 4)]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer other"}, 401), ({"Authorization": "Bearer token"}, 403)],
)
async def test_given_no_token_or_no_user_agent_then_nobody_gets_in(sandbox, headers, status):
    async with (
        aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as session,
        session.get(f"{sandbox.url}/api/2026-07/outlets", headers=headers) as reply,
    ):
        assert reply.status == status


async def test_given_the_rate_limit_then_it_is_counted_down_in_headers(client):
    first, second = await ask(client, "GET", "/outlets"), await ask(client, "GET", "/outlets")
    assert first.headers["X-RateLimit-Limit"] == "650"  # 300 for each of two registers, and 50
    assert int(first.headers["X-RateLimit-Remaining"]) - int(second.headers["X-RateLimit-Remaining"]) == 1


async def test_given_a_body_that_is_not_json_then_it_is_a_bad_request(sandbox):
    headers = {"Authorization": "Bearer token"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for body in (b"{", b"[]"):
            async with session.post(f"{sandbox.url}/api/2026-07/inventory", data=body) as reply:
                assert reply.status == 400


async def test_given_a_webhook_then_it_can_be_deleted_once(client, sandbox):
    await client.subscribe("http://127.0.0.1:1/x")
    ident = next(iter(sandbox._api.hooks))
    assert (await ask(client, "DELETE", f"/webhooks/{ident}")).status == 200
    assert (await ask(client, "DELETE", f"/webhooks/{ident}")).status == 404


async def test_given_a_sku_nobody_seeded_then_its_sale_is_refused_and_named(client, sandbox):
    sandbox.sell("Mall", [("PHANTOM", 1)], at=NOW, webhook=False)
    directory = await client.directory()
    ((payload,), _) = await anext(client.poll(None))
    with pytest.raises(Refused, match=f"unknown SKU product:{sandbox.product_id('PHANTOM')}"):
        resolve(connector.read("tills", payload), directory, None, 100)


async def test_given_a_restart_then_versions_go_on_and_sales_are_others(sandbox):
    again = LightspeedXSandbox(domain_prefix="d", access_token="t", client_secret="s", outlets=OUTLETS)
    assert again.sell("Mall", [("A", 1)], at=NOW) != sandbox.sell("Mall", [("A", 1)], at=NOW)
    assert again._retailer.take_version() > sandbox._retailer.sold.versions[0]
    assert again.product_id("A") == sandbox.product_id("A")
