"""Records batches of the log: the rows and the consumed offset in one transaction, so each record counts once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import orjson
import psycopg

from projections.pool import Connection, Pool
from schemas.accounts import BOUNDARIES
from schemas.availability import ChannelQuantity
from schemas.claims import DeadLetter, Observation
from schemas.codec import PLACE_KEEPER, Undecodable, decode
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.oversells import Oversell
from schemas.receipts import Outcome, Receipt
from schemas.seals import FIRST, seal
from schemas.topics import (
    CHANNEL_QUANTITIES,
    DEAD_LETTERS,
    MOVEMENTS,
    OBSERVATIONS,
    OVERSELLS,
    RECEIPTS,
    STOCK,
    Topic,
)

Record = tuple[int, int, bytes | None]
"""Offset, timestamp in milliseconds, value."""


class Fresh(NamedTuple):
    """A record that was not recorded yet."""

    partition: int
    offset: int
    value: bytes


Write = Callable[[Connection, Sequence[Fresh]], Any]
"""Writes the records of one topic."""

Value = TypeVar("Value")
Item = TypeVar("Item")

CONTENT = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What PostgreSQL says when it is the row that is wrong, and not the server or the way there."""

SLICE = 256
"""Records read without giving way to the rest of the process."""

NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Unrecordable(Exception):
    """A record is not what its topic holds, or nothing PostgreSQL can hold. The message says why, not what it was."""


class Hole(Exception):
    """A batch does not continue where the recorded rows end: something was skipped."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, in order. `next_offset` is where the next batch begins."""

    topic: Topic
    partition: int
    records: Sequence[Record]
    next_offset: int

    def singly(self) -> Iterator[Batch]:
        """The same records, each in a batch of its own."""
        ends = [*(offset for offset, _, _ in self.records[1:]), self.next_offset]
        for record, end in zip(self.records, ends, strict=True):
            yield replace(self, records=(record,), next_offset=end)


class Recorder:
    """Writes batches to PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def offsets(self, topic: str) -> dict[int, int]:
        """The next offset to record, by partition; a partition that was never recorded is absent."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT partition, next_offset FROM offsets WHERE topic = %s", [topic]
            )
            return dict(await cursor.fetchall())

    async def record(self, batches: Sequence[Batch]) -> None:
        """Records all batches, or none. What was recorded before is trimmed. Raises `Hole`, `Unrecordable`.

        A movement is in the log again only after a crash, so the journal is asked which it has only where it refused one.
        """
        try:
            try:
                await self._record(batches, _new_movements)
            except psycopg.errors.UniqueViolation:
                await self._record(batches, _movements)
        except (Undecodable, OverflowError) as error:  # an instant may be none in UTC
            raise Unrecordable(str(error)) from None
        except CONTENT as error:
            raise Unrecordable(f"PostgreSQL cannot hold it: {type(error).__name__}") from None

    async def _record(self, batches: Sequence[Batch], movements: Write) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            for topic in {batch.topic.name: batch.topic for batch in batches}.values():
                mine = [batch for batch in batches if batch.topic.name == topic.name]
                fresh = await _advance(connection, topic, mine)
                if fresh:
                    write = movements if topic is MOVEMENTS else WRITERS[topic.name]
                    await write(connection, fresh)


async def _advance(connection: Connection, topic: Topic, batches: Sequence[Batch]) -> list[Fresh]:
    """Moves the stored offsets and returns the records they had not passed yet."""
    partitions = [batch.partition for batch in batches]
    cursor = await connection.execute(
        "SELECT partition, next_offset FROM offsets WHERE topic = %s AND partition = ANY(%s) FOR UPDATE",
        [topic.name, partitions],
    )
    at: Mapping[int, int] = dict(await cursor.fetchall())
    fresh: list[Fresh] = []
    for batch in batches:
        expected = at.get(batch.partition, 0)
        compacted = topic.config["cleanup.policy"] == "compact"
        if batch.records and batch.records[0][0] > expected and not compacted:
            raise Hole(
                f"{topic.name}[{batch.partition}]: recorded up to {expected}, offered {batch.records[0][0]}"
            )
        fresh.extend(
            _storable(batch.partition, record)
            for record in batch.records
            if record[0] >= expected and record[2] != PLACE_KEEPER
        )
    rows = [(topic.name, b.partition, max(b.next_offset, at.get(b.partition, 0))) for b in batches]
    async with connection.cursor() as many:
        await many.executemany(
            "INSERT INTO offsets VALUES (%s, %s, %s)"
            " ON CONFLICT (topic, partition) DO UPDATE"
            " SET next_offset = greatest(offsets.next_offset, excluded.next_offset)",
            rows,
        )
    return fresh


def _storable(partition: int, record: Record) -> Fresh:
    """The record with the one character that PostgreSQL cannot keep replaced: one odd name must not stop the recording."""
    offset, _, value = record
    if value is None:
        raise Undecodable("the record has no value")
    return Fresh(partition, offset, storable(value))


def storable(value: bytes) -> bytes:
    """A value as PostgreSQL can keep it."""
    return NUL.sub(rb"\1\\ufffd", value) if b"\\u0000" in value else value


async def _in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items; now and then others get their turn."""
    for number, item in enumerate(items, 1):
        yield item
        if number % SLICE == 0:
            await asyncio.sleep(0)


async def _read(kind: type[Value], fresh: Iterable[Fresh]) -> AsyncIterator[tuple[Value, Fresh]]:
    """What records say, and the records."""
    async for record in _in_turns(fresh):
        yield decode(kind, record.value), record


async def _stage(connection: Connection, table: str, rows: Iterable[Sequence[Any]]) -> str:
    """Copies rows into an empty twin of a table, the fastest way in. Returns the twin's name."""
    stage = f"stage_{table}"
    await connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS".encode()
    )
    await connection.execute(f"DELETE FROM {stage}".encode())  # noqa: S608  # our own table names
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {stage} FROM STDIN".encode()) as copy,
    ):
        async for row in _in_turns(rows):
            await copy.write_row(row)
    return stage


KNOWN = """
    SELECT m.id, asked.sku FROM unnest(%s::text[], %s::text[]) AS asked (sku, id),
    LATERAL (SELECT id FROM movements WHERE id = asked.id AND sku = asked.sku OFFSET 0) AS m
"""
"""Which movements the journal has, by id and SKU: the SKU says in which part of the journal to look. One by one, or a plan may read a
whole part at once.
"""


async def _movements(connection: Connection, fresh: Sequence[Fresh]) -> None:
    """Writes those movements that the journal does not have."""
    named = [(m.sku, m.id) async for m, _ in _read(Movement, fresh)]
    known = await connection.execute(KNOWN.encode(), [list(column) for column in zip(*named, strict=True)])
    await _new_movements(connection, fresh, await known.fetchall())


async def _new_movements(
    connection: Connection, fresh: Sequence[Fresh], known: Iterable[tuple[str, str]] = ()
) -> None:
    """Writes movements, but those that are `known`. One that is there again, by its id and SKU, is a repeat."""
    seen = set(known)
    sealed = await connection.execute("SELECT partition, seal FROM seals FOR UPDATE")
    last: dict[int, bytes] = dict(await sealed.fetchall())
    async with connection.cursor() as cursor, cursor.copy(b"COPY movements FROM STDIN") as copy:
        async for m, record in _read(Movement, fresh):
            if (m.id, m.sku) not in seen:
                seen.add((m.id, m.sku))
                last[record.partition] = seal(last.get(record.partition, FIRST), m)
                await copy.write_row(_row(m, record, last[record.partition]))
    async with connection.cursor() as many:
        await many.executemany(
            "INSERT INTO seals VALUES (%s, %s) ON CONFLICT (partition) DO UPDATE SET seal = excluded.seal",
            list(last.items()),
        )


def _row(m: Movement, record: Fresh, sealed: bytes) -> tuple[Any, ...]:
    """A movement as the journal keeps it."""
    legs = [{"location": leg.location, "state": leg.state, "quantity": leg.quantity} for leg in m.legs]
    return (
        m.id,
        m.sku,
        m.kind.value,
        m.quantity,
        orjson.dumps(legs).decode(),
        sorted({leg.location for leg in m.legs} - BOUNDARIES),
        m.transaction,
        m.channel,
        m.document,
        m.occurred_at,
        m.recorded_at,
        m.reason,
        m.voids,
        m.demand_class,
        record.partition,
        record.offset,
        m.counted,
        sealed,
        m.bundle,
        None if m.witnessed is None else orjson.dumps(m.witnessed).decode(),
    )


@dataclass(frozen=True, slots=True)
class Version:
    """What of a state says whether another one is newer: before all of it is read, which only that of the newest must be."""

    sku: str
    offset: int
    channel: str = ""


async def _newest(kind: type[Value], fresh: Iterable[Fresh]) -> list[tuple[Value, str]]:
    """Of every SKU (and channel) the newest state, and its JSON; of two that are equally new the later."""
    newest: dict[tuple[str, str], tuple[int, Fresh]] = {}
    async for one, record in _read(Version, fresh):
        held = newest.get((one.channel, one.sku))
        if held is None or one.offset >= held[0]:
            newest[one.channel, one.sku] = one.offset, record
    states = _read(kind, (record for _, record in newest.values()))
    return [(state, record.value.decode()) async for state, record in states]


async def _stock(connection: Connection, fresh: Sequence[Fresh]) -> None:
    rows = [(stock.sku, value, stock.offset) for stock, value in await _newest(Stock, fresh)]
    stage = await _stage(connection, "stock", rows)
    await connection.execute(
        f"INSERT INTO stock SELECT * FROM {stage} ON CONFLICT (sku) DO UPDATE"  # noqa: S608
        " SET stock = excluded.stock, version = excluded.version WHERE excluded.version >= stock.version".encode()
    )


async def _channel_quantities(connection: Connection, fresh: Sequence[Fresh]) -> None:
    rows = [
        (q.channel, q.sku, q.quantity, value, q.offset) for q, value in await _newest(ChannelQuantity, fresh)
    ]
    stage = await _stage(connection, "channel_quantities", rows)
    await connection.execute(
        f"INSERT INTO channel_quantities AS old SELECT * FROM {stage} ON CONFLICT (channel, sku) DO UPDATE"  # noqa: S608
        " SET quantity = excluded.quantity, value = excluded.value, version = excluded.version"
        " WHERE excluded.version >= old.version".encode()
    )


async def _oversells(connection: Connection, fresh: Sequence[Fresh]) -> None:
    rows = []
    async for o, _ in _read(Oversell, fresh):
        about = (o.movement, o.sku, o.place, o.available, o.cause.value, o.kind.value)
        rows.append((*about, o.transaction, o.channel, o.occurred_at, o.recorded_at))
    stage = await _stage(connection, "oversells", rows)
    await connection.execute(f"INSERT INTO oversells SELECT * FROM {stage} ON CONFLICT DO NOTHING".encode())  # noqa: S608


SAYS_NOTHING = {Outcome.HELD, Outcome.DRIFTED}
"""What changes nothing in what a platform was told last."""

UNSURE = {Outcome.ASKED, Outcome.OVERRULED}
"""After these it is not known what the platform shows."""


async def _receipts(connection: Connection, fresh: Sequence[Fresh]) -> None:
    rows = []
    told: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    async for r, record in _read(Receipt, fresh):
        rows.append(
            (
                record.partition,
                record.offset,
                r.channel,
                r.sku,
                r.place,
                r.quantity,
                r.level,
                r.own,
                r.outcome.value,
                r.pushed_at,
                r.offset,
                r.ref,
                r.detail,
            )
        )
        if r.outcome not in SAYS_NOTHING:
            sure = r.outcome not in UNSURE
            told[r.channel, r.sku, r.place] = (
                *(r.channel, r.sku, r.place),
                *(r.level, r.own, sure, r.outcome.value, record.offset, r.pushed_at),
            )
    stage = await _stage(connection, "receipts", rows)
    await connection.execute(f"INSERT INTO receipts SELECT * FROM {stage} ON CONFLICT DO NOTHING".encode())  # noqa: S608
    stage = await _stage(connection, "told", told.values())
    await connection.execute(
        f"INSERT INTO told AS old SELECT * FROM {stage} ON CONFLICT (channel, sku, place) DO UPDATE"  # noqa: S608
        " SET level = excluded.level, own = excluded.own, sure = excluded.sure, outcome = excluded.outcome,"
        " log_offset = excluded.log_offset, pushed_at = excluded.pushed_at"
        " WHERE excluded.log_offset > old.log_offset".encode()
    )


async def _observations(connection: Connection, fresh: Sequence[Fresh]) -> None:
    newest: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    async for o, _ in _read(Observation, fresh):
        held = newest.get((o.channel, o.sku, o.location))
        if held is None or o.version >= held[5]:
            newest[o.channel, o.sku, o.location] = (
                o.channel,
                o.sku,
                o.location,
                o.level,
                o.observed_at,
                o.version,
            )
    stage = await _stage(connection, "observations", newest.values())
    await connection.execute(
        f"INSERT INTO observations AS old SELECT * FROM {stage} ON CONFLICT (channel, sku, location) DO UPDATE"  # noqa: S608
        " SET level = excluded.level, observed_at = excluded.observed_at, version = excluded.version"
        " WHERE excluded.version > old.version".encode()
    )


async def _dead_letters(connection: Connection, fresh: Sequence[Fresh]) -> None:
    rows = []
    async for d, record in _read(DeadLetter, fresh):
        payload = orjson.dumps(d.payload).decode()
        at = record.partition, record.offset
        rows.append((*at, d.channel, d.topic, d.stage, d.reason, d.ref, payload, d.received_at, None))
    stage = await _stage(connection, "dead_letters", rows)
    await connection.execute(
        f"INSERT INTO dead_letters SELECT * FROM {stage} ON CONFLICT DO NOTHING".encode()  # noqa: S608
    )


WRITERS: Mapping[str, Write] = {
    MOVEMENTS.name: _movements,
    STOCK.name: _stock,
    CHANNEL_QUANTITIES.name: _channel_quantities,
    OVERSELLS.name: _oversells,
    RECEIPTS.name: _receipts,
    OBSERVATIONS.name: _observations,
    DEAD_LETTERS.name: _dead_letters,
}
