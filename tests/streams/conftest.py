"""Records as Kafka hands them over, and a stage of our own on a real broker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import encode

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


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
        transaction: str, *facts: tuple[Fact, str, int, str | None], version: int = 1, channel: str = "tills"
    ):
        lines = tuple(
            Line(fact=fact, sku=sku, quantity=units, at=NOW, location=where)
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
