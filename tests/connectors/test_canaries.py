"""Somebody in every field of every document of every platform: of them nothing goes any further.

A canary is planted in the raw document, before the allow-list. It stands for what a person may have been typed into: an e-mail
address anywhere, and as a name, a telephone number or a note everywhere but in the names that a shop gives to its own goods,
places and documents (`LABELS`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from golden import FIXTURES, changed, leaves, said

MAIL = "canary-surname@example.invalid"
PROSE = (
    "Canary Surname-Quenneville",
    "Canary\tSurname",
    "call Canary on +44 20 7946 0000",
    "7 Canary Row\nBath",
    "2026-11-20 Canary",
    "Canary\u00a0Surname",
    "Canary\0",
    "canary" * 50,
)
ELSEWHERE = ({"note": MAIL}, [MAIL], [{"note": MAIL}], [[MAIL]])
"""What hides somebody in a field of another kind."""

LABELS: Mapping[str, set[str]] = {
    "shopify": {"sku"},  # what the shop calls its goods
    "magento": {"sku"},
    "heartland": {"status"},  # its words have blanks
    "lightspeed_x": {"attributes"},  # its own words, in a list
    "rlm": {
        *("number", "order", "shipment", "purchase_order", "reference", "deal"),  # of a partner's documents
        "id",  # of a partner's item or warehouse, as X12 numbers them
        "item_qualifiers",  # our own setting
    },
    "shipstation": {
        "sku",
        *("orderNumber", "orderKey", "shipment_number", "sales_order_ids"),  # what the shop calls its orders
        *("external_order_id", "external_shipment_id"),  # as above
        *(
            "externallyFulfilledBy",
            "fulfillmentProviderCode",
            "fulfillment_provider_code",
            "providers",
        ),  # companies
    },
}
"""Fields that may hold any short text, by platform. What stands here is for a person to agree to, with its reason."""


def planted(value: Any) -> Any:
    """The document with fields that no platform has in every object of it, and somebody as a field's name."""
    if isinstance(value, dict):
        more = {"custom_field": MAIL, "notes": {"note": MAIL}, "tags": [MAIL], MAIL: 1}
        return {**{name: planted(part) for name, part in value.items()}, **more}
    return [planted(part) for part in value] if isinstance(value, list) else value


def somewhere(*texts: Any) -> bool:
    return any("canary" in (text if isinstance(text, str) else json.dumps(text)).lower() for text in texts)


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_fields_nobody_asked_for_then_they_stop_at_the_door(connector, fixture):
    topic, body = fixture["topic"], fixture["payload"]
    kept = connector.reduce(topic, planted(body))
    assert kept == connector.reduce(topic, body)
    assert not somewhere(kept)


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_an_address_in_any_field_then_it_is_in_no_claim_no_dead_letter_and_no_reason(
    connector, fixture
):
    topic, body = fixture["topic"], fixture["payload"]
    hits = set()
    for path in leaves(body):
        for canary in (MAIL, f"Ada <{MAIL}>", f"onhand:order/web/1 {MAIL}", *ELSEWHERE):
            kept = connector.reduce(topic, changed(body, path, canary))
            if somewhere(kept, said(connector, topic, kept)):
                hits.add(path)
    assert hits == set()


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_a_name_or_a_note_in_any_field_then_it_goes_no_further_but_as_the_shops_own_name_for_a_thing(
    connector, fixture
):
    topic, body = fixture["topic"], fixture["payload"]
    hits = set()
    for path in leaves(body):
        for canary in PROSE:
            kept = connector.reduce(topic, changed(body, path, canary))
            if somewhere(kept, said(connector, topic, kept)):
                hits.add(next(name for name in reversed(path) if isinstance(name, str)))
    assert hits <= LABELS.get(connector.platform, set())


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_somebody_in_any_field_then_a_refusal_does_not_repeat_it(connector, fixture):
    topic, body = fixture["topic"], fixture["payload"]
    for path in leaves(body):
        for canary in (MAIL, *PROSE):
            kept = connector.reduce(topic, changed(body, path, canary))
            answer = said(connector, topic, kept)
            assert answer.startswith("{") or not somewhere(answer), path
