"""Tables on disk: what a restart reads, what makes local state count no more, and what a disk may do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.claims import Fact
from schemas.codec import decode, encode
from schemas.ledger import Stock
from schemas.rules import ChannelRules, Rules
from schemas.topics import STOCK
from streams.rocks import DAMAGED, RocksStore
from streams.tables import OFFSET_HEADER, Cell, StoreFailed, Written, source_offset
from streams.writer import Out, partition_of

PARTITIONS = 2
ROOT = Path(__file__).parents[2]
RULES = Rules(version="r1", channels={"web": ChannelRules()})


@pytest.fixture
def store() -> str:
    return "rocksdict"


@pytest.fixture
def changed(record):
    """Makes a changelog record, of a source offset."""
    return lambda key, value, source, **how: record(
        key, value, headers=[(OFFSET_HEADER, b"%d" % source)], **how
    )


@pytest.fixture
def restored(monkeypatch) -> list[bytes]:
    """The keys of the changelog records that stores restore."""
    keys, restore = [], RocksStore.restore

    def counted(self, partition, records):
        keys.extend(record.key for record in records)
        restore(self, partition, records)

    monkeypatch.setattr(RocksStore, "restore", counted)
    return keys


def sold(claim, name: str, sku: str = "MUG"):
    return claim(f"sale/{name}", (Fact.SOLD, sku, 1, "SOHO"))


def made(value: bytes, offset: int):
    return Cell(offset, value), value, ()


def written(offset: int, value: bytes = b"{}", source: int = 0) -> Written:
    return Written(offset, b"K", value, ((OFFSET_HEADER, b"%d" % source),))


# -- a worker on a real broker


async def test_given_a_restart_then_only_the_tail_is_read_and_another_worker_s_changes_are_in_it(
    running, claim, restored
):
    async with running.worker(RULES):
        await running.append(*(claim(f"opening/{n}", (Fact.OPENED, f"S{n}", 9, "SOHO")) for n in range(40)))
        await running.append(*(sold(claim, f"a{n}") for n in range(5)))
        await running.until(STOCK, 41)
        await asyncio.sleep(1.5)
    assert restored == []
    async with running.worker(RULES, "another") as app:
        assert len(restored) >= 41
        await running.append(*(sold(claim, f"b{n}") for n in range(5)))
        await running.until_balance(app, "MUG", -10)
        await asyncio.sleep(1.5)
    restored.clear()
    async with running.worker(RULES) as app:
        assert len([key for key in restored if key.startswith(b"S")]) <= PARTITIONS
        assert b"MUG" in restored
        assert running.balance(app, "MUG") == -10
        await running.append(sold(claim, "c"))
        await running.until_balance(app, "MUG", -11)
    assert running.failed == []


@pytest.mark.parametrize("records", [1, 400])
async def test_given_a_changelog_made_anew_then_the_state_of_the_old_one_is_thrown_away(
    running, claim, records
):
    async with running.worker(RULES):
        await running.append(*(claim(f"opening/{n}", (Fact.OPENED, f"S{n}", 9, "SOHO")) for n in range(40)))
        await running.until(STOCK, 40)
        await asyncio.sleep(1.5)
    await make_anew(running.bootstrap, running.naming(STOCK))
    for p in range(PARTITIONS):
        await running.writer.write(
            Out(
                running.naming(STOCK), b"N%d" % n, encode(Stock(sku=f"N{n}")), [(OFFSET_HEADER, b"%d" % n)], p
            )
            for n in range(records)
        )
    async with running.worker(RULES) as app:
        kept = [{key for key, _ in app.ledger.table.cells_of(p)} for p in range(PARTITIONS)]
    assert kept == [{b"N%d" % n for n in range(records)}] * PARTITIONS


async def make_anew(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        async with asyncio.timeout(20):
            while True:
                answer = await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
                if not answer.topic_errors[0][1]:
                    break
                await asyncio.sleep(0.1)
            while not all(p["leader"] >= 0 for p in (await admin.describe_topics([topic]))[0]["partitions"]):
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def test_given_a_worker_that_died_before_it_wrote_over_a_stranger_then_the_next_does(running, claim):
    async def dies(*_):
        raise RuntimeError("killed")

    async with running.worker(RULES) as app:
        await running.append(claim("opening/1", (Fact.OPENED, "MUG", 9, "SOHO")))
        (ours,) = await running.until(STOCK, 1)
        app.ledger._write_over_stranger = dies
        stranger = Out(running.naming(STOCK), ours.key, ours.value, [(OFFSET_HEADER, b"-1")], ours.partition)
        await running.writer.write([stranger, stranger])
        await running.append(sold(claim, "1", other_in(ours.partition)))
        async with asyncio.timeout(20):
            while not running.failed:
                await asyncio.sleep(0.05)
    running.failed.clear()
    async with running.worker(RULES):
        await running.until(STOCK, 5)
    found = [record for record in await running.records(STOCK) if record.key == ours.key]
    newest = max(found, key=lambda record: record.offset)
    assert source_offset(newest) == source_offset(ours)
    assert decode(Stock, newest.value).balance("SOHO") == 9


def other_in(partition: int) -> str:
    return next(f"S{n}" for n in range(99) if partition_of(b"S%d" % n, PARTITIONS) == partition)


async def test_given_a_disk_that_takes_no_more_then_the_worker_ends_before_it_commits_and_a_restart_goes_on(
    running, claim
):
    async with running.worker(RULES) as app:
        await running.append(*(claim(f"opening/{n}", (Fact.OPENED, f"S{n}", 9, "SOHO")) for n in range(200)))
        await running.until(STOCK, 200)
        await asyncio.sleep(1.5)
        before = await running.reader.committed(app.app.conf.id)
        with no_file_longer_than(largest(running.datadir, ".log")):
            await running.append(sold(claim, "1", "S1"))
            async with asyncio.timeout(20):
                while not running.failed:
                    await asyncio.sleep(0.05)
            await app.settle.commit()
            await app.ledger.commit()
        assert "File too large" in running.failed[0]
        assert await running.reader.committed(app.app.conf.id) == before
    running.failed.clear()
    async with running.worker(RULES) as app:
        await running.until_balance(app, "S1", 8)
    assert running.failed == []


def largest(path: Path, suffix: str) -> int:
    return min(
        max(file.stat().st_size for file in table.glob(f"*{suffix}"))
        for table in {file.parent for file in path.rglob(f"*{suffix}")}
    )


@contextlib.contextmanager
def no_file_longer_than(size: int):
    """As on a full disk, a write beyond fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# -- the store by itself


DIES = """
import os, signal, sys
from pathlib import Path
from streams.rocks import RocksStore
from streams.tables import Cell, Written

class Dying:
    def __init__(self, db, left):
        self.db, self.left = db, left
    def __getattr__(self, name):
        return getattr(self.db, name)
    def write(self, *how):
        self.db.write(*how)
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

store = RocksStore(Path(sys.argv[1]))
store._db = Dying(store._db, int(sys.argv[2]))
for turn in range(100):
    value = b"%d" % turn
    last = Written(turn, b"R", value, (("onhand_offset", value),))
    if turn % 2:
        store.put(1, {b"P%d" % n: (Cell(turn, value), value, ()) for n in range(20)}, last)
    else:
        store.restore(1, [last._replace(key=b"R%d" % n) for n in range(20)])
"""
"""Restores, puts, restores, puts, and dies by SIGKILL right after so many writes to RocksDB."""


@pytest.mark.parametrize("writes", [1, 2, 3, 8, 9])
def test_given_a_process_killed_after_any_write_then_cells_and_mark_are_of_the_same_moment(tmp_path, writes):
    path = tmp_path / "stock"
    done = subprocess.run([sys.executable, "-c", DIES, str(path), str(writes)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    store = RocksStore(path)
    reached = -1 if (mark := store.mark(1)) is None else mark.offset
    assert writes - 2 <= reached < writes
    assert reached == writes - 1 or writes % 2, "what is put outlives the process"
    puts, restores = (
        {cell.offset for key, cell in store.cells_of(1) if key[:1] == kind} for kind in (b"P", b"R")
    )
    assert puts == ({reached - (reached + 1) % 2} if reached > 0 else set())
    assert restores == ({reached - reached % 2} if reached >= 0 else set())
    store.close()


def test_given_a_stranger_s_record_then_the_mark_stays_before_it_until_it_is_written_over(tmp_path, changed):
    store = RocksStore(tmp_path / "stock")
    store.restore(1, [changed(b"A", b"new", 5), changed(b"B", b"b", 6)])
    mark = store.mark(1)
    assert mark.offset == 1
    store.restore(1, [changed(b"A", b"old", 3), changed(b"C", b"c", 7)])
    assert (store.strangers, store.mark(1)) == ({1: {b"A"}}, mark)
    store.close()
    again = RocksStore(tmp_path / "stock")
    again.restore(1, [changed(b"A", b"old", 3, offset=2), changed(b"C", b"c", 7, offset=3)])
    assert again.strangers == {1: {b"A"}}
    again.put(1, {}, written(4))
    assert again.mark(1).offset == 4
    again.close()


def test_given_a_directory_in_use_then_a_second_process_is_told_so(tmp_path):
    store = RocksStore(tmp_path / "stock")
    opens = f"from pathlib import Path; from streams.rocks import RocksStore; RocksStore(Path({str(tmp_path / 'stock')!r}))"
    done = subprocess.run(
        [sys.executable, "-c", opens], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "stock is in use by another process: give every worker a name of its own" in done.stderr
    store.put(0, {b"K": made(b"{}", 1)}, None)
    store.close()


def damage_manifest(path: Path) -> None:
    next(path.glob("MANIFEST-*")).write_bytes(b"no manifest" * 100)


def remove_tables(path: Path) -> None:
    for file in path.glob("*.sst"):
        file.unlink()


@pytest.mark.parametrize("damage", [damage_manifest, remove_tables])
def test_given_a_damaged_directory_then_it_is_thrown_away_with_a_warning(tmp_path, capsys, damage):
    path = tmp_path / "stock"
    store = RocksStore(path)
    store.put(0, {b"K": made(b"{}", 1)}, written(1))
    store.close()
    damage(path)
    again = RocksStore(path)
    assert "the local state is damaged" in capsys.readouterr().out
    assert (again.get(0, b"K"), again.mark(0)) == (None, None)
    again.put(0, {b"K": made(b"{}", 1)}, None)
    again.close()


def test_given_damage_that_shows_when_it_is_read_then_the_worker_ends_and_the_next_throws_it_away(tmp_path):
    path = tmp_path / "stock"
    store = RocksStore(path)
    store.put(0, {b"K%05d" % n: made(os.urandom(100), 1) for n in range(5_000)}, written(1))
    store.close()
    table = max(path.glob("*.sst"), key=lambda file: file.stat().st_size)
    with table.open("r+b") as file:
        file.seek(100_000)
        file.write(bytes(50_000))
    again = RocksStore(path)
    with pytest.raises(StoreFailed, match="Corruption"):
        [again.get(0, b"K%05d" % n) for n in range(5_000)]
    assert (path / DAMAGED).exists()
    again.close()
    empty = RocksStore(path)
    assert empty.mark(0) is None
    empty.close()
