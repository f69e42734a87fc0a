"""What is no claim is refused where it is decoded, so that no later stage can stumble over it."""

from __future__ import annotations

import json

import pytest

from schemas.claims import Claim, Fact
from schemas.codec import Undecodable, decode

LINE = {"fact": "sold", "sku": "mug", "quantity": 1, "at": "2026-03-02T12:00:00Z", "location": "STORE"}


def claim(**line):
    return json.dumps(
        {
            "transaction": "deal-1",
            "channel": "till",
            "topic": "sale",
            "occurred_at": "2026-03-02T12:00:00Z",
            "documents": [{"id": "sale/1", "version": 1, "lines": [{**LINE, **line}]}],
        },
    ).encode()


def test_given_only_what_is_needed_then_the_rest_has_its_usual_meaning():
    (document,) = decode(Claim, claim()).documents
    (line,) = document.lines
    assert (line.fact, line.state.value, line.reason) == (Fact.SOLD, "available", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("quantity", 0), ("quantity", 999_999_999), ("sku", "m"), ("location", "L" * 255)],
)
def test_given_a_line_at_the_bounds_then_it_is_taken(field, value):
    (line,) = decode(Claim, claim(**{field: value})).documents[0].lines
    assert getattr(line, field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", -1),
        ("quantity", 1_000_000_000),
        ("quantity", 5012345678900),
        ("quantity", 1.5),
        ("fact", "vanished"),
        ("state", "lost"),
        ("at", "2026-03-02T12:00:00"),
        ("at", "yesterday"),
        ("sku", None),
        ("sku", ""),
        ("location", "L" * 256),
        ("customer", "Ada"),
    ],
    ids=[
        "below zero",
        "a thousand million units",
        "a barcode",
        "half a unit",
        "an unknown fact",
        "an unknown state",
        "an instant without its offset",
        "no instant",
        "no SKU",
        "a SKU without a name",
        "a location with a name too long",
        "a field we do not know",
    ],
)
def test_given_a_line_that_cannot_be_then_it_is_refused_by_its_field(field, value):
    with pytest.raises(Undecodable, match=f"documents.0.lines.0.{field}"):
        decode(Claim, claim(**{field: value}))
