"""X-Series' API with the channel's credentials: a personal token, or an application's tokens, which change.

OAuth (https://x-series-api.lightspeedhq.com/docs/authorization and changelog 2025-03): an access token lives for a day; a
refresh gives a new access token and a new refresh token, and revokes the old ones at once. So the new pair is on disk before
it is used, only one process refreshes at a time, and a refresh whose answer is lost needs a person to authorise anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.contract import Secrets
from connectors.errors import Unreachable
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.polite import Http, Reply

EARLY = 300.0
"""Seconds before its end from which an access token is no longer used."""


class Absent(Unreachable):
    """X-Series does not have what was asked for: it was deleted since it was listed, or was never there."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two tokens, and when the access token ends in seconds since 1970. Neither is ever shown."""

    refresh: str = field(repr=False)
    access: str = field(default="", repr=False)
    expires_at: float = 0.0

    def good(self, stale: str | None) -> bool:
        """Whether the access token may be used, and is another than the one that was turned away."""
        return bool(self.access) and self.access != stale and time.time() < self.expires_at - EARLY


class Api:
    """Calls of one channel, each with a token that is good."""

    def __init__(self, settings: LightspeedXSettings, secrets: Secrets) -> None:
        self._http = Http(settings.api, {})
        self._personal = secrets["access_token"].get_secret_value()
        self._tokens = None if settings.token_file is None else Tokens(settings, secrets)

    async def call(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, as `Http.call`. A token that is turned away is refreshed once."""
        token = self._personal if self._tokens is None else await self._tokens.access()
        reply = await self._call(token, method, path, body, query)
        if reply.status == 401 and self._tokens is not None:
            again = await self._tokens.access(stale=token)
            reply = await self._call(again, method, path, body, query)
        return reply

    async def _call(
        self, token: str, method: str, path: str, body: Any, query: Mapping[str, str] | None
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._http.call(method, path, body=body, query=query, headers=headers)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()
        if self._tokens is not None:
            await self._tokens.close()


class Tokens:
    """The tokens of one application, in a file that only its owner can read.

    The file also keeps a digest of the refresh token that the channel was configured with: a person who authorised it anew
    configures another, and what the file has is forgotten.
    """

    def __init__(self, settings: LightspeedXSettings, secrets: Secrets) -> None:
        assert settings.token_file is not None
        self._file = Path(settings.token_file).expanduser()
        self._http = Http(settings.site, {})
        self._secrets = secrets
        given = {name: secret.get_secret_value() for name, secret in secrets.items()}
        # When the first access token ends is not known: it is used until it is turned away.
        self._pair = Pair(given.get("refresh_token", ""), given["access_token"], math.inf)
        self._seed = hashlib.sha256(self._pair.refresh.encode()).hexdigest()
        self._looked = False
        self._lock = asyncio.Lock()

    async def access(self, stale: str | None = None) -> str:
        """An access token, other than the `stale` one. Raises `SlowDown`, `Unreachable`."""
        async with self._lock:
            if not self._looked or not self._pair.good(stale):
                lock = await asyncio.to_thread(_locked, self._file)
                try:
                    self._pair, self._looked = self._kept() or self._pair, True
                    if not self._pair.good(stale):
                        self._pair = await self._refreshed()
                        self._keep()
                finally:
                    os.close(lock)
            return self._pair.access

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _refreshed(self) -> Pair:
        for name in ("client_id", "refresh_token"):
            if name not in self._secrets:
                raise Unreachable(f"token_file is set, but the secret {name} is missing")
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._pair.refresh,
            "client_id": self._secrets["client_id"].get_secret_value(),
            "client_secret": self._secrets["client_secret"].get_secret_value(),
        }
        reply = await self._http.call("POST", "/api/1.0/token", form=form)
        found: Mapping[str, Any] = reply.body if isinstance(reply.body, Mapping) else {}
        if reply.status != 200 or not found.get("access_token") or not found.get("refresh_token"):
            raise Unreachable(
                f"X-Series gives no access token ({reply.status}): the channel has to be authorised anew"
            )
        ends = time.time() + float(found.get("expires_in", 0))
        return Pair(str(found["refresh_token"]), str(found["access_token"]), ends)

    def _kept(self) -> Pair | None:
        """The pair in the file; None where it is missing, or belongs to another authorisation."""
        try:
            found = orjson.loads(self._file.read_bytes())
            if found["seed"] != self._seed:
                return None
            return Pair(str(found["refresh"]), str(found["access"]), float(found["expires_at"]))
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"token_file cannot be read: {type(error).__name__}") from None

    def _keep(self) -> None:
        """Writes the file whole or not at all."""
        pair = self._pair
        body = {
            "seed": self._seed,
            "refresh": pair.refresh,
            "access": pair.access,
            "expires_at": pair.expires_at,
        }
        fresh = self._file.with_name(f"{self._file.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(orjson.dumps(body))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._file)
        except OSError as error:
            raise Unreachable(f"token_file cannot be written: {type(error).__name__}") from None


def _locked(file: Path) -> int:
    """A lock that keeps the other processes of this machine away from the file, until it is closed."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unreachable(f"token_file cannot be locked: {type(error).__name__}") from None
    fcntl.flock(held, fcntl.LOCK_EX)
    return held
