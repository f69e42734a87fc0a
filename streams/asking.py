"""How a platform is asked for one order, and to take it back, so that no answer and no crash can make two of it or lose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from connectors.contract import NewOrder, Ordered, Orders
from connectors.directory import Directory
from connectors.errors import ConnectorError, Refused, SlowDown
from projections.carrying import CarryingOut
from projections.envelope import WrongKey
from schemas import carrying
from schemas.carrying import Carried, State, Wanted
from streams.customers import Customers
from streams.directories import Directories

log = structlog.get_logger()

SOON = 2.0
"""Seconds until it is looked again whether an order has come up that may still."""

Again = float | None
"""In how many seconds a deal must be looked at again; None: all is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One channel's platform. What is asked for is written down before, and what became of it afterwards; what somebody else has
    written meanwhile stands, and the deal is looked at again.

    Raises what the platform's connector does but for `Refused`, `WrongKey`, and `DatabaseError`.
    """

    channel: str
    orders: Orders
    directories: Directories
    memory: CarryingOut
    customers: Customers | None
    clock: Callable[[], datetime]

    async def note(self, wanted: Wanted, carried: Carried | None) -> Carried | None:
        """Writes down that an order is wanted, so that it is known for how long nobody carries it out."""
        if carried is not None and carried.state is State.ASKED:
            return carried
        return await self.memory.save(
            carrying.asked(wanted, carried, self.channel, self.clock(), tried=False)
        )

    async def settle(self, wanted: Wanted, carried: Carried, reason: str) -> Again:
        """Writes down that an order is there and as it must be."""
        return await self._save(carrying.settled(carried, wanted, reason, self.clock()))

    async def look(self, wanted: Wanted, carried: Carried, reason: str) -> Again:
        """Writes down that a person must look at an order."""
        return await self._save(carrying.changed(carried, wanted, reason, self.clock()))

    async def create(self, wanted: Wanted, before: Carried) -> Again:
        """Asks for an order that is written down."""
        order = await self._order(wanted)
        directory = await self._directory(order)
        asked = await self.memory.save(carrying.asked(wanted, before, self.channel, self.clock(), tried=True))
        if asked is None:
            return 0.0
        try:
            made = await self.orders.create(order, directory)
        except Refused as error:
            return await self._save(carrying.refused(asked, wanted, str(error), self.clock()))
        except SlowDown as wait:
            await self.memory.save(carrying.untouched(asked, before, str(wait)))
            raise
        except Exception as error:
            await self.memory.save(replace(asked, detail=reason_of(error)))
            raise
        return await self._save(carrying.created(asked, made.ref, self.clock(), already=made.already))

    async def cancel(self, wanted: Wanted, before: Carried) -> Again:
        """Asks to take an order back that was, or may have been, created."""
        if before.tried_at is None:
            return await self._save(carrying.cancelled(before, None, self.clock()))
        asked = await self.memory.save(carrying.cancelling(before, self.clock()))
        if asked is None:
            return 0.0
        directory = self.directories.of(self.channel)
        try:
            gone = await self.orders.cancel(wanted.transaction, wanted.location, directory)
        except Refused as error:
            return await self._save(carrying.refused(asked, wanted, str(error), self.clock()))
        except SlowDown:
            await self.memory.save(replace(before, edition=asked.edition))
            raise
        except Exception as error:
            await self.memory.save(replace(asked, detail=reason_of(error)))
            raise
        if gone.ref is None and carrying.may_come_up(asked, self.clock()):
            return SOON
        return await self._save(carrying.cancelled(asked, gone.ref, self.clock()))

    async def _order(self, wanted: Wanted) -> NewOrder:
        """The order of what is still to be brought, for whom the deal is for, as far as that is known here."""
        assert wanted.placed_at is not None, "somebody has ordered it"
        lines = tuple(Ordered(sku, units) for sku, units in wanted.committed.items())
        if self.customers is None:
            return NewOrder(
                transaction=wanted.transaction,
                location=wanted.location,
                placed_at=wanted.placed_at,
                lines=lines,
            )
        return await self.customers.order(
            wanted.transaction, wanted.location, lines, placed_at=wanted.placed_at
        )

    async def _directory(self, order: NewOrder) -> Directory:
        """What the platform calls our items and places; asked again where it has none for this order."""
        known = self.directories.of(self.channel)
        if order.location in known.places and all(line.sku in known.handles for line in order.lines):
            return known
        await self.directories.refresh(self.channel)
        return self.directories.of(self.channel)

    async def _save(self, carried: Carried) -> Again:
        """Keeps and tells what became of an order."""
        if await self.memory.save(carried) is None:
            return 0.0
        amiss = carried.state in (State.REFUSED, State.CHANGED)
        (log.warning if amiss else log.info)(
            "carried out",
            deal=carried.transaction,
            location=carried.location,
            channel=self.channel,
            state=carried.state.value,
            ref=carried.ref,
            reason=carried.detail,
        )
        return carrying.MENDED.total_seconds() if carried.state is State.REFUSED else None


def reason_of(error: Exception) -> str:
    """What a person may read of an error. One that nobody has thought of may quote whom an order is for."""
    return str(error) if isinstance(error, ConnectorError | WrongKey) else type(error).__name__
