"""What a command needs of a running system, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar, cast

import orjson
import structlog
import typer
from rich.console import Console

from projections.pool import Pool, migrate, open_pool
from projections.queries import Queries
from schemas.ruling import BadRules
from streams.garbage import collect_seldom
from streams.settings import BadConfiguration, Settings, load
from streams.system import addresses

if TYPE_CHECKING:
    from streams.batches import Batches
    from streams.customers import Customers
    from streams.intake import Intake
    from streams.reader import Reader
    from streams.ruling import Ruling
    from streams.stages import Naming
    from streams.verify import Verifier

out = Console()
err = Console(stderr=True)

Config = Annotated[Path, typer.Option("--config", envvar="ONHAND_CONFIG", help="The configuration file.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Instant = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"],
        help="An instant; UTC unless it says otherwise.",
    ),
]
ONHAND_TOML = Path("onhand.toml")

Result = TypeVar("Result")


class Parts:
    """What a command needs of a running system, loaded and opened when asked for."""

    def __init__(self, config: Path) -> None:
        self.settings: Settings = load(config)
        found = addresses(self.settings)
        self.bootstrap, self.dsn, self.versions = found.bootstrap, found.dsn, found.versions
        self._stack = contextlib.AsyncExitStack()
        self._pool: Pool | None = None

    @cached_property
    def naming(self) -> Naming:
        """The names of our topics."""
        from streams.stages import Naming

        return Naming(self.settings.kafka.prefix)

    async def pool(self) -> Pool:
        """PostgreSQL, with its schema."""
        if self._pool is None:
            await migrate(self.dsn)
            self._pool = await open_pool(self.dsn, 2)
            self._stack.push_async_callback(self._pool.close)
        return self._pool

    async def queries(self) -> Queries:
        """The read side."""
        return Queries(await self.pool())

    async def customers(self) -> Customers:
        """Whom orders are for."""
        from streams.customers import customers_of

        return await customers_of(await self.pool(), self.settings.data)

    async def reader(self) -> Reader:
        """The log."""
        from streams.reader import Reader

        reader = Reader(self.bootstrap)
        await reader.start()
        self._stack.push_async_callback(reader.stop)
        return reader

    async def batches(self) -> Batches:
        """The log, for reading all of it."""
        from streams.batches import Batches

        batches = Batches(self.bootstrap)
        await batches.start()
        self._stack.push_async_callback(batches.stop)
        return batches

    async def ruling(self) -> Ruling:
        """The rules in force, read; and this command's settings under them."""
        from streams.ruling import Ruling
        from streams.writer import Writer

        writer = Writer(self.bootstrap, self.settings.kafka.partitions)
        await writer.start()
        self._stack.push_async_callback(writer.stop)
        ruling = Ruling(reader=await self.reader(), writer=writer, naming=self.naming, dsn=self.dsn)
        await ruling.read()
        if ruling.newest is not None:
            self.settings = self.settings.ruled(ruling.newest)
        return ruling

    async def intake(self, queries: Queries) -> Intake:
        """The way in."""
        from streams.directories import Directories
        from streams.intake import Intake
        from streams.parts import clients_of
        from streams.writer import Writer

        writer = Writer(self.bootstrap, self.settings.kafka.partitions)
        await writer.start()
        self._stack.push_async_callback(writer.stop)
        clients = clients_of(self.settings)
        for client in clients.values():
            self._stack.push_async_callback(client.close)
        directories = Directories(self.settings, clients, queries)
        await directories.load()
        return Intake(
            connectors={name: self.settings.connector(name) for name in self.settings.channels},
            secrets={},
            directories=directories,
            writer=writer,
            naming=self.naming,
            customers=await self.customers() if self.settings.keeps_customers else None,
        )

    def channel(self, name: str) -> str:
        """The channel's name, if it is configured. Raises `BadConfiguration`."""
        if name not in self.settings.channels:
            raise BadConfiguration(
                f"unknown channel {name!r}; channels are: {', '.join(self.settings.channels)}"
            )
        return name

    async def close(self) -> None:
        """Closes what was opened."""
        await self._stack.aclose()


@asynccontextmanager
async def opened(config: Path) -> AsyncIterator[Parts]:
    """The parts of the system that a configuration names."""
    parts = Parts(config)
    try:
        yield parts
    finally:
        await parts.close()


def run(body: Awaitable[Result]) -> Result:
    """Runs a command's body; what can go wrong ends in one line on standard error and its exit code."""
    _log_to_stderr()
    collect_seldom()

    async def main() -> Result:
        return await body

    try:
        return asyncio.run(main())
    except (BadConfiguration, BadRules) as error:
        err.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(2) from None
    except Exception as error:
        if (reason := _reason(error)) is None:
            raise
        err.print(reason, style="red", soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(1)


def _reason(error: Exception) -> str | None:
    """What is said of a failure that an operator can do something about; None of one that is ours to mend."""
    from aiokafka.errors import KafkaError

    from connectors.errors import ConnectorError
    from deploy.engines import EngineError
    from projections.envelope import WrongKey
    from projections.pool import DatabaseError
    from streams.opening import NotReady
    from streams.tables import StoreFailed
    from streams.topics import WrongTopics
    from streams.writer import NotWritten

    match error:
        case (
            EngineError()
            | WrongTopics()
            | ConnectorError()
            | NotWritten()
            | NotReady()
            | StoreFailed()
            | WrongKey()
        ):
            return str(error)
        case KafkaError():
            return f"Kafka does not answer: {type(error).__name__}"
        case _ if isinstance(error, DatabaseError):
            return f"PostgreSQL does not answer: {type(error).__name__}"
        case _:
            return None


class _Lossy(io.TextIOBase):
    """Says what can be said: a log that lies on a full disk must not stop what it is about."""

    def __init__(self, there: TextIO) -> None:
        self._there = there

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._there.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._there.flush()


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lossy(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")


def show(value: Any) -> None:
    """A report for machines."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


async def verifier_of(parts: Parts) -> Verifier:
    """What looks at everything of this installation."""
    from streams.verify import Verifier

    await parts.ruling()
    return Verifier(
        reader=await parts.reader(),
        queries=await parts.queries(),
        naming=parts.naming,
        partitions=parts.settings.kafka.partitions,
        rules=parts.settings.rules,
        authority=parts.settings.witnesses,
        group=f"{parts.settings.kafka.prefix}onhand",
        tells={name: parts.settings.connector(name).tells for name in parts.settings.channels},
    )


def report(found: dict[str, Any], as_json: bool) -> None:
    """A report of a few figures, for whoever reads it."""
    if as_json:
        show(found)
    else:
        out.print(
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items()), highlight=False
        )


def spoken(value: Any) -> str:
    """A reported value for people: names with their values, and of a list how long it is."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {spoken(part)}" for name, part in value.items())
        case list():
            return f"{len(value)}"
        case _:
            return f"{value}"
