"""How a call to NetSuite is signed: OAuth 2.0 client credentials with a certificate, or token-based OAuth 1.0.

OAuth 2.0 (Oracle, "OAuth 2.0 Client Credentials Flow"): a JWT that a private key signs is given for a token that lives an
hour; there is no refresh token. RS256 is refused: PS256 and ES256 and their longer kin are taken. What signs is handed in,
because no library for it is among our dependencies.

OAuth 1.0 (Oracle, "Token-Based Authentication"): HMAC-SHA256 over the request, under the account as its realm.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import orjson

from connectors.contract import Secrets
from connectors.errors import Unreachable
from connectors.netsuite.settings import NetSuiteSettings
from connectors.oauth1 import Keys, authorization
from connectors.polite import Http

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  # a path
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 300
"""Seconds that an assertion is good for; NetSuite takes up to an hour."""
EARLY = 60.0
"""Seconds before its end at which a token is not used any more."""

Sign = Callable[[bytes, str, str], bytes]
"""The signature of a text by a private key (PEM), with a JWT algorithm."""


class Signer(Protocol):
    """Makes the `Authorization` of one request."""

    async def authorization(self, method: str, path: str, query: Mapping[str, str]) -> str:
        """The header's value. Raises `SlowDown`, `Unreachable`."""

    def refused(self) -> None:
        """Hears that NetSuite did not take the last one."""


class TokenBased:
    """OAuth 1.0 with an integration's consumer key and a user's token."""

    def __init__(self, settings: NetSuiteSettings, secrets: Secrets) -> None:
        self._settings, self._secrets = settings, secrets

    async def authorization(self, method: str, path: str, query: Mapping[str, str]) -> str:
        """A signature of this request alone."""
        names = ("consumer_key", "consumer_secret", "token_id", "token_secret")
        keys = Keys(*(_secret(self._secrets, name) for name in names))
        url = self._settings.api + path
        return authorization(method, url, query.items(), keys, self._settings.realm)

    def refused(self) -> None:
        """Nothing to do: the next request has a signature of its own."""


class ClientCredentials:
    """OAuth 2.0: holds a token while it is good. `sign` is asked for one signature an hour."""

    def __init__(self, settings: NetSuiteSettings, secrets: Secrets, http: Http, sign: Sign) -> None:
        self._settings, self._secrets, self._http, self._sign = settings, secrets, http, sign
        self._token, self._until = "", 0.0
        self._lock = asyncio.Lock()

    async def authorization(self, method: str, path: str, query: Mapping[str, str]) -> str:  # noqa: ARG002
        """The token, a new one where there is none."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._renew()
            return f"Bearer {self._token}"

    def refused(self) -> None:
        """The token is not good any more."""
        self._until = 0.0

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        reply = await self._http.call("POST", TOKEN_PATH, form=self._form())
        body = reply.body if isinstance(reply.body, Mapping) else {}
        token, lifetime = body.get("access_token"), str(body.get("expires_in", ""))
        if reply.status != 200 or not isinstance(token, str) or not lifetime.isdigit():
            raise Unreachable(f"NetSuite gave no token ({reply.status})")
        self._token, self._until = token, asked_at + max(EARLY, float(lifetime) - EARLY)

    def _form(self) -> Mapping[str, str]:
        now = int(time.time())
        header = {
            "typ": "JWT",
            "alg": self._settings.algorithm,
            "kid": _secret(self._secrets, "certificate_id"),
        }
        claims = {
            "iss": _secret(self._secrets, "client_id"),
            "scope": "rest_webservices",
            "aud": self._settings.api + TOKEN_PATH,
            "iat": now,
            "exp": now + LIFETIME,
        }
        text = ".".join((_base64url(orjson.dumps(header)), _base64url(orjson.dumps(claims))))
        signed = self._sign(text.encode(), _secret(self._secrets, "private_key"), self._settings.algorithm)
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": f"{text}.{_base64url(signed)}",
        }


def no_sign(_text: bytes, _key: str, algorithm: str) -> bytes:
    """Stands where nothing that signs was handed in. Raises `Unreachable`."""
    raise Unreachable(f"nothing here can sign with {algorithm}: use auth = 'tba', or hand a signer in")


def _secret(secrets: Secrets, name: str) -> str:
    if name not in secrets:
        raise Unreachable(f"the secret {name} is missing")
    return secrets[name].get_secret_value()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
