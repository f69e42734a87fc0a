"""Access tokens of R-Series, from a refresh token that changes with every use.

A refresh brings a new access token and a new refresh token. The old refresh token dies when the new access token is
first used, so both are stored before that; a refresh whose answer was lost may be repeated
(developers.lightspeedhq.com/retail, Refresh Token). All processes of a machine share one file, and one of them
refreshes at a time.
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
from connectors.errors import Unreachable
from connectors.lightspeed_r.settings import LightspeedRSettings
from connectors.polite import Http

EARLY = 60.0
"""Seconds before its end from which an access token is no longer used."""
LOCK_WAIT = 30.0
"""Seconds that another process's refresh is waited for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two tokens, and when the access token ends in seconds since 1970. Neither is ever shown."""

    refresh: str = field(repr=False)
    access: str = field(default="", repr=False)
    expires_at: float = 0.0

    def good(self, stale: str | None) -> bool:
        """Whether the access token may be used, and is another than the one that was turned away."""
        return bool(self.access) and self.access != stale and time.time() < self.expires_at - EARLY


class Tokens:
    """The tokens of one channel.

    The file also keeps a digest of the refresh token that the channel was configured with: a person who authorised it
    anew configures another, and what the file has is forgotten.
    """

    def __init__(self, settings: LightspeedRSettings, secrets: Secrets) -> None:
        configured = secrets["refresh_token"].get_secret_value()
        self._client = {name: secrets[name] for name in ("client_id", "client_secret")}
        self._pair = Pair(configured)
        self._seed = hashlib.sha256(configured.encode()).hexdigest()
        self._file = None if settings.token_file is None else Path(settings.token_file).expanduser()
        self._http = Http(settings.token_url, {})
        self._lock = asyncio.Lock()

    async def access(self, stale: str | None = None) -> str:
        """An access token, other than the `stale` one. Raises `SlowDown`, `Unreachable`."""
        async with self._lock:
            if not self._pair.good(stale):
                if self._file is None:
                    self._pair = await self._refreshed(self._pair)
                else:
                    await self._from_file(self._file, stale)
            return self._pair.access

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _from_file(self, file: Path, stale: str | None) -> None:
        """What another process has got meanwhile, or a new pair, stored before it is used."""
        async with _alone(file):
            self._pair = self._kept(file) or self._pair
            if not self._pair.good(stale):
                self._pair = await self._refreshed(self._pair)
                self._keep(file, self._pair)

    async def _refreshed(self, pair: Pair) -> Pair:
        body = {name: secret.get_secret_value() for name, secret in self._client.items()}
        body |= {"grant_type": "refresh_token", "refresh_token": pair.refresh}
        reply = await self._http.call("POST", "", body=body)
        found: Mapping[str, Any] = reply.body if isinstance(reply.body, Mapping) else {}
        if reply.status != 200 or not found.get("access_token") or not found.get("refresh_token"):
            said = found.get("error")
            known = said if said in ("invalid_grant", "invalid_client", "invalid_request") else reply.status
            raise Unreachable(
                f"R-Series gives no access token ({known}): the channel has to be authorised anew"
            )
        return Pair(
            found["refresh_token"], found["access_token"], time.time() + float(found.get("expires_in", 0))
        )

    def _kept(self, file: Path) -> Pair | None:
        """The pair in the file; None where it is missing, or belongs to another authorisation."""
        try:
            found = orjson.loads(file.read_bytes())
            if found["seed"] != self._seed:
                return None
            return Pair(str(found["refresh"]), str(found["access"]), float(found["expires_at"]))
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"the token file cannot be read: {type(error).__name__}") from None

    def _keep(self, file: Path, pair: Pair) -> None:
        """Writes the file whole or not at all, for its owner only."""
        body = {
            "seed": self._seed,
            "refresh": pair.refresh,
            "access": pair.access,
            "expires_at": pair.expires_at,
        }
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
    """Keeps the other processes of this machine away from a file. Raises `Unreachable` where one holds it for too
    long.
    """
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
