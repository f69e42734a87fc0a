from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from deploy import postgres
from deploy.engines import Engines, remove, running
from deploy.processes import runs

OWNER = """
import json, signal, sys, time
from pathlib import Path
from deploy.engines import EngineError, Engines
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
try:
    with Engines(Path(sys.argv[1])) as engines:
        print(json.dumps({"dsn": engines.dsn, "bootstrap": engines.bootstrap}), flush=True)
        time.sleep(600)
except EngineError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit(130)
"""


def own(data: Path) -> subprocess.Popen[str]:
    """A process that owns engines, as `onhand up` does."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def descendants(pid: int) -> set[int]:
    """All processes below a process: guardians, servers, and PostgreSQL's own children."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    return set(filter(runs, pids))


def gone_within(pids: set[int], seconds: float) -> set[int]:
    deadline = time.monotonic() + seconds
    while (left := alive(pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.fixture(scope="module")
def data(data_dirs) -> Path:
    """One data directory for all owners, one after the other."""
    return data_dirs("owned")


@pytest.fixture
def engines_apart(data) -> Path:
    """Where engines of a process of their own are."""
    return data


def ended_cleanly(data: Path) -> bool:
    """Whether both servers wrote that they had time to put everything away."""
    said = (data / "postgres.log").read_text().splitlines()[-1]
    return "database system is shut down" in said and (data / "log" / ".kafka_cleanshutdown").exists()


def test_given_two_starts_at_once_then_one_has_the_engines_and_the_other_is_told_so_in_one_line(
    engines_apart,
):
    owners = [own(engines_apart) for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while not (lost := [owner for owner in owners if owner.poll() is not None]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (loser,) = lost
        said, complaint = loser.communicate()
        assert (loser.returncode, said) == (1, "")
        assert complaint == f"the engines of {engines_apart} are running already, or are being started\n"
        (winner,) = [owner for owner in owners if owner is not loser]
        told = json.loads(winner.stdout.readline())
        assert running(engines_apart).dsn == told["dsn"]
        with psycopg.connect(told["dsn"], autocommit=True) as connection:
            connection.execute("CREATE TABLE kept ()")
    finally:
        for owner in owners:
            owner.terminate()
            owner.communicate()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_given_the_owner_is_asked_to_stop_then_the_servers_end_cleanly_and_no_process_is_left(
    engines_apart, how
):
    with own(engines_apart) as owner:
        try:
            told = json.loads(owner.stdout.readline())
            below = descendants(owner.pid)
            assert len(below) >= 4 + 3, "two guardians, two servers, PostgreSQL's own"
            with psycopg.connect(told["dsn"]) as connection:
                owner.send_signal(how)
                owner.wait(30)
                assert gone_within(below, 30) == set()
                connection.close()
        finally:
            owner.kill()
    assert running(engines_apart) is None
    assert ended_cleanly(engines_apart)


def test_given_the_owner_is_killed_then_nothing_is_left_and_a_start_right_after_waits_for_that(
    engines_apart,
):
    with own(engines_apart) as owner:
        told = json.loads(owner.stdout.readline())
        below = descendants(owner.pid)
        owner.kill()
    began = time.monotonic()
    with Engines(engines_apart) as engines:
        assert alive(below) == set()
        assert time.monotonic() - began < 30
        assert (engines.dsn, engines.bootstrap) == (told["dsn"], told["bootstrap"])
        with psycopg.connect(engines.dsn) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    log = (engines_apart / "postgres.log").read_text()
    assert "not properly shut down" not in log
    assert ended_cleanly(engines_apart)


def test_given_a_first_start_cut_off_at_its_worst_moment_then_the_next_one_begins_anew(engines_apart):
    data = engines_apart.with_name("cut-off")
    data.mkdir()
    (data / "ports.json").write_text("{")
    (data / "postgres.password").touch(0o600)
    half = postgres.home_of(data).with_suffix(".new")
    half.mkdir()
    (half / "PG_VERSION").write_text("15")
    try:
        with Engines(data, kafka=False) as engines, psycopg.connect(engines.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not half.exists()
    finally:
        remove(data)


def test_given_a_folder_deleted_and_made_again_then_it_is_a_new_installation(engines_apart):
    data = engines_apart.with_name("deleted")
    homes = []
    for _ in range(2):
        with Engines(data, kafka=False) as engines, psycopg.connect(engines.dsn) as connection:
            connection.execute("CREATE TABLE kept (one integer)")
        homes.append(postgres.home_of(data))
        shutil.rmtree(data)
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
