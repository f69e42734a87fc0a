"""The HTTP calls to an OpenID Connect provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlsplit

import aiohttp
import orjson
from pydantic import SecretStr

from connectors.errors import Refused, Unreachable
from connectors.outbound import reach, session, why

PATIENCE = aiohttp.ClientTimeout(total=10)

ANSWER_MAX = 262_144
"""Bytes of an answer that are read."""

ABOUT_FOR = 3_600.0
"""Seconds for which its discovery document is believed."""


class OidcClient:
    """One provider, asked as a confidential client. Nothing is redirected: its addresses come from its own document, and are as
    secure as its own. `private` says that it may be in a private network (`connectors.outbound`).
    """

    def __init__(self, issuer: str, client_id: str, secret: SecretStr, *, private: bool = False) -> None:
        self._reach = reach(issuer, private=private)
        self._issuer, self._client_id, self._secret = issuer, client_id, secret
        self._about: tuple[float, Mapping[str, Any]] | None = None
        self._turn = asyncio.Lock()

    async def metadata(self) -> Mapping[str, Any]:
        """Its discovery document. Raises `Unreachable`."""
        async with self._turn:
            if self._about is None or time.monotonic() - self._about[0] > ABOUT_FOR:
                url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                self._about = time.monotonic(), await self._ask("GET", url, "discovery document")
            return self._about[1]

    async def keys(self, uri: str) -> Mapping[str, Any]:
        """Its key set. Raises `Unreachable`."""
        return await self._ask("GET", uri, "key set")

    async def token(self, uri: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """What its token endpoint answers to a form, with this client's secret. Raises `Unreachable`, and `Refused` where it
        does not accept what was sent.
        """
        secret = self._secret.get_secret_value()
        auth = aiohttp.encode_basic_auth(quote_plus(self._client_id), quote_plus(secret))  # RFC 6749, 2.3.1
        return await self._ask(
            "POST", uri, "token endpoint", data=dict(form), headers={"Authorization": auth}
        )

    async def _ask(self, method: str, url: str, what: str, **more: Any) -> Mapping[str, Any]:
        if urlsplit(url).scheme != urlsplit(self._issuer).scheme:
            raise Unreachable(f"its {what} is not where it is itself: by another scheme")
        try:
            async with (
                session(self._reach, PATIENCE) as opened,
                opened.request(method, url, allow_redirects=False, **more) as response,
            ):
                if response.status in (400, 401) and method == "POST":
                    raise Refused(f"its {what} answers {response.status}")
                if response.status != 200:
                    raise Unreachable(f"its {what} answers {response.status}")
                found = orjson.loads(await _body(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"its {what} does not answer ({why(error)})") from None
        except orjson.JSONDecodeError:
            raise Unreachable(f"its {what} sends no JSON") from None
        if not isinstance(found, dict):
            raise Unreachable(f"its {what} sends no object")
        return found


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > ANSWER_MAX:
            raise Unreachable("it sends too much")
    return bytes(body)
