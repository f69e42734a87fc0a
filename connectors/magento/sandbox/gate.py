"""Who gets in: Magento's three ways to authorise a call, checked as it checks them, and what goes wrong on the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote, unquote

from aiohttp import web

from connectors.loopback import answer
from connectors.magento.sandbox.shop import Wrong

AHEAD = 600
"""Seconds that a timestamp may be ahead of Magento's clock."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """The middleware.

    While `lose_answers` is above zero, the answer to a write is lost after it was made: the connection breaks. The next
    `slow_down` calls are answered with 429, as the cloud service may, the next `broken` with 500. `clock` is Magento's.
    """

    def __init__(self, auth: str, secrets: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self.lose_answers = self.slow_down = self.broken = self.calls = 0
        self.integrations_as_bearer = False
        self.tokens: set[str] = set()
        self._auth, self._secrets, self._clock = auth, secrets, clock
        self._nonces: set[str] = set()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, or answers why not."""
        self.calls += 1
        found: web.StreamResponse
        try:
            if self.slow_down:
                self.slow_down -= 1
                found = answer({"message": "Too many requests"}, 429, {"Retry-After": "2"})
            elif self.broken:
                self.broken -= 1
                found = answer({"message": "Internal Error. Details are available in Magento log file."}, 500)
            else:
                if not request.path.startswith("/ims/"):
                    self._admit(request)
                found = await handler(request)
        except Wrong as error:
            found = answer(error.body, error.status)
        found.headers["Date"] = format_datetime(self._clock(), usegmt=True)
        if self.lose_answers and request.method == "POST":
            self.lose_answers -= 1
            if request.transport is not None:
                request.transport.abort()
        return found

    def _admit(self, request: web.Request) -> None:
        header = request.headers.get("Authorization", "")
        kind, _, said = header.partition(" ")
        if self._auth == "ims":
            good = (
                kind == "Bearer"
                and said in self.tokens
                and request.headers.get("x-api-key") == self._secrets["client_id"]
            )
        elif kind == "Bearer":
            good = self.integrations_as_bearer and said == self._secrets.get("access_token")
        else:
            good = kind == "OAuth" and self._signed(request, said)
        if not good:
            raise Wrong(401, "The consumer isn't authorized to access %resources.", {"resources": "self"})

    def _signed(self, request: web.Request, said: str) -> bool:
        """Whether a request is signed by the integration. Like Magento it takes the query apart as it was sent, and a `+`
        in it is a plus.
        """
        fields = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', said)}
        offered = fields.pop("oauth_signature", "")
        if fields.get("oauth_signature_method") != "HMAC-SHA256":
            raise Wrong(400, "Signature method is not supported. Verify and try again.")
        stamp, nonce = fields.get("oauth_timestamp", ""), fields.get("oauth_nonce", "")
        if not stamp.isdigit() or int(stamp) > time.time() + AHEAD:
            raise Wrong(400, "The timestamp value in the oauth_timestamp parameter is invalid.")
        if not nonce or nonce in self._nonces:
            raise Wrong(401, "The nonce is already being used by the consumer.")
        self._nonces.add(nonce)
        path, _, query = request.raw_path.partition("?")
        pairs = [part.partition("=")[::2] for part in query.split("&") if part]
        pairs = [(unquote(name), unquote(value)) for name, value in pairs] + list(fields.items())
        text = "&".join(
            quote(part, safe="~")
            for part in (
                request.method,
                f"http://{request.host}{path}",
                "&".join(
                    sorted(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
                ),
            )
        )
        key = "&".join(
            quote(self._secrets.get(name, ""), safe="~")
            for name in ("consumer_secret", "access_token_secret")
        )
        digest = base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
        known = {"oauth_consumer_key": "consumer_key", "oauth_token": "access_token"}
        ours = all(fields.get(name) == self._secrets.get(secret) for name, secret in known.items())
        return ours and hmac.compare_digest(digest, offered)
