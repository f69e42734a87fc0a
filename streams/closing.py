"""Lets transactions leave the table in time: asks the settle stage when one has been quiet for long. The stage decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from schemas.claims import Claim
from schemas.closing import closable, closing, quiet_since, replayed
from schemas.codec import PLACE_KEEPER, Undecodable, decode
from schemas.settling import Transaction
from schemas.topics import CLAIMS
from schemas.witnesses import Authority
from streams.chunks import ChunkStage
from streams.reader import Reader
from streams.stages import Naming, claim_out
from streams.tables import Cell
from streams.writer import NotWritten, Writer, partition_of

log = structlog.get_logger()

LOOKED_AT = 200
"""Transactions looked at in one tick: to read so many takes some ten milliseconds."""

EMPTY = b'"documents":{}'
CHANGED = re.compile(rb'"changed_at":"([^"]+)"')
"""How a transaction that holds nothing looks in bytes that nobody has decoded yet, and where they say when it changed."""


class Closing:
    """Goes round and round the transactions of this worker's partitions, a few at every tick, and asks for those to be
    closed that have nothing open and have had no news for the time `after`. None: never. What was asked for, or has
    something open, is not looked into again until something comes to it.
    """

    def __init__(
        self,
        naming: Naming,
        authority: Authority,
        writer: Writer,
        clock: Callable[[], datetime],
        after: timedelta | None,
    ) -> None:
        self._naming, self._authority, self._writer = naming, authority, writer
        self._clock, self._after = clock, after
        self._round: Iterator[tuple[int, bytes]] = iter(())
        self._done_with: dict[bytes, int] = {}

    async def tick(self, stage: ChunkStage) -> None:
        """Looks at the next few, and asks about each that is due."""
        if self._after is None:
            return
        due = {key: (offset, claim) for key, offset, claim in self._due(stage, self._clock(), self._after)}
        try:
            await self._writer.send(claim_out(self._naming, claim) for _, claim in due.values())
        except NotWritten as error:
            log.warning("transactions close late", reason=str(error))
            return
        self._done_with.update((key, offset) for key, (offset, _) in due.items())

    def _due(self, stage: ChunkStage, now: datetime, after: timedelta) -> Iterator[tuple[bytes, int, Claim]]:
        looked_at = list(islice(self._round, LOOKED_AT))
        if len(looked_at) < LOOKED_AT:
            self._round = _keys(stage)
        for partition, key in looked_at:
            cell = stage.table.get(partition, key) if partition in stage.progress else None
            if cell is None or self._done_with.get(key) == cell.offset:
                continue
            self._done_with.pop(key, None)
            held = _read(cell, now - after)
            if held is None or (quiet := quiet_since(held)) is None or quiet > now - after:
                continue
            if closable(held, self._authority):
                yield key, cell.offset, closing(held, key.decode(), now)
            else:
                self._done_with[key] = cell.offset


def _keys(stage: ChunkStage) -> Iterator[tuple[int, bytes]]:
    """The keys of the partitions that are ours, one partition after the other."""
    for partition in sorted(stage.progress):
        for key, _ in stage.table.cells_of(partition):
            yield partition, key


def _read(cell: Cell, quiet: datetime) -> Transaction | None:
    """The transaction in a cell, None where a look at its bytes tells that it holds nothing or changed since `quiet`. The
    table keeps the bytes: read, they take many times the room.
    """
    if not isinstance(cell.state, bytes):
        held: Transaction = cell.state
        return held
    changed = CHANGED.search(cell.state)
    if EMPTY in cell.state or (changed and datetime.fromisoformat(changed[1].decode()) > quiet):
        return None
    return decode(Transaction, cell.state)


async def told_again(
    payload: Mapping[str, Any], reader: Reader, naming: Naming, partitions: int
) -> tuple[Claim, Claim]:
    """What to tell, in this order, so that the late news in a dead letter's `payload` is taken. Raises `Undecodable`.

    The record that it points to may have moved since, to where its key is among so many `partitions`, at the offset that it had.
    """
    topic, was, offset = naming(CLAIMS), payload["closed"]["partition"], payload["closed"]["offset"]
    for partition in (was, partition_of(payload["claim"]["transaction"].encode(), partitions)):
        end = (await reader.ends(topic, [partition]))[partition]
        async for records in reader.read(topic, partition, offset, min(offset + 1, end)):
            if records[0].value != PLACE_KEEPER:
                return replayed(payload, decode(Claim, records[0].value))
    raise Undecodable(f"the log does not hold {CLAIMS.name}/{was}/{offset}")
