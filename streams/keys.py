"""API keys: whose one is. And how an installation's own secrets are made."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import SecretStr

from projections.access import Caller, Role
from projections.apikeys import ApiKey, ApiKeys, digest, prefix_of
from projections.audit.signing import Signer
from projections.envelope import MasterKey
from projections.pool import DatabaseError

log = structlog.get_logger()

OWN = "api-key"
"""Under which name the installation's own keys stand in what is written down; no key that is made may have it."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the table of keys: so long a new one may have to wait."""

HOLDS_FOR = 4.0
"""Seconds for which what was read there holds. Revoked, a key is good for nothing after these and a look that was under way: 5 s."""


class Keys:
    """The installation's own keys, of the environment or of its file. Only their digests are kept."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [digest(key.get_secret_value()) for key in keys]

    def accept(self, offered: str) -> Caller | None:
        """Who a bearer token belongs to; None where it is none of the keys."""
        its = digest(offered)
        found = any([hmac.compare_digest(its, known) for known in self._digests])  # noqa: C419  # all, in constant time
        return Caller.of(OWN, Role.ADMIN) if found else None


@dataclass(slots=True)
class KeyRing:
    """The installation's own keys and those that were made, which are read from PostgreSQL all the time, and not for a request."""

    own: Keys
    table: ApiKeys
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ticks: Callable[[], float] = time.monotonic
    _known: Mapping[str, ApiKey] = field(default_factory=dict)
    _read_at: float | None = None
    _used: set[str] = field(default_factory=set)

    def accept(self, offered: str) -> Caller | None:
        """Who a bearer token belongs to; None where it is none. Raises `Problem` 503 where that is not known: the table could not be
        read, and the key may have been revoked.
        """
        if found := self.own.accept(offered):
            return found
        prefix = prefix_of(offered)
        if prefix is None:
            return None
        if self._read_at is None or self.ticks() - self._read_at > HOLDS_FOR:
            from projections.problems import Problem  # noqa: PLC0415  # who makes a key or checks one needs no FastAPI

            raise Problem(503, "Not available", "keys cannot be looked up", retry_after=2)
        key = self._known.get(prefix)
        if key is None or not key.is_of(offered) or not key.holds(self.clock()):
            return None
        self._used.add(prefix)
        return key.caller

    async def run(self) -> None:
        """Looks at the table until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self.look(), HOLDS_FOR)
            except (*DatabaseError, TimeoutError) as error:
                log.warning("API keys cannot be read", reason=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Reads the table, and notes there which keys were used. Raises `DatabaseError`."""
        began, used = self.ticks(), frozenset(self._used)
        if used:
            await self.table.used(used, self.clock())
            self._used -= used
        self._known = {key.prefix: key for key in await self.table.listed(revoked=False)}
        self._read_at = began


def generate(data: Path) -> Path:
    """Makes a key in `<data>/api-key`, readable by its owner only, unless there is one. Returns the file."""
    return _made(data / "api-key", f"onhand_{secrets.token_urlsafe(32)}")


def generate_vault_key(data: Path) -> Path:
    """Makes a master key in `<data>/vault-key`, as above. Of several processes that start at once, all get the same."""
    return _made(data / "vault-key", MasterKey.new())


def add_vault_key(data: Path) -> Path:
    """Puts a new master key before those in `<data>/vault-key`. Returns the file."""
    file = data / "vault-key"
    held = file.read_text(encoding="utf-8").strip()
    written = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(f"{MasterKey.new()}\n{held}\n")
    written.replace(file)
    return file


def generate_export_key(data: Path) -> Path:
    """Makes a key that exports are signed with, in `<data>/export-key`, as above."""
    return _made(data / "export-key", Signer.new())


def _made(file: Path, secret: str) -> Path:
    """Writes a secret whole under another name first: nobody ever reads half of it, and the first one stays."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        written = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{secret}\n")
        with suppress(FileExistsError):
            os.link(written, file)
        written.unlink()
    return file
