"""Explain as of a moment, stories of oversells, and buffers: over a real socket, and as the API's document promises."""

from __future__ import annotations

import jsonschema_rs
import pytest

from schemas.oversells import Oversell, OversellCause
from schemas.postings import Kind
from schemas.rules import ChannelRules
from schemas.topics import OVERSELLS


async def test_given_a_moment_then_the_number_of_then_is_explained_and_a_bad_moment_is_refused(
    api, shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(days=11))
    shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(days=12), known=after(days=14), channel="tills")
    shop.count(7, at=after(days=15))
    await shop.record_all(web=ChannelRules())
    believed = await api.get("/v1/explain/TEE", channel="web", known_at=after(days=13).isoformat())
    true = await api.get("/v1/explain/TEE", channel="web", at=after(days=13).isoformat())
    now = await api.get("/v1/explain/TEE", channel="web")
    assert [one.json["quantity"] for one in (believed, true, now)] == [8, 5, 5]
    assert believed.json["as_of"] == {"at": None, "known_at": "2026-12-03T12:00:00+00:00"}
    assert now.json["as_of"] is None
    for bad in ("yesterday", "2026-12-03T12:00:00"):
        assert (await api.get("/v1/explain/TEE", channel="web", at=bad)).status == 422
    for first_and_last in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        told = await api.get("/v1/explain/TEE", channel="web", at=first_and_last)
        assert (told.status, told.json["as_of"]["at"][:4]) in {(200, "0001"), (200, "9999")}


async def test_given_a_moment_before_the_rules_then_that_is_the_explanation(api, shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    await shop.record_all()
    told = (await api.get("/v1/explain/TEE", channel="web", known_at=after(days=1).isoformat())).json
    assert (told["quantity"], told["rules"], told["lines"][0]["ref"]) == (0, None, "no_rules")


async def test_given_an_oversell_then_its_story_is_told_and_of_another_movement_there_is_none(
    api, shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 1, at=after(), document="opening")
    order = shop.post(Kind.ORDER_PLACED, 3, at=after(hours=1), document="order/2")
    await shop.record_all()
    named = ("sku", "kind", "transaction", "channel", "occurred_at", "recorded_at")
    said = {name: getattr(order, name) for name in named}
    one = Oversell(movement=order.id, place="WH", available=-2, cause=OversellCause.LATENCY, **said)
    await shop.record(OVERSELLS, [one])
    told = await api.get(f"/v1/oversells/{order.id}")
    (story,) = told.json["items"]
    assert (told.status, story["short"], story["document"]) == (200, 2, "order/2")
    assert story["prevented_by"][0]["by"] == "buffer"
    assert (await api.get("/v1/oversells")).json["items"][0]["movement"] == order.id
    missing = await api.get("/v1/oversells/0-99-0")
    assert (missing.status, missing.json["title"]) == (404, "Unknown oversell")


async def test_given_stores_then_their_buffers_are_paged_and_a_bad_question_is_refused(api, shop, after):
    for n in range(3):
        shop.post(Kind.STOCK_INITIALISED, 5, sku=f"S-{n}", at=after())
    shop.post(Kind.PICK_REJECTED, 2, there="NYC", sku="S-1", at=after(days=1))
    await shop.record_all()
    found, query = [], {"limit": 2}
    while True:
        page = (await api.get("/v1/buffers", **query)).json
        found += [(one["sku"], one["location"], one["units"]) for one in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == [("S-0", "WH", 0), ("S-1", "WH", 2), ("S-2", "WH", 0)]
    (one,) = (await api.get("/v1/buffers", sku="S-1", location="WH", days=10)).json["items"]
    assert one["evidence"]["rejects"] == 1
    for bad in ({"days": 0}, {"limit": 0}, {"limit": 9_999}):
        assert (await api.get("/v1/buffers", **bad)).status == 422
    assert (await api.get("/v1/buffers", cursor="nonsense")).json["title"] == "Bad cursor"


@pytest.mark.parametrize("model", ["Explained"])
async def test_given_the_document_then_its_examples_are_what_it_says(api, model):
    schema = api.document["components"]["schemas"][model]
    assert schema["examples"]
    for example in schema["examples"]:
        jsonschema_rs.validate({**schema, "components": api.document["components"]}, example)
        assert sum(line["amount"] for line in example["lines"]) == example["quantity"]
