"""OAuth 1.0 as RFC 5849 has it, and as Magento and NetSuite check it."""

from __future__ import annotations

import base64
import hashlib
import hmac

from connectors.oauth1 import Keys, authorization, base_string, query_of


def test_given_the_example_of_rfc_5849_then_the_base_string_is_its():
    pairs = [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q")]
    pairs += [("oauth_consumer_key", "9djdj82h48djs9d2"), ("oauth_token", "kkk9d7dh3k39sjv7")]
    pairs += [("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", "137131201")]
    pairs += [("oauth_nonce", "7d8f3e4a")]
    assert base_string("post", "http://example.com/request", pairs) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D"
        "%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3D"
        "HMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


def test_given_search_criteria_then_brackets_and_spaces_are_encoded_one_way():
    assert query_of([("searchCriteria[a]", "2026-11-23 12:00:00")]) == (
        "searchCriteria%5Ba%5D=2026-11-23%2012%3A00%3A00"
    )


def test_given_four_keys_then_both_secrets_sign_and_neither_is_shown(monkeypatch):
    keys = Keys("key", "s&cret", "token", "t/ken")
    monkeypatch.setattr("connectors.oauth1.random.token_hex", lambda _bytes: "nonce")
    monkeypatch.setattr("connectors.oauth1.time.time", lambda: 1_795_000_000.9)
    header = authorization("GET", "https://shop/x", [("a", "b")], keys, "ACME_1")
    text = (
        "GET&https%3A%2F%2Fshop%2Fx&a%3Db%26oauth_consumer_key%3Dkey%26oauth_nonce%3Dnonce%26oauth_signature_method"
        "%3DHMAC-SHA256%26oauth_timestamp%3D1795000000%26oauth_token%3Dtoken%26oauth_version%3D1.0"
    )
    digest = base64.b64encode(hmac.new(b"s%26cret&t%2Fken", text.encode(), hashlib.sha256).digest()).decode()
    signature = digest.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert f'oauth_signature="{signature}"' in header
    assert header.startswith('OAuth realm="ACME_1", oauth_consumer_key="key", ')
    assert "cret" not in header + repr(keys)
    assert "t/ken" not in repr(keys)
