"""What surrounds every request, and answers that the caller may have already."""

from __future__ import annotations

import json
import re

import pytest
import structlog
from counter import KEY
from structlog.testing import LogCapture

from schemas.postings import Kind
from schemas.rules import ChannelRules

RULES_WEB = ChannelRules(safety_stock=2)
OURS = re.compile("[0-9a-f]{32}")


async def test_given_a_request_with_an_id_then_its_answer_and_its_problem_have_it(api):
    for ident in ("7", "shop-42/checkout", "~" * 128):
        answer = await api.ask("GET", "/livez", key=None, headers={"X-Request-Id": ident})
        assert answer.headers["X-Request-Id"] == ident
        answer = await api.ask("GET", "/v1/stock/NONE", headers={"X-Request-Id": ident})
        assert (answer.status, answer.json["instance"]) == (404, f"urn:request:{ident}")


@pytest.mark.parametrize("offered", [None, "", "x" * 129, "two words", "tab\tbed", "é"])
async def test_given_a_request_without_an_id_that_can_be_one_then_it_gets_one_of_its_own(api, offered):
    headers = {} if offered is None else {"X-Request-Id": offered}
    seen = {(await api.ask("GET", "/livez", headers=headers)).headers["X-Request-Id"] for _ in range(2)}
    assert len(seen) == 2
    assert all(OURS.fullmatch(ident) for ident in seen)


async def test_given_a_request_that_fails_here_then_the_log_has_its_id_and_the_reason_and_the_answer_the_id_alone(
    api,
):
    captured = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, captured])
    try:
        api.desk.then = RuntimeError("disk full")
        headers = {"Idempotency-Key": "k", "X-Request-Id": "request-7"}
        answer = await api.ask("POST", "/v1/movements", data=b"{}", headers=headers)
    finally:
        structlog.configure(**before)
    assert (answer.status, answer.headers["X-Request-Id"]) == (500, "request-7")
    assert answer.json["instance"] == "urn:request:request-7"
    assert "disk full" not in answer.text
    (entry,) = [entry for entry in captured.entries if entry["event"] == "request failed"]
    assert entry["request_id"] == "request-7"
    assert entry["exc_info"]


# -- ETags


@pytest.fixture
async def stocked(api, shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record_all(web=RULES_WEB)
    return api


PATHS = ("/v1/stock/TEE", "/v1/availability?channel=web", "/v1/availability?channel=web&sku=TEE")


@pytest.mark.parametrize("path", PATHS)
async def test_given_an_answer_that_the_caller_has_then_304_and_nothing(stocked, path):
    first = await stocked.ask("GET", path)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{24}"', etag)
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await stocked.ask("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
        assert "Content-Length" not in again.headers
        assert "Content-Type" not in again.headers
    for unknown in ('"other"', etag.strip('"'), "", f'"{etag}"'):
        again = await stocked.ask("GET", path, headers={"If-None-Match": unknown})
        assert (again.status, again.text) == (200, first.text)


@pytest.mark.parametrize("path", PATHS)
async def test_given_a_sale_then_the_etag_that_the_caller_has_holds_no_longer(stocked, shop, path):
    etag = (await stocked.ask("GET", path)).headers["ETag"]
    shop.post(Kind.POS_SALE_COMPLETED, 1)
    await shop.record_all(web=RULES_WEB)
    again = await stocked.ask("GET", path, headers={"If-None-Match": etag})
    assert again.status == 200
    assert again.headers["ETag"] != etag


# -- pages


async def test_given_a_list_then_a_link_leads_from_page_to_page_as_next_does(api, shop):
    for n in range(5):
        shop.post(Kind.STOCK_INITIALISED, 1, "WH/É", sku=f"A&B {n}")
    await shop.record_all(web=RULES_WEB)
    for path in ("/v1/movements?limit=2&location=WH/É", "/v1/availability?channel=web&limit=2"):
        seen, onward = [], path
        while onward:
            answer = await api.ask("GET", onward)
            seen += [row["sku"] for row in answer.json["items"]]
            link = answer.headers.get("Link")
            assert (link is None) == (answer.json["next"] is None)
            if link is None:
                break
            onward, relation = re.fullmatch('<([^>]+)>; rel="([a-z]+)"', link).groups()
            assert relation == "next"
        assert sorted(seen) == [f"A&B {n}" for n in range(5)]


async def test_given_the_routes_that_list_then_each_says_that_it_may_have_a_link(api):
    for path, item in api.document["paths"].items():
        for operation in item.values():
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            headers = operation["responses"].get("200", {}).get("headers", {})
            assert ("cursor" in names) == ("Link" in headers), path


async def test_given_a_key_in_an_address_then_it_is_none(api):
    answer = await api.ask("GET", f"/v1/channels?key={KEY}&access_token=x", key=None)
    assert answer.status == 401
    assert json.loads(answer.text)["type"] == "urn:onhand:problem:not-authorised"
