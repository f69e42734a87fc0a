"""Whom an order is for: read before the allow-list cuts it, passed beside the document, and only where the channel asks."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from connectors.contract import Payload, Recipient
from connectors.shopify import connector
from connectors.shopify.allowlist import ORDER_TOPICS
from connectors.shopify.customers import ORDERS, person
from connectors.shopify.sandbox import payloads
from connectors.shopify.webhooks import receive

SAMPLE = json.loads((Path(__file__).parent / "samples" / "orders__updated.json").read_text())["response"]
STEVE = Recipient(
    name="Steve Shipper",
    email="jon@example.com",
    phone="555-555-SHIP",
    street="123 Shipping Street",
    city="Shippington",
    postcode="40003",
    region="KY",
    country="US",
)
WRONG = (None, "", " ", 7, -1, 1.5, True, [], {}, [{}], "x" * 9_999, 10**40, float("nan"), "²")


def shown(found):
    return found.customer, found.order, found.placed_at, found.recipient


@pytest.fixture
def asking(settings):
    return settings.model_copy(update={"customers": True})


@pytest.fixture
def webhook(shop, secrets):
    def sent(settings, topic, body):
        signed, headers = shop.signed(topic, body)
        return receive(settings, secrets, headers, signed, "")[0]

    return sent


def test_given_shopifys_own_sample_then_it_is_for_whom_it_is_sent_to():
    placed = datetime(2022, 1, 1, tzinfo=UTC)
    found = person("orders/updated", SAMPLE)
    assert shown(found) == ("115310627314723950", "820982911946154500", placed, STEVE)


def test_given_an_order_for_pick_up_then_it_is_for_the_customer_and_has_no_street():
    found = person("orders/create", SAMPLE | {"shipping_address": None})
    assert found.recipient == Recipient(name="John Smith", email="jon@example.com")


def test_given_a_guest_then_there_is_no_customer_and_without_anybody_there_is_no_person():
    guest = SAMPLE | {"customer": None}
    assert person("orders/create", guest).customer is None
    nobody = {"email": None, "contact_email": None, "shipping_address": None}
    assert person("orders/create", guest | nobody) is None


def test_given_another_document_then_it_is_for_nobody():
    assert {topic for topic in connector.topics if person(topic, SAMPLE)} == ORDERS
    assert person("orders/updated", SAMPLE | {"id": None}) is None


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_given_any_field_of_another_kind_then_it_is_left_out_and_nothing_is_refused(wrong):
    for name in ("id", "customer", "shipping_address", "email", "contact_email", "phone", "created_at"):
        person("orders/updated", SAMPLE | {name: wrong})
        for key in SAMPLE[name] if isinstance(SAMPLE[name], dict) else ():
            body = copy.deepcopy(SAMPLE)
            body[name][key] = wrong
            found = person("orders/updated", body)
            texts = [getattr(found.recipient, field) for field in Recipient.__slots__]
            assert all(isinstance(text, str) and len(text) <= 255 for text in texts)


@pytest.mark.parametrize("topic", ORDER_TOPICS)
async def test_given_a_channel_that_asks_then_a_webhook_brings_the_person_beside_the_same_document(
    webhook, settings, asking, topic
):
    silent, told = webhook(settings, topic, SAMPLE), webhook(asking, topic, SAMPLE)
    assert silent.person is None
    assert told.person.recipient == STEVE
    assert told == silent


async def test_given_a_payload_then_nothing_that_shows_or_writes_it_has_the_person_in_it(webhook, asking):
    payload = webhook(asking, "orders/updated", SAMPLE)
    assert payload.person.recipient.name == "Steve Shipper"
    said = f"{payload!r} {payload.person!r} {payload.person.recipient!r} {payload} {payload.body}"
    assert not any(word in said for word in ("Steve", "Shipp", "jon@", "555"))
    for value in (payload, payload.person):
        with pytest.raises(TypeError):
            orjson.dumps(value)


async def test_given_an_order_then_a_poll_says_of_the_person_what_the_webhook_says(
    shop, connect, webhook, asking, at
):
    shop.order([("A", 1)], at=at)
    (order,) = shop.shop.orders.values()
    told = webhook(asking, "orders/create", payloads.order(order, "shop"))
    found = [one async for page, _ in connect(shop, customers=True).poll(None) for one in page]
    assert [shown(one.person) for one in found] == [shown(told.person)]
    assert told.person.recipient.street == "1 Canary Street"
    assert "canary" not in json.dumps(found[0].body).lower()


async def test_given_an_order_of_somebody_who_comes_for_it_then_poll_and_webhook_name_them_and_no_street(
    shop, connect, webhook, asking, at
):
    somebody = {"email": "o@example.invalid", "customer": {"id": 7, "first_name": "O", "last_name": "P"}}
    shop.order([("A", 1)], at=at, person=somebody)
    (order,) = shop.shop.orders.values()
    told = webhook(asking, "orders/create", payloads.order(order, "shop"))
    found = [one async for page, _ in connect(shop, customers=True).poll(None) for one in page]
    assert [shown(one.person) for one in found] == [shown(told.person)]
    assert (told.person.customer, told.person.recipient.name) == ("7", "O P")
    assert told.person.recipient.street == ""


async def test_given_a_channel_that_does_not_ask_then_a_poll_does_not_even_ask_the_shop(
    shop, connect, at, monkeypatch
):
    monkeypatch.setattr("connectors.shopify.sandbox.views._customer", lambda _: pytest.fail("asked"))
    monkeypatch.setattr("connectors.shopify.sandbox.views._shipping_address", lambda _: pytest.fail("asked"))
    shop.order([("A", 1)], at=at)
    found = [one async for page, _ in connect(shop).poll(None) for one in page]
    assert [one.person for one in found] == [None]


def test_given_a_document_that_was_cut_then_there_is_nobody_left_in_it():
    for topic in ORDERS:
        assert person(topic, connector.reduce(topic, SAMPLE)) is None
    assert Payload("orders/updated", {}).person is None
