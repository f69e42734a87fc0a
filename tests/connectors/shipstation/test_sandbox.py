"""The sandbox answers what ShipStation documents, and does to stock what it says it does."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import jsonschema_rs
import pytest

from connectors.shipstation.feeds import FEEDS
from connectors.shipstation.sandbox.writing import v1_date, v2_date

DOCUMENT = json.loads((Path(__file__).parent / "samples" / "openapi_v2_2025_08_13.json").read_text())
KEY = {"api-key": "v2-key"}
BASIC = {"Authorization": aiohttp.encode_basic_auth("key", "secret")}
FULFILLMENT_QUERY = {
    *(
        "batch_id",
        "create_date_end",
        "create_date_start",
        "fulfillment_id",
        "fulfillment_provider_code",
        "page",
    ),
    *(
        "order_source_id",
        "page_size",
        "ship_date_end",
        "ship_date_start",
        "ship_to_country_code",
        "ship_to_name",
    ),
    *("shipment_id", "shipment_number", "sort_by", "sort_dir", "tracking_number"),
}
"""What the list can be asked by (docs.shipstation.com, Listing Fulfillments): it is newer than the document."""
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}"


@pytest.fixture
def api():
    return "v1"


def faults_of(root, body):
    """What in a body is not as the OpenAPI document says."""
    schema = {"$defs": DOCUMENT["$defs"], **DOCUMENT["roots"][root]}
    check = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return [
        f"{'/'.join(map(str, fault.instance_path))}: {fault.message}" for fault in check.iter_errors(body)
    ]


@pytest.fixture
async def ask(sandbox):
    async with aiohttp.ClientSession() as session:

        async def asked(method, path, headers, body=None, **query):
            url = sandbox.url + path
            async with session.request(method, url, headers=headers, json=body, params=query) as answer:
                raw = await answer.read()
                return answer.status, answer.headers, json.loads(raw) if raw else None

        yield asked


@pytest.fixture
def full(sandbox, at):
    """An account with one of everything."""
    order = sandbox.order([("TEE", 2), ("MUG", 1)], at=at(0), external="5551")
    part = sandbox.split(order, [("TEE", 1)], at=at(1))
    sandbox.void(sandbox.label(order, at=at(2)), at=at(3))
    sandbox.label(part, at=at(4), returns=True)
    sandbox.label(part, at=at(4), test=True)
    sandbox.cancel(part, at=at(5))
    return order


@pytest.mark.parametrize(
    "path",
    ["shipments", "labels", "warehouses", "inventory", "inventory_locations", "inventory_warehouses"],
)
async def test_given_a_list_of_v2_then_it_is_as_the_openapi_document_says(ask, full, path):
    query = {"group_by": "location"} if path == "inventory" else {}
    status, _, body = await ask("GET", f"/v2/{path}", KEY, **query)
    assert (status, faults_of(f"GET /v2/{path}", body)) == (200, [])
    assert body[path]


def test_given_a_wrong_body_then_the_check_sees_it():
    assert faults_of("GET /v2/labels", {"labels": [{"label_id": 7}], "total": 1})
    assert faults_of("error", {"errors": []})


@pytest.mark.parametrize("feed", FEEDS["v2"], ids=lambda feed: feed.name)
def test_given_what_is_polled_then_v2_has_the_parameters(feed):
    known = {**DOCUMENT["queries"], "/v2/fulfillments": FULFILLMENT_QUERY}[f"/v2{feed.path}"]
    assert {feed.since, *feed.query, "page", "page_size"} <= set(known)


async def test_given_our_writes_then_they_are_as_the_openapi_document_says(
    sandbox, client, directory, monkeypatch
):
    from connectors.contract import Target  # noqa: PLC0415
    from connectors.shipstation import connector  # noqa: PLC0415

    sent, call = [], client.api.v2

    async def kept(method, path, *, body=None, query=None):
        if body is not None:
            sent.append(body)
        return await call(method, path, body=body, query=query)

    monkeypatch.setattr(client.api, "v2", kept)
    target = Target(sku="TEE", place="WH", wanted=9, expected=100, own=0, offset=1)
    await connector.sink(client).push([target], directory)
    assert [faults_of("POST /v2/inventory", body) for body in sent] == [[]]


@pytest.mark.parametrize(
    "body",
    [
        {"transaction_type": "receive"},
        {"quantity": None},
        {"quantity": -1},
        {"quantity": 1.5},
        {"sku": "NONE"},
        {"sku": "GIFTCARD"},
        {"inventory_location_id": "se-il-9"},
        {"transaction_type": "decrement", "quantity": 101},
        {"transaction_type": "modify", "quantity": 0},
        {"condition": "used"},
    ],
)
async def test_given_a_wrong_write_then_nothing_changes_and_the_error_is_v2s(ask, sandbox, body):
    good = {"transaction_type": "adjust", "sku": "TEE", "quantity": 7, "inventory_location_id": "se-il-1"}
    status, _, found = await ask("POST", "/v2/inventory", KEY, {**good, **body})
    assert (status, faults_of("error", found)) == (400, [])
    assert sandbox.on_hand("TEE", "WH") == 100


async def test_given_the_four_ways_to_write_then_on_hand_follows(ask, sandbox):
    cell = {"sku": "TEE", "inventory_location_id": "se-il-1"}
    for kind, quantity, on_hand in (
        ("adjust", 7, 7),
        ("increment", 5, 12),
        ("decrement", 12, 0),
        ("adjust", 0, 0),
    ):
        status, _, found = await ask(
            "POST", "/v2/inventory", KEY, {**cell, "transaction_type": kind, "quantity": quantity}
        )
        assert (status, found, sandbox.on_hand("TEE", "WH")) == (200, None, on_hand)


async def test_given_orders_and_labels_then_stock_is_allocated_taken_and_given_back(sandbox, at):
    def shown():
        return sandbox.on_hand("TEE", "WH"), sandbox.available("TEE", "WH")

    order = sandbox.order([("TEE", 3)], at=at(0))
    assert shown() == (100, 97)
    sandbox.edit(order, [("TEE", 5)], at=at(1))
    assert shown() == (100, 95)
    label = sandbox.label(order, at=at(2), lines=[("TEE", 2)])
    assert shown() == (98, 95)
    sandbox.mark_shipped(order, at=at(3))
    assert shown() == (95, 95)
    sandbox.void(label, at=at(4))
    assert shown() == (97, 95)
    sandbox.label(order, at=at(5), returns=True)
    sandbox.label(order, at=at(5), test=True)
    assert shown() == (97, 95)
    sandbox.cancel(order, at=at(6))
    assert shown() == (97, 97)
    with pytest.raises(ValueError, match="voided already"):
        sandbox.void(label, at=at(7))


async def test_given_v1s_lists_then_dates_are_pacific_and_items_come_only_when_asked_for(ask, full, at):
    _, _, orders = await ask("GET", "/orders", BASIC, sortBy="ModifyDate")
    assert orders["orders"][0]["createDate"] == "2026-08-12T09:00:00.0000000"
    _, _, without = await ask("GET", "/shipments", BASIC)
    _, _, with_items = await ask("GET", "/shipments", BASIC, includeShipmentItems="true")
    assert {row["shipmentItems"] for row in without["shipments"]} == {None}
    assert all(row["shipmentItems"] for row in with_items["shipments"])
    _, _, voided = await ask("GET", "/shipments", BASIC, voidDateStart="2000-01-01 00:00:00")
    assert [row["voided"] for row in voided["shipments"]] == [True]
    assert v1_date(at(0)) == "2026-08-12T09:00:00.0000000"
    assert v2_date(at(0)) == "2026-08-12T16:00:00.000Z"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/orders", {}, 401),
        ("/orders", {"Authorization": aiohttp.encode_basic_auth("key", "wrong")}, 401),
        ("/orders", KEY, 401),
        ("/v2/inventory", BASIC, 401),
        ("/v2/inventory", {"api-key": "wrong"}, 401),
        ("/jwks", {}, 200),
    ],
)
async def test_given_credentials_then_each_api_takes_its_own_only(ask, path, headers, status):
    found, _, body = await ask("GET", path, headers)
    assert found == status
    if path.startswith("/v2"):
        assert faults_of("error", body) == []


async def test_given_used_up_calls_then_each_api_says_so_in_its_own_way(ask, sandbox):
    sandbox.gate.allowed.update({"v1": 1, "v2": 0})
    _, first, _ = await ask("GET", "/warehouses", BASIC)
    status, second, _ = await ask("GET", "/warehouses", BASIC)
    assert (first["X-Rate-Limit-Limit"], first["X-Rate-Limit-Remaining"]) == ("1", "0")
    assert (status, second["X-Rate-Limit-Remaining"], "Retry-After" in second) == (429, "0", False)
    assert 0 < int(second["X-Rate-Limit-Reset"]) <= 60
    status, third, body = await ask("GET", "/v2/inventory", KEY)
    assert (status, faults_of("error", body)) == (429, [])
    assert 0 < int(third["Retry-After"]) <= 60


async def test_given_an_order_by_key_then_it_is_replaced_whole_and_not_once_it_is_shipped(ask, sandbox, at):
    body = {
        "orderNumber": "1",
        "orderKey": "k",
        "orderDate": "2026-08-12T09:00:00",
        "orderStatus": "awaiting_shipment",
        "billTo": {"name": "x"},
        "shipTo": {"name": "x"},
        "items": [{"sku": "TEE", "name": "TEE", "quantity": 2}],
    }
    _, _, first = await ask("POST", "/orders/createorder", BASIC, body)
    body["items"][0]["quantity"] = 3
    _, _, second = await ask("POST", "/orders/createorder", BASIC, body)
    assert first["orderId"] == second["orderId"]
    assert sandbox.available("TEE", "WH") == 97
    sandbox.label(first["orderId"], at=at(1))
    status, _, _ = await ask("POST", "/orders/createorder", BASIC, body)
    assert status == 400


async def test_given_the_same_story_then_ids_are_the_same(sandbox, at):
    from connectors.shipstation.sandbox import ShipStationSandbox  # noqa: PLC0415

    other = ShipStationSandbox(api_key="key", api_secret="secret", v2_api_key="v2-key", places=("WH", "EAST"))
    assert sandbox.order([("TEE", 1)], at=at(0)) == other.order([("TEE", 1)], at=at(0))
