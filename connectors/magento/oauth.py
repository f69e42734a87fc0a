"""Signs requests as Magento wants them from an integration: OAuth 1.0a (RFC 5849) with HMAC-SHA256.

HMAC-SHA1, which RFC 5849 knows and old pages of Magento's show, is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """The four keys of an integration."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)


def escaped(text: str) -> str:
    """Percent-encoded: everything but RFC 3986's unreserved characters, brackets and spaces too."""
    return quote(text, safe="-._~")


def query_of(pairs: Pairs) -> str:
    """A query string, encoded the one way that its signature is made over."""
    return "&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs)


def base_string(method: str, url: str, pairs: Pairs) -> str:
    """What is signed (RFC 5849, 3.4.1): the method, the URL without its query, and all parameters in order."""
    listed = sorted((escaped(name), escaped(value)) for name, value in pairs)
    parameters = "&".join(f"{name}={value}" for name, value in listed)
    return f"{method.upper()}&{escaped(url)}&{escaped(parameters)}"


def authorization(method: str, url: str, pairs: Pairs, keys: Keys, nonce: str, timestamp: int) -> str:
    """The `Authorization` header of a request for `url` with the query's `pairs`. A JSON body is not signed."""
    said = {
        "oauth_consumer_key": keys.consumer_key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(timestamp),
        "oauth_token": keys.access_token,
        "oauth_version": "1.0",
    }
    secret = f"{escaped(keys.consumer_secret)}&{escaped(keys.access_token_secret)}"
    text = base_string(method, url, [*pairs, *said.items()])
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    said["oauth_signature"] = base64.b64encode(digest).decode()
    return "OAuth " + ", ".join(f'{name}="{escaped(value)}"' for name, value in said.items())
