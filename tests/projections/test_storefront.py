"""What a shop front-end asks: the stores that have it, and the ways for a basket."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import uvicorn
from counter import Present
from fastapi import FastAPI

from projections.access import Caller, Role
from projections.geonames import Row
from projections.postcodes import load
from projections.server import create_api
from projections.service import Readiness
from schemas.distances import Point
from schemas.postcodes import Postcode
from schemas.postings import Kind
from schemas.rules import ChannelRules, Rules
from schemas.sites import Site

KEY = "the-right-key-3f9c"
RULES = Rules(
    version="rules-1",
    channels={
        "web": ChannelRules(safety_stock=1),
        "app": ChannelRules(locations=("DEPOT", "HAMBURG", "MITTE")),
        "trade": ChannelRules(pool="trade"),
    },
    bundles={"GIFT": {"TEE": 3, "MUG": 1}},
)
SITES = (
    Site(location="DEPOT", title="Depot", point=Point(52.30, 13.25), ready_in=24),
    Site(location="HAMBURG", title="Hamburg", point=Point(53.55, 9.99), pickup=True, ready_in=3),
    Site(
        location="MITTE",
        title="Berlin Mitte",
        point=Point(52.53, 13.41),
        postcode="10115",
        country="DE",
        pickup=True,
        ships=False,
        in_store_buffer=2,
        ready_in=1,
    ),
)
PROBLEM = {"type", "title", "status", "detail", "instance"}


@dataclass
class Front:
    """A shop's front-end, that checks of every answer what the API's document promises."""

    port: int
    session: aiohttp.ClientSession
    document: dict[str, Any]

    async def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, **more) as response:
            answer = json.loads(await response.text())
            assert response.status == status, answer
        if status >= 400:
            assert answer.keys() == PROBLEM
            return answer
        operation = self.document["paths"][path.partition("?")[0]][method.lower()]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**schema, "components": self.document["components"]}, answer)
        return answer

    async def stores(self, query: str, status: int = 200) -> Any:
        answer = await self.ask("GET", f"/v1/stores?{query}", status)
        return answer["items"] if status == 200 else answer

    async def ways(self, *lines: tuple[str, int], status: int = 200, **more: Any) -> Any:
        basket = {
            "channel": "web",
            "lines": [{"sku": sku, "quantity": units} for sku, units in lines],
            **more,
        }
        return await self.ask("POST", "/v1/fulfilment-options", status, json=basket)


def ready() -> Readiness:
    return Readiness({}, frozenset())


POOL = Present()


@cache
def application() -> FastAPI:
    return create_api(
        POOL,  # type: ignore[arg-type]  # a pool is in its place
        rules=lambda: RULES,
        skews=dict,
        clock=lambda: datetime(2026, 11, 30, 12, tzinfo=UTC),
        keys=lambda offered: Caller.of("test", Role.ADMIN) if offered == KEY else None,
        intake=None,  # type: ignore[arg-type]  # nothing is handed in here
        ready=ready,
        reserving=None,  # type: ignore[arg-type]  # nothing is held here
        sites=lambda: SITES,
    )


@pytest.fixture
async def front(pool):
    POOL.its = pool
    held = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(application(), log_level="warning", access_log=False))
    task = asyncio.create_task(running.serve(sockets=[held]))
    async with aiohttp.ClientSession() as session:
        while not running.started:  # uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        yield Front(held.getsockname()[1], session, application().openapi())
    running.should_exit = True
    await task


async def stocked(shop, **by_sku):
    """So many units of each SKU at each place."""
    for sku, places in by_sku.items():
        for place, units in places.items():
            shop.post(Kind.STOCK_INITIALISED, units, place, sku=sku)
    await shop.record_all()


def places(found):
    return [one["location"] for one in found]


def units(store):
    return {line["sku"]: line["available"] for line in store["skus"]}


# -- stores


async def test_given_where_a_shopper_is_then_stores_are_told_nearest_first_with_what_each_has(front, shop):
    await stocked(shop, TEE={"MITTE": 5, "HAMBURG": 1, "DEPOT": 9}, MUG={"HAMBURG": 4})
    berlin, hamburg = await front.stores("sku=TEE&sku=MUG&near=52.52,13.40")
    assert (berlin["location"], berlin["distance_km"]) == ("MITTE", 1.3)
    assert berlin["skus"] == [
        {"sku": "TEE", "available": 3, "tracked": True},
        {"sku": "MUG", "available": 0, "tracked": False},
    ]
    assert (units(hamburg), hamburg["has_all"], berlin["has_all"]) == ({"TEE": 1, "MUG": 4}, True, False)
    assert hamburg["distance_km"] == pytest.approx(254, abs=3)
    assert places(await front.stores("sku=TEE&near=53.5,10.0")) == ["HAMBURG", "MITTE"]
    assert [one["distance_km"] for one in await front.stores("sku=TEE")] == [None, None]


async def test_given_a_quantity_then_those_that_have_it_are_marked_or_the_only_ones(front, shop):
    await stocked(shop, TEE={"MITTE": 5, "HAMBURG": 1})
    assert [one["has_all"] for one in await front.stores("sku=TEE&quantity=2&near=10115")] == [True, False]
    assert places(await front.stores("sku=TEE&quantity=2&in_stock=true")) == ["MITTE"]
    assert await front.stores("sku=TEE&quantity=4&in_stock=true") == []
    assert places(await front.stores("sku=TEE&near=10115&limit=1")) == ["MITTE"]
    assert places(await front.stores("sku=TEE&near=53.5,10.0&limit=1&in_stock=true&quantity=2")) == ["MITTE"]


async def test_given_a_bundle_or_a_sku_that_never_moved_then_its_components_decide_or_nobody_knows(
    front, shop
):
    await stocked(shop, TEE={"MITTE": 12, "HAMBURG": 9}, MUG={"MITTE": 4})
    mitte, hamburg = await front.stores("sku=GIFT&sku=NEW&near=10115")
    assert mitte["skus"] == [
        {"sku": "GIFT", "available": 2, "tracked": True},
        {"sku": "NEW", "available": 0, "tracked": False},
    ]
    assert hamburg["skus"][0] == {"sku": "GIFT", "available": 0, "tracked": False}


async def test_given_orders_and_a_channel_then_neither_promised_nor_withheld_units_are_told(front, shop):
    await stocked(shop, TEE={"HAMBURG": 5})
    shop.post(Kind.ORDER_PLACED, 2, "HAMBURG")
    await shop.record_all()
    assert units((await front.stores("sku=TEE"))[0]) == {"TEE": 3}
    assert units((await front.stores("sku=TEE&channel=web"))[0]) == {"TEE": 2}
    assert units((await front.stores("sku=TEE&channel=trade"))[0]) == {"TEE": 0}
    assert (await front.stores("sku=TEE&channel=nobody", 404))["title"] == "Unknown channel"


async def test_given_a_table_of_postcodes_then_any_of_its_country_is_understood_and_else_help_is_offered(
    front, shop, pool
):
    await stocked(shop, TEE={"MITTE": 5, "HAMBURG": 5})
    unknown = await front.stores("sku=TEE&near=20095", 404)
    assert unknown["title"] == "Unknown postcode"
    assert "onhand geo load" in unknown["detail"]
    assert "near=52.52,13.40" in unknown["detail"]
    await load(pool, [Row(Postcode(name, "20095"), Point(53.55, 10.0)) for name in ("DE", "FR", "US")])
    for query in ("near=20095", "near=20095&country=DE", "near=200%2095"):
        assert places(await front.stores(f"sku=TEE&{query}")) == ["HAMBURG", "MITTE"], query
    assert (await front.stores("sku=TEE&near=20095&country=AT", 404))["title"] == "Unknown postcode"


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "near=10115",
            "sku=",
            "sku=TEE&near=somewhere!",
            "sku=TEE&near=95,13",
            "sku=TEE&near=" + "1" * 41,
        ),
        *("sku=TEE&country=germany", "sku=TEE&quantity=0", "sku=TEE&limit=0", "sku=TEE&limit=201"),
        "&".join(f"sku={n}" for n in range(101)),
    ],
    ids=lambda query: query[:40],
)
async def test_given_a_question_that_cannot_be_meant_then_422(front, query):
    assert (await front.stores(query, 422))["title"] == "Invalid request"


# -- ways for a basket


async def test_given_a_store_has_all_then_it_is_collected_there_now_or_shipped_from_where_it_is(front, shop):
    await stocked(shop, TEE={"MITTE": 5, "DEPOT": 9}, MUG={"MITTE": 5, "DEPOT": 9})
    found = await front.ways(("TEE", 2), ("MUG", 1), near="10115")
    lines = [{"sku": "MUG", "quantity": 1}, {"sku": "TEE", "quantity": 2}]
    depot = {"location": "DEPOT", "title": "Depot", "distance_km": 27.8}
    assert found == {
        "channel": "web",
        "pickup_now": [
            {"location": "MITTE", "title": "Berlin Mitte", "distance_km": 0.0, "ready_in_hours": 1}
        ],
        "pickup_later": [
            {
                "location": "HAMBURG",
                "title": "Hamburg",
                "distance_km": 255.2,
                "ready_in_hours": 24,
                "here": [],
                "transfers": [{**depot, "distance_km": 259.0, "lines": lines}],
            }
        ],
        "ship": [{**depot, "lines": lines}],
        "split": False,
        "free_shipping": False,
        "unavailable": [],
        "earliest": {"way": "pickup_now", "locations": ["MITTE"], "ready_in_hours": 1},
    }


async def test_given_no_place_has_all_of_it_then_it_is_split_and_the_rest_is_brought_to_a_store(front, shop):
    await stocked(shop, TEE={"HAMBURG": 3, "DEPOT": 2}, MUG={"DEPOT": 2})
    found = await front.ways(("TEE", 3), ("MUG", 1), near="53.5,10.0")
    assert (found["pickup_now"], found["split"], found["free_shipping"]) == ([], True, False)
    assert [(one["location"], one["lines"]) for one in found["ship"]] == [
        ("HAMBURG", [{"sku": "TEE", "quantity": 2}]),
        ("DEPOT", [{"sku": "MUG", "quantity": 1}, {"sku": "TEE", "quantity": 1}]),
    ]
    (hamburg, mitte) = found["pickup_later"]
    assert hamburg["here"] == [{"sku": "TEE", "quantity": 2}]
    assert places(hamburg["transfers"]) == ["DEPOT"]
    assert (mitte["here"], places(mitte["transfers"])) == ([], ["DEPOT", "HAMBURG"])
    assert found["earliest"] == {"way": "ship", "locations": ["HAMBURG", "DEPOT"], "ready_in_hours": 24}


async def test_given_nobody_has_enough_of_a_bundle_then_its_missing_component_is_named_and_shipping_is_free(
    front, shop
):
    await stocked(shop, TEE={"DEPOT": 20}, MUG={"DEPOT": 2})
    found = await front.ways(("GIFT", 2), ("TEE", 1), near="10115")
    assert found["ship"][0]["lines"] == [{"sku": "MUG", "quantity": 1}, {"sku": "TEE", "quantity": 7}]
    assert found["unavailable"] == [{"sku": "MUG", "missing": 1, "wanted_as": ["GIFT"]}]
    assert (found["free_shipping"], found["earliest"]) == (True, None)
    none = await front.ways(("NEW", 1))
    assert (none["ship"], none["unavailable"]) == ([], [{"sku": "NEW", "missing": 1, "wanted_as": ["NEW"]}])


async def test_given_more_of_a_bundle_than_anybody_buys_then_that_is_answered_too(front, shop):
    await stocked(shop, TEE={"DEPOT": 3_000_000_000}, MUG={"DEPOT": 2})
    found = await front.ways(("GIFT", 999_999_999))
    assert found["ship"][0]["lines"][1] == {"sku": "TEE", "quantity": 2_999_999_997}
    assert found["unavailable"] == [{"sku": "MUG", "missing": 999_999_998, "wanted_as": ["GIFT"]}]


async def test_given_a_channel_lists_its_places_then_the_first_sends_and_others_never_do(front, shop):
    await stocked(shop, TEE={"HAMBURG": 9, "DEPOT": 9, "ELSEWHERE": 9})
    assert places((await front.ways(("TEE", 1), channel="app", near="53.5,10.0"))["ship"]) == ["DEPOT"]
    assert places((await front.ways(("TEE", 1), near="53.5,10.0"))["ship"]) == ["HAMBURG"]
    listed = await front.ways(("TEE", 27), channel="app")
    assert listed["unavailable"] == [{"sku": "TEE", "missing": 9, "wanted_as": ["TEE"]}]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        *(({"lines": lines}, 422) for lines in ([], [{"sku": "TEE"}], [{"sku": "TEE", "quantity": 0}])),
        *(({"near": near}, 422) for near in ("somewhere!", 10_115, "1" * 41)),
        *(({name: value}, 422) for name, value in (("country", "de"), ("limit", 0), ("colour", "red"))),
        *(({name: "99999"}, 404) for name in ("near", "channel")),
    ],
)
async def test_given_a_basket_that_cannot_be_answered_then_it_is_said_why(front, more, status):
    await front.ways(("TEE", 1), status=status, **more)


# -- for all


async def test_given_shoppers_say_where_they_are_then_that_is_neither_logged_nor_kept_nor_repeated(
    front, shop, pool, caplog, capfd
):
    await stocked(shop, TEE={"MITTE": 5})
    caplog.set_level(logging.DEBUG)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    told = []
    for near in ("78901", "78.901,7.8901", "78901!", "78901\x00"):
        for country in ("DE", None):
            basket = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}], "near": near}
            basket |= {"country": country} if country else {}
            query = {"sku": "TEE", "near": near} | ({"country": country} if country else {})
            for method, path, more in (
                ("GET", "/v1/stores", {"params": query}),
                ("POST", "/v1/fulfilment-options", {"json": basket}),
            ):
                headers = {"Authorization": f"Bearer {KEY}"}
                url = f"http://127.0.0.1:{front.port}{path}"
                async with front.session.request(method, url, headers=headers, **more) as response:
                    assert response.status in {200, 404, 422}
                    told.append(await response.text())
    kept = []
    async with pool.connection() as connection:
        tables = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in await tables.fetchall():
            rows = await connection.execute(f"SELECT t::text FROM {table} AS t".encode())
            kept += [row[0] for row in await rows.fetchall()]
    assert kept
    written = "\n".join([caplog.text, *capfd.readouterr(), *told, *kept])
    assert "7890" not in written
    assert "78.9" not in written


async def test_given_the_api_document_then_its_examples_are_what_it_says(front):
    schemas = front.document["components"]["schemas"]
    shown = 0
    for schema in schemas.values():
        for example in schema.get("examples", []):
            jsonschema_rs.validate({**schema, "components": front.document["components"]}, example)
            shown += 1
    assert shown >= 10
    for path, method in (("/v1/stores", "get"), ("/v1/fulfilment-options", "post")):
        refusals = front.document["paths"][path][method]["responses"]
        assert {"200", "400", "404", "422"} <= refusals.keys()
