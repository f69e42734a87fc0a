"""What is written can be read again, and what cannot be read is refused without repeating it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bundles import Bundle
from schemas.codec import Undecodable, adapter, decode, encode, headers, recall
from schemas.ledger import Stock
from schemas.publish import EXAMPLES, schema_name
from schemas.rules import ChannelRules
from schemas.settling import Transaction
from schemas.topics import CLAIMS, TOPICS

SECRET = "Ada Lovelace, 12 St James's Square"
HELD = {topic.holds: topic for topic in TOPICS}
NO_OBJECTS = st.sampled_from((b"null", b"[]", b'"x"', b"1", b"\xff\xfe")) | st.binary(max_size=40).filter(
    lambda data: not data.lstrip().startswith(b"{"),
)
by_type = pytest.mark.parametrize("kind", HELD, ids=lambda kind: kind.__name__)


@by_type
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_given_any_value_then_it_is_read_as_it_was_written(kind, data, any_value):
    value = data.draw(any_value(kind))
    written = encode(value)
    assert decode(kind, written) == value
    assert encode(decode(kind, written)) == written


@by_type
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_given_a_value_cut_short_then_it_is_refused(kind, data, any_value):
    written = encode(data.draw(any_value(kind)))
    with pytest.raises(Undecodable):
        decode(kind, written[: data.draw(st.integers(0, len(written) - 1))])


@by_type
@given(data=NO_OBJECTS)
@settings(max_examples=40, deadline=None)
def test_given_bytes_that_are_no_value_then_they_are_refused(kind, data):
    with pytest.raises(Undecodable):
        decode(kind, data)


STATES = pytest.mark.parametrize("kind", [Stock, Transaction, Bundle], ids=lambda kind: kind.__name__)
FIELDS = {
    Stock: "57ef848db3028a8e",
    Transaction: "05df69f8e8a63e52",
    Bundle: "3c78113d803ac5d6",
}
"""A digest of all that a state of version 1 may hold."""


@STATES
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_given_a_state_that_we_wrote_then_it_is_recalled_as_one_that_is_doubted_is_read(
    kind, data, any_value
):
    written = encode(data.draw(any_value(kind)))
    assert recall(kind, written) == decode(kind, written)
    assert encode(recall(kind, written)) == written


@STATES
def test_given_a_state_of_another_version_or_what_is_no_state_then_it_is_not_recalled(kind):
    later = b'{"sku":"mug","colour":"blue","v":2}'
    for not_ours in (later, b'{"v":1}'[:-1], b'{"offset":"x","v":1}', b"\xff", b"[1]"):
        with pytest.raises(Undecodable):
            recall(kind, not_ours)


@STATES
def test_given_other_fields_in_a_state_then_its_version_is_another(kind):
    schema = adapter(kind).json_schema()
    parts = {kind.__name__: schema, **schema.get("$defs", {})}
    held = {name: sorted(part.get("properties", ())) for name, part in parts.items()}
    digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
    assert digest.startswith(FIELDS[kind]), "recall() would pass over a field it does not know: count v up"


def spoiled(value, at=()):
    """Every way to put a stranger's name where no text belongs, with the place it was put at."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        if at == () and key == "payload":
            continue  # holds whatever the platform sent
        for place, inside in spoiled(inner, (*at, key)):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = inside
            yield place, copy
        for wrong in ({"name": SECRET}, [SECRET], SECRET):
            if not (isinstance(wrong, str) and isinstance(inner, str)):
                copy = dict(value) if isinstance(value, dict) else list(value)
                copy[key] = wrong
                yield (*at, key), copy


@by_type
def test_given_a_wrong_field_then_the_refusal_names_it_and_never_repeats_its_value(kind):
    tried = 0
    for path in EXAMPLES.glob(f"{schema_name(HELD[kind])}.*.json"):
        for place, wrong in spoiled(json.loads(path.read_text(encoding="utf-8"))):
            refused = refusal(kind, wrong)
            if refused is not None:
                tried += 1
                assert str(place[0]) in str(refused)
                assert "Ada" not in str(refused)
                assert refused.__cause__ is None
    assert tried > 5


def refusal(kind, wrong):
    try:
        decode(kind, json.dumps(wrong).encode())
    except Undecodable as refused:
        return refused
    return None


def test_given_a_record_without_a_value_then_the_refusal_says_so():
    with pytest.raises(Undecodable, match="the record has no value"):
        decode(CLAIMS.holds, None)


def test_given_several_faults_then_the_refusal_names_each_by_its_place_and_no_more_than_five():
    assert str(refusal(ChannelRules, [])).startswith("document: ")
    two = str(refusal(ChannelRules, {"cap": -1, "safety_stock_by_sku": {"mug": "x"}}))
    first, second = two.split("; ")
    assert first.startswith("safety_stock_by_sku.mug: Input should be")
    assert second.startswith("cap: Input should be")
    many = str(refusal(ChannelRules, {f"surprise_{n}": n for n in range(9)}))
    assert many.count("surprise_") == 5


def test_given_a_type_then_its_reader_is_built_once():
    assert all(adapter(kind) is adapter(kind) for kind in HELD)


def test_given_a_record_then_its_headers_are_those_of_cloudevents():
    at = datetime(2026, 3, 2, 13, 0, 0, 123456, timezone(timedelta(hours=1)))
    assert dict(headers(CLAIMS, "orders/updated/1", "shop", at)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"orders/updated/1",
        "ce_type": b"io.onhand.claims.v1",
        "ce_source": b"/onhand/shop",
        "ce_time": b"2026-03-02T12:00:00.123Z",
        "content-type": b"application/json",
    }
    assert headers(CLAIMS, "1", "shop", at) == headers(CLAIMS, "1", "shop", at.astimezone(UTC))
