"""How a call to NetSuite is signed: OAuth 2.0 client credentials with a certificate, or token-based OAuth 1.0.

OAuth 2.0 (Oracle, "OAuth 2.0 Client Credentials Flow"): a JWT that a private key signs is given for a token that lives an
hour; there is no refresh token. RS256 is refused: PS256 and ES256 and their longer kin are taken.

OAuth 1.0 (Oracle, "Token-Based Authentication"): HMAC-SHA256 over the request, under the account as its realm.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import orjson

from connectors.contract import Secrets
from connectors.errors import Unreachable
from connectors.netsuite.assertion import sign
from connectors.netsuite.settings import NetSuiteSettings
from connectors.oauth1 import Keys, authorization
from connectors.polite import Http, Reply
from connectors.tokens import Held, Tokens, granted

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  # a path
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 300
"""Seconds that an assertion is good for; NetSuite takes up to an hour."""
Send = Callable[[str], Awaitable[Reply]]
"""One request, given its `Authorization`."""


class SignIn(Protocol):
    """Sends a request as somebody whom NetSuite knows."""

    async def call(self, method: str, path: str, query: Mapping[str, str], send: Send) -> Reply:
        """The answer to what `send` sends with an `Authorization`. A first 401 is tried again: a token may have ended, and
        under load NetSuite says "invalid login" where it means too many calls. Raises `SlowDown`, `Unreachable`.
        """


class TokenBased:
    """OAuth 1.0 with an integration's consumer key and a user's token."""

    def __init__(self, settings: NetSuiteSettings, secrets: Secrets) -> None:
        self._settings, self._secrets = settings, secrets

    async def call(self, method: str, path: str, query: Mapping[str, str], send: Send) -> Reply:
        """Each attempt has a signature of its own."""
        names = ("consumer_key", "consumer_secret", "token_id", "token_secret")
        keys = Keys(*(_secret(self._secrets, name) for name in names))
        url, realm = self._settings.api + path, self._settings.realm
        reply = await send(authorization(method, url, query.items(), keys, realm))
        if reply.status == 401:
            reply = await send(authorization(method, url, query.items(), keys, realm))
        return reply


class ClientCredentials:
    """OAuth 2.0: holds a token while it is good."""

    def __init__(self, settings: NetSuiteSettings, secrets: Secrets, http: Http) -> None:
        self._settings, self._secrets, self._http = settings, secrets, http
        self._tokens = Tokens(Held(), self._renewed)

    async def call(self, method: str, path: str, query: Mapping[str, str], send: Send) -> Reply:  # noqa: ARG002
        """With a token; a new one where there is none, or where it was turned away."""
        return await self._tokens.call(lambda token: send(f"Bearer {token}"))

    async def _renewed(self, held: Held) -> Held:
        reply = await self._http.call("POST", TOKEN_PATH, form=self._form())
        return granted("NetSuite", reply, held)

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
        signed = sign(text.encode(), _secret(self._secrets, "private_key"), self._settings.algorithm)
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": f"{text}.{_base64url(signed)}",
        }


def _secret(secrets: Secrets, name: str) -> str:
    if name not in secrets:
        raise Unreachable(f"the secret {name} is missing")
    return secrets[name].get_secret_value()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
