"""Webhooks come in signed, in a form, without their type, and leave everything personal behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import SecretStr

from connectors.errors import Forged, Malformed, Refused
from connectors.lightspeed_x import LightspeedXSettings, connector
from connectors.lightspeed_x.sandbox import shapes, webhooks

SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
SETTINGS = LightspeedXSettings(platform="lightspeed_x", domain_prefix="demo")
SALE = {
    "id": "5a1e0000-0000-4000-8000-000000000001",
    "status": "CLOSED",
    "register_id": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
    "sale_date": "2026-11-23 10:15:00",
    "version": 7,
    "note": "canary",
    "register_sale_products": [{"id": "l", "product_id": "p", "quantity": "1.00000"}],
}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}


LEVEL = {"product_id": "p", "outlet_id": "o", "count": 3, "version": 9}


def form(document: object = SALE, **fields: str) -> bytes:
    told = {"domain_prefix": "demo", **fields, "payload": orjson.dumps(document).decode()}
    return urlencode(told).encode()


def signed(body: bytes, secret: str = "secret", *, as_hex: bool = False) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256)
    text = digest.hexdigest() if as_hex else base64.b64encode(digest.digest()).decode()
    return {**FORM, "X-Signature": f"signature={text},algorithm=HMAC-SHA256"}


def receive(headers: dict[str, str], body: bytes, path: str = "sale.update"):
    return connector.receive(SETTINGS, SECRETS, headers, body, path)


@pytest.mark.parametrize("as_hex", [True, False])
def test_given_a_signature_in_hex_or_base64_then_the_document_is_taken(as_hex):
    (payload,) = receive(signed(form(), as_hex=as_hex), form())
    assert (payload.topic, payload.body["id"]) == ("sale.update", SALE["id"])


@pytest.mark.parametrize(
    "headers",
    [
        FORM,
        signed(form(), "another"),
        signed(form({**SALE, "version": 8})),
        {**FORM, "X-Signature": "signature=,algorithm=HMAC-SHA256"},
        {**FORM, "X-Signature": signed(form())["X-Signature"].replace("SHA256", "MD5")},
        {**FORM, "X-Signature": "signature=\udcff,algorithm=HMAC-SHA256"},
    ],
)
def test_given_no_signature_or_another_then_the_webhook_is_forged(headers):
    with pytest.raises(Forged):
        receive(headers, form())


def test_given_another_retailer_of_the_same_application_then_the_webhook_is_not_this_channels():
    body = form(domain_prefix="other")
    with pytest.raises(Forged, match="another retailer"):
        receive(signed(body), body)
    assert receive(signed(form(domain_prefix="Demo")), form(domain_prefix="Demo"))
    unnamed = urlencode({"payload": orjson.dumps(SALE).decode()}).encode()
    assert receive(signed(unnamed), unnamed), "it need not name its retailer (docs/webhooks)"


@pytest.mark.parametrize(("document", "own"), [(SALE, "sale.update"), (LEVEL, "inventory.update")])
def test_given_a_document_that_was_signed_for_one_type_then_it_is_taken_under_no_other(document, own):
    body = form(document)
    for path in ("sale.update", "inventory.update", "consignment.send", "customer.update"):
        if path == own:
            assert receive(signed(body), body, path)
        else:
            with pytest.raises(Forged, match="another type"):
                receive(signed(body), body, path)


def test_given_the_secret_was_rotated_then_the_old_one_still_signs():
    rotated = SECRETS | {"client_secret": SecretStr("new"), "client_secret_previous": SecretStr("secret")}
    for secret in ("new", "secret"):
        assert connector.receive(SETTINGS, rotated, signed(form(), secret), form(), "sale.update")
    with pytest.raises(Forged):
        connector.receive(SETTINGS, rotated, signed(form(), "older"), form(), "sale.update")


def test_given_header_names_in_any_case_then_the_signature_is_found():
    assert receive({name.lower(): value for name, value in signed(form()).items()}, form())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        orjson.dumps(SALE),
        b"domain_prefix=demo",
        b"payload=",
        b"payload=%7B",
        b"payload=%5B1%5D",
        b"payload=%7B%22id%22%3A%22%FF%22%7D",
        b"\xff\xfe",
        form("text"),
    ],
)
def test_given_a_body_that_is_no_form_with_a_json_object_then_it_is_malformed(body):
    with pytest.raises(Malformed):
        receive(signed(body), body)


def test_given_another_content_type_then_it_is_malformed():
    with pytest.raises(Malformed):
        receive({**signed(form()), "Content-Type": "application/json"}, form())


@pytest.mark.parametrize("path", ["sale.update", "/sale.update/", ""])
def test_given_a_sale_then_its_type_comes_from_the_url_or_else_from_its_fields(path):
    assert receive(signed(form()), form(), path)[0].topic == "sale.update"


def test_given_a_level_without_a_date_then_its_reception_dates_it_and_it_becomes_an_observation():
    body = form({"product_id": "p", "outlet_id": "o", "count": 3, "version": 9})
    (payload,) = receive(signed(body), body, "")
    seen = connector.read("tills", payload)
    assert (payload.topic, seen.level, seen.location) == ("inventory.update", 3, "outlet:o")
    assert seen.observed_at.tzinfo is not None


def test_given_a_document_of_an_unknown_kind_then_without_a_url_it_is_malformed_and_with_one_refused():
    body = form(
        {"id": "c0ffee00-0000-4000-8000-000000000001", "balance": "1.00", "contact_first_name": "Canary"}
    )
    with pytest.raises(Malformed):
        receive(signed(body), body, "")
    (payload,) = receive(signed(body), body, "customer.update")
    assert payload.body == {}
    with pytest.raises(Refused, match=r"unknown topic customer\.update"):
        connector.read("tills", payload)


async def test_given_everything_personal_in_a_webhook_then_nothing_of_it_passes(sandbox):
    retailer = sandbox._retailer
    number = retailer.find(sandbox.sell("Mall", [("SHIRT", 2), ("MUG", -1)], at=datetime.now(UTC))).number
    cell = retailer.cell(0, 0)
    documents = {
        "sale.update": [webhooks.sale(retailer, number), shapes.sale(retailer, number)],
        "inventory.update": [webhooks.inventory(retailer, cell, datetime.now(UTC))],
        "customer.update": [webhooks.CUSTOMER],
    }
    for topic, shown in documents.items():
        for document in shown:
            body, headers = sandbox.signed(topic, document)
            assert any(canary.encode() in body for canary in webhooks.CANARIES)
            (payload,) = receive(headers, body, topic)
            kept = orjson.dumps(payload.body).decode()
            assert not [canary for canary in webhooks.CANARIES if canary in kept]


@pytest.mark.parametrize("topic", ["consignment.send", "consignment.receive"])
def test_given_a_consignment_then_it_wakes_the_poll_and_nothing_of_it_is_kept(topic):
    body = form({"id": "c0ffee00-0000-4000-8000-000000000001", "type": "OUTLET", "name": "canary"})
    assert list(receive(signed(body), body, topic)) == []
    with pytest.raises(Forged):
        receive(signed(body, "another"), body, topic)
    with pytest.raises(Malformed):
        receive(signed(b"payload=1"), b"payload=1", topic)


async def test_given_a_transfer_that_is_sent_and_received_then_each_step_wakes_the_poll(
    sandbox, client, inbox
):
    await client.subscribe(inbox.url)
    before = len(inbox.got)
    transfer = sandbox.consign("OUTLET", "Mall", {"SHIRT": 2}, at=datetime.now(UTC), source="High Street")
    sandbox.step(transfer, "SENT", at=datetime.now(UTC))
    sandbox.step(transfer, "RECEIVED", at=datetime.now(UTC), received={"SHIRT": 2})
    await sandbox.emitter.drain()
    told = [(headers, body, path) for headers, body, path in inbox.got[before:] if "consignment" in path]
    assert [path for _, _, path in told] == ["/consignment.send", "/consignment.receive"]
    for headers, body, path in told:
        assert b"canary" in body
        assert list(receive(headers, body, path)) == []
