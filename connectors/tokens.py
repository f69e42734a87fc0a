"""How a channel's access token is kept: renewed once for all who need it, and stored before it is used.

A token server may replace the refresh token with every use (RFC 6749, section 6). So the newest pair is in a file before
anybody uses it, and of all processes of a machine one renews at a time.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.errors import Unreachable
from connectors.polite import Reply

EARLY = 120.0
"""Seconds before its end from which an access token is no longer used."""
LOCK_WAIT = 30.0
"""Seconds that another process's renewal is waited for."""
SAID = frozenset({"invalid_client", "invalid_grant", "invalid_request", "shop_not_permitted"})
"""What a token server's refusal may say that is repeated (RFC 6749, section 5.2; Shopify)."""


@dataclass(frozen=True, slots=True)
class Held:
    """An access token, its end in seconds since 1970, and what renews it. Neither token is ever shown."""

    access: str = field(default="", repr=False)
    expires_at: float = 0.0
    refresh: str = field(default="", repr=False)

    def good(self, stale: str | None) -> bool:
        """Whether the access token may be used, and is another than the one that was turned away."""
        return bool(self.access) and self.access != stale and time.time() < self.expires_at - EARLY


Renew = Callable[[Held], Awaitable[Held]]
"""Asks a token server for what follows. Raises `SlowDown`, `Unreachable`."""


class Tokens:
    """The tokens of one channel, from the `first` that it was configured with.

    `file` is where they are kept; None: in memory only. It also keeps a digest of the first refresh token: who authorises a
    channel anew configures another, and what the file has is forgotten.
    """

    def __init__(self, first: Held, renew: Renew, file: str | None = None) -> None:
        self._held, self._renew = first, renew
        self._seed = hashlib.sha256(first.refresh.encode()).hexdigest()
        self._file = None if file is None else Path(file).expanduser()
        self._looked = False
        self._lock = asyncio.Lock()

    async def access(self, stale: str | None = None) -> str:
        """An access token, other than the `stale` one. Raises `SlowDown`, `Unreachable`."""
        async with self._lock:
            if self._file is None:
                if not self._held.good(stale):
                    self._held = await self._renew(self._held)
            elif not self._looked or not self._held.good(stale):
                await self._from_file(self._file, stale)
            return self._held.access

    async def call(self, send: Callable[[str], Awaitable[Reply]]) -> Reply:
        """The answer to a call with an access token; to a second one with another, where the first was turned away (401)."""
        token = await self.access()
        reply = await send(token)
        return await send(await self.access(stale=token)) if reply.status == 401 else reply

    async def _from_file(self, file: Path, stale: str | None) -> None:
        """What another process has got meanwhile, or new tokens."""
        async with _alone(file):
            self._held, self._looked = self._kept(file) or self._held, True
            if not self._held.good(stale):
                self._held = await self._renew(self._held)
                self._keep(file)

    def _kept(self, file: Path) -> Held | None:
        """The tokens in the file; None where it is missing, or belongs to another authorisation."""
        try:
            with _named("read"):
                found = orjson.loads(file.read_bytes())
                if found["seed"] != self._seed:
                    return None
                return Held(str(found["access"]), float(found["expires_at"]), str(found["refresh"]))
        except FileNotFoundError:
            return None

    def _keep(self, file: Path) -> None:
        """Writes the file whole or not at all, for its owner only."""
        fresh = file.with_name(f"{file.name}.new")
        with _named("written"):
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(orjson.dumps({"seed": self._seed, **asdict(self._held)}))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(file)


def bearer(token: str) -> Mapping[str, str]:
    """The header that shows an access token (RFC 6750, section 2.1)."""
    return {"Authorization": f"Bearer {token}"}


def granted(platform: str, reply: Reply, before: Held) -> Held:
    """What a token server answers (RFC 6749, section 5.1); the refresh token stays where it brings no other. Raises
    `Unreachable` where it brings no access token.
    """
    found: Mapping[str, Any] = reply.body if isinstance(reply.body, Mapping) else {}
    access, refresh = found.get("access_token"), found.get("refresh_token", before.refresh)
    lifetime = str(found.get("expires_in", 0))
    if reply.status == 200 and isinstance(access, str) and isinstance(refresh, str) and lifetime.isdigit():
        return Held(access, time.time() + int(lifetime), refresh)
    said = found.get("error") if found.get("error") in SAID else f"HTTP {reply.status}"
    raise Unreachable(
        f"{platform} gives no access token ({said}): check the channel's secrets, or authorise it anew"
    )


@contextmanager
def _named(done: str) -> Iterator[None]:
    """Names what could not be done with the file, and never quotes it."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"the token file cannot be {done}: {type(error).__name__}") from None


@asynccontextmanager
async def _alone(file: Path) -> AsyncIterator[None]:
    """Keeps the other processes of this machine away from a file. Raises `Unreachable` where one holds it for too long."""
    with _named("locked"):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + LOCK_WAIT
        while not _locked(held):
            if time.monotonic() > until:
                raise Unreachable("another process keeps the token file")
            await asyncio.sleep(0.05)
        yield
    finally:
        os.close(held)


def _locked(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
