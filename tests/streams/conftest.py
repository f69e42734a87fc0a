"""Records as Kafka hands them over, and a stage of our own on a real broker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.contrib.asgi import bind_to_running_loop

from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import decode, encode, headers
from schemas.ledger import Stock
from schemas.rules import Rules
from schemas.topics import CLAIMS
from schemas.witnesses import NOBODY
from streams.app import create_app
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer, partition_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def dsn(request, databases, migrated) -> Iterator[str]:
    """A PostgreSQL database of the test's own: empty, or with our tables already where it has a pool as well."""
    with databases(like=migrated if "pool" in request.fixturenames else None) as own:
        yield own


@pytest.fixture
def record() -> Callable[..., ConsumerRecord]:
    """Makes a record of a topic; offsets count up unless one is given."""
    offsets = itertools.count()

    def made(
        key: bytes,
        value: bytes,
        *,
        offset: int | None = None,
        headers: Iterable[Any] = (),
        partition: int = 0,
    ):
        at = int(NOW.timestamp() * 1000)
        number = next(offsets) if offset is None else offset
        return ConsumerRecord(
            "topic", partition, number, at, 0, key, value, None, len(key), len(value), tuple(headers)
        )

    return made


@pytest.fixture
def claim() -> Callable[..., Claim]:
    """Makes a claim of one document with one line for each (fact, SKU, units, location)."""

    def made(
        transaction: str,
        *facts: tuple[Fact, str, int, str | None],
        version: int = 1,
        channel: str = "tills",
        at: datetime = NOW,
    ):
        lines = tuple(
            Line(fact=fact, sku=sku, quantity=units, at=at, location=where)
            for fact, sku, units, where in facts
        )
        document = Document(id=transaction, version=version, lines=lines)
        return Claim(
            transaction=transaction, channel=channel, topic="test", occurred_at=NOW, documents=(document,)
        )

    return made


@pytest.fixture
def recorded(record: Any) -> Callable[[Claim], ConsumerRecord]:
    """Makes the record of a claim."""
    return lambda made, **how: record(made.transaction.encode(), encode(made), **how)


PARTITIONS = 2


class Running:
    """An app of ours in this process, with its own topics."""

    def __init__(self, bootstrap: str, naming: Naming, datadir, store: str) -> None:
        self.bootstrap, self.naming, self.datadir, self.store = bootstrap, naming, datadir, store
        self.failed: list[str] = []
        self.known: dict[str, Rules] = {}

    @asynccontextmanager
    async def worker(self, rules: Rules, home: str = "worker-0") -> AsyncIterator:
        app = create_app(
            bootstrap=self.bootstrap,
            partitions=PARTITIONS,
            naming=self.naming,
            rules=rules,
            authority=NOBODY,
            writer=self.writer,
            reader=self.reader,
            instance="worker-0",
            datadir=str(self.datadir / home),
            store=self.store,
            known=self.known.get,
            fail=self.failed.append,
        )
        (self.datadir / home).mkdir(exist_ok=True)
        bind_to_running_loop(app.app)
        app.app.finalize()
        await app.app.start()
        try:
            async with asyncio.timeout(30):
                while not app.ready:
                    await asyncio.sleep(0.05)
                    await app.begin()
            yield app
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(app.app.stop(), 15)
            await app.close()

    async def append(self, *claims) -> None:
        await self.writer.write(
            Out(
                self.naming(CLAIMS),
                c.transaction.encode(),
                encode(c),
                headers(CLAIMS, c.transaction, "t", c.occurred_at),
            )
            for c in claims
        )

    async def records(self, topic) -> list:
        return [r async for some in self.reader.whole(self.naming(topic), PARTITIONS) for r in some]

    async def until_balance(self, app, sku: str, units: int) -> None:
        """Waits until the ledger's table has so many units of a SKU at SOHO."""
        async with asyncio.timeout(20):
            while self.balance(app, sku) != units:
                await asyncio.sleep(0.05)

    def balance(self, app, sku: str) -> int:
        cell = self.cell(app, sku.encode())
        if cell is None:
            return 0
        stock = decode(Stock, cell.state) if isinstance(cell.state, bytes) else cell.state
        return stock.balance("SOHO")

    def cell(self, app, key: bytes):
        """What the ledger's table holds of a SKU."""
        return app.ledger.table.get(partition_of(key, PARTITIONS), key)

    async def until(self, topic, count: int) -> list:
        """The records of a topic once there are so many."""
        async with asyncio.timeout(20):
            while len(found := await self.records(topic)) < count:
                assert not self.failed
                await asyncio.sleep(0.05)
        return found


@pytest.fixture(params=["memory", "rocksdict"])
def store(request) -> str:
    """Where the worker keeps its tables."""
    return request.param


@pytest.fixture
async def running(kafka, prefix, tmp_path, store):
    """Topics, and workers to run on them."""
    made = Running(kafka, Naming(prefix), tmp_path, store)
    await create_topics(kafka, made.naming, PARTITIONS)
    made.writer, made.reader = Writer(kafka, PARTITIONS), Reader(kafka)
    await made.writer.start()
    await made.reader.start()
    yield made
    await made.writer.stop()
    await made.reader.stop()
