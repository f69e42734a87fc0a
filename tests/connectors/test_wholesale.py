"""What makes an order wholesale is said once, in the channel's settings, and judged before anything is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.netsuite import NetSuiteSettings
from connectors.registry import CONNECTORS
from connectors.shopify.sandbox import payloads
from connectors.wholesale import Wholesale, demand_class
from schemas.claims import Claim

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
UNTOLD = {"heartland", "lightspeed_r"}
"""Platforms whose documents tell nothing of it, as far as is public."""


def shopify(**fields: Any) -> Callable[[Any], Any]:
    def ordered(sandbox: Any) -> None:
        order = sandbox.shop.orders[sandbox.order([("TEE", 1)], at=NOW)]
        for name, value in fields.items():
            setattr(order, name, value)

    return ordered


def magento(**fields: Any) -> Callable[[Any], Any]:
    return lambda sandbox: sandbox.order([("TEE", 1)], at=NOW, **fields)


def netsuite(**marks: int) -> Callable[[Any], Any]:
    return lambda sandbox: sandbox.mark(sandbox.order([("TEE", 1)], at=NOW, location="WH"), **marks)


def shipstation(tags: tuple[int, ...] = (), store: int = 1) -> Callable[[Any], Any]:
    def ordered(sandbox: Any) -> None:
        sandbox.account.orders[sandbox.order([("TEE", 1)], at=NOW, store=store)].tags = tags

    return ordered


def tills(*attributes: str) -> Callable[[Any], Any]:
    how = {"state": "pending", "attributes": attributes} if attributes else {}
    return lambda sandbox: sandbox.sell("WH", [("TEE", 1)], at=NOW, **how)


def partner(sandbox: Any) -> None:
    sandbox.sell("WH", [("TEE", 1)], at=NOW)


W, R = "wholesale", "retail"
CASES = [
    ("shopify", {}, shopify(company=True), W),
    ("shopify", {}, shopify(), R),
    ("shopify", {"tags": ["Canary-B2B"]}, shopify(tags=("new", "canary-b2b ")), W),
    ("shopify", {"tags": ["Canary-B2B"]}, shopify(tags=("canary-b2bs",), customer_tags=("canary-b2b",)), R),
    ("shopify", {"groups": ["canary-vip"]}, shopify(customer_tags=("Canary-VIP",)), W),
    ("shopify", {"groups": ["canary-vip"]}, shopify(tags=("canary-vip",)), R),
    ("shopify", {"sources": [580111]}, shopify(source="580111"), W),
    ("shopify", {"sources": [580111]}, shopify(), R),
    ("shopify", {"companies": False}, shopify(company=True), R),
    ("magento", {}, magento(payment={"method": "purchaseorder"}), W),
    ("magento", {"companies": False}, magento(payment={"method": "companycredit"}), R),
    ("magento", {"groups": [2]}, magento(customer_group_id=2), W),
    ("magento", {"groups": [2]}, magento(customer_group_id=1, store_id=2), R),
    ("magento", {"sources": [7]}, magento(store_id=7), W),
    ("magento", {"payments": ["net30"]}, magento(payment={"method": "Net30"}), W),
    ("netsuite", {}, netsuite(category=2, form=104), R),
    ("netsuite", {"groups": [2]}, netsuite(category=2), W),
    ("netsuite", {"groups": [2]}, netsuite(category=3, form=2), R),
    ("netsuite", {"types": ["form:104", "class:9"]}, netsuite(form=104), W),
    ("netsuite", {"types": ["form:104", "class:9"]}, netsuite(form=9, of_class=104), R),
    ("netsuite", {"types": ["class:3"], "groups": [1]}, netsuite(of_class=3), W),
    ("shipstation", {"sources": [34567]}, shipstation(store=34567), W),
    ("shipstation", {"sources": [34567]}, shipstation(store=12345, tags=(34567,)), R),
    ("shipstation", {"tags": [7]}, shipstation(tags=(5, 7)), W),
    ("lightspeed_x", {"payments": ["onaccount"]}, tills("onaccount"), W),
    ("lightspeed_x", {"payments": ["onaccount"]}, tills("layby"), R),
    ("rlm", {}, partner, W),
    ("rlm", {"companies": False}, partner, R),
    ("rlm", {"companies": False, "types": ["sa"]}, partner, W),
    ("rlm", {"companies": False, "types": ["DS"], "sources": ["ELSE"]}, partner, R),
    ("rlm", {"companies": False, "sources": ["partner"]}, partner, W),
]
"""A platform, what its settings say, an order, and its class."""


async def polled(double: Any) -> list[tuple[str, str]]:
    """The classes of what a poll brings, and what is kept of it."""
    pages = [payloads async for payloads, _ in double.client.poll(None)]
    told = [(double.connector.read("channel", payload), payload) for page in pages for payload in page]
    return [(said.demand_class, json.dumps(kept.body)) for said, kept in told if isinstance(said, Claim)]


@pytest.mark.parametrize(("platform", "wholesale", "order", "expected"), CASES)
async def test_given_what_the_settings_say_then_an_order_is_of_that_class_and_nothing_kept_says_why(
    doubles, platform, wholesale, order, expected
):
    async with doubles(platform, wholesale=wholesale) as double:
        order(double.sandbox)
        ((found, kept),) = await polled(double)
    assert found == expected
    assert "canary" not in kept.lower()


async def test_given_an_order_that_only_a_poll_can_judge_then_its_webhook_only_says_that_there_is_one(
    doubles, inbox
):
    async with doubles("shopify", wholesale={"groups": ["vip"]}) as double:
        number = double.sandbox.order([("TEE", 1)], at=NOW)
        body = payloads.order(double.sandbox.shop.orders[number], "example.myshopify.com")
        raw, headers = double.sandbox.signed("orders/create", body)
        assert double.connector.receive(double.settings, double.secrets, headers, raw, "") == []
        raw, headers = double.sandbox.signed("refunds/create", {"id": 1})
        assert len(double.connector.receive(double.settings, double.secrets, headers, raw, "")) == 1


async def test_given_what_carries_a_wholesale_order_out_then_it_is_wholesale_as_its_order_is(doubles):
    async with doubles("netsuite", wholesale={"types": ["form:104"]}) as double:
        order = double.sandbox.order([("TEE", 1)], at=NOW, location="WH")
        double.sandbox.mark(order, form=104)
        parcel = double.sandbox.fulfil(order, [("TEE", 1)], location="WH", at=NOW)
        double.sandbox.mark(parcel, form=105)
        assert [found for found, _ in await polled(double)] == [W, W]


async def test_given_the_tags_of_the_newer_api_then_they_are_known_by_their_names(doubles):
    told = {"documents": "v2", "wholesale": {"tags": ["Canary 7"]}}
    async with doubles("shipstation", **told) as double:
        shipstation(tags=(5, 7))(double.sandbox)
        ((found, kept),) = await polled(double)
    assert found == W
    assert "canary" not in kept.lower()


async def test_given_a_tag_that_is_set_later_then_the_next_poll_says_so(doubles):
    async with doubles("shipstation", wholesale={"tags": [7]}) as double:
        ident = double.sandbox.order([("TEE", 1)], at=NOW)
        pages = [page async for page in double.client.poll(None)]
        double.sandbox.account.orders[ident].tags = (7,)
        again = [payload async for page, _ in double.client.poll(pages[-1][1]) for payload in page]
        assert [double.connector.read("channel", payload).demand_class for payload in again] == [W]


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_given_a_mark_that_a_platform_does_not_tell_then_its_settings_refuse_it_and_name_those_it_does(
    name, platforms
):
    given, known = platforms[name].settings, CONNECTORS[name].settings.marks
    for mark in Wholesale.model_fields.keys() - known:
        with pytest.raises(ValidationError, match=f"no document of the platform tells {mark}"):
            type(given)(
                **given.model_dump(exclude_unset=True),
                wholesale={mark: ["7"] if mark != "companies" else False},
            )
    assert bool(known) is (name not in UNTOLD)


@pytest.mark.parametrize("wrong", [{"types": ["104"]}, {"types": ["form:b2b"]}, {"groups": ["dealers"]}])
def test_given_a_name_where_netsuite_has_an_id_then_it_is_refused(wrong, platforms):
    given = platforms["netsuite"].settings
    with pytest.raises(ValidationError, match=r"is (neither form:ID nor class:ID|no id)"):
        NetSuiteSettings(**given.model_dump(exclude_unset=True), wholesale=wrong)


@pytest.mark.parametrize("said", [None, True, {"name": "b2b"}, ["b2b"], 1.5])
def test_given_something_that_is_no_mark_then_it_marks_nothing(said):
    assert Wholesale(tags=["b2b", "true", "1.5", "none"]).verdict(tags=[said]) == {}


def test_given_no_verdict_that_we_know_then_the_document_speaks_for_itself():
    for verdict in (None, "", "b2b", 7, ["wholesale"]):
        assert demand_class({"demand_class": verdict}, company=True) == W
        assert demand_class({"demand_class": verdict}) == R
