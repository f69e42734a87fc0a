"""API keys that were made: how they look, and the table that has their digests."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import UniqueViolation

from projections.access import Caller, Scope
from projections.queries import Queries

LOOKS = re.compile(r"onhand_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
"""A key: its public part, and 256 random bits."""

COARSE = timedelta(minutes=1)
"""How exactly it is kept when a key was used last."""

COLUMNS = (
    "prefix, name, digest, scopes, requests_per_second, created_at, expires_at, last_used_at, revoked_at"
)


class NameTaken(ValueError):
    """A key that is not revoked has that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without the key. `prefix` is its public part."""

    prefix: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    requests_per_second: float | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_of(self, offered: str) -> bool:
        """Whether a key is this one, in constant time."""
        return hmac.compare_digest(digest(offered), self.digest)

    def holds(self, now: datetime) -> bool:
        """Whether it is good for anything at an instant."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def caller(self) -> Caller:
        """Who has it. A scope that this version does not know is good for nothing."""
        scopes = frozenset(scope for scope in Scope if scope in self.scopes)
        return Caller(self.name, scopes, self.requests_per_second)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, this once."""

    key: str
    kept: ApiKey


def digest(key: str) -> bytes:
    """What is kept of a key. It is random and long, so that nothing slower is needed than for a password."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def prefix_of(offered: str) -> str | None:
    """The public part of something that looks like a key."""
    found = LOOKS.fullmatch(offered)
    return found[1] if found else None


def new_key(
    name: str, scopes: Collection[Scope], now: datetime, expires_at: datetime | None, rate: float | None
) -> NewKey:
    """A key that nobody has."""
    prefix = secrets.token_hex(6)
    key = f"onhand_{prefix}_{secrets.token_urlsafe(32)}"
    kept = ApiKey(
        prefix=prefix,
        name=name,
        digest=digest(key),
        scopes=tuple(sorted(scopes)),
        requests_per_second=rate,
        created_at=now,
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    return NewKey(key, kept)


class ApiKeys:
    """The table of keys. Raises `DatabaseError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def add(self, key: ApiKey) -> None:
        """Keeps a key. Raises `NameTaken`."""
        values = {name: getattr(key, name) for name in COLUMNS.split(", ")}
        places = ", ".join(f"%({name})s" for name in values)
        try:
            await self._queries.rows(
                f"INSERT INTO api_keys ({COLUMNS}) VALUES ({places}) RETURNING prefix",  # noqa: S608  # our own names
                {**values, "scopes": list(key.scopes)},
            )
        except UniqueViolation:
            raise NameTaken(key.name) from None

    async def revoke(self, name: str, now: datetime) -> bool:
        """Ends a key. False: none of that name is good."""
        sql = "UPDATE api_keys SET revoked_at = %s WHERE name = %s AND revoked_at IS NULL RETURNING prefix"
        return bool(await self._queries.rows(sql, [now, name]))

    async def listed(self, *, revoked: bool = True) -> list[ApiKey]:
        """All keys, the oldest first; those that were revoked as well, or not."""
        found = await self._queries.rows(
            f"SELECT {COLUMNS} FROM api_keys WHERE %s OR revoked_at IS NULL ORDER BY created_at, prefix",  # noqa: S608  # as above
            [revoked],
        )
        return [
            ApiKey(**{**row, "digest": bytes(row["digest"]), "scopes": tuple(row["scopes"])}) for row in found
        ]

    async def used(self, prefixes: Collection[str], now: datetime) -> None:
        """Notes that keys were used, `COARSE`."""
        await self._queries.rows(
            "UPDATE api_keys SET last_used_at = %s WHERE prefix = ANY(%s)"
            " AND (last_used_at IS NULL OR last_used_at <= %s) RETURNING prefix",
            [now, sorted(prefixes), now - COARSE],
        )
