"""The vault: whom orders are for, which no topic of the log ever holds.

Every subject has a key, in a table of its own and wrapped by the master key; what is known of them is sealed with that. To
erase somebody is to delete their key: what a backup still has of them opens nowhere. (A backup of `subject_keys` with the
master key does bring both back, and PostgreSQL keeps deleted rows in its files until it vacuums: for how long is the
operator's to say.)

Each deal keeps its own recipient: of two orders of one customer each goes to its own address.

An erased reference stays erased. Its tombstone, and the deals that were its own and are now nobody's, bar what comes later: a
platform goes on sending documents of old orders (a refund, a return), each with the name and address in it, and they would
bring the person back without anybody's knowing. Who may come again under another reference is for the caller to decide.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import orjson

from projections.envelope import MasterKey, Names, Sealed, SubjectKey, WrongKey
from projections.pool import Connection, Pool

OTHER_KEY = (
    "this database's vault was sealed with another master key: give that one (ONHAND_VAULT_KEY, ONHAND_VAULT_KEY_FILE "
    "or the file vault-key). If it is lost, so is what the vault holds: empty vault, subjects, subject_keys and deal_subjects"
)

SHARED = "SELECT pg_advisory_xact_lock_shared(number) FROM unnest(%s::bigint[]) AS number"
ALONE = "SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number"

AT_ONCE = 500
"""Subjects that one transaction erases: each holds a lock, of which PostgreSQL has some thousands for all."""

READ = (
    "SELECT d.ref, d.transaction, d.nonce, d.ciphertext, k.mark, k.nonce, k.wrapped"
    " FROM deal_subjects d JOIN subject_keys k USING (ref)"
)
OF_SUBJECT = f"{READ} WHERE d.ref = %s ORDER BY d.said_at DESC, d.transaction LIMIT 1"
OF_DEAL = f"{READ} WHERE d.transaction = %s"
OF_ALL = f"{READ} ORDER BY d.ref"

WRAPPED = "SELECT ref, nonce, wrapped, mark FROM subject_keys WHERE mark IS DISTINCT FROM %s ORDER BY ref LIMIT %s FOR UPDATE"

Known = Mapping[str, str]
"""What is known of somebody, by name."""


async def sealed(pool: Pool) -> bool:
    """Whether a vault was ever opened in this database."""
    async with pool.connection() as connection:
        return await (await connection.execute("SELECT 1 FROM vault")).fetchone() is not None


class Vault:
    """Keeps, finds and erases subjects. Every call raises `DatabaseError`, and `WrongKey` rather than show a wrong subject.

    Of several `keys` the database says which is used; all of them open what they have sealed.
    """

    def __init__(self, pool: Pool, *keys: MasterKey) -> None:
        self._pool, self._keys = pool, keys
        self._names: Names | None = None

    def ref(self, *parts: str) -> str:
        """The opaque reference of somebody."""
        return (self._names or self._keys[0].names).ref(*parts)

    async def check(self) -> None:
        """Raises `WrongKey` where the vault was sealed with another master key. The first one to come seals it."""
        if self._names is not None:
            return
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO vault (mark) VALUES (%s) ON CONFLICT DO NOTHING", [self._keys[0].mark]
            )
            row = await (await connection.execute("SELECT mark, nonce, naming FROM vault")).fetchone()
        assert row is not None, "it was made a moment ago"
        master = self._key_of(bytes(row[0]))
        if row[1] is None:
            self._names = master.names
        else:
            self._names = master.unwrap_names(Sealed(bytes(row[1]), bytes(row[2])))

    def _key_of(self, mark: bytes) -> MasterKey:
        """The master key that a mark names. Raises `WrongKey` where it was not given."""
        for key in self._keys:
            if key.mark == mark:
                return key
        raise WrongKey(OTHER_KEY)

    async def rotate(self) -> int:
        """Has the first of the keys used from now on, and wraps every subject's key anew with it. Returns how many were. Whoever has not
        got that key neither keeps nor opens anything any more. Done again after it was stopped, it goes on.
        """
        await self.check()
        assert self._names is not None
        to, done = self._keys[0], 0
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute("SELECT mark FROM vault FOR UPDATE")).fetchone()
            if row is None or bytes(row[0]) != to.mark:
                await connection.execute(
                    "UPDATE vault SET mark = %s, nonce = %s, naming = %s",
                    [to.mark, *to.wrap_names(self._names)],
                )
        while moved := await self._wrap_anew(to):
            done += moved
        return done

    async def _wrap_anew(self, to: MasterKey) -> int:
        async with self._pool.connection() as connection, connection.transaction():
            rows = await (await connection.execute(WRAPPED, [to.mark, AT_ONCE])).fetchall()
            anew = [
                (*to.wrap(ref, self._unwrapped(ref, mark, nonce, wrapped)), to.mark, ref)
                for ref, nonce, wrapped, mark in rows
            ]
            async with connection.cursor() as many:
                await many.executemany(
                    "UPDATE subject_keys SET nonce = %s, wrapped = %s, mark = %s WHERE ref = %s", anew
                )
            return len(rows)

    async def wrapped(self) -> dict[str, int]:
        """How many subjects' keys each master key wraps, by its name; `earlier` is one from before they had names here."""
        async with self._pool.connection() as connection:
            rows = await connection.execute("SELECT mark, count(*) FROM subject_keys GROUP BY mark")
            found = await rows.fetchall()
        return {"earlier" if mark is None else bytes(mark).hex()[:8]: count for mark, count in found}

    async def used(self) -> str:
        """What the master key is called that is used."""
        await self.check()
        async with self._pool.connection() as connection:
            row = await (await connection.execute("SELECT mark FROM vault")).fetchone()
        return bytes(row[0]).hex()[:8] if row else ""

    def _unwrapped(self, ref: str, mark: bytes | None, nonce: bytes, wrapped: bytes) -> SubjectKey:
        """A subject's key. Raises `WrongKey`."""
        its = Sealed(bytes(nonce), bytes(wrapped))
        if mark is not None:
            return self._key_of(bytes(mark)).unwrap(ref, its)
        for key in self._keys[:-1]:
            with suppress(WrongKey):
                return key.unwrap(ref, its)
        return self._keys[-1].unwrap(ref, its)

    async def keep(
        self, ref: str, transaction: str, known: Known, *, channel: str, said_at: datetime
    ) -> datetime | None:
        """Keeps whom a deal is for, as its channel said at `said_at`. Returns when `ref` was erased, if it was: nothing is
        kept then.

        The same again changes nothing; what is newer replaces, with its reference, and what is older does not. A deal belongs
        to the channel that named its person first: another's document is of an order that we created there, and repeats what
        we said. A deal whose subject was erased takes nobody in again.
        """
        content = orjson.dumps(dict(known), option=orjson.OPT_SORT_KEYS)
        async with self._locked([ref], SHARED) as connection:
            if not await _free(connection, transaction, channel):
                return None
            erased_at = await _subject(connection, ref)
            if erased_at is not None:
                return erased_at
            key = await self._key(connection, ref) or await self._new_key(connection, ref)
            sealed = key.seal(_about(ref, transaction), content)
            await connection.execute(
                "INSERT INTO deal_subjects (transaction, channel, ref, nonce, ciphertext, digest, said_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (transaction) DO UPDATE SET ref = excluded.ref,"
                " nonce = excluded.nonce, ciphertext = excluded.ciphertext, digest = excluded.digest,"
                " said_at = excluded.said_at, updated_at = now()"
                " WHERE deal_subjects.ref IS NOT NULL AND deal_subjects.channel = excluded.channel"
                " AND (deal_subjects.said_at < excluded.said_at OR"
                " deal_subjects.said_at = excluded.said_at AND deal_subjects.digest <> excluded.digest)",
                [transaction, channel, ref, *sealed, key.digest(content), said_at],
            )
        return None

    async def find(self, ref: str) -> Known | None:
        """What was last said of a subject; None where nothing is known of them, or no more."""
        return await self._read(OF_SUBJECT, ref)

    async def recipient(self, transaction: str) -> Known | None:
        """Whom a deal is for; None where that is not known, or no more."""
        return await self._read(OF_DEAL, transaction)

    async def of(self, transaction: str) -> str | None:
        """The reference of whom a deal is for; None where that is not known, or no more."""
        await self.check()
        async with self._pool.connection() as connection:
            row = await (
                await connection.execute(
                    "SELECT ref FROM deal_subjects WHERE transaction = %s", [transaction]
                )
            ).fetchone()
        return row[0] if row else None

    async def subjects(self, channel: str) -> list[str]:
        """The references of all whom deals of a channel are for."""
        await self.check()
        async with self._pool.connection() as connection:
            rows = await connection.execute(
                "SELECT DISTINCT ref FROM deal_subjects WHERE channel = %s AND ref IS NOT NULL ORDER BY ref",
                [channel],
            )
            return [row[0] for row in await rows.fetchall()]

    async def whose(self, field: str, said: str) -> list[str]:
        """The references of all of whom some deal says this, whatever its case. What is sealed has no index that could tell
        something of it, so everything is opened once.
        """
        await self.check()
        found: dict[str, None] = {}
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            async for row in cursor.stream(OF_ALL.encode()):
                if row[0] not in found and self._open(row).get(field, "").casefold() == said.casefold():
                    found[row[0]] = None
        return list(found)

    async def deals(self, ref: str) -> tuple[str, ...] | None:
        """The deals that are a subject's; None where there never was such a subject."""
        await self.check()
        async with self._pool.connection() as connection:
            row = await (
                await connection.execute(
                    "SELECT array_agg(d.transaction ORDER BY d.transaction) FILTER (WHERE d.transaction IS NOT NULL)"
                    " FROM subjects s LEFT JOIN deal_subjects d USING (ref) WHERE s.ref = %s GROUP BY s.ref",
                    [ref],
                )
            ).fetchone()
        return None if row is None else tuple(row[0] or ())

    async def erase(self, ref: str) -> tuple[str, ...] | None:
        """Erases a subject for good. Returns the deals that were theirs, or None where there never was such a subject."""
        return (await self.erase_all([ref])).get(ref)

    async def erase_all(self, refs: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Erases subjects for good, `AT_ONCE` in a transaction. Returns the deals that were theirs, of each that there was."""
        found: dict[str, tuple[str, ...]] = {}
        wanted = sorted(refs)
        for start in range(0, len(wanted), AT_ONCE):
            found |= await self._erase(wanted[start : start + AT_ONCE])
        return found

    async def _erase(self, refs: Sequence[str]) -> dict[str, tuple[str, ...]]:
        async with self._locked(refs, ALONE) as connection:
            await connection.execute("DELETE FROM subject_keys WHERE ref = ANY(%s)", [refs])
            rows = await connection.execute(
                "UPDATE deal_subjects d SET ref = NULL, nonce = NULL, ciphertext = NULL, digest = NULL, updated_at = now()"
                " FROM (SELECT transaction, ref FROM deal_subjects WHERE ref = ANY(%s)) AS was"
                " WHERE d.transaction = was.transaction RETURNING was.ref, d.transaction",
                [refs],
            )
            deals: dict[str, list[str]] = {}
            for ref, transaction in await rows.fetchall():
                deals.setdefault(ref, []).append(transaction)
            tombstones = await connection.execute(
                "UPDATE subjects SET erased_at = coalesce(erased_at, clock_timestamp()) WHERE ref = ANY(%s) RETURNING ref",
                [refs],
            )
            return {row[0]: tuple(sorted(deals.get(row[0], ()))) for row in await tombstones.fetchall()}

    @asynccontextmanager
    async def _locked(self, refs: Sequence[str], lock: str) -> AsyncIterator[Connection]:
        """A transaction during which subjects are not erased; `ALONE`, and nothing of them is kept either. They are locked in the
        order in which they are named.
        """
        await self.check()
        async with self._pool.connection() as connection, connection.transaction():
            numbers = [int.from_bytes(bytes.fromhex(ref[:16]), "big", signed=True) for ref in refs]
            await connection.execute(lock.encode(), [numbers])
            yield connection

    async def _read(self, query: str, value: str) -> Known | None:
        await self.check()
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query.encode(), [value])).fetchone()
        return None if row is None else self._open(row)

    def _open(self, row: Sequence[Any]) -> Known:
        """What a row of `READ` has sealed."""
        ref, transaction, nonce, ciphertext, *its = row
        key, sealed = self._unwrapped(ref, *its), Sealed(bytes(nonce), bytes(ciphertext))
        found: dict[str, str] = orjson.loads(key.open(_about(ref, transaction), sealed))
        return found

    async def _key(self, connection: Connection, ref: str) -> SubjectKey | None:
        row = await (
            await connection.execute("SELECT mark, nonce, wrapped FROM subject_keys WHERE ref = %s", [ref])
        ).fetchone()
        return self._unwrapped(ref, *row) if row else None

    async def _new_key(self, connection: Connection, ref: str) -> SubjectKey:
        """The key of a subject whose row this transaction has made: others who want to make it wait for its end."""
        key = SubjectKey.new()
        used = await (await connection.execute("SELECT mark FROM vault FOR SHARE")).fetchone()
        assert used is not None, "it was sealed before anybody was kept"
        master = self._key_of(bytes(used[0]))
        await connection.execute(
            "INSERT INTO subject_keys (ref, nonce, wrapped, mark) VALUES (%s, %s, %s, %s)",
            [ref, *master.wrap(ref, key), master.mark],
        )
        return key


def _about(ref: str, transaction: str) -> str:
    return f"{ref}|{transaction}"


async def _free(connection: Connection, transaction: str, channel: str) -> bool:
    """Whether this channel may say whom the deal is for."""
    row = await (
        await connection.execute(
            "SELECT ref, channel FROM deal_subjects WHERE transaction = %s", [transaction]
        )
    ).fetchone()
    return row is None or (row[0] is not None and row[1] == channel)


async def _subject(connection: Connection, ref: str) -> datetime | None:
    """Makes sure of a subject's row. Returns when they were erased, None where they were not."""
    await connection.execute("INSERT INTO subjects (ref) VALUES (%s) ON CONFLICT DO NOTHING", [ref])
    row = await (await connection.execute("SELECT erased_at FROM subjects WHERE ref = %s", [ref])).fetchone()
    return row[0] if row else None
