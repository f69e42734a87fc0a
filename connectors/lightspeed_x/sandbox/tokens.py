"""X-Series' OAuth tokens: `POST /api/1.0/token` (docs: Authorization; changelog 2025-03)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DAY = 86_400
"""Seconds that an access token lives."""


class Tokens:
    """Which tokens are good: a personal one for ever, an application's pair until its refresh token is used."""

    def __init__(self, personal: str, client_id: str, client_secret: str, refresh_token: str) -> None:
        self.good = {personal} - {""}
        self._client = client_id, client_secret
        self._access, self._refresh = "", refresh_token
        self.given = 0

    def refresh(self, form: Mapping[str, Any], domain_prefix: str) -> dict[str, Any] | None:
        """A new pair for the refresh token, and the end of the old one; None where it is not the last that was given."""
        asked = form.get("client_id"), form.get("client_secret")
        if form.get("grant_type") != "refresh_token" or asked != self._client or not self._refresh:
            return None
        if form.get("refresh_token") != self._refresh:
            return None
        self.given += 1
        self.good.discard(self._access)
        self._access, self._refresh = f"access-{self.given}", f"refresh-{self.given}"
        self.good.add(self._access)
        return {
            "access_token": self._access,
            "token_type": "Bearer",
            "expires_in": DAY,
            "refresh_token": self._refresh,
            "domain_prefix": domain_prefix,
            "scope": "",
        }

    def expire(self) -> None:
        """Ends every access token, as a day would."""
        self.good.clear()
