"""How a request is signed by OAuth 1.0 (RFC 5849) with HMAC-SHA256. A JSON body is not signed, query parameters are."""

from __future__ import annotations

import base64
import secrets as random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from connectors.bodies import signature

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose request it is: a consumer's key and secret, and a token's."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_secret: str = field(repr=False)


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


def signed(method: str, url: str, pairs: Pairs, consumer_secret: str, token_secret: str) -> str:
    """The signature of a request with all its parameters, in base64."""
    secret = f"{escaped(consumer_secret)}&{escaped(token_secret)}"
    return base64.b64encode(signature(secret, base_string(method, url, pairs).encode())).decode()


def authorization(method: str, url: str, pairs: Pairs, keys: Keys, realm: str | None = None) -> str:
    """The `Authorization` header of one request for `url` with the query's `pairs`: each has a nonce and a time of its own.
    The realm is not signed.
    """
    said = {
        "oauth_consumer_key": keys.consumer_key,
        "oauth_nonce": random.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        "oauth_token": keys.token,
        "oauth_version": "1.0",
    }
    found = signed(method, url, [*pairs, *said.items()], keys.consumer_secret, keys.token_secret)
    shown = {**({} if realm is None else {"realm": realm}), **said, "oauth_signature": found}
    return "OAuth " + ", ".join(f'{name}="{escaped(value)}"' for name, value in shown.items())
