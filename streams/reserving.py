"""Reservations over HTTP: the request goes into the log, and the ledger's answer comes out of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from projections.problems import Problem
from projections.queries import Queries
from schemas.accounts import UNROUTED
from schemas.codec import decode, encode, headers
from schemas.granting import ANSWERS, asking, line_key
from schemas.movements import Movement
from schemas.reservations import Ask, Outcome, Request
from schemas.topics import MOVEMENTS
from streams.cluster import Kafka, access
from streams.stages import Naming
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

LEDGER = ("ce_source", b"/onhand/ledger")
OUTCOMES = {kind: outcome for outcome, kind in ANSWERS.items()}
RECENT = 10_000
"""Reservations whose lines are remembered here; older ones are looked up."""


@dataclass(slots=True)
class _Waiting:
    """Who waits for a reservation: the lines that are not answered yet, and what was answered."""

    lines: set[str]
    answered: dict[str, Movement] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, answer: Movement) -> None:
        """An answer about one line. One refused line is a refused reservation."""
        self.answered[answer.document] = answer
        if OUTCOMES[answer.kind] is Outcome.REFUSED or self.lines <= self.answered.keys():
            self.done.set()


@dataclass(slots=True, kw_only=True)
class Reserving:
    """Asks the ledger and waits for its answer, at most `patience` seconds."""

    bootstrap: Kafka
    partitions: int
    naming: Naming
    writer: Writer
    queries: Queries
    clock: Callable[[], datetime]
    patience: float = 5.0
    _waiting: dict[str, list[_Waiting]] = field(default_factory=dict)
    _recent: OrderedDict[str, Request] = field(default_factory=OrderedDict)
    _listening: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listens to the ledger until cancelled."""
        while True:
            try:
                await self._listen()
            except (KafkaError, OSError) as error:
                log.warning("not listening to the ledger", reason=type(error).__name__)
            self._listening.clear()
            await asyncio.sleep(1.0)

    async def _listen(self) -> None:
        consumer = AIOKafkaConsumer(**access(self.bootstrap), enable_auto_commit=False, fetch_max_wait_ms=100)
        await consumer.start()
        try:
            assigned = [TopicPartition(self.naming(MOVEMENTS), p) for p in range(self.partitions)]
            consumer.assign(assigned)
            await consumer.seek_to_end(*assigned)
            for tp in assigned:
                await consumer.position(tp)
            self._listening.set()
            while True:
                for records in (await consumer.getmany(timeout_ms=1_000)).values():
                    for record in records:
                        if LEDGER in record.headers and self._waiting:
                            self._hear(decode(Movement, record.value))
        finally:
            await consumer.stop()

    def _hear(self, answer: Movement) -> None:
        if answer.request is None and answer.kind in OUTCOMES:
            for waiting in self._waiting.get(answer.document.rpartition("/")[0], ()):
                if answer.document in waiting.lines:
                    waiting.take(answer)

    async def place(self, request: Request) -> dict[str, Any]:
        """Holds all lines or none. Raises `Problem` 409 for what is not free, 503 where the ledger does not answer."""
        now = self.clock()
        found = await self._answered(request, [asking(request, now)], now)
        self._recent[request.id] = request
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return {**found, "expires_at": (now + timedelta(seconds=request.ttl)).isoformat()}

    async def end(self, ident: str, ask: Ask, transaction: str | None = None) -> dict[str, Any]:
        """Releases or converts every line. Raises `Problem` 404 for a reservation nobody knows, 409 for one that ended
        otherwise.
        """
        known = self._recent.get(ident) or await self._looked_up(ident)
        if known is None:
            raise Problem(404, "Unknown reservation", "there is no such reservation")
        now = self.clock()
        request = replace(known, ask=ask, transaction=transaction)
        asked = [asking(replace(request, index=index), now) for index in range(len(request.lines))]
        found = await self._answered(request, asked, now)
        wanted = Outcome.RELEASED if ask is Ask.RELEASE else Outcome.CONVERTED
        if found["state"] != wanted:
            raise Problem(409, f"Not {wanted}", f"the reservation is {found['state']}")
        return found

    async def _looked_up(self, ident: str) -> Request | None:
        """The reservation as the journal has it; it is recorded a moment after it was made."""
        for _ in range(10):
            if lines := await self.queries.reservation(ident):
                return Request(id=ident, ask=Ask.PLACE, channel="", lines=lines)
            await asyncio.sleep(0.1)
        return None

    async def _answered(self, request: Request, asked: list[Movement], now: datetime) -> dict[str, Any]:
        lines = {line_key(replace(request, index=index)): line for index, line in enumerate(request.lines)}
        waiting = _Waiting(set(lines))
        self._waiting.setdefault(request.id, []).append(waiting)
        try:
            async with asyncio.timeout(self.patience):
                await self._listening.wait()
                await self.writer.send([self._out(movement, now) for movement in asked])
                await waiting.done.wait()
        except (NotWritten, TimeoutError):
            raise Problem(
                503,
                "No answer",
                "the ledger did not answer in time; ask again with the same key",
                retry_after=2,
            ) from None
        finally:
            self._waiting[request.id].remove(waiting)
            if not self._waiting[request.id]:
                del self._waiting[request.id]
        return self._report(request, lines, waiting.answered)

    def _report(
        self, request: Request, lines: Mapping[str, Any], answered: Mapping[str, Movement]
    ) -> dict[str, Any]:
        states = {key: OUTCOMES[answer.kind] for key, answer in answered.items()}
        for key, state in states.items():
            if state is Outcome.REFUSED:
                raise Problem(409, "Not reserved", answered[key].reason or "refused")
        return {
            "id": request.id,
            "state": str(min(states.values(), key=list(Outcome).index)),
            "lines": [
                {
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "location": None if line.held_at == UNROUTED else line.held_at,
                }
                for line in lines.values()
            ],
        }

    def _out(self, movement: Movement, now: datetime) -> Out:
        ce = headers(MOVEMENTS, f"{movement.id}/{now.timestamp()}", "reservations", now)
        return Out(self.naming(MOVEMENTS), movement.sku.encode(), encode(movement), ce)
