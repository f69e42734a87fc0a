from __future__ import annotations

import asyncio

import psycopg
import pytest

from projections import pool as pools
from projections.pool import MigrationChanged, leadership, migrate, migrations, open_pool


async def tables(dsn: str) -> set[str]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        found = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in await found.fetchall()}


async def test_given_an_empty_database_then_every_migration_is_applied_once(dsn):
    assert await migrate(dsn) == [name for name, _ in migrations()]
    assert {"movements", "stock", "offsets", "told", "schema_migrations"} <= await tables(dsn)


async def test_given_a_migrated_database_then_migrating_again_changes_nothing(dsn):
    await migrate(dsn)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("INSERT INTO cursors VALUES ('web', 'here')")
    assert await migrate(dsn) == []
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        assert await (await connection.execute("SELECT cursor FROM cursors")).fetchone() == ("here",)


async def test_given_two_processes_that_migrate_at_once_then_one_does_and_the_other_finds_it_done(dsn):
    done = await asyncio.gather(migrate(dsn), migrate(dsn), migrate(dsn))
    assert sorted(done, key=len) == [[], [], [name for name, _ in migrations()]]


async def test_given_a_new_migration_then_only_that_one_is_applied(dsn, monkeypatch):
    await migrate(dsn)
    more = [*migrations(), ("9999_more.sql", "CREATE TABLE more (id int)")]
    monkeypatch.setattr(pools, "migrations", lambda: more)
    assert await migrate(dsn) == ["9999_more.sql"]
    assert "more" in await tables(dsn)


async def test_given_an_applied_migration_was_edited_then_it_is_refused_by_name_and_nothing_is_applied(
    dsn, monkeypatch
):
    await migrate(dsn)
    (name, text), *rest = migrations()
    edited = [(name, text + "\n-- edited"), *rest, ("9999_more.sql", "CREATE TABLE more (id int)")]
    monkeypatch.setattr(pools, "migrations", lambda: edited)
    with pytest.raises(MigrationChanged, match=name):
        await migrate(dsn)
    assert "more" not in await tables(dsn)


async def test_given_a_migration_that_fails_then_none_of_its_company_is_left(dsn, monkeypatch):
    broken = [("0001_good.sql", "CREATE TABLE good (id int)"), ("0002_bad.sql", "CREATE TABLE good (id int)")]
    monkeypatch.setattr(pools, "migrations", lambda: broken)
    with pytest.raises(psycopg.errors.DuplicateTable):
        await migrate(dsn)
    assert await tables(dsn) == set()


async def test_given_two_candidates_then_one_leads_and_the_other_waits_until_it_is_done(dsn):
    seen: list[str] = []

    async def candidate(name: str) -> None:
        async with leadership(dsn, "recorder"):
            seen.append(f"{name} in")
            await asyncio.sleep(0.2)
            seen.append(f"{name} out")

    await asyncio.gather(candidate("one"), candidate("two"))
    first, second = seen[0].split()[0], seen[2].split()[0]
    assert seen == [f"{first} in", f"{first} out", f"{second} in", f"{second} out"]
    assert first != second


async def test_given_different_roles_then_each_has_a_leader_at_the_same_time(dsn):
    async with leadership(dsn, "recorder"), asyncio.timeout(5), leadership(dsn, "sink web"):
        pass


async def test_given_the_leader_fails_then_its_role_is_free(dsn):
    with pytest.raises(RuntimeError):
        async with leadership(dsn, "recorder"):
            raise RuntimeError
    async with asyncio.timeout(5), leadership(dsn, "recorder"):
        pass


async def test_given_the_leaders_connection_dies_then_the_next_one_leads(dsn):
    led = asyncio.Event()

    async def successor() -> None:
        async with leadership(dsn, "recorder"):
            led.set()

    async with leadership(dsn, "recorder"):
        waiting = asyncio.create_task(successor())
        await asyncio.sleep(0.2)
        assert not led.is_set()
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        await asyncio.wait_for(waiting, 5)
    assert led.is_set()


async def test_given_a_candidate_gives_up_waiting_then_it_leaves_no_claim_behind(dsn):
    async with leadership(dsn, "recorder"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), leadership(dsn, "recorder"):
                pytest.fail("two leaders")
    async with asyncio.timeout(5), leadership(dsn, "recorder"):
        pass


async def test_given_a_pool_then_its_connections_compile_no_question(dsn):
    pool = await open_pool(dsn)
    try:
        async with pool.connection() as connection:
            assert await (await connection.execute("SHOW jit")).fetchone() == ("off",)
    finally:
        await pool.close()
