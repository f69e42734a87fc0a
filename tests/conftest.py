"""Real Kafka and real PostgreSQL for every test that asks, in Docker where an engine answers, else started natively."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg.conninfo import conninfo_to_dict
from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer

from deploy.engines import Engines, remove
from deploy.kafka import version
from projections.pool import Pool, migrate, open_pool

# a failure is logged without all that its local variables hold, which takes seconds to write down
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

Databases = Callable[..., AbstractContextManager[str]]

ENGINE_FIXTURES = {"addresses", "kafka", "dsn", "pool", "engines_apart", "up"}
"""A test that uses one of these has used a real engine."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the test engines are."""

    bootstrap: str
    dsn: str


def docker_answers() -> bool:
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "info"], capture_output=True, check=False, timeout=20)
    return bool(asked) and asked.returncode == 0


@pytest.fixture(scope="session")
def addresses() -> Iterator[Addresses]:
    """The engines of the whole run."""
    if docker_answers():
        kafka = KafkaContainer(f"apache/kafka:{version()}")
        with kafka, PostgresContainer("postgres:15", driver=None) as postgres:
            yield in_a_hurry(Addresses(kafka.get_bootstrap_server(), postgres.get_connection_url()))
        return
    data = Path(tempfile.mkdtemp(prefix="onhand-test-"))
    data.chmod(0o755)
    try:
        with Engines(data / "engines") as engines:
            yield in_a_hurry(Addresses(engines.bootstrap, engines.dsn))
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


def in_a_hurry(found: Addresses) -> Addresses:
    """The same. Where all tests are run at once, PostgreSQL waits for no disk: nobody cuts its power, and what tests kill are
    engines of their own. What measures runs by itself, and waits as anybody's PostgreSQL does.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        with psycopg.connect(found.dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
    return found


@contextmanager
def database(there: str, like: str | None = None) -> Iterator[str]:
    """A new database beside the one of the DSN `there`, for as long as it is needed: empty, or a copy of the one of the DSN
    `like`, to which nobody may be connected. Its DSN.
    """
    name = f"t{uuid.uuid4().hex[:8]}"
    with psycopg.connect(there, autocommit=True) as connection:
        # to copy the files is faster than to write them into the journal, which is all that older servers can do
        quickly = " STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
        copied = f" TEMPLATE {conninfo_to_dict(like)['dbname']}{quickly}" if like else ""
        connection.execute(f"CREATE DATABASE {name}{copied}".encode())
    head, _, tail = there.rpartition("/")
    yield f"{head}/{name}{'?' + tail.partition('?')[2] if '?' in tail else ''}"
    with psycopg.connect(there, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def databases(addresses: Addresses) -> Databases:
    """Makes databases, see `database`."""
    return partial(database, addresses.dsn)


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Iterator[str]:
    """A database with our tables and nothing in them, to copy: a copy takes a fraction of what migrating another takes."""
    with databases() as own:
        asyncio.run(migrate(own))
        yield own


@pytest.fixture
def kafka(addresses: Addresses) -> str:
    """Kafka's bootstrap address. Tests keep apart by `prefix`."""
    return addresses.bootstrap


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """A PostgreSQL database of the test's own, empty."""
    with databases() as own:
        yield own


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A pool on the test's own database, migrated."""
    await migrate(dsn)
    opened = await open_pool(dsn)
    await asyncio.wait_for(opened.wait(), 10)
    yield opened
    await opened.close()


# -- which files are begun first, and what really ran

LONGEST = ("system", "stories", "deploy", "simulator", "chaos", "streams", "projections")
"""Folders whose files take long, however few tests they have: a process that begins one last keeps the others waiting."""

_RAN = {"engines": 0}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=0, help="how many examples each law is tried with")
    parser.addoption(
        "--engines-at-least", type=int, default=0, help="fail when fewer tests used the real engines"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and _RAN["engines"] < session.config.getoption(
        "--engines-at-least"
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(
        config.option, "loadscopereorder"
    ):  # with xdist: or it would begin the files with the most tests first
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (_rank(item.path), -tests[item.path], item.path))
    for item in items:
        if (examples := config.getoption("--examples")) and item.get_closest_marker("law"):
            _try_harder(item, examples)
        if ENGINE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.engines)


def _rank(file: Path) -> int:
    room = file.relative_to(Path(__file__).parent).parts[0]
    return LONGEST.index(room) if room in LONGEST else len(LONGEST)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed and "engines" in report.keywords:
        _RAN["engines"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"{_RAN['engines']} tests passed on the real engines (Kafka and PostgreSQL)")


def _try_harder(item: pytest.Item, examples: int) -> None:
    """Gives a law so many examples: one stated with `given`, or the state machine."""
    machine, stated = getattr(item, "cls", None), getattr(item, "obj", None)
    if machine is not None and hasattr(machine, "settings"):
        machine.settings = settings(machine.settings, max_examples=examples)
    elif hasattr(stated, "_hypothesis_internal_use_settings"):
        its = stated._hypothesis_internal_use_settings
        stated._hypothesis_internal_use_settings = settings(its, max_examples=examples)
