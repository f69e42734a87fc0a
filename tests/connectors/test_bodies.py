from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bodies import DEPTH_MAX, json_object, signature, signed_by, topic_named
from connectors.errors import Malformed


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b'"x"', b"null", b'{"a":1}x', b"\xff", b'{"a":NaN}']
)
def test_given_a_body_that_is_no_json_object_then_it_is_malformed(body):
    with pytest.raises(Malformed):
        json_object(body)


@pytest.mark.parametrize("opened", ['{"a":', "["])
def test_given_a_body_nested_to_the_limit_then_it_is_read_and_beyond_it_is_not(opened):
    closed = "}" if opened.startswith("{") else "]"

    def nested(levels: int) -> str:
        return '{"a":' + opened * (levels - 1) + "1" + closed * (levels - 1) + "}"

    assert json_object(nested(DEPTH_MAX))
    with pytest.raises(Malformed, match="nested deeper"):
        json_object(nested(DEPTH_MAX + 1))


@given(body=st.binary(max_size=50), other=st.binary(max_size=50))
def test_given_a_signature_then_it_is_of_one_secret_and_one_body(body, other):
    offered = base64.b64encode(signature("new", body)).decode()
    assert signed_by(offered, ["old", "new"], body)
    assert not signed_by(offered, ["old"], body)
    assert not signed_by(offered, [], body)
    assert signed_by(offered, ["new"], other) is (body == other)


def test_given_a_signature_in_hex_then_it_counts_only_where_it_is_allowed():
    offered = signature("new", b"body").hex().upper()
    assert signed_by(offered, ["new"], b"body", hexadecimal=True)
    assert not signed_by(offered, ["new"], b"body")


@pytest.mark.parametrize(
    "said", ["orders/create", "sale.update", "v2/label", "inventory_levels/update", "850"]
)
def test_given_what_a_platform_calls_a_topic_then_it_is_one(said):
    assert topic_named(said) == said


@pytest.mark.parametrize(
    "said", ["", "a\0b", "a b", "ada@example.invalid", "/a", "é", "\ud800", "a\n", "x" * 101]
)
def test_given_what_none_calls_a_topic_then_it_is_malformed_and_not_repeated(said):
    with pytest.raises(Malformed) as refusal:
        topic_named(said)
    assert str(refusal.value) == "the topic is none"
