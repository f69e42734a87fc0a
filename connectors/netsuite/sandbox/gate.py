"""Who gets in, and how many at once: both ways to sign in, and the account's concurrency limit."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import secrets as random
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

import orjson
from aiohttp import web

from connectors.loopback import answer
from connectors.netsuite.oauth import ASSERTION, TOKEN_PATH
from connectors.netsuite.sandbox.certificate import TAKEN, public_key, verified
from connectors.oauth1 import signed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')
CLOCK = 300
"""Seconds that a request's time may be off [inferred]."""


class Wrong(Exception):
    """A request that NetSuite answers with an error."""

    def __init__(self, status: int, code: str, detail: str, path: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.path = status, code, path


class Gate:
    """The middleware. `limit` is how many calls are answered at once; the rest get 429.

    While `lose_answers` is above zero, the answer to a created record is lost after it was made: the connection breaks.
    `pause` is how long every call takes, in seconds.
    """

    def __init__(self, account: str, secrets: Mapping[str, str], limit: int) -> None:
        self.lose_answers, self.pause, self.limit = 0, 0.0, limit
        self.calls: list[tuple[str, str]] = []
        self._realm, self._secrets = account, secrets
        self._certified = public_key(secrets.get("private_key", ""))
        self._inside = 0
        self._nonces: set[str] = set()
        self._tokens: dict[str, float] = {}

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        self.calls.append((request.method, request.path))
        if self._inside >= self.limit:
            return failed(Wrong(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrency limit exceeded."))
        self._inside += 1
        try:
            await asyncio.sleep(self.pause)
            if request.path != TOKEN_PATH:
                self._admit(request)
            found = await handler(request)
        except Wrong as error:
            found = failed(error)
        except web.HTTPException as error:
            found = failed(Wrong(error.status, "NONEXISTENT_METHOD", "There is no such resource or method."))
        finally:
            self._inside -= 1
        if self.lose_answers and request.method == "POST" and "/record/" in request.path:
            self.lose_answers -= 1
            if request.transport is not None:
                request.transport.abort()
        return found

    async def token(self, request: web.Request) -> web.Response:
        """`POST /auth/oauth2/v1/token`: a signed assertion for a token of an hour (Oracle, client credentials flow)."""
        form = await request.post()
        text, _, offered = str(form.get("client_assertion", "")).rpartition(".")
        head, _, claims = text.partition(".")
        try:
            header, said = (orjson.loads(_raw(part)) for part in (head, claims))
            good = (
                form.get("grant_type") == "client_credentials"
                and form.get("client_assertion_type") == ASSERTION
                and header["alg"] in TAKEN
                and header["kid"] == self._secrets.get("certificate_id")
                and said["iss"] == self._secrets.get("client_id")
                and said["aud"] == f"{request.scheme}://{request.host}{TOKEN_PATH}"
                and said["iat"] - CLOCK <= time.time() < said["exp"] <= said["iat"] + 3600
                and verified(text.encode(), _raw(offered), self._certified, header["alg"])
            )
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            return answer({"error": "invalid_request"}, 400)
        token = random.token_hex(16)
        self._tokens[token] = time.monotonic() + 3600
        return answer({"access_token": token, "expires_in": "3600", "token_type": "Bearer"})

    def end_tokens(self) -> None:
        """Every token has run out."""
        self._tokens.clear()

    def _admit(self, request: web.Request) -> None:
        offered = request.headers.get("Authorization", "")
        scheme, _, rest = offered.partition(" ")
        if scheme == "Bearer" and self._tokens.get(rest, 0.0) > time.monotonic():
            return
        if scheme == "OAuth" and self._signed(request, rest):
            return
        raise Wrong(401, "INVALID_LOGIN", "Invalid login attempt.")

    def _signed(self, request: web.Request, header: str) -> bool:
        """Whether the request bears the token's signature, by a nonce that was never used."""
        found = {name: unquote(value) for name, value in PARAMETER.findall(header)}
        realm, offered = found.pop("realm", ""), found.pop("oauth_signature", "")
        url = f"{request.scheme}://{request.host}{request.path}"
        key = (self._secrets.get("consumer_secret", ""), self._secrets.get("token_secret", ""))
        nonce, at = found.get("oauth_nonce", ""), found.get("oauth_timestamp", "")
        right = signed(request.method, url, [*request.query.items(), *found.items()], *key)
        good = (
            realm == self._realm
            and found.get("oauth_signature_method") == "HMAC-SHA256"
            and found.get("oauth_consumer_key") == self._secrets.get("consumer_key")
            and found.get("oauth_token") == self._secrets.get("token_id")
            and hmac.compare_digest(offered.encode(), right.encode())
            and at.isdigit()
            and abs(time.time() - int(at)) <= CLOCK
            and nonce != ""
            and nonce not in self._nonces
        )
        self._nonces.add(nonce)
        return good


def failed(error: Wrong) -> web.Response:
    """An error body (Oracle, "Error Handling in REST Web Services")."""
    titles = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
    detail = {"detail": str(error), "o:errorCode": error.code}
    body = {
        "type": "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5",
        "title": titles.get(error.status, "Error"),
        "status": error.status,
        "o:errorDetails": [{**detail, **({"o:errorPath": error.path} if error.path else {})}],
    }
    return answer(body, error.status)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
