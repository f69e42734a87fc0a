"""X-Series' API with the channel's credentials: a personal token, or an application's tokens, which change.

OAuth (https://x-series-api.lightspeedhq.com/docs/authorization and changelog 2025-03): an access token lives for a day; a
refresh gives a new access token and a new refresh token, and revokes the old ones at once. So a refresh whose answer is
lost needs a person to authorise anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from connectors.contract import Secrets
from connectors.errors import Unreachable
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.pacing import Limit
from connectors.polite import Http, Reply
from connectors.tokens import Held, Tokens, bearer, granted

WINDOW = 300.0
"""Seconds in which as many calls may be made as `X-RateLimit-Limit` says (docs: Rate Limiting)."""


class Absent(Unreachable):
    """X-Series does not have what was asked for: it was deleted since it was listed, or was never there."""


class Api:
    """Calls of one channel, each with a token that is good."""

    def __init__(self, settings: LightspeedXSettings, secrets: Secrets) -> None:
        self._http = Http(settings.api, {}, settings.paced(), private=settings.private)
        self._site = Http(settings.site, {}, private=settings.private)
        self._personal, self._secrets = settings.token_file is None, secrets
        # When the first access token ends is not known: it is used until it is turned away.
        first = Held(self._secret("access_token"), math.inf, self._secret("refresh_token"))
        self._tokens = Tokens(first, self._renewed, settings.token_file)

    async def call(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, as `Http.call`. A token that is turned away is refreshed once."""
        reply = await self._tokens.call(
            lambda token: self._http.call(method, path, body=body, query=query, headers=bearer(token))
        )
        if (most := reply.headers.get("X-RateLimit-Limit", "")).isdecimal():
            self._http.pace.allow(Limit(int(most), WINDOW))
        return reply

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()
        await self._site.close()

    def _secret(self, name: str) -> str:
        return self._secrets[name].get_secret_value() if name in self._secrets else ""

    async def _renewed(self, held: Held) -> Held:
        if self._personal:
            raise Unreachable("X-Series does not take the personal token (401)")
        for name in ("client_id", "refresh_token"):
            if not self._secret(name):
                raise Unreachable(f"token_file is set, but the secret {name} is missing")
        form = {name: self._secret(name) for name in ("client_id", "client_secret")}
        form |= {"grant_type": "refresh_token", "refresh_token": held.refresh}
        return granted("X-Series", await self._site.call("POST", "/api/1.0/token", form=form), held)
