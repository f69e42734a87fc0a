"""Whom an order is for: read before the allow-list cuts it, passed beside the document, and only where the channel asks."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.contract import Recipient
from connectors.magento import connector
from connectors.magento.allowlist import ORDER, SOURCE_ITEM
from connectors.magento.client import MagentoClient
from connectors.magento.customers import person

ORDER_3 = json.loads((Path(__file__).parent / "samples" / "order_3.json").read_text())
JANE = Recipient(
    name="Jane Doe",
    email="jdoe@example.com",
    phone="512-555-1111",
    street="123 Oak Ave",
    city="Purchase",
    postcode="10577",
    region="NY",
    country="US",
)
WRONG = (None, "", " ", 7, -1, 1.5, True, [], {}, [{}], [None], "x" * 9_999, 10**40, float("nan"))


def at(path, value):
    body = found = copy.deepcopy(ORDER_3)
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value
    return body


def leaves(value, *path):
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, *path, key)


def test_given_magentos_own_sample_then_it_is_for_whom_it_is_sent_to():
    found = person(ORDER, ORDER_3)
    assert found.recipient == JANE
    placed = datetime(2017, 8, 21, 22, 22, 19, tzinfo=UTC)
    assert (found.customer, found.order, found.placed_at) == ("3", "3", placed)


def test_given_an_order_for_pick_up_then_it_is_for_who_pays_and_not_for_the_shop_it_names_as_the_address():
    body = at(["extension_attributes", "pickup_location_code"], "STORE")
    shop = body["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
    shop |= {"firstname": "Onhand", "lastname": "Store", "street": ["1 Shop Lane"], "telephone": "1"}
    assert person(ORDER, body).recipient == Recipient(
        name="Jane Doe", email="jdoe@example.com", phone="512-555-1111"
    )


@pytest.mark.parametrize("nobody", [None, 0, "0", ""])
def test_given_a_guest_then_there_is_no_customer_and_the_order_s_own_address_stands(nobody):
    found = person(ORDER, ORDER_3 | {"customer_id": nobody})
    assert (found.customer, found.recipient) == (None, JANE)


def test_given_another_document_or_nobody_then_there_is_no_person():
    assert person(SOURCE_ITEM, ORDER_3) is None
    assert person(ORDER, {"entity_id": 3}) is None
    assert person(ORDER, connector.reduce(ORDER, ORDER_3)) is None


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_given_any_field_of_another_kind_then_it_is_left_out_and_nothing_is_refused(wrong):
    tried = 0
    for path in leaves(ORDER_3):
        if path and path[0] != "items":
            found = person(ORDER, at(path, wrong))
            tried += 1
            if found is not None:
                texts = [getattr(found.recipient, field) for field in Recipient.__slots__]
                assert all(isinstance(text, str) and len(text) <= 255 for text in texts)
    assert tried > 50


async def test_given_a_channel_that_asks_then_a_poll_brings_the_person_beside_the_same_document(
    sandbox, settings, secrets, clock
):
    sandbox.order([("TEE", 1)], at=clock.now - timedelta(minutes=1))
    polled = []
    for asks in (False, True):
        told = settings.model_copy(update={"base_url": sandbox.url, "customers": asks})
        client = MagentoClient(told, secrets)
        polled.append([one async for page, _ in client.poll(None) for one in page])
        await client.close()
    silent, told = polled
    assert silent == told
    assert [one.person for one in silent] == [None]
    assert told[0].person.recipient.street == "1 Canary Street"
    assert "canary" not in json.dumps(told[0].body).lower()
