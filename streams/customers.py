"""Whom orders are for, between connectors and the vault: who somebody is, who comes back after an erasure, for whom an order
is created elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

from connectors.contract import NewOrder, Ordered, Person, Recipient
from projections.envelope import WrongKey
from projections.pool import Pool
from projections.vault import OTHER_KEY, Vault, sealed
from schemas.claims import Claim
from streams.keys import generate_vault_key
from streams.settings import BadConfiguration, vault_keys

REF = re.compile(r"[0-9a-f]{64}")
MAIL = re.compile(r"[^\s@:/]+@[^\s@:/]+\.[^\s@:/]+")
DealsOf = Callable[[str], Awaitable[tuple[str, ...] | None]]
FIELDS = {field.name for field in fields(Recipient)}


class Subject(NamedTuple):
    """Somebody, by their opaque reference, and the deals that are theirs: what other platforms were told of those is in those
    platforms. Of who was erased, the deals that were theirs.
    """

    ref: str
    deals: tuple[str, ...]


class Customers:
    """The people of all channels. Raises `DatabaseError`, and `WrongKey` rather than show a wrong one.

    A customer of a platform is one subject, a guest's order another each. Who was erased and orders again after that is a new
    subject: theirs is a new deal, and without a name it could not be carried out. Their old orders, placed before, take nobody
    in again, however late a platform speaks of them; nor does an order that does not say when it was placed.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def keep(self, person: Person, claim: Claim) -> None:
        """Keeps whom a claim's deal is for."""
        known = {name: value for name, value in asdict(person.recipient).items() if value}
        for ref in self._refs(claim.channel, person.customer, person.order):
            erased_at = await self._vault.keep(
                ref, claim.transaction, known, channel=claim.channel, said_at=claim.occurred_at
            )
            if erased_at is None or person.placed_at is None or person.placed_at <= erased_at:
                return

    async def of(self, transaction: str) -> str | None:
        """The opaque reference of whom a deal is for; None where that is not known, or no more."""
        return await self._vault.of(transaction)

    async def recipient(self, transaction: str) -> Recipient:
        """Whom a deal is for; nobody, where that is not known, or no more."""
        known = await self._vault.recipient(transaction) or {}
        return Recipient(**{name: known[name] for name in FIELDS & known.keys()})

    async def order(
        self,
        transaction: str,
        location: str,
        lines: Sequence[Ordered],
        *,
        placed_at: datetime,
        currency: str = "USD",
    ) -> NewOrder:
        """The order of a deal's lines that a platform is to carry out at one of our places, for whom the deal is for; for
        nobody, where that is not known, or no more.
        """
        return NewOrder(
            transaction=transaction,
            location=location,
            placed_at=placed_at,
            lines=tuple(lines),
            recipient=await self.recipient(transaction),
            currency=currency,
        )

    async def erase(self, named: str, channels: Collection[str]) -> list[Subject]:
        """Erases whoever a reference, a `CHANNEL:ID`, a transaction or an e-mail address names. Returns who that was; nobody, where
        nothing was known of them.
        """
        return await self._each(await self._named(named, channels), self._vault.erase)

    async def named(self, named: str, channels: Collection[str]) -> list[Subject]:
        """Whom that would erase."""
        return await self._each(await self._named(named, channels), self._vault.deals)

    async def _named(self, named: str, channels: Collection[str]) -> list[Iterable[str]]:
        channel, _, ident = named.partition(":")
        if REF.fullmatch(named):
            return [[named]]
        if MAIL.fullmatch(named):
            return [[ref] for ref in await self._vault.whose("email", named)]
        if ident and channel in channels:
            return [self._refs(channel, ident, "")]
        return [[ref] for ref in [await self._vault.of(named)] if ref is not None]

    async def forget(self, channel: str, customer: str | None, orders: Iterable[str]) -> list[Subject]:
        """Erases a platform's customer, and the guests that placed these orders. Returns who that was."""
        return await self._each(self._everyone(channel, customer, orders), self._vault.erase)

    async def forget_everybody(self, channel: str) -> list[Subject]:
        """Erases all whom a channel's deals are for. Returns who that was."""
        gone = await self._vault.erase_all(await self._vault.subjects(channel))
        return [Subject(ref, deals) for ref, deals in gone.items()]

    async def known(self, channel: str, customer: str | None, orders: Iterable[str]) -> list[Subject]:
        """What of a platform's customer, and of the guests that placed these orders, is kept."""
        return await self._each(self._everyone(channel, customer, orders), self._vault.deals)

    async def _each(self, people: Iterable[Iterable[str]], deals_of: DealsOf) -> list[Subject]:
        return [one for refs in people for one in await _all_of(refs, deals_of)]

    def _everyone(self, channel: str, customer: str | None, orders: Iterable[str]) -> Iterator[Iterator[str]]:
        if customer is not None:
            yield self._refs(channel, customer, "")
        for order in orders:
            yield self._refs(channel, None, order)

    def _refs(self, channel: str, customer: str | None, order: str) -> Iterator[str]:
        """The references that somebody has had, or would have next, from the first on: one more after each erasure."""
        who = ("order", order) if customer is None else ("customer", customer)
        return (self._vault.ref(channel, *who, str(times)) for times in count())


async def _all_of(refs: Iterable[str], deals_of: DealsOf) -> list[Subject]:
    """The subjects of these references that have deals, up to the first reference that there never was."""
    found = []
    for ref in refs:
        deals = await deals_of(ref)
        if deals is None:
            break
        if deals:
            found.append(Subject(ref, deals))
    return found


async def customers_of(pool: Pool, data: Path) -> Customers:
    """The people of an installation. Makes its master key where none is given and none was ever needed. Raises
    `BadConfiguration` for another one than the vault was sealed with, and where that one is missing.
    """
    return Customers(await vault_of(pool, data))


async def vault_of(pool: Pool, data: Path) -> Vault:
    """The vault of an installation, as above."""
    keys = vault_keys(data)
    if not keys:
        if await sealed(pool):
            raise BadConfiguration(OTHER_KEY)
        generate_vault_key(data)
        keys = vault_keys(data)
    vault = Vault(pool, *keys)
    try:
        await vault.check()
    except WrongKey as error:
        raise BadConfiguration(str(error)) from None
    return vault
