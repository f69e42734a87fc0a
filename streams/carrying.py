"""Has the platforms carry out what other channels' orders commit at their places: a till a pick-up, a warehouse a parcel."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from aiokafka.errors import KafkaError

from connectors.errors import SlowDown
from projections.carrying import CarryingOut
from projections.pool import DatabaseError, leadership
from schemas.carrying import MENDED, Act, Carried, State, Wanted, decide, whose
from schemas.rules import ChannelRules
from streams.asking import Again, Asking, reason_of
from streams.directories import Directories

log = structlog.get_logger()

EVERY = 0.5
"""Seconds between two looks."""
WHOLE_AFTER = timedelta(seconds=2)
"""How long after the newest news of a deal all of it is in the journal, which has its SKUs one after the other."""
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

    `heard` says whether all has come through that a channel's platform had said by an instant: an order is not carried out before
    that, for its platform may have chosen another place than the one where its demand is committed meanwhile.
    """

    asking: Asking
    heard: Callable[[str, datetime], bool] = lambda _channel, _at: True
    ends: Callable[[], Awaitable[Mapping[int, int]]]
    dsn: str
    role: str
    _since: dict[int, int] | None = None
    _whole: Mapping[int, int] | None = None
    _looked_at: frozenset[str] = frozenset()
    _again: dict[str, float] = field(default_factory=dict)
    _failed: Counter[str] = field(default_factory=Counter)
    _quiet_until: float = float("-inf")

    @property
    def channel(self) -> str:
        """The channel."""
        return self.asking.channel

    @property
    def directories(self) -> Directories:
        """What its platform calls our items and places, and the settings in force."""
        return self.asking.directories

    @property
    def memory(self) -> CarryingOut:
        """The journal, and what was asked for."""
        return self.asking.memory

    @property
    def rules(self) -> ChannelRules:
        """The channel's rules in force."""
        return self.directories.settings.channels[self.channel].rules

    async def run(self) -> None:
        """Carries out for ever, at places that the configuration names, and where something is there from before."""
        while True:
            try:
                while not (self._configured() or await self.memory.any_of(self.channel)):
                    await asyncio.sleep(2.0)
                async with leadership(self.dsn, self.role):
                    self._since = self._whole = None
                    while True:
                        if not self.rules.shadow:
                            await self.once()
                        await asyncio.sleep(EVERY)
            except (KafkaError, *DatabaseError) as error:
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
            if task.act is Act.CREATE:
                task.carried = await self.asking.note(task.wanted, task.carried)
                if task.carried is None:  # somebody else has just written of it
                    task.act = Act.NOTHING
                    self._later(task.deal)
            if task.carried is not None and task.carried.state is State.REFUSED:
                self._later(task.deal, MENDED.total_seconds())
        tasks = [task for task in tasks if task.act is not Act.NOTHING]
        tasks.sort(key=lambda task: (task.act is Act.CREATE, self._failed[task.deal]))
        for number, task in enumerate(tasks):
            if number >= BATCH or time.monotonic() < self._quiet_until:
                self._later(task.deal, max(0.0, self._quiet_until - time.monotonic()))
            elif task.act is Act.CREATE and task.deal in self._again:
                continue  # its order elsewhere has to be gone first: some platforms keep one for each deal
            elif task.act is Act.CREATE and not self._may_begin(task):
                self._later(task.deal, EVERY)
            else:
                await self._do(task)

    def _may_begin(self, task: _Task) -> bool:
        """Whether it is known where a deal is to be brought from, and all of what. What was asked for before is asked for again in
        any case.
        """
        at, moved_at = task.wanted.recorded_at, task.wanted.moved_at
        if at is None or task.carried is None or task.carried.tried_at is not None:
            return True
        if moved_at is not None and self.asking.clock() < moved_at + WHOLE_AFTER:
            return False
        return all(self.heard(channel, at) for channel in task.wanted.taken_by)

    async def _due(self) -> set[str]:
        """The deals to look at: those that moved, and what was put off. All that stand, at first, where the journal was made anew,
        and where another place is carried out.
        """
        reached, places = await self.memory.reached(), self._configured()
        if self._since is not None and _behind(reached, self._since):
            self._since = self._whole = None
        if self._whole is None:
            self._whole = await self.ends()
        if _behind(reached, self._whole):
            return set()
        if self._since is None or places - self._looked_at:
            names = await self.memory.standing(self.channel, places)
        elif reached == self._since:
            names = set()
        else:
            since = {part: self._since.get(part, 0) for part in reached}
            names = await self.memory.news(self.channel, places, since)
        self._since, self._looked_at = reached, places
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
                decision = decide(its, row, self.channel, self.asking.clock(), self.rules.told_since)
                found.append(_Task(its, row, *decision))
        if _behind(
            await self.memory.reached(), self._since or {}
        ):  # it was emptied before all of it was read
            self._since = self._whole = None
            return []
        return found

    async def _do(self, task: _Task) -> None:
        """One task. What fails is put off, and the platform left alone for a time."""
        if not await self.directories.known(self.channel):
            self._put_off(task.deal)
            return
        try:
            again = await self._asked(task)
        except SlowDown as wait:
            self._quiet_until = time.monotonic() + wait.retry_after
            self._later(task.deal, wait.retry_after)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  # what one order meets stops no other one
            log.warning("not carried out yet", deal=task.deal, channel=self.channel, reason=reason_of(error))
            self._put_off(task.deal)
        else:
            del self._failed[task.deal]
            if again is not None:
                self._later(task.deal, again)

    async def _asked(self, task: _Task) -> Again:
        assert task.carried is not None, "what was never asked for is written down before"
        if task.act is Act.CREATE:
            return await self.asking.create(task.wanted, task.carried)
        if task.act is Act.CANCEL:
            return await self.asking.cancel(task.wanted, task.carried)
        if task.act is Act.SETTLE:
            return await self.asking.settle(task.wanted, task.carried, task.reason)
        return await self.asking.look(task.wanted, task.carried, task.reason)

    def _put_off(self, deal: str) -> None:
        """Tries a deal again later, each time after a longer one, and leaves its platform alone for a pause."""
        self._failed[deal] += 1
        self._quiet_until = time.monotonic() + PAUSE
        self._later(deal, min(WAIT_MAX, PAUSE * 2 ** min(5, self._failed[deal] - 1)))

    def _later(self, deal: str, wait: float = 0.0) -> None:
        """Looks at a deal again after so many seconds."""
        self._again[deal] = min(self._again.get(deal, float("inf")), time.monotonic() + wait)


def _behind(reached: Mapping[int, int], marks: Mapping[int, int]) -> bool:
    """Whether a journal has not come so far yet, in some partition."""
    return any(reached.get(partition, 0) < mark for partition, mark in marks.items())
