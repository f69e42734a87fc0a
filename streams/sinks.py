"""Tells each channel its numbers: the newest per SKU, what is nearly gone first, and a receipt for every one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.contract import Answer, Connector, Seen, Sink, Target
from connectors.directory import Directory
from connectors.errors import ConnectorError, SlowDown
from projections.pool import DatabaseError, leadership
from projections.queries import Queries
from schemas.availability import ChannelQuantity, Place, Shown
from schemas.codec import Undecodable, Value, decode, encode, headers
from schemas.metrics import PUSHED, PUSHES, SLOWED
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.topics import CHANNEL_QUANTITIES, RECEIPTS
from streams.breaker import STRIKES, Breaker
from streams.cluster import Kafka, access
from streams.directories import Directories
from streams.metering import Meters
from streams.stages import Naming, trace_of
from streams.tracing import OFF, Tracing
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

CATALOGUE_AGE = 600.0
"""Seconds between two questions for a catalogue that lacks a SKU. The SKU itself is tried again at its next number."""

SAY_EVERY = 5.0
"""Seconds between two words of a sink about how it gets on."""

SETTLED = frozenset({Outcome.PUSHED, Outcome.UNCHANGED, Outcome.REFUSED})
"""After these nothing more is to be said of an `asked` receipt."""

LONGER, LONGER_MAX = 0.25, 10.0
"""Seconds that are waited beyond what a platform asks for, more each time it asks again before anything was told, and at most. Of a push of
several calls the first ones would else use up, for ever, what the wait has brought.
"""

SOON, TRIES = 1.0, 5
"""A call that a platform would take within so many seconds is kept at hand, and tried so often. Put back, its cells would be looked at
again: where a look costs nearly what a write does, all that a tight limit gives would go into looks."""

Cell = tuple[str, str]
"""A SKU and a place."""


class Look(NamedTuple):
    """What a look at an unsure cell found: the platform's level, our number and its own part in it, and when (monotonic)."""

    level: int
    wanted: int
    own: int
    at: float

    def agrees(self, other: Look) -> bool:
        """Whether nothing has changed between two looks, neither there nor here."""
        return self[:3] == other[:3]


@dataclass(slots=True)
class Board:
    """What one channel should show, and what it shows: the pure part of a sink.

    `wants` holds the newest number of each SKU, `shows` what the platform was last told, `due` the SKUs whose numbers may
    have to be told. Cells that are `unsure` (never told, or a write whose outcome is unknown) are looked at first: the
    platform may have counted documents that we have not seen, so its level is believed when looks found the same for
    `still_for` seconds, with nothing new from us between them. Until then it is lowered at once, and never raised.

    `since` is when the channel came out of shadow, or the installation back from a backup: whoever told its platform before then told it
    other numbers than ours, so every cell is unsure that was not told since, also where the platform opened it itself. A look at such a cell must stand still `wary_for`
    seconds: its platform has sold for days, and no number may be raised over an order whose webhook was lost.

    Cells that were `asked` have an `asked` receipt that nothing followed yet: they are due also where the platform shows our number.

    `gone` has the places that a channel was told of, or had, and has no more, by SKU: they are told zero.

    `waits_since` has when the oldest and the newest number of each SKU was made that its platform does not show yet.

    `limits` says how many numbers a call may have that is about a SKU whose last call failed: half of those, so that what is wrong
    with one number is soon asked for alone. SKUs that failed alone come `last`.
    """

    connector: Connector
    still_for: float = 0.0
    since: datetime | None = None
    wary_for: float = 0.0
    wants: dict[str, ChannelQuantity] = field(default_factory=dict)
    shows: dict[Cell, Shown] = field(default_factory=dict)
    unsure: set[Cell] = field(default_factory=set)
    asked: set[Cell] = field(default_factory=set)
    looks: dict[Cell, Look] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    refused: set[Cell] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    last: set[str] = field(default_factory=set)
    waits_since: dict[str, tuple[float, float]] = field(default_factory=dict)

    def want(self, number: ChannelQuantity, at: float = 0.0) -> None:
        """Takes a number in, which was made at an instant; an older one than we have changes nothing."""
        held = self.wants.get(number.sku)
        if held is None or number.offset >= held.offset:
            self.wants[number.sku] = number
            had = self.gone.pop(number.sku, set()) | (held.places.keys() if held else set())
            if gone := number.left(had):
                self.gone[number.sku] = gone
            for place in number.places.keys() | gone:
                self.looks.pop((number.sku, place), None)
                self.refused.discard((number.sku, place))
            self.due[number.sku] = number.quantity
            self.waits_since[number.sku] = self.waits_since.get(number.sku, (at,))[0], at

    def saw(self, receipt: Receipt) -> None:
        """Takes in what the platform said."""
        cell = receipt.sku, receipt.place
        if self.since is not None and receipt.pushed_at < self.since:
            return
        if receipt.outcome is Outcome.ASKED:
            self.unsure.add(cell)
        elif receipt.outcome is Outcome.OVERRULED:
            self.unsure.add(cell)
            self.looks.pop(cell, None)
            if receipt.sku in self.wants:
                self.due[receipt.sku] = self.wants[receipt.sku].quantity
                said = receipt.pushed_at.timestamp()
                self.waits_since.setdefault(receipt.sku, (said, said))
        elif receipt.outcome in (Outcome.PUSHED, Outcome.UNCHANGED):
            self.shows[cell] = Shown(receipt.level, receipt.own)
            self.unsure.discard(cell)
        if receipt.outcome in SETTLED:
            self.asked.discard(cell)

    def through(self, receipt: Receipt) -> float | None:
        """When the oldest number was made that a receipt settles; None where it settles none. What came of the SKU meanwhile waits on."""
        if receipt.outcome not in SETTLED or (waited := self.waits_since.pop(receipt.sku, None)) is None:
            return None
        oldest, newest = waited
        if receipt.sku in self.due:
            self.waits_since[receipt.sku] = newest, newest
        return oldest

    def waits(self, target: Target) -> float:
        """Seconds for which looks at a cell must agree before they are believed."""
        foreign = self.since is not None and (target.sku, target.place) not in self.shows
        return max(self.still_for, self.wary_for) if foreign else self.still_for

    def looked(self, target: Target, seen: Seen, now: float = 0.0) -> Target | None:
        """The target with what is to be expected of the platform after a look; None: look again later."""
        cell = target.sku, target.place
        if seen.level is None:
            self.unsure.discard(cell)
            return target
        look, first = Look(seen.level, target.wanted, target.own, now), self.looks.get(cell)
        stands = first is not None and first.agrees(look)
        if seen.certain or (first is not None and stands and now - first.at >= self.waits(target)):
            self.looks.pop(cell, None)
            self.unsure.discard(cell)
            self.shows[cell] = Shown(seen.level, target.own)
            return replace(target, expected=seen.level)
        self.unsure.add(cell)
        if not stands:
            self.looks[cell] = look._replace(level=min(look.level, look.wanted))
        return replace(target, expected=seen.level) if look.level > look.wanted else None

    def told(self, answer: Answer) -> Answer:
        """The answer as it may be believed: a number that was lowered on an unsure cell is not settled by that."""
        if (answer.target.sku, answer.target.place) in self.unsure and answer.outcome is Outcome.PUSHED:
            return replace(answer, outcome=Outcome.HELD, detail="lowered at once, looked at again later")
        return answer

    def next(self, most: int) -> list[Target]:
        """Up to `most` numbers that the platform does not show yet, what is nearly gone first.

        SKUs whose last call failed are in a call with others of the same limit, never with those that have none.
        """
        chosen: list[Target] = []
        limit = most
        for sku in sorted(self.due, key=lambda sku: (sku in self.last, self.due[sku])):
            its = min(most, self.limits.get(sku, most))
            if chosen and its != limit:
                continue
            targets = list(self._targets(self.wants[sku]))
            if chosen and len(chosen) + len(targets) > limit:
                break
            del self.due[sku]
            if not targets:  # its platform shows it already
                self.waits_since.pop(sku, None)
            limit = its
            chosen.extend(targets[:limit])
            if len(targets) > limit:
                self.due[sku] = self.wants[sku].quantity
                break
        return chosen

    def _targets(self, number: ChannelQuantity) -> Iterable[Target]:
        for name in (*number.places, *sorted(self.gone.get(number.sku, ()))):
            cell, place = (number.sku, name), number.at(name)
            known = cell not in self.unsure and (self.since is None or cell in self.shows)
            expected = place.shows(self.shows.get(cell)) if known else None
            wanted = self.connector.wanted(place)
            due = wanted != expected or cell in self.asked or self._stale(cell, place)
            if due and cell not in self.refused:
                yield Target(
                    sku=number.sku,
                    place=name,
                    wanted=wanted,
                    expected=expected,
                    own=place.own,
                    offset=number.offset,
                    opened=place.opened and self.since is None,
                )

    def _stale(self, cell: Cell, place: Place) -> bool:
        """Whether what was told says nothing any more: the platform's own documents have moved since, and what that does to
        an absolute number is not known.
        """
        told = self.shows.get(cell)
        return self.connector.absolute and told is not None and told.own != place.own

    def failed(self, targets: Sequence[Target]) -> None:
        """Puts the targets of a call back whose outcome is unknown; the next ones about their SKUs are half as large."""
        self.again(targets, unsure=True)
        self.limits |= {target.sku: max(1, len(targets) // 2) for target in targets}
        if len(targets) == 1:
            self.last.add(targets[0].sku)

    def worked(self, targets: Iterable[Target]) -> None:
        """Forgets that calls about the targets' SKUs failed."""
        for target in targets:
            self.limits.pop(target.sku, None)
            self.last.discard(target.sku)

    def again(self, targets: Iterable[Target], *, unsure: bool) -> None:
        """Puts targets back; `unsure` means the platform must be asked what it shows."""
        for target in targets:
            self.due[target.sku] = target.wanted
            if unsure:
                self.unsure.add((target.sku, target.place))
                self.looks.pop((target.sku, target.place), None)


def _cell(target: Target) -> Cell:
    return target.sku, target.place


def _known(kind: type[Value], value: bytes | None) -> Value | None:
    """The value, or None where it is no such thing: the recorder makes a dead letter of it."""
    try:
        return decode(kind, value)
    except Undecodable:
        return None


def receipt_out(naming: Naming, receipt: Receipt) -> Out:
    """A receipt as its topic holds it."""
    key = f"{receipt.channel}|{receipt.sku}"
    ident = f"{key}|{receipt.place}/{receipt.offset}/{receipt.pushed_at.timestamp()}"
    ce = headers(RECEIPTS, ident, receipt.channel, receipt.pushed_at)
    return Out(naming(RECEIPTS), key.encode(), encode(receipt), ce)


@dataclass(slots=True, kw_only=True)
class Pushing:
    """The sink of one channel, at one worker at a time. `pace` is the time in seconds in which changes gather for one
    call; a full call is followed by the next at once. `held_for` is the time in seconds until a held or unsure number is tried
    again: between two looks that agree, the platform's own documents must have had time to arrive; `wary_for` is `Board.wary_for`.
    `meters` counts what platforms answer, and how long it took. `traces` has the context of each SKU's number that is followed, for `tracing`.
    `failing` says since when nothing can be told, and why; `slowed` how often in a row its platform asked to wait. While the rules say that the channel is in shadow, its board is kept and nothing is told.
    """

    channel: str
    connector: Connector
    sink: Sink
    directories: Directories
    queries: Queries
    writer: Writer
    bootstrap: Kafka
    partitions: int
    naming: Naming
    dsn: str
    pace: float = 0.1
    held_for: float = 1.0
    wary_for: float = 1.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    board: Board | None = None
    breaker: Breaker = field(default_factory=Breaker)
    meters: Meters = field(default_factory=partial(Meters, "worker"))
    tracing: Tracing = OFF
    traces: dict[str, bytes] = field(default_factory=dict)
    failing: tuple[datetime, str] | None = None
    slowed: int = 0

    @property
    def rules(self) -> ChannelRules:
        """The channel's rules in force."""
        return self.directories.settings.channels[self.channel].rules

    async def run(self) -> None:
        """Pushes until cancelled, coming back after every failure of Kafka, PostgreSQL or the platform."""
        while True:
            try:
                async with leadership(self.dsn, f"{self.naming.prefix}sink {self.channel}"):
                    await self._push_all()
            except (KafkaError, *DatabaseError, NotWritten, OSError) as error:
                self.board = None  # what it says is not so any more: another worker may go on
                log.warning("pushing pauses", channel=self.channel, reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1.0)

    async def _push_all(self) -> None:
        """Pushes until the channel comes out of shadow: then a new board is due."""
        ruled = self.rules.told_since
        since = max(filter(None, (ruled, await self.queries.restored_at(self.channel))), default=None)
        board = self.board = Board(
            self.connector, still_for=self.held_for, since=since, wary_for=self.wary_for
        )
        consumer = AIOKafkaConsumer(
            **access(self.bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            await self._restore(board, consumer)
            following = asyncio.create_task(self._follow(board, consumer))
            saying = asyncio.create_task(self._say(board))
            try:
                while self.rules.told_since == ruled:
                    if following.done():
                        following.result()
                    if self.rules.shadow:
                        self.failing = None
                        await asyncio.sleep(self.pace)
                        continue
                    began = time.monotonic()
                    if await self._push_some(board) < self.sink.batch_max:
                        await asyncio.sleep(max(0.02, self.pace - (time.monotonic() - began)))
                # the platform may have got many items since we last had to know them
                await self.directories.refresh(self.channel, stale=0.0)
            finally:
                following.cancel()
                saying.cancel()
                await asyncio.gather(following, saying, return_exceptions=True)
        finally:
            await consumer.stop()

    async def _restore(self, board: Board, consumer: AIOKafkaConsumer) -> None:
        """The numbers and receipts PostgreSQL has recorded, and from there on the log."""
        numbers, offsets = await self.queries.channel_quantities_of(self.channel)
        told, receipts_at = await self.queries.told(self.channel, board.since)
        for cell, (level, own, sure) in told.items():
            if sure:
                board.shows[cell] = Shown(level, own)
            else:
                board.unsure.add(cell)
        positions = await self._read_receipts(board, consumer, receipts_at)
        for sku, place in board.shows.keys() | board.unsure:
            board.gone.setdefault(sku, set()).add(place)
        now = self.clock().timestamp()
        for number in numbers:
            board.want(number, now)
        topic = self.naming(CHANNEL_QUANTITIES)
        positions |= {TopicPartition(topic, p): offsets.get(p, 0) for p in range(self.partitions)}
        consumer.assign(list(positions))
        for tp, offset in positions.items():
            consumer.seek(tp, offset)

    async def _read_receipts(
        self, board: Board, consumer: AIOKafkaConsumer, start: dict[int, int]
    ) -> dict[TopicPartition, int]:
        """Takes the receipts in that are not recorded yet. Returns where what comes after them begins."""
        tps = [TopicPartition(self.naming(RECEIPTS), p) for p in range(self.partitions)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, start.get(tp.partition, 0))
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    receipt = _known(Receipt, record.value)
                    if receipt is not None and receipt.channel == self.channel:
                        board.saw(receipt)
        return {tp: await consumer.position(tp) for tp in tps}

    async def _follow(self, board: Board, consumer: AIOKafkaConsumer) -> None:
        """Takes in every new number, and what others overrule: our own receipts are known without being read."""
        mine, receipts = f"{self.channel}|".encode(), self.naming(RECEIPTS)
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=1_000, max_records=2_000)).items():
                ours = [record for record in records if (record.key or b"").startswith(mine)]
                if tp.topic == receipts:
                    for record in ours:
                        self._overrule(board, record.value)
                    continue
                newest = {record.key: record for record in ours}
                for record in newest.values():
                    number = _known(ChannelQuantity, record.value)
                    if number is not None:
                        board.want(number, record.timestamp / 1_000)
                        if self.tracing.on:
                            self._note(number.sku, trace_of(record))
            await asyncio.sleep(self.pace / 4)

    def _note(self, sku: str, trace: bytes | None) -> None:
        """Whether, and how, what is told next of a SKU is followed."""
        if trace is None:
            self.traces.pop(sku, None)
        else:
            self.traces[sku] = trace

    def _overrule(self, board: Board, value: bytes | None) -> None:
        if (
            value is None or Outcome.OVERRULED.encode() not in value
        ):  # nearly all are our own, and need not be read
            return
        receipt = _known(Receipt, value)
        if receipt is not None and receipt.outcome is Outcome.OVERRULED:
            board.saw(receipt)

    async def _say(self, board: Board) -> None:
        """Says how the sink gets on, where others can look; nothing depends on that."""
        while True:
            since, why = self.failing or (None, None)
            waiting = 0 if self.rules.shadow else len(board.due)
            oldest = self.oldest()
            with suppress(*DatabaseError):
                await self.queries.save_health(self.channel, waiting, since, why, self.clock(), oldest)
            await asyncio.sleep(SAY_EVERY)

    def oldest(self) -> datetime | None:
        """Since when the oldest number waits that the platform does not show; None: none does, or nothing is told from here."""
        if self.board is None or self.rules.shadow or not self.board.waits_since:
            return None
        return datetime.fromtimestamp(min(self.board.waits_since.values())[0], UTC)

    async def _push_some(self, board: Board) -> int:
        targets = board.next(self.sink.batch_max)
        if not targets:
            return 0
        try:
            answers = await self._tell(board, targets)
        except SlowDown as wait:
            board.again(targets, unsure=False)
            await asyncio.sleep(self._longer(wait))
            return 0
        except ConnectorError as error:
            await self._failed(board, targets, error)
            return 0
        self.breaker.success(map(_cell, targets))
        self.failing, self.slowed = None, 0
        board.worked(targets)
        await self._answered(board, answers)
        return len(targets)

    async def _failed(self, board: Board, targets: Sequence[Target], error: ConnectorError) -> None:
        """Tries again later, a number that failed alone after the others; one that fails again and again is left alone."""
        board.failed(targets)
        self.failing = (self.failing or (self.clock(), ""))[0], str(error)
        alone = targets[0] if len(targets) == 1 else None
        verdict = self.breaker.failure(_cell(alone) if alone else None)
        log.warning(
            "push failed",
            channel=self.channel,
            reason=str(error),
            numbers=len(targets),
            failures=self.breaker.failures,
            wait=verdict.wait,
        )
        if alone and verdict.given_up:
            why = f"failed {STRIKES} times while other numbers could be told: {error}"
            await self._answered(
                board,
                [Answer(target=alone, outcome=Outcome.REFUSED, level=alone.expected or 0, detail=why)],
            )
        await asyncio.sleep(verdict.wait)

    async def _tell(self, board: Board, targets: Sequence[Target]) -> Sequence[Answer]:
        """Looks where we are not sure, then tells what can be told. An `asked` receipt makes a crash show afterwards."""
        directory = self.directories.of(self.channel)
        ready = [target for target in targets if target.expected is not None]
        if unsure := [target for target in targets if target.expected is None]:
            seen, now = await self.sink.look(unsure, directory), time.monotonic()
            looked = [board.looked(target, found, now) for target, found in zip(unsure, seen, strict=True)]
            ready.extend(target for target in looked if target is not None)
            self._later(
                board, [target for target, found in zip(unsure, looked, strict=True) if found is None]
            )
        if not ready:
            return ()
        asked = [Answer(target=target, outcome=Outcome.ASKED, level=target.expected or 0) for target in ready]
        await self.writer.write(receipt_out(self.naming, self._receipt(answer)) for answer in asked)
        board.asked.update(map(_cell, ready))
        return [board.told(answer) for answer in await self._push(ready, directory)]

    async def _push(self, ready: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Tells the platform, waiting where it will not be long."""
        for _ in range(TRIES - 1):
            try:
                return await self.sink.push(ready, directory)
            except SlowDown as wait:
                if wait.retry_after > SOON:
                    raise
                await asyncio.sleep(self._longer(wait))
        return await self.sink.push(ready, directory)

    def _longer(self, wait: SlowDown) -> float:
        """Seconds to wait for a platform that asks for it, once more before anything was told."""
        self.slowed += 1
        if not wait.early:
            self.meters.count(SLOWED, self.channel)
        return wait.retry_after + min(LONGER_MAX, LONGER * (self.slowed - 1))

    def _later(self, board: Board, targets: Sequence[Target]) -> None:
        loop = asyncio.get_running_loop()
        for wait, some in groupby(sorted(targets, key=board.waits), key=board.waits):
            loop.call_later(wait, partial(board.again, list(some), unsure=False))

    async def _answered(self, board: Board, answers: Sequence[Answer]) -> None:
        receipts = [self._receipt(answer) for answer in answers]
        await self.writer.write(receipt_out(self.naming, receipt) for receipt in receipts)
        for receipt in receipts:
            board.saw(receipt)
        self._measure(board, receipts)
        refused = [answer.target for answer in answers if answer.outcome is Outcome.REFUSED]
        board.refused.update((target.sku, target.place) for target in refused)
        if refused:  # the platform may have got the item since we asked for its catalogue
            await self.directories.refresh(self.channel, CATALOGUE_AGE)
        self._later(board, [answer.target for answer in answers if answer.outcome is Outcome.HELD])

    def _measure(self, board: Board, receipts: Sequence[Receipt]) -> None:
        for outcome, times in Counter(receipt.outcome.value for receipt in receipts).items():
            self.meters.count(PUSHES, self.channel, outcome, by=times)
        now = self.clock().timestamp()
        for receipt in receipts:
            if (since := board.through(receipt)) is not None:
                self.meters.observe(PUSHED, max(0.0, now - since), self.channel)
                if (trace := self.traces.pop(receipt.sku, None)) is not None:
                    its = {"channel": self.channel, "outcome": receipt.outcome.value}
                    self.tracing.passed("push", trace, int(since * 1e9), **its)

    def _receipt(self, answer: Answer) -> Receipt:
        """It is said after the channel came out of shadow, whoever's clock is ahead."""
        target, since = answer.target, self.board.since if self.board is not None else None
        return Receipt(
            channel=self.channel,
            sku=target.sku,
            place=target.place,
            quantity=target.wanted,
            level=answer.level,
            own=target.own,
            outcome=answer.outcome,
            pushed_at=max(filter(None, (self.clock(), since))),
            offset=target.offset,
            ref=answer.ref,
            detail=answer.detail,
        )
