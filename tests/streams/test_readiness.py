"""What `/readyz` asks, on the real engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.processes import free_port
from projections.pool import open_pool
from streams import readiness
from streams.readiness import Log, Readiness, database, disk
from streams.settings import Settings
from streams.stages import Naming
from streams.topics import create_topics


@pytest.fixture
async def log(kafka, prefix):
    made = Log(kafka, Naming(prefix))
    yield made
    await made.stop()


async def test_given_engines_that_take_writes_then_both_hold_and_nothing_is_left(kafka, prefix, pool, log):
    await create_topics(kafka, Naming(prefix), 1)
    assert [await log.check(), await log.check(), await database(pool), await database(pool)] == [
        ("log", True, ""),
        ("log", True, ""),
        ("database", True, ""),
        ("database", True, ""),
    ]
    async with pool.connection() as connection:
        left = await connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'probe'"
        )
        assert await left.fetchone() == (0,)


async def test_given_nobody_answers_then_neither_holds_and_it_says_which(prefix):
    away = Log(f"127.0.0.1:{free_port()}", Naming(prefix))
    pool = await open_pool(f"postgresql://onhand@127.0.0.1:{free_port()}/onhand")
    try:
        found = [await away.check(), await database(pool)]
    finally:
        await pool.close()
    assert [(check.name, check.ok) for check in found] == [("log", False), ("database", False)]
    assert found[0].reason.startswith("Kafka takes no write")
    assert found[1].reason.startswith("PostgreSQL takes no write")


def test_given_a_disk_with_less_than_it_takes_then_it_does_not_hold_and_says_where(monkeypatch, tmp_path):
    assert disk("state", tmp_path / "to" / "come") == ("state", True, "")
    monkeypatch.setattr(readiness, "LEFT", 1 << 60)
    found = disk("state", tmp_path)
    assert not found.ok
    assert found.reason.endswith(f"MB are free in {tmp_path}")


async def test_given_more_than_one_reason_then_all_are_said_and_asked_again_only_after_a_while(
    kafka, prefix, pool, log, monkeypatch
):
    await create_topics(kafka, Naming(prefix), 1)
    settings = Settings(
        data=Path("/"), kafka={"address": kafka}, postgres={"address": "postgresql://elsewhere"}
    )
    known = [False]
    monkeypatch.setattr(readiness, "LEFT", 1 << 60)
    asked = Readiness(settings, log, pool, lambda: known[0])
    why = await asked.why_not()
    assert "the disk is full" in why
    assert "Kafka has not answered yet" in why
    monkeypatch.undo()
    known[0] = True
    assert await asked.why_not() == why
    monkeypatch.setattr(readiness, "HOLDS_FOR", 0.0)
    assert await asked.why_not() is None
