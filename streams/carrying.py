"""Has the platforms carry out what other channels' orders commit at their places: a till a pick-up, a warehouse a parcel."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from connectors.contract import NewOrder, Ordered, Orders
from connectors.directory import Directory
from connectors.errors import ConnectorError, Refused, SlowDown
from projections.carrying import CarryingOut
from projections.envelope import WrongKey
from projections.pool import DatabaseError, leadership
from schemas import carrying
from schemas.carrying import Act, Carried, State, Wanted, decide, whose
from schemas.rules import ChannelRules
from streams.customers import Customers
from streams.directories import Directories

log = structlog.get_logger()

EVERY = 0.5
"""Seconds between two looks."""
BATCH = 50
"""How much a platform is asked for between two looks, so that what must be cancelled does not wait behind all that is new."""
PAUSE, WAIT_MAX = 2.0, 60.0
"""Seconds for which a platform that does not answer is left alone; and at most, between two tries of one order."""


@dataclass(slots=True)
class _Task:
    """Something to do about a deal at a place."""

    wanted: Wanted
    carried: Carried | None
    act: Act
    reason: str

    @property
    def deal(self) -> str:
        """The transaction."""
        return self.wanted.transaction


@dataclass(slots=True, kw_only=True)
class Carrying:
    """One channel's orders, at one server at a time.

    Before a platform is asked for an order that is written down, so whatever becomes of the answer, it is asked for again or
    cancelled. What is done follows from the journal and from that alone, so it is decided anew after every crash.
    """

    channel: str
    orders: Orders
    directories: Directories
    memory: CarryingOut
    dsn: str
    role: str
    customers: Customers | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _places: set[str] = field(default_factory=set)
    _since: dict[int, int] | None = None
    _again: dict[str, float] = field(default_factory=dict)
    _failed: Counter[str] = field(default_factory=Counter)
    _quiet_until: float = float("-inf")

    @property
    def rules(self) -> ChannelRules:
        """The channel's rules in force."""
        return self.directories.settings.channels[self.channel].rules

    async def run(self) -> None:
        """Carries out for ever, at places that the configuration names, and where something is there from before."""
        while True:
            try:
                while not (self._configured() or await self.memory.places(self.channel)):
                    await asyncio.sleep(2.0)
                async with leadership(self.dsn, self.role):
                    self._since = None
                    while True:
                        if not self.rules.shadow:
                            await self.once()
                        await asyncio.sleep(EVERY)
            except DatabaseError as error:
                log.warning(
                    "carrying out pauses", channel=self.channel, reason=f"{type(error).__name__}: {error}"
                )
                await asyncio.sleep(1.0)

    def _configured(self) -> frozenset[str]:
        return self.directories.settings.carried_out_by(self.channel)

    async def once(self) -> None:
        """Does what there is to do now. Raises `DatabaseError`."""
        names = await self._due()
        if not names:
            return
        tasks = await self._tasks(names)
        for task in tasks:
            if task.act is Act.CREATE and not await self._noted(task):
                task.act = Act.NOTHING
        tasks = [task for task in tasks if task.act is not Act.NOTHING]
        tasks.sort(key=lambda task: (task.act is Act.CREATE, self._failed[task.deal]))
        for number, task in enumerate(tasks):
            if number >= BATCH or time.monotonic() < self._quiet_until:
                self._later(task.deal, max(0.0, self._quiet_until - time.monotonic()))
            elif task.act is Act.CREATE and task.deal in self._again:
                continue  # its order elsewhere has to be gone first: some platforms keep one for each deal
            else:
                await self._do(task)

    async def _due(self) -> set[str]:
        """The deals to look at: at first all that stand, then those that moved, and what was put off."""
        reached = await self.memory.reached()
        self._places |= self._configured()
        if self._since is None or any(reached.get(part, 0) < at for part, at in self._since.items()):
            self._places |= await self.memory.places(self.channel)
            names = await self.memory.standing(self.channel, self._places)
        else:
            parts = {part: self._since.get(part, 0) for part, at in reached.items()}
            names = (
                await self.memory.news(self.channel, self._places, parts) if reached != self._since else set()
            )
        self._since = reached
        now = time.monotonic()
        due = {name for name, at in self._again.items() if at <= now}
        for name in names | due:
            self._again.pop(name, None)
        return names | due

    async def _tasks(self, names: Collection[str]) -> list[_Task]:
        """What is to be done about deals. One that wants nothing any more, and never did anywhere, has no row."""
        settings = self.directories.settings
        carried = await self.memory.carried(names)
        wanted = {
            (one.transaction, one.location): one
            for one in await self.memory.wanted(names, settings.witnesses.on_hand)
        }
        found = []
        for key in sorted({*wanted, *carried}):
            here = settings.locations.get(key[1])
            row, its = carried.get(key), wanted.get(key) or Wanted(transaction=key[0], location=key[1])
            if whose(row, None if here is None else here.carried_out_by) == self.channel:
                decision = decide(its, row, self.channel, self.rules.told_since)
                found.append(_Task(its, row, *decision))
        return found

    async def _noted(self, task: _Task) -> bool:
        """Writes down that an order is wanted, so that it is known for how long nobody carries it out."""
        if task.carried is None or task.carried.state is not State.ASKED:
            noted = carrying.asked(task.wanted, task.carried, self.channel, self.clock(), tried=False)
            task.carried = await self.memory.save(noted)
        if task.carried is None:
            self._later(task.deal)
        return task.carried is not None

    async def _do(self, task: _Task) -> None:
        """One task. What fails is put off, and the platform left alone for a time."""
        assert task.carried is not None, "what was never asked for is written down before"
        now = self.clock()
        if task.act is Act.SETTLE:
            await self._save(task, carrying.settled(task.carried, task.wanted, task.reason, now))
        elif task.act is Act.LOOK:
            await self._save(task, carrying.changed(task.carried, task.wanted, task.reason, now))
        elif not await self.directories.known(self.channel):
            self._put_off(task, PAUSE)
        else:
            try:
                await (self._create(task) if task.act is Act.CREATE else self._cancel(task, task.carried))
            except SlowDown as wait:
                self._quiet_until = time.monotonic() + wait.retry_after
                self._later(task.deal, wait.retry_after)
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001  # what one order meets stops no other one
                log.warning(
                    "not carried out yet", deal=task.deal, channel=self.channel, reason=_reason(error)
                )
                self._put_off(task, PAUSE)
            else:
                del self._failed[task.deal]

    async def _create(self, task: _Task) -> None:
        before = task.carried
        assert before is not None, "it was written down before"
        order = await self._order(task.wanted)
        directory = await self._directory(order)
        asked = await self.memory.save(
            carrying.asked(task.wanted, before, self.channel, self.clock(), tried=True)
        )
        if asked is None:
            self._later(task.deal)
            return
        try:
            made = await self.orders.create(order, directory)
        except Refused as error:
            await self._save(task, carrying.refused(asked, task.wanted, str(error), self.clock()))
        except SlowDown as wait:
            await self.memory.save(carrying.untouched(asked, before, str(wait)))
            raise
        except Exception as error:
            await self.memory.save(replace(asked, detail=_reason(error)))
            raise
        else:
            others = await self.memory.carried([task.deal])
            place = next((one.location for one in others.values() if _has(one, asked, made.ref)), None)
            if place is None:
                done = carrying.created(asked, made.ref, self.clock(), already=made.already)
            else:
                reason = f"the platform keeps one order of a deal, and it is at {place}: {made.ref}"
                done = carrying.refused(asked, task.wanted, reason, self.clock())
            await self._save(task, done)

    async def _cancel(self, task: _Task, before: Carried) -> None:
        if before.tried_at is None:
            await self._save(task, carrying.cancelled(before, None, self.clock()))
            return
        asked = await self.memory.save(carrying.cancelling(before, self.clock()))
        if asked is None:
            self._later(task.deal)
            return
        directory = self.directories.of(self.channel)
        try:
            gone = await self.orders.cancel(task.deal, task.wanted.location, directory)
        except Refused as error:
            await self._save(task, carrying.refused(asked, task.wanted, str(error), self.clock()))
        except SlowDown:
            await self.memory.save(replace(before, edition=asked.edition))
            raise
        except Exception as error:
            await self.memory.save(replace(asked, detail=_reason(error)))
            raise
        else:
            if gone.ref is None and carrying.may_come_up(asked, self.clock()):
                self._later(task.deal, PAUSE)
            else:
                await self._save(task, carrying.cancelled(asked, gone.ref, self.clock()))

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

    async def _save(self, task: _Task, carried: Carried) -> None:
        """Keeps and tells what became of a task. Where somebody else has written of it meanwhile, it is decided anew."""
        if await self.memory.save(carried) is None:
            self._later(task.deal)
            return
        amiss = carried.state in (State.REFUSED, State.CHANGED)
        (log.warning if amiss else log.info)(
            "carried out",
            deal=task.deal,
            location=carried.location,
            channel=self.channel,
            state=carried.state.value,
            ref=carried.ref,
            reason=carried.detail,
        )

    def _put_off(self, task: _Task, pause: float) -> None:
        """Tries an order again later, and leaves its platform alone until then or for a pause."""
        self._failed[task.deal] += 1
        self._quiet_until = time.monotonic() + pause
        self._later(task.deal, min(WAIT_MAX, pause * 2 ** min(5, self._failed[task.deal] - 1)))

    def _later(self, deal: str, wait: float = 0.0) -> None:
        """Looks at a deal again after so many seconds."""
        self._again[deal] = min(self._again.get(deal, float("inf")), time.monotonic() + wait)


def _reason(error: Exception) -> str:
    """What a person may read of an error. One that nobody has thought of may quote whom an order is for."""
    return str(error) if isinstance(error, ConnectorError | WrongKey) else type(error).__name__


def _has(other: Carried, asked: Carried, ref: str) -> bool:
    """Whether what a platform calls an order is the one that it has of the deal at another place."""
    return (
        other.location != asked.location
        and other.channel == asked.channel
        and other.ref == ref
        and other.there
    )
