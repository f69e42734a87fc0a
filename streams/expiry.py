"""Lets reservations end in time: asks the ledger when the clock says that one is due. The ledger decides."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from schemas.codec import decode, encode, headers
from schemas.granting import asking
from schemas.ledger import Stock
from schemas.reservations import HUB, Ask, Outcome, Request, Wanted
from schemas.rules import ChannelRules
from schemas.topics import MOVEMENTS
from streams.stages import Naming
from streams.writer import NotWritten, Out, Writer

log = structlog.get_logger()

HELD = b'"outcome":"held"'
"""How a held reservation looks in the bytes of a stock that nobody has decoded yet."""

Due = tuple[datetime, int, str, str, int]


class Expiry:
    """The reservations held in the partitions of this worker, by the instant they end."""

    def __init__(self, naming: Naming, writer: Writer, clock: Callable[[], datetime]) -> None:
        self._naming, self._writer, self._clock = naming, writer, clock
        self._due: list[Due] = []
        self._noted: set[Due] = set()

    def note(self, partition: int, states: Iterable[Any]) -> None:
        """Remembers what a partition's stocks hold."""
        for state in states:
            if isinstance(state, bytes):
                if HELD not in state:
                    continue
                state = decode(Stock, state)  # noqa: PLW2901  # the same value, read
            for key, hold in state.holds.items():
                due = (hold.expires_at, partition, state.sku, key, hold.quantity)
                if hold.outcome is Outcome.HELD and due not in self._noted:
                    self._noted.add(due)
                    heapq.heappush(self._due, due)

    async def tick(self, owned: Callable[[int], bool]) -> None:
        """Asks about everything that is due in the partitions that are ours; what is not is its new owner's to ask."""
        now, asked = self._clock(), list[Due]()
        while self._due and self._due[0][0] <= now:
            asked.append(heapq.heappop(self._due))
        mine = [due for due in asked if owned(due[1])]
        try:
            await self._writer.send(self._ask(due, now) for due in mine)
        except NotWritten as error:
            log.warning("reservations end late", reason=str(error))
            for due in mine:
                heapq.heappush(self._due, due)
            return
        self._noted.difference_update(asked)

    def _ask(self, due: Due, now: datetime) -> Out:
        _, partition, sku, key, units = due
        ident, _, _ = key.rpartition("/")
        line = Wanted(sku=sku, quantity=units, rules=ChannelRules())
        request = Request(id=ident, ask=Ask.EXPIRE, channel=HUB, lines=(line,))
        movement = replace(asking(request, now), id=f"{key}/{Ask.EXPIRE}", document=key)
        ce = headers(MOVEMENTS, f"{movement.id}/{now.timestamp()}", "expiry", now)
        return Out(self._naming(MOVEMENTS), sku.encode(), encode(movement), ce, partition)
