"""How a shop is entered: a static token, or tokens that end.

Both kinds that end come from `POST /admin/oauth/access_token` (shopify.dev, client credentials grant and offline access
tokens; the body is JSON, as Shopify's own library `@shopify/shopify-api` 12 sends it). Client credentials bring a token for
24 hours. A refresh token brings one for an hour and its own successor; it may be used again until the successor is, so an
answer that was lost is asked for again.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.contract import Secrets
from connectors.errors import ConnectorError, Unreachable
from connectors.polite import Http
from connectors.shopify.settings import Auth, ShopifySettings

PATH = "/admin/oauth/access_token"
EARLY = 120.0
"""Seconds before its end from which a token is no longer used."""
LOCK_WAIT = 30.0
"""Seconds that another process's refresh is waited for."""
NEEDS: Mapping[Auth, tuple[str, ...]] = {
    "token": ("access_token",),
    "client_credentials": ("client_id", "client_secret"),
    "refresh_token": ("client_id", "client_secret", "refresh_token"),
}
"""The secrets of each way in."""
SAID = frozenset({"invalid_grant", "invalid_client", "invalid_request", "shop_not_permitted"})
"""What Shopify's refusals say that may be repeated."""


@dataclass(frozen=True, slots=True)
class Held:
    """A token and its successor. Neither is ever shown. `until` is its end in seconds since 1970."""

    access: str = field(default="", repr=False)
    until: float = 0.0
    refresh: str = field(default="", repr=False)

    def good(self, stale: str | None) -> bool:
        """Whether the token may be used, and is another than the one that was turned away."""
        return bool(self.access) and self.access != stale and time.time() < self.until - EARLY


class Tokens:
    """The tokens of one channel. One that runs against a sandbox needs no secrets: they default to the word `sandbox`.

    The file also keeps a digest of the refresh token that the channel was configured with: who authorises anew configures
    another, and what the file has is forgotten.
    """

    def __init__(self, settings: ShopifySettings, secrets: Secrets) -> None:
        self._auth = settings.auth
        self._secrets = {name: secrets[name] for name in NEEDS[self._auth] if name in secrets}
        self._default = "" if settings.sandbox is None else "sandbox"
        self._held = Held(refresh=self._secret("refresh_token"))
        if self._auth == "token":
            self._held = Held(access=self._secret("access_token"), until=float("inf"))
        self._seed = hashlib.sha256(self._held.refresh.encode()).hexdigest()
        kept = settings.token_file if self._auth == "refresh_token" else None
        self._file = None if kept is None else Path(kept).expanduser()
        self._http = Http(settings.address, {})
        self._lock = asyncio.Lock()

    @property
    def ends(self) -> bool:
        """Whether a token that is turned away may be followed by another."""
        return self._auth != "token"

    async def access(self, stale: str | None = None) -> str:
        """A token, other than the `stale` one where they end. Raises `SlowDown`, `Unreachable`, or `ConnectorError` where a
        secret is missing or not taken.
        """
        for name in NEEDS[self._auth]:
            if not self._secret(name):
                raise ConnectorError(f"auth = {self._auth!r} needs the secret {name}")
        async with self._lock:
            if self.ends and not self._held.good(stale):
                if self._file is None:
                    self._held = await self._fetched()
                else:
                    await self._from_file(self._file, stale)
            return self._held.access

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    def _secret(self, name: str) -> str:
        found = self._secrets.get(name)
        return self._default if found is None else found.get_secret_value()

    async def _fetched(self) -> Held:
        body = {name: self._secret(name) for name in ("client_id", "client_secret")}
        body["grant_type"] = self._auth
        if self._auth == "refresh_token":
            body["refresh_token"] = self._held.refresh
        reply = await self._http.call("POST", PATH, body=body)
        found: Mapping[str, Any] = reply.body if isinstance(reply.body, Mapping) else {}
        access, refresh = found.get("access_token"), found.get("refresh_token", "")
        if reply.status != 200 or not isinstance(access, str) or not isinstance(refresh, str):
            said = found.get("error") if found.get("error") in SAID else f"HTTP {reply.status}"
            raise ConnectorError(f"Shopify gives no access token ({said}): check the secrets of the channel")
        return Held(access, time.time() + float(found.get("expires_in", 0)), refresh or self._held.refresh)

    async def _from_file(self, file: Path, stale: str | None) -> None:
        """What another process has got meanwhile, or new tokens, stored before they are used."""
        async with _alone(file):
            self._held = self._kept(file) or self._held
            if not self._held.good(stale):
                self._held = await self._fetched()
                self._keep(file)

    def _kept(self, file: Path) -> Held | None:
        """The tokens in the file; None where it is missing, or belongs to another authorisation."""
        try:
            found = orjson.loads(file.read_bytes())
            if found["seed"] != self._seed:
                return None
            return Held(str(found["access"]), float(found["until"]), str(found["refresh"]))
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"the token file cannot be read: {type(error).__name__}") from None

    def _keep(self, file: Path) -> None:
        """Writes the file whole or not at all, for its owner only."""
        held = self._held
        body = {"seed": self._seed, "access": held.access, "until": held.until, "refresh": held.refresh}
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(orjson.dumps(body))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(file)
        except OSError as error:
            raise Unreachable(f"the token file cannot be written: {type(error).__name__}") from None


@asynccontextmanager
async def _alone(file: Path) -> AsyncIterator[None]:
    """Keeps the other processes of this machine away from a file. Raises `Unreachable` where one holds it for too long."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unreachable(f"the token file cannot be locked: {type(error).__name__}") from None
    try:
        until = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Unreachable("another process keeps the token file") from None
                await asyncio.sleep(0.05)
        yield
    finally:
        os.close(held)
