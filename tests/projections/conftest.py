from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from projections.pool import Pool, open_pool
from projections.queries import Queries
from projections.recorder import Batch, Recorder
from schemas.availability import quantity
from schemas.codec import encode
from schemas.ledger import Stock, fold, take
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs, reverse
from schemas.rules import ChannelRules
from schemas.topics import CHANNEL_QUANTITIES, MOVEMENTS, STOCK, Topic

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("counter")

from counter import api, dark  # noqa: E402, F401  # fixtures, found by the lines above

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

EMPTY = """
DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOR name IN SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND relname <> 'schema_migrations'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO filled;
        IF filled THEN
            EXECUTE format('TRUNCATE %s CASCADE', name);
        END IF;
    END LOOP;
END $$
"""
"""Empties the tables that a test has filled: truncating one costs its files, those of its indices and of its partitions."""


@dataclass
class Shop:
    """A shop's log of one partition, folded as the ledger folds it, and the recorder that carries it into PostgreSQL."""

    pool: Pool
    journal: list[Movement] = field(default_factory=list)
    stocks: dict[str, Stock] = field(default_factory=dict)
    recorded: dict[str, int] = field(default_factory=dict)

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.pool)

    @property
    def queries(self) -> Queries:
        return Queries(self.pool)

    def post(
        self,
        kind: Kind,
        units: int = 1,
        here: str = "WH",
        *,
        sku: str = "TEE",
        at: datetime | None = None,
        known: datetime | None = None,
        channel: str = "web",
        document: str = "order/1",
        expected: int = 0,
        reason: str | None = None,
        **places: Any,
    ) -> Movement:
        """Posts one movement; it occurred `at`, a second after the one before, and was recorded at `known`."""
        posted = legs(kind, units, Places(here, **places), expected)
        told = {"channel": channel, "document": document, "reason": reason}
        return self._append(kind, sku, units, posted, at=at, known=known, **told)

    def count(
        self,
        units: int,
        here: str = "WH",
        *,
        sku: str = "TEE",
        at: datetime | None = None,
        known: datetime | None = None,
        channel: str = "tills",
        document: str = "count/1",
    ) -> Movement:
        """Posts a count; what it comes to, now and with late news, follows in the journal as the ledger posts it."""
        posted, told = legs(Kind.STOCK_COUNTED, 0, Places(here)), {"channel": channel, "document": document}
        return self._append(Kind.STOCK_COUNTED, sku, 0, posted, at=at, known=known, counted=units, **told)

    def void(self, movement: Movement, *, known: datetime | None = None) -> Movement:
        return self._append(
            Kind.MOVEMENT_VOIDED,
            movement.sku,
            movement.quantity,
            reverse(movement.legs),
            at=movement.occurred_at,
            known=known,
            channel=movement.channel,
            document=movement.document,
            voids=movement.kind,
            counted=movement.counted,
        )

    def _append(
        self, kind, sku, units, posted, *, at, known, channel, document, voids=None, counted=None, reason=None
    ) -> Movement:
        offset = len(self.journal)
        moment = at or NOON + timedelta(seconds=offset)
        cause = Cause(0, offset, 0)
        movement = Movement(
            id=cause.movement_id,
            kind=kind,
            sku=sku,
            quantity=units,
            legs=posted,
            transaction=f"{channel}/{document}",
            channel=channel,
            document=document,
            occurred_at=moment,
            recorded_at=known or moment,
            cause=cause,
            voids=voids,
            counted=counted,
            reason=reason,
        )
        taken = take(self.stocks.get(sku, Stock(sku=sku)), movement, offset)
        self.journal.append(movement)
        self.stocks[sku] = taken.stock
        for own in taken.posted:
            self.stocks[sku] = fold(self.stocks[sku], own, len(self.journal))
            self.journal.append(own)
        return movement

    def batch(self, topic: Topic, values: Sequence[Any], start: int | None = None) -> Batch:
        """The values as records that follow what was recorded of the topic, or begin at `start`."""
        first = self.recorded.get(topic.name, 0) if start is None else start
        records = [(first + i, 1_700_000_000_000, encode(value)) for i, value in enumerate(values)]
        return Batch(topic, 0, records, first + len(records))

    async def record(self, topic: Topic, values: Sequence[Any]) -> None:
        """Records the values after those recorded before."""
        batch = self.batch(topic, values)
        await self.recorder.record([batch])
        self.recorded[topic.name] = batch.next_offset

    async def record_all(self, **channels: ChannelRules) -> None:
        """Records the journal's new part, the stock it makes, and the numbers of channels under their rules."""
        await self.record(MOVEMENTS, self.journal[self.recorded.get(MOVEMENTS.name, 0) :])
        await self.record(STOCK, list(self.stocks.values()))
        numbers = [
            quantity(stock, channel, rules, "rules-1")
            for stock in self.stocks.values()
            for channel, rules in channels.items()
        ]
        await self.record(CHANNEL_QUANTITIES, [number for number in numbers if number is not None])


@pytest.fixture(scope="session")
def database(databases, migrated) -> Iterator[str]:
    """One database for all tests here: emptying its tables takes a tenth of making another."""
    with databases(like=migrated) as own:
        yield own


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """A pool on empty tables."""
    opened = await open_pool(database)
    async with opened.connection() as connection:
        await connection.execute(EMPTY)
    yield opened
    await opened.close()


@pytest.fixture
def shop(pool: Pool) -> Shop:
    """An empty shop on a database of its own."""
    return Shop(pool)


@pytest.fixture
def after() -> Callable[..., datetime]:
    """An instant so long after noon of the shop's day."""
    return lambda **span: NOON + timedelta(**span)
