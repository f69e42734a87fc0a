"""`onhand`: what a user types. Reports go to standard output (with `--json` for machines), everything else to standard
error. Exit code 0: good, 1: found a problem, 2: bad usage or configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import orjson
import structlog
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from connectors.contract import Payload
from connectors.errors import ConnectorError, Refused
from connectors.registry import CONNECTORS
from deploy.engines import EngineError
from projections.explain import explain as explain_number
from projections.pool import DatabaseError, migrate, open_pool
from projections.queries import AGE_MAX, PAGE_MAX, Page, Queries
from schemas.codec import Undecodable, encode
from schemas.ledger import view
from streams import keys as api_keys
from streams.closing import told_again
from streams.directories import Directories
from streams.intake import Intake
from streams.keys import Keys
from streams.opening import NotReady, import_levels
from streams.parts import clients_of, on_signal, poll_once, serve, worker
from streams.reader import Reader
from streams.settings import BadConfiguration, Settings, load, secrets_of
from streams.settings import api_keys as keys_of
from streams.stages import Naming
from streams.system import System, addresses, end_with_parent
from streams.tables import StoreFailed
from streams.topics import WrongTopics
from streams.verify import Verifier
from streams.writer import NotWritten, Writer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
letters = typer.Typer(no_args_is_help=True, help="What was refused and why; retry after a fix.")
app.add_typer(letters, name="dead-letters")

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
    """What a command needs of a running system, opened when asked for."""

    def __init__(self, config: Path) -> None:
        self.settings: Settings = load(config)
        found = addresses(self.settings)
        self.bootstrap, self.dsn, self.versions = found.bootstrap, found.dsn, found.versions
        self.naming = Naming(self.settings.kafka.prefix)
        self._stack = contextlib.AsyncExitStack()

    async def queries(self) -> Queries:
        """The read side."""
        await migrate(self.dsn)
        pool = await open_pool(self.dsn, 2)
        self._stack.push_async_callback(pool.close)
        return Queries(pool)

    async def reader(self) -> Reader:
        """The log."""
        reader = Reader(self.bootstrap)
        await reader.start()
        self._stack.push_async_callback(reader.stop)
        return reader

    async def intake(self, queries: Queries) -> Intake:
        """The way in."""
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
    # A full collection walks every balance in memory and halts the process for half a second at 16,000 SKUs; what we
    # keep has no cycles, and those of finished tasks are young.
    gc.freeze()
    gc.set_threshold(100_000, 10, 1_000)

    async def main() -> Result:
        return await body

    try:
        return asyncio.run(main())
    except BadConfiguration as error:
        err.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(2) from None
    except (EngineError, WrongTopics, ConnectorError, NotWritten, NotReady, StoreFailed) as error:
        err.print(f"{error}", style="red", soft_wrap=True, markup=False, highlight=False)
    except KafkaError as error:
        err.print(f"Kafka does not answer: {type(error).__name__}", style="red")
    except DatabaseError as error:
        err.print(f"PostgreSQL does not answer: {type(error).__name__}", style="red")
    raise typer.Exit(1)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")


def show(value: Any) -> None:
    """A report for machines."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


# -- running


@app.command()
def up(config: Config = ONHAND_TOML) -> None:
    """Run everything until stopped: engines, sandboxes, a worker, the server."""

    async def body() -> None:
        settings = load(config)
        for name, channel in settings.channels.items():
            secrets_of(name, settings.connector(name).secrets, channel)
        key = None if keys_of(settings.data) else api_keys.generate(settings.data)
        stopping = on_signal(asyncio.get_running_loop())
        system = System(settings, config.resolve(), lambda text: err.print(f"  {text}", highlight=False))
        began = asyncio.get_running_loop().time()
        try:
            await system.start()
            seconds = asyncio.get_running_loop().time() - began
            err.print(f"ready in {seconds:.1f} s: {system.address}", style="bold green", highlight=False)
            err.print(f"API key: {key or settings.data / 'api-key'}", highlight=False, soft_wrap=True)
            await stopping.wait()
            err.print("stopping", highlight=False)
        finally:
            await system.stop()

    run(body())


Hidden = Annotated[bool, typer.Option("--until-parent-ends", hidden=True)]


@app.command("worker")
def worker_command(
    config: Config = ONHAND_TOML,
    name: Annotated[str, typer.Option(help="This worker's name, the same at every start.")] = "worker-0",
    until_parent_ends: Hidden = False,
) -> None:
    """Run a worker: the agents, the recorder, the sinks."""
    if until_parent_ends:
        end_with_parent()

    async def body() -> None:
        settings = load(config)
        found = addresses(settings)
        await worker(settings, found.bootstrap, found.dsn, name, lambda: _say("ready"))

    run(body())


@app.command("serve")
def serve_command(config: Config = ONHAND_TOML, until_parent_ends: Hidden = False) -> None:
    """Run the server: webhooks, polls, the query API."""
    if until_parent_ends:
        end_with_parent()

    async def body() -> None:
        settings = load(config)
        found = addresses(settings)
        accepted = Keys(keys_of(settings.data))
        await serve(settings, config, found.bootstrap, found.dsn, accepted, lambda at: _say(f"ready {at}"))

    run(body())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@app.command()
def demo(
    events: Annotated[int, typer.Option(min=100, help="Documents the platforms send.")] = 1_800,
    kill: Annotated[
        int, typer.Option(min=0, max=20, help="How often the worker is killed (SIGKILL) on the way.")
    ] = 0,
    rate: Annotated[
        float, typer.Option(min=1, help="Documents a second, whatever the answer (open loop).")
    ] = 50.0,
    keep: Annotated[bool, typer.Option(help="Leave everything running afterwards, until Ctrl-C.")] = False,
    data: Annotated[Path, typer.Option(help="Where the demo keeps its files.")] = Path(".onhand/demo"),
    as_json: Json = False,
) -> None:
    """Play real sales through real Kafka and PostgreSQL, and prove that every number is right."""
    from streams.demo import Demo  # noqa: PLC0415  # workers and servers start sooner without it

    report = run(
        Demo(events=events, kills=kill, rate=rate, keep=keep, data=data.resolve(), console=err).run()
    )
    if as_json:
        show(report)
    else:
        out.print(_demo_table(report))
    if not report["verify"]["ok"] or report["lost"]:
        raise typer.Exit(1)


def _demo_table(report: dict[str, Any]) -> Table:
    table = Table(title="A trading day", show_header=False)
    for name, value in report.items():
        table.add_row(name.replace("_", " "), _spoken(value))
    return table


def _spoken(value: Any) -> str:
    """A reported value for people: names with their values, and of a list how long it is."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {_spoken(part)}" for name, part in value.items())
        case list():
            return f"{len(value)}"
        case _:
            return f"{value}"


# -- asking


@app.command()
def stock(
    sku: str,
    config: Config = ONHAND_TOML,
    location: str | None = None,
    at: Instant = None,
    known_at: Instant = None,
    as_json: Json = False,
) -> None:
    """The balances of a SKU: now, as of what had occurred, or as of what was known."""

    async def body() -> dict[str, Any] | None:
        async with opened(config) as parts:
            queries = await parts.queries()
            timed = at is not None or known_at is not None
            found = (
                await queries.stock_as_of(sku, _utc(at), _utc(known_at))
                if timed
                else await queries.stock(sku)
            )
            return None if found is None else view(found, location)

    found = run(body())
    if found is None:
        err.print(f"{sku} has never moved", style="red", highlight=False)
        raise typer.Exit(1)
    if as_json:
        show(found)
        return
    table = Table(title=f"{sku}   in transit {found['in_transit']}")
    table.add_column("location")
    cells = found["locations"].values()
    states = [
        state
        for state in next(iter(cells), {})
        if state in {"available", "committed", "on_hand"} or any(cell.get(state) for cell in cells)
    ]
    for state in states:
        table.add_column(state.replace("_", " "), justify="right")
    for name, cell in found["locations"].items():
        table.add_row(name, *[str(cell.get(state, 0)) for state in states])
    out.print(table)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


@app.command()
def explain(
    sku: str, channel: Annotated[str, typer.Option()], config: Config = ONHAND_TOML, as_json: Json = False
) -> None:
    """Why a channel shows that number."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            settings, its = parts.settings, parts.channel(channel)
            return await explain_number(await parts.queries(), sku, its, settings.rules, skews=settings.skews)

    found = run(body())
    if as_json:
        show(found)
        return
    pushed = "nothing yet" if found["pushed"] is None else found["pushed"]
    table = Table(
        title=f"{sku} on {channel}: {found['quantity']}   (its platform shows {pushed})", show_footer=True
    )
    table.add_column("step", footer="sum")
    table.add_column("units", justify="right", footer=str(found["quantity"]))
    table.add_column("because of", overflow="fold")
    for line in found["lines"]:
        table.add_row(line["label"], f"{line['amount']:+d}", line["ref"])
    out.print(table)


AGES = {"0-1": 1, "1-7": 7, "7-30": 30}
"""The ages that commitments are summed by: days from and to. What is older than all is `30+`."""


@app.command()
def commitments(
    config: Config = ONHAND_TOML,
    sku: str | None = None,
    location: Annotated[str | None, typer.Option(help="`@unrouted`: no place is chosen yet.")] = None,
    older_than: Annotated[int, typer.Option(min=0, max=AGE_MAX, help="Days.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="How many, of the oldest.")] = PAGE_MAX,
    as_json: Json = False,
) -> None:
    """What was ordered and has neither left nor been cancelled, oldest first."""

    async def body() -> Page:
        async with opened(config) as parts:
            queries = await parts.queries()
            return await queries.commitments(
                datetime.now(UTC), sku=sku, location=location, older_than_days=older_than, limit=limit
            )

    found = run(body())
    if as_json:
        show({"items": found.items, "next": found.next})
        return
    aged = dict.fromkeys([*AGES, "30+"], 0)
    for row in found.items:
        aged[next((name for name, end in AGES.items() if row["age_days"] < end), "30+")] += row["units"]
    cut = f"   (the oldest {limit} lines)" if found.next else ""
    table = Table(title=f"units by age in days: {_spoken(aged)}{cut}")
    columns = ("age_days", "units", "sku", "location", "transaction", "channel", "demand_class")
    for name in columns:
        table.add_column(name.removeprefix("age_").removeprefix("demand_"), overflow="fold")
    for row in found.items:
        table.add_row(*[str(row[name]) for name in columns])
    out.print(table)


@app.command()
def verify(
    config: Config = ONHAND_TOML,
    wait: Annotated[float, typer.Option(help="Seconds to wait until everything has settled.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Add the log up again from zero and compare with the table, PostgreSQL and what was pushed."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            return await verification(parts, wait)

    found = run(body())
    if as_json:
        show(found)
    else:
        good = found["ok"]
        text = "every number is right" if good else f"{found['found']} differences"
        out.print(
            f"{text}: {found['keys']} cells, compared: {_spoken(found['checks'])}",
            style="green" if good else "red",
            highlight=False,
        )
        for difference in found["differences"][:20]:
            out.print(difference)
    if not found["ok"]:
        raise typer.Exit(1)


async def verifier_of(parts: Parts) -> Verifier:
    """What looks at everything of this installation."""
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


async def verification(parts: Parts, wait: float) -> dict[str, Any]:
    """What `onhand verify` reports."""
    verifier = await verifier_of(parts)
    late = await verifier.settled(wait)
    report = await verifier.run()
    if late is not None:
        report.differs("settled", late, "no lag", "lag")
    return report.as_json()


@app.command("map")
def map_command(
    platform: str,
    topic: str,
    file: Annotated[Path | None, typer.Argument(help="The payload; standard input without it.")] = None,
) -> None:
    """What claim would this payload make? Changes nothing. Where a file holds several documents, a list of claims."""

    async def body() -> Any:
        connector = CONNECTORS.get(platform)
        if connector is None:
            raise BadConfiguration(
                f"unknown platform {platform!r}; platforms are: {', '.join(sorted(CONNECTORS))}"
            )
        raw = file.read_bytes() if file is not None else sys.stdin.buffer.read()
        try:
            claims = [
                orjson.loads(
                    encode(connector.read(platform, Payload(topic, connector.reduce(topic, content))))
                )
                for content in connector.documents(topic, raw)
            ]
        except Refused as refusal:
            raise ConnectorError(f"refused: {refusal}") from None
        return claims[0] if len(claims) == 1 else claims

    show(run(body()))


@app.command()
def check(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Validate the configuration, the credentials and the connections."""

    async def body() -> list[dict[str, Any]]:
        settings = load(config)
        found = [{"check": str(config), "ok": True, "detail": f"{len(settings.channels)} channels"}]
        found += [await _credentials(settings, name) for name in settings.channels]
        with contextlib.suppress(BadConfiguration):
            parts = addresses(settings)
            found.append(await _answers("Kafka", parts.bootstrap, lambda: kafka_answers(parts.bootstrap)))
            found.append(await _answers("PostgreSQL", _at(parts.dsn), lambda: migrate(parts.dsn)))
        return found

    found = run(body())
    if as_json:
        show({"ok": all(row["ok"] for row in found), "checks": found})
    else:
        for row in found:
            out.print(f"{'ok ' if row['ok'] else 'BAD'} {row['check']}: {row['detail']}", highlight=False)
    if not all(row["ok"] for row in found):
        raise typer.Exit(1)


async def _credentials(settings: Settings, name: str) -> dict[str, Any]:
    try:
        connector, channel = settings.connector(name), settings.channels[name]
        client = connector.client(settings.addressed(name), secrets_of(name, connector.secrets, channel))
    except BadConfiguration as error:
        return {"check": f"channel {name}", "ok": False, "detail": str(error)}
    try:
        found = await client.directory()
    except ConnectorError as error:
        return {"check": f"channel {name}", "ok": False, "detail": str(error)}
    finally:
        await client.close()
    return {
        "check": f"channel {name}",
        "ok": True,
        "detail": f"{len(found.handles)} items, {len(found.locations)} places",
    }


async def kafka_answers(bootstrap: str) -> None:
    """Asks a broker something. Raises `KafkaError`."""
    reader = Reader(bootstrap)
    try:
        await reader.start()
    finally:
        await reader.stop()


def _at(dsn: str) -> str:
    """The address in a connection string, which may hold a password."""
    found = urlsplit(dsn)
    return f"{found.hostname}:{found.port or 5432}"


async def _answers(what: str, address: str, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    try:
        await ask()
    except (KafkaError, *DatabaseError) as error:
        return {
            "check": what,
            "ok": False,
            "detail": f"does not answer at {address}: {type(error).__name__}",
        }
    return {"check": what, "ok": True, "detail": f"answers at {address}"}


# -- taking in


@app.command("import")
def import_command(
    channel: str,
    config: Config = ONHAND_TOML,
    wait: Annotated[float, typer.Option(help="Seconds that its history may take to come through.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Take a platform's levels as opening stock, where we have none yet. Its history is polled first."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            intake = await parts.intake(queries)
            await intake.directories.refresh(parts.channel(channel))
            client = intake.directories.clients[channel]
            documents = await poll_once(channel, client, intake, queries)
            if late := await (await verifier_of(parts)).come_through(wait):
                raise NotWritten(
                    f"{channel} is not opened before its history is in: {late}; is `onhand up` running?"
                )
            done = await import_levels(channel, client, intake, queries)
            return {
                "channel": channel,
                "documents": documents,
                "opened": done.opened,
                "already_known": done.known,
                "untracked": done.untracked,
                "unmatched": sorted(set(done.unmatched)),
            }

    _report(run(body()), as_json)


@app.command("poll")
def poll_command(channel: str, config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Catch up with a platform: what changed since the last poll."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            intake = await parts.intake(queries)
            client = intake.directories.clients[parts.channel(channel)]
            return {"channel": channel, "documents": await poll_once(channel, client, intake, queries)}

    _report(run(body()), as_json)


def _report(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(found)
    else:
        out.print(
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items()), highlight=False
        )


@letters.command("list")
def list_letters(
    config: Config = ONHAND_TOML,
    everything: Annotated[bool, typer.Option("--all", help="Retried ones too.")] = False,
    limit: int = 100,
    as_json: Json = False,
) -> None:
    """What was refused, newest first."""

    async def body() -> list[dict[str, Any]]:
        async with opened(config) as parts:
            return (await (await parts.queries()).dead_letters(pending=not everything, limit=limit)).items

    found = run(body())
    if as_json:
        show({"items": found})
        return
    table = Table()
    for name in ("id", "channel", "topic", "ref", "reason"):
        table.add_column(name, overflow="fold")
    for row in found:
        table.add_row(*[str(row[name]) for name in ("id", "channel", "topic", "ref", "reason")])
    out.print(table)


@letters.command("show")
def show_letter(ident: str, config: Config = ONHAND_TOML) -> None:
    """One dead letter, with its payload."""

    async def body() -> dict[str, Any] | None:
        async with opened(config) as parts:
            return await (await parts.queries()).dead_letter(ident)

    found = run(body())
    if found is None:
        err.print(f"no dead letter {ident}", style="red", highlight=False)
        raise typer.Exit(1)
    show(found)


@letters.command("retry")
def retry_letters(
    ident: Annotated[str | None, typer.Argument(help="One dead letter; all that wait without it.")] = None,
    config: Config = ONHAND_TOML,
    as_json: Json = False,
) -> None:
    """Try again after a fix. What is applied counts at its true time."""

    async def body() -> dict[str, Any]:
        async with opened(config) as parts:
            queries = await parts.queries()
            intake, reader = await parts.intake(queries), await parts.reader()
            idents = (
                [ident] if ident else [row["id"] for row in (await queries.dead_letters(limit=1_000)).items]
            )
            report: dict[str, Any] = {"applied": 0, "still_refused": []}
            for one in idents:
                reason = await _retry(one, queries, intake, reader)
                if reason is None:
                    await queries.mark_retried(one, datetime.now(UTC))
                    report["applied"] += 1
                else:
                    report["still_refused"].append({"id": one, "reason": reason})
            return report

    found = run(body())
    _report(found, as_json)
    if found["still_refused"]:
        raise typer.Exit(1)


async def _retry(ident: str, queries: Queries, intake: Intake, reader: Reader) -> str | None:
    """Takes what a dead letter holds in again. Returns why it is refused still, or None when it is in the log."""
    letter = await queries.dead_letter(ident)
    if letter is not None and letter["stage"] == "settle" and "closed" in letter["payload"]:
        try:
            await intake.claims(await told_again(letter["payload"], reader, intake.naming))
        except Undecodable as error:
            return str(error)
        return None
    if letter is None or letter["channel"] not in intake.connectors:
        return "no such dead letter of a configured channel"
    return await intake.retry(letter["channel"], Payload(letter["topic"], letter["payload"]))


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
