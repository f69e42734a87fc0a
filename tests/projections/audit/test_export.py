"""An export holds what was known, the same bytes from the same log, and nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from projections.audit import export as exporting
from projections.audit import retracing, writing
from projections.audit.checking import check
from projections.audit.export import Bounds, Unsound, export
from projections.audit.folder import NotEmpty
from projections.audit.shapes import MOVEMENTS, movements_file
from projections.audit.writing import write
from projections.pool import migrate, open_pool
from projections.recorder import Recorder
from schemas.movements import Movement
from schemas.postings import Kind
from schemas.topics import MOVEMENTS as TOPIC


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / name, partitioning=None).to_pylist()


def stock(folder: Path, name: str = "closing-stock.parquet") -> dict[tuple[str, str, str], int]:
    return {(row["sku"], row["location"], row["state"]): row["units"] for row in rows(folder, name)}


# -- what is in it


async def test_given_a_journal_then_every_movement_is_in_the_export_as_it_was_posted(
    business, record, exported
):
    await record(*business.batches())
    folder = await exported()
    for partition, log in business.journal.items():
        told = rows(folder, movements_file(partition))
        assert [row["log_offset"] for row in told] == list(range(len(log)))
        for row, movement in zip(told, log, strict=True):
            same = {one.name for one in fields(Movement)} & row.keys() - {
                "legs",
                "kind",
                "voids",
                "witnessed",
            }
            assert {name: row[name] for name in same} == {name: getattr(movement, name) for name in same}
            assert [(leg["location"], leg["state"], leg["quantity"]) for leg in row["legs"]] == [
                (leg.location, leg.state, leg.quantity) for leg in movement.legs
            ]
            assert (row["kind"], row["voids"]) == (movement.kind, movement.voids)
            assert (row["witnessed"] and json.loads(row["witnessed"])) == movement.witnessed
            assert (row["partition"], row["within"]) == (partition, True)


async def test_given_a_journal_then_the_closing_stock_is_what_the_ledger_says(
    business, record, exported, pool
):
    await record(*business.batches())
    folder = await exported()
    assert stock(folder) == business.cells()
    assert len(business.cells()) > 50
    cells = list(stock(folder))
    assert cells == sorted(cells)
    table = {}
    async with pool.connection() as connection:
        for sku, its in await (await connection.execute("SELECT sku, stock FROM stock")).fetchall():
            table |= {
                (sku, place, state): n
                for place, here in its["locations"].items()
                for state, n in here.items()
            }
            table |= {(sku, place, "boundary"): n for place, n in its["boundary"].items()}
    assert stock(folder) == table


async def test_given_what_is_beside_the_movements_then_it_is_there_without_payloads(
    business, record, exported, tools
):
    await record(*business.batches(), *tools.besides())
    folder = await exported()
    assert [(row["movement"], row["sku"], row["available"]) for row in rows(folder, "oversells.parquet")] == [
        ("0-0-0", "a", 0),
        ("0-1-0", "B", -1),
        ("0-2-0", "a", -2),
        ("0-3-0", "B", -3),
    ]
    receipts = rows(folder, "receipts.parquet")
    assert [(row["sku"], row["level"], row["detail"], row["ref"]) for row in receipts] == [
        ('MUG "large", blue', 5, None, None),
        ('MUG "large", blue', 5, "", None),
    ]
    letters = rows(folder, "dead-letters.parquet")
    assert [row["ref"] for row in letters] == ["order/20", "order/21"]
    assert letters[0]["reason"] == 'unknown, and "odd"\nname'
    assert "payload" not in letters[0]
    ruled = rows(folder, "rules.parquet")
    assert [(row["version"], row["edition"], row["by"]) for row in ruled] == [
        ("r2", 1, None),
        ("r1", None, "onhand.toml"),
    ]
    assert json.loads(ruled[1]["rules"])["channels"]["web"]["safety_stock"] == 1


async def test_given_nothing_has_happened_then_the_export_says_so(exported, tools):
    folder = await exported()
    assert stock(folder) == {}
    assert tools.manifest(folder)["chain"] == {}
    assert tools.check(folder, tools.key.public).ok


async def test_given_a_role_that_may_read_five_tables_then_it_can_export(
    business, record, exported, database, tools, tmp_path
):
    """So nothing else is read: not the vault, and no payload of what was refused."""
    await record(*business.batches(), *tools.besides())
    whole = await exported()
    role = f"auditor_{database.rpartition('/')[2].partition('?')[0]}"
    columns = "partition, log_offset, channel, topic, stage, reason, ref, received_at"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"GRANT SELECT ON movements, oversells, receipts TO {role}".encode())
        connection.execute(f"GRANT SELECT ({columns}) ON dead_letters TO {role}".encode())
        try:
            pool = await open_pool(f"{database}{'&' if '?' in database else '?'}options=-c%20role%3D{role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with pool.connection() as limited:
                    await limited.execute("SELECT * FROM subjects")
            limits = Bounds()
            await export(pool, tmp_path / "limited", limits, tools.ruled, signer=tools.key, product="0.1.0")
            await pool.close()
        finally:
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())
    assert contents(tmp_path / "limited") == contents(whole)


# -- the same bytes


async def test_given_the_same_log_then_the_same_bytes_every_time(business, record, exported, tools):
    await record(*business.batches(), *tools.besides())
    first, second = await exported("first"), await exported("second")
    assert contents(first) == contents(second)
    assert len(contents(first)) == 12


async def test_given_a_database_recorded_anew_in_another_order_then_the_same_bytes(
    business, record, exported, addresses, tools, tmp_path
):
    """Another database, its collation and time zone, batches of other sizes, partitions in another order, some records twice."""
    await record(*business.batches(), *tools.besides())
    first = await exported()
    name = f"again_{random.Random().randrange(10**9)}"
    with psycopg.connect(addresses.dsn, autocommit=True) as connection:
        icu = connection.execute("SELECT 1 FROM pg_collation WHERE collprovider = 'i' LIMIT 1").fetchone()
        order = "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'" if icu else "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {order}".encode())
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'".encode())
    head, _, tail = addresses.dsn.rpartition("/")
    dsn = f"{head}/{name}{'?' + tail.partition('?')[2] if '?' in tail else ''}"
    try:
        await migrate(dsn)
        pool = await open_pool(dsn)
        recorder = Recorder(pool)
        for whole in [*tools.besides(), *reversed(business.batches())]:
            for one in whole.singly():
                await recorder.record([one])
        await recorder.record(business.batches())
        await export(pool, tmp_path / "again", Bounds(), tools.ruled[::-1], signer=tools.key, product="0.1.0")
        await pool.close()
    finally:
        with psycopg.connect(addresses.dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    assert contents(first) == contents(tmp_path / "again")


async def test_given_a_bound_in_the_past_then_what_comes_later_changes_nothing(
    business, record, exported, tools
):
    await record(*business.batches(), *tools.besides())
    bound = tools.noon + timedelta(minutes=150)
    before = await exported("before", until=bound)
    more = tools.Business()
    more.counter = 100_000
    more.stocks = business.stocks
    more.journal = {partition: [] for partition in business.journal}
    for number in range(50):
        more.post(Kind.POS_SALE_COMPLETED, 1, f"SKU-{number % 5}", known=tools.noon + timedelta(days=9))
    await record(
        *(
            tools.batch(TOPIC, log, partition, len(business.journal[partition]))
            for partition, log in more.journal.items()
            if log
        )
    )
    after = await exported("after", until=bound.astimezone(timezone(timedelta(hours=5))))
    assert contents(before) == contents(after)
    assert contents(await exported("all")) != contents(after)


@pytest.fixture
def small_steps(monkeypatch):
    """Many row groups, and many steps in reading them, of few movements."""
    monkeypatch.setattr(writing, "ROW_GROUP", 32)
    monkeypatch.setattr(retracing, "BATCH", 7)


async def test_given_more_movements_than_a_row_group_has_then_each_is_full_but_the_last(
    business, record, exported, tools, small_steps
):
    await record(*business.batches(), *tools.besides())
    folder = await exported(since=tools.noon + timedelta(minutes=30))
    for path in folder.glob("movements-*"):
        meta = pq.read_metadata(path)
        sizes = [meta.row_group(number).num_rows for number in range(meta.num_row_groups)]
        assert set(sizes[:-1]) == {32}
        assert len(sizes) > 3
    report = tools.check(folder, tools.key.public)
    assert report.ok
    for partition, span in tools.manifest(folder)["offsets"]["movements"].items():
        told = rows(folder, movements_file(int(partition)))
        assert (span["first"], span["last"]) == (told[0]["log_offset"], told[-1]["log_offset"])


async def test_given_movements_that_arrive_while_it_is_written_then_they_are_in_none_of_its_files(
    business, record, exported, tools, monkeypatch
):
    await record(*business.batches())
    before = await exported("before")
    more = tools.Business()
    more.counter = 100_000
    for number in range(10):
        more.post(Kind.POS_SALE_COMPLETED, 1, f"SKU-{number}")

    async def written(*asked):
        for partition, log in more.journal.items():
            await record(tools.batch(TOPIC, log, partition, len(business.journal[partition])))
        more.journal.clear()
        return await write(*asked)

    monkeypatch.setattr(exporting, "write", written)
    assert contents(await exported("meanwhile")) == contents(before)
    assert contents(await exported("after")) != contents(before)


# -- bounds


async def test_given_bounds_then_opening_stock_and_movements_within_come_to_the_closing_stock(
    business, record, exported, tools
):
    await record(*business.batches(), *tools.besides())
    since, until = tools.noon + timedelta(minutes=100), tools.noon + timedelta(minutes=200)
    folder = await exported(since=since, until=until)
    cells = stock(folder, "opening-stock.parquet")
    assert cells == brute(business, before=since)
    told = [row for path in sorted(folder.glob("movements-*")) for row in rows(folder, path.name)]
    assert {row["id"] for row in told if row["within"]} == {
        movement.id
        for log in business.journal.values()
        for movement in log
        if since <= movement.recorded_at <= until
    }
    for row in told:
        for leg in row["legs"] if row["within"] else ():
            cell = row["sku"], leg["location"], leg["state"]
            cells[cell] = cells.get(cell, 0) + leg["quantity"]
    assert {cell: units for cell, units in cells.items() if units} == stock(folder)
    assert stock(folder) == brute(business, until=until)
    assert [row["movement"] for row in rows(folder, "oversells.parquet")] == []
    assert tools.check(folder, tools.key.public).ok


def brute(business, before: datetime | None = None, until: datetime | None = None) -> dict:
    cells: dict[tuple[str, str, str], int] = {}
    for movement in (movement for log in business.journal.values() for movement in log):
        if (before and movement.recorded_at >= before) or (until and movement.recorded_at > until):
            continue
        for leg in movement.legs:
            cell = movement.sku, leg.location, leg.state
            cells[cell] = cells.get(cell, 0) + leg.quantity
    return {cell: units for cell, units in cells.items() if units}


async def test_given_exports_of_two_years_then_the_second_opens_with_what_the_first_closes_with(
    business, record, exported, tools
):
    await record(*business.batches())
    end = tools.noon + timedelta(minutes=123)
    first = await exported("first", until=end)
    second = await exported("second", since=end + timedelta(microseconds=1))
    assert stock(first) == stock(second, "opening-stock.parquet")
    ends, begins = tools.manifest(first)["chain"], tools.manifest(second)["chain"]
    assert {p: its["last_seal"] for p, its in ends.items()} == {p: its["before"] for p, its in begins.items()}


async def test_given_movements_that_were_recorded_out_of_order_then_the_chain_has_no_gap(
    record, exported, tools
):
    """Claims of two partitions meet in one of movements: what was recorded first need not stand first."""
    business = tools.Business(partitions=1)
    for minute in (1, 5, 2, 6, 4, 3, 9):
        business.post(Kind.POS_SALE_COMPLETED, 1, known=tools.noon + timedelta(minutes=minute))
    await record(*business.batches())
    folder = await exported(since=tools.noon + timedelta(minutes=2), until=tools.noon + timedelta(minutes=4))
    told = rows(folder, movements_file(0))
    assert [(row["log_offset"], row["within"]) for row in told] == [
        (2, True),
        (3, False),
        (4, True),
        (5, True),
    ]
    assert stock(folder, "opening-stock.parquet")["TEE", "SOHO", "available"] == -1
    assert stock(folder)["TEE", "SOHO", "available"] == -4
    report = tools.check(folder, tools.key.public)
    assert (report.ok, report.movements, report.within) == (True, 4, 3)


# -- whole or not at all


async def test_given_a_folder_with_something_in_it_then_nothing_is_written(exported, tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "notes.txt").write_text("mine")
    with pytest.raises(NotEmpty, match="is not empty"):
        await exported()
    assert [path.name for path in tmp_path.rglob("*.*")] == ["notes.txt"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotEmpty):
        await exported("file")
    (tmp_path / "empty").mkdir()
    assert (await exported("empty")).is_dir()


async def test_given_an_export_that_is_not_checked_yet_then_it_has_another_name(
    business, record, exported, tmp_path, monkeypatch
):
    await record(*business.batches())
    seen: list[list[str]] = []

    def looked_at(draft: Path, *more):
        seen.append([path.name for path in tmp_path.iterdir()])
        return check(draft, *more)

    monkeypatch.setattr(exporting, "check", looked_at)
    await exported()
    [[name]] = seen
    assert name.startswith("export.unfinished-")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


async def test_given_an_export_that_fails_half_way_then_there_is_none(
    business, record, exported, tmp_path, pool
):
    await record(*business.batches())
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE receipts RENAME TO elsewhere")
        try:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await exported()
        finally:
            await connection.execute("ALTER TABLE elsewhere RENAME TO receipts")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE movements SET reason = 'theft' WHERE partition = 1 AND log_offset = 20",
        "UPDATE movements SET locations = ARRAY['WH', 'X'] WHERE partition = 1 AND log_offset = 20",
        "UPDATE movements SET seal = NULL WHERE partition = 1 AND log_offset = 20",
        "UPDATE movements SET recorded_at = recorded_at + interval '1 microsecond' WHERE partition = 1 AND log_offset = 20",
        "DELETE FROM movements WHERE partition = 1 AND log_offset = 19",
    ],
)
async def test_given_a_journal_that_somebody_edited_then_it_is_not_signed_for(
    business, record, exported, tmp_path, pool, edit
):
    await record(*business.batches())
    async with pool.connection() as connection:
        await connection.execute("SET session_replication_role = replica")  # who owns the tables can
        await connection.execute(edit.encode())
        await connection.execute("RESET session_replication_role")
    with pytest.raises(Unsound, match="at offset 20"):
        await exported()
    assert list(tmp_path.iterdir()) == []


# -- for whoever has no Onhand


async def test_given_an_export_then_openssl_and_sha256sum_check_it(business, record, exported):
    await record(*business.batches())
    folder = await exported()

    def said(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    summed = said("sha256sum", "-c", "SHA256SUMS")
    assert summed.count(": OK") == len(list(folder.iterdir())) - 2
    command = (
        "openssl pkeyutl -verify -rawin -pubin -inkey public-key.pem -in manifest.json -sigfile manifest.sig"
    )
    assert command in (folder / "README.txt").read_text()
    assert "Signature Verified Successfully" in said(*command.split())
    (folder / "manifest.json").write_bytes(
        (folder / "manifest.json").read_bytes().replace(b'"0.1.0"', b'"0.1.1"')
    )
    assert "Verified Successfully" not in said(*command.split())
    assert "manifest.json: FAILED" in said("sha256sum", "-c", "SHA256SUMS")


async def test_given_the_readme_then_its_recipe_makes_the_seals(business, record, exported, tools):
    """Without a line of ours: an auditor's own program."""
    await record(*business.batches())
    folder = await exported()
    order = [
        *("id", "kind", "sku", "quantity", "legs", "transaction", "channel", "document", "occurred_at"),
        *("recorded_at", "cause", "reason", "voids", "demand_class", "counted", "bundle", "witnessed", "v"),
    ]
    for partition, its in tools.manifest(folder)["chain"].items():
        before = bytes.fromhex(its["before"])
        assert before == bytes(32)
        for row in rows(folder, movements_file(int(partition))):
            said = {**row, "cause": {"partition": 0, "offset": 0, "index": 0}, "v": 1}
            for name in ("occurred_at", "recorded_at"):
                said[name] = row[name].astimezone(UTC).isoformat().replace("+00:00", "Z")
            said["witnessed"] = row["witnessed"] and json.loads(row["witnessed"])
            kept = {name: said[name] for name in order if said[name] is not None}
            text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
            before = hashlib.sha256(before + text.encode()).digest()
            assert row["seal"] == before.hex()
        assert its["last_seal"] == before.hex()


def test_given_the_readme_then_it_names_every_column_and_file():
    text = (Path(__file__).parents[3] / "projections" / "audit" / "README.txt").read_text()
    assert [column.name for column in MOVEMENTS.columns if column.name not in text] == []
    assert max(map(len, text.splitlines())) <= 140
