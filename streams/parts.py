"""The two processes of a deployment: a worker (agents, sinks) and the server (webhooks, polls, recorder, queries)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina
import structlog
from aiokafka.errors import KafkaError

from connectors.contract import Client, Orders
from projections.alerts import Alerts
from projections.apikeys import ApiKeys
from projections.blocks import Blocks
from projections.carrying import CarryingOut
from projections.limits import Limits
from projections.pool import DatabaseError, Pool, migrate, open_pool
from projections.problems import Problem
from projections.queries import Queries
from projections.recorder import Recorder
from projections.vault import sealed
from schemas.metrics import INTAKE, REQUESTS, SLOWED
from schemas.rules import Rules
from schemas.ruling import LOCATION
from schemas.topics import MOVEMENTS
from streams.alerts import Alerting
from streams.asking import Asking
from streams.carrying import Carrying
from streams.cluster import Kafka, Refused
from streams.customers import customers_of
from streams.directories import Directories
from streams.health import Health
from streams.intake import Intake
from streams.keys import KeyRing, Keys
from streams.metering import Meters
from streams.polling import POLLED_WITHIN, arrives_within, poll, reconciling, subscribe
from streams.reader import Reader
from streams.recorder import Recording
from streams.reserving import Reserving
from streams.routing import Routing
from streams.ruling import Ruling
from streams.settings import BadConfiguration, Settings, alert_secrets, load, secrets_of
from streams.sinks import Pushing
from streams.stages import Naming, Ruled
from streams.system import on_signal
from streams.topics import create_topics
from streams.tracing import Tracing, tracing_of
from streams.writer import NotWritten, Writer

if TYPE_CHECKING:  # a worker starts sooner without the server's half, and a server without the worker's
    import uvicorn

    from projections.dashboard import Dashboard
    from streams.app import Topology
    from streams.watching import Watch

log = structlog.get_logger()

ENDS_WITHIN = 5
"""Seconds in which a server that is to end answers what it was asked; whoever watches or reads slowly is not waited for any longer."""

ENGINE_AWAY = 30.0
"""Seconds for which a worker that starts waits for Kafka and PostgreSQL. To end and to be started again, over and over, would
cost the processor that they need to come back."""

WHEN_THERE = stamina.AsyncRetryingCaller(
    attempts=None, timeout=ENGINE_AWAY, wait_initial=0.2, wait_max=1.0, wait_jitter=0.0
).on((KafkaError, *DatabaseError))


def clients_of(settings: Settings) -> dict[str, Client]:
    """A client for every channel."""
    return {
        name: (connector := settings.connector(name)).client(
            settings.addressed(name), secrets_of(name, connector.secrets, channel)
        )
        for name, channel in settings.channels.items()
    }


async def patiently(what: str, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Starts something that needs Kafka, again and again until Kafka answers."""
    while True:
        try:
            await start()
        except (KafkaError, NotWritten, OSError) as error:
            reason = str(error) if isinstance(error, Refused) else type(error).__name__
            log.warning("waiting for Kafka", part=what, reason=reason)
            await asyncio.sleep(1.0)
        else:
            return


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics, made where no worker has: who reads one that is not there asks for it a thousand times a second."""

    create: Callable[[], Coroutine[Any, Any, None]]
    there: asyncio.Event = field(default_factory=asyncio.Event)

    async def make(self) -> None:
        """Makes those that are missing, as soon as Kafka answers. Raises `WrongTopics`."""
        await patiently("topics", self.create)
        self.there.set()

    async def then(self, body: Coroutine[Any, Any, None]) -> None:
        """Runs a body that reads them, once they are there."""
        with contextlib.closing(body):
            await self.there.wait()
            await body


@asynccontextmanager
async def background(*bodies: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Runs bodies beside the block and cancels them at its end."""
    tasks = [asyncio.create_task(body) for body in bodies]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def worker(
    settings: Settings, bootstrap: Kafka, dsn: str, instance: str, on_ready: Callable[[], None]
) -> None:
    """Runs the agents and the sinks until a signal, or until one of them fails for good; and the recorder, where no server
    does.
    """
    from streams.app import create_app
    from streams.checks import worker_checks
    from streams.showing import shown
    from streams.watching import Watch, worked, wrote

    stopping = on_signal(asyncio.get_running_loop())
    naming, partitions = Naming(settings.kafka.prefix), settings.kafka.partitions
    writer, pushes, reader = Writer(bootstrap, partitions), Writer(bootstrap, partitions), Reader(bootstrap)
    ruling = Ruling(reader=reader, writer=writer, naming=naming, dsn=dsn, file=settings)
    topology = create_app(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=naming,
        rules=Ruled(settings.rules, known=False),
        known=ruling.known.get,
        authority=settings.witnesses,
        writer=writer,
        reader=reader,
        instance=instance,
        datadir=str(settings.data / "faust" / instance),
        store=settings.worker.store,
        close_after=settings.transactions.close_after,
        tracing=(tracing := tracing_of(settings.tracing, "worker")),
    )
    await asyncio.gather(  # all at once: a far broker takes its time for each
        WHEN_THERE(create_topics, bootstrap, naming, partitions, settings.kafka.replication),
        WHEN_THERE(migrate, dsn),
        *(WHEN_THERE(part.start) for part in (writer, pushes, reader)),
    )
    pool = await open_pool(dsn)
    queries = Queries(pool)
    clients = clients_of(settings)
    directories = Directories(settings, clients, queries)
    recording = Recording(bootstrap, partitions, naming, Recorder(pool), pushes, dsn, blocks=Blocks(pool))
    meters = Meters("worker")
    sinks = [
        Pushing(
            channel=name,
            connector=(connector := settings.connector(name)),
            sink=connector.sink(clients[name]),
            directories=directories,
            queries=queries,
            writer=pushes,
            bootstrap=bootstrap,
            partitions=partitions,
            naming=naming,
            dsn=dsn,
            held_for=arrives_within(connector, settings.channels[name]),
            wary_for=POLLED_WITHIN * settings.channels[name].poll_every,
            meters=meters,
            tracing=tracing,
        )
        for name in settings.channels
    ]
    watch = Watch.of(settings, bootstrap, reader, queries, topology.named)
    health = Health("worker", worker_checks(watch, topology, sinks, settings.health))
    for name in settings.channels:
        meters.begin(SLOWED, name)
    meters.look(
        health.samples,
        *watch.sources("worker"),
        partial(worked, topology.named),
        partial(wrote, naming, (writer, pushes)),
    )
    try:
        await directories.load()

        def rule(rules: Rules) -> None:
            """Keeps the sinks and the stages to the rules in force."""
            directories.configure(directories.settings.ruled(rules))
            topology.rule(rules)

        pushing = (_sink(sink, directories, topology) for sink in sinks)
        watching = health.run(), watch.say(instance, lambda: health.readiness().reason)
        others = _standing_in(recording, topology), ruling.follow(rule), *watching, *pushing
        showing = shown(meters, health, settings.worker.metrics_host, settings.worker.metrics_port)
        async with showing, background(*others) as tasks, _agents(topology):
            await _until_ready(topology, stopping)
            on_ready()
            await _until(stopping, tasks)
    finally:
        await _end(clients, watch, pool, (pushes, writer, reader), tracing)


async def _end(
    clients: Mapping[str, Client],
    watch: Watch,
    pool: Pool,
    parts: Iterable[Writer | Reader],
    tracing: Tracing,
) -> None:
    """Gives all connections back."""
    for client in clients.values():
        await client.close()
    await watch.close()
    await pool.close()
    for part in parts:
        await part.stop()
    await asyncio.to_thread(tracing.close)


async def _standing_in(recording: Recording, topology: Topology) -> None:
    """Records as well, unless a server has begun to by the time this worker is ready: the agents' time is dearer."""
    while not topology.ready:
        await asyncio.sleep(0.1)
    await recording.run()


async def _sink(pushing: Pushing, directories: Directories, topology: Topology) -> None:
    """A sink needs to know what the platform calls our SKUs and places before its first push, and whether it may be told at all."""
    await topology.ruled.known.wait()
    while not await directories.known(pushing.channel):
        await asyncio.sleep(2.0)
    await pushing.run()


@asynccontextmanager
async def _agents(topology: Topology) -> AsyncIterator[None]:
    from faust.contrib.asgi import bind_to_running_loop

    bind_to_running_loop(topology.app)
    topology.app.finalize()
    Path(str(topology.app.conf.datadir)).mkdir(parents=True, exist_ok=True)
    await topology.app.start()
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(topology.app.stop(), 10)
        await topology.close()


async def _until_ready(topology: Topology, stopping: asyncio.Event) -> None:
    while not topology.ready and not stopping.is_set():
        await asyncio.sleep(0.05)
        await topology.begin()


async def _until(stopping: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the signal; a part that ends before it brings its reason up."""
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    for task in tasks:
        if task.done():
            task.result()


async def serve(
    settings: Settings, path: Path, bootstrap: Kafka, dsn: str, keys: Keys, on_ready: Callable[[str], None]
) -> None:
    """Runs the HTTP server and the polls until a signal. It starts, and says 503, while Kafka is away."""
    from projections.server import create_api

    naming, partitions = Naming(settings.kafka.prefix), settings.kafka.partitions
    await migrate(dsn)
    writer, reader = Writer(bootstrap, partitions), Reader(bootstrap)
    ruling = Ruling(reader=reader, writer=writer, naming=naming, dsn=dsn, file=settings)
    pool = await open_pool(dsn)
    queries = Queries(pool)
    clients = clients_of(settings)
    directories = Directories(settings, clients, queries)
    await directories.load()
    kept = settings.keeps_customers or await sealed(pool)  # whom it kept once can still ask to be forgotten
    intake = Intake(
        connectors={name: settings.connector(name) for name in settings.channels},
        secrets={
            name: secrets_of(name, settings.connector(name).secrets, channel)
            for name, channel in settings.channels.items()
        },
        directories=directories,
        writer=writer,
        naming=naming,
        reload=_reloader(path, directories, ruling),
        customers=await customers_of(pool, settings.data) if kept else None,
        tracing=tracing_of(settings.tracing, "serve"),
    )

    recording = Recording(bootstrap, partitions, naming, Recorder(pool), writer, dsn, blocks=Blocks(pool))
    reserving = Reserving(
        bootstrap=bootstrap,
        partitions=partitions,
        naming=naming,
        writer=writer,
        queries=queries,
        clock=lambda: datetime.now(UTC),
    )

    routing = Routing(
        directories=directories,
        intake=intake,
        queries=queries,
        dsn=dsn,
        role=f"{naming.prefix}routing",
        customers=intake.customers,
    )
    ruled = asyncio.Event()

    def follow(rules: Rules) -> None:
        directories.configure(directories.settings.ruled(rules))
        ruled.set()

    async def rule() -> None:
        """Keeps this process to the rules in force."""
        await patiently("rules", reader.start)
        await ruling.follow(follow)

    async def compare(channel: str, every: float) -> None:
        """Compares once it is known which channels are in shadow."""
        await ruled.wait()
        await reconciling(channel, intake, queries, bootstrap, dsn).run(every)

    alerting = Alerting(
        settings=settings.alerts,
        secrets=alert_secrets(),
        alerts=Alerts(pool),
        queries=queries,
        dsn=dsn,
        role=f"{naming.prefix}alerts",
    )

    topics = Topics(partial(create_topics, bootstrap, naming, partitions, settings.kafka.replication))
    watch, health = _watched(settings, bootstrap, reader, intake, ruling)
    ring = KeyRing(keys, ApiKeys(queries))
    await ring.look()
    api = create_api(
        pool,
        rules=lambda: ruling.newest or directories.settings.rules,
        skews=lambda: directories.settings.skews,
        clock=lambda: datetime.now(UTC),
        keys=ring.accept,
        intake=intake,
        ready=health.readiness,
        metrics=intake.meters.exposition,
        timed=partial(_timed, intake.meters),
        reserving=reserving,
        ruling=Rulings(ruling, directories),
        body_max=settings.serve.body_max,
        sites=lambda: directories.settings.sites,
        limits=Limits(settings.serve.requests_per_second),
        signatures={name for connector in intake.connectors.values() for name in connector.signatures},
        dashboard=_dashboard(settings, queries, intake, bootstrap, lambda: server.should_exit),
    )
    api.openapi()  # made now, because nobody is kept waiting by it yet
    server, listener = _listening(api, settings.serve.host, settings.serve.port)
    address = f"http://{settings.serve.host}:{listener.getsockname()[1]}"
    polls = [
        poll(name, clients[name], intake, queries, channel.poll_every)
        for name, channel in settings.channels.items()
        if channel.poll_every
    ]
    comparisons = [
        compare(name, channel.reconcile_every)
        for name, channel in settings.channels.items()
        if channel.reconcile_every
    ]
    hooks = [
        subscribe(name, clients[name], f"{settings.serve.public_url or address}/webhooks/{name}")
        for name, channel in settings.channels.items()
        if settings.serve.public_url or channel.sandbox is not None
    ]
    try:
        async with background(
            patiently("server", writer.start),
            ring.run(),
            topics.then(health.run()),
            watch.run(),
            _when_up(server, listener, on_ready, address),
            _or_end(server, topics.make()),
            topics.then(reserving.run()),
            alerting.run(),
            topics.then(rule()),
            routing.run(),
            _or_end(server, topics.then(recording.run())),
            *polls,
            *comparisons,
            *hooks,
            *carrying(
                intake,
                queries,
                dsn,
                naming,
                ruled,
                partial(reader.ends, naming(MOVEMENTS), range(partitions)),
            ),
        ) as tasks:
            await server.serve(sockets=[listener])
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        await _end(clients, watch, pool, (writer, reader), intake.tracing)


def _watched(
    settings: Settings, bootstrap: Kafka, reader: Reader, intake: Intake, ruling: Ruling
) -> tuple[Watch, Health]:
    """What a server sees of the installation, and whether it can do its work; its meters show both."""
    from streams.checks import serve_checks
    from streams.watching import Watch, wrote

    watch = Watch.of(settings, bootstrap, reader, intake.directories.queries)
    health = Health("serve", serve_checks(watch, intake.writer, ruling, settings.health))
    written = partial(wrote, intake.naming, (intake.writer,))
    for name in settings.channels:
        intake.meters.begin(SLOWED, name)
        for outcome in ("claim", "dead-letter", "signature-not-accepted", "the-log-is-not-reachable"):
            intake.meters.begin(INTAKE, name, "webhook", outcome)
    intake.meters.look(health.samples, *watch.sources("serve"), watch.told, written)
    return watch, health


def _timed(meters: Meters, method: str, route: str, status: int, seconds: float) -> None:
    meters.observe(REQUESTS, seconds, method, route, f"{status // 100}xx")


def _dashboard(
    settings: Settings, queries: Queries, intake: Intake, bootstrap: Kafka, stopping: Callable[[], bool]
) -> Dashboard:
    from projections.dashboard import Dashboard
    from streams.letters import Letters
    from streams.signing_in import oidc_of

    return Dashboard(
        letters=Letters(queries, intake, bootstrap),
        oidc=oidc_of(settings),
        secure=(settings.serve.public_url or "").startswith("https:"),
        stopping=stopping,
    )


def _listening(api: Any, host: str, port: int) -> tuple[uvicorn.Server, socket.socket]:
    """A server for the API, and the socket it is to listen on."""
    import uvicorn

    from projections.connections import ACCEPTED_AT_ONCE, BACKLOG, HEAD_MAX, Bounded

    config = uvicorn.Config(
        api,
        http=Bounded,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=ENDS_WITHIN,
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=HEAD_MAX,
    )
    listener = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    # asyncio does so only for sockets it made itself
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return uvicorn.Server(config), listener


@dataclass(frozen=True, slots=True)
class Rulings:
    """The rules, as the API shows and changes them."""

    ruling: Ruling
    directories: Directories

    @property
    def events(self) -> list[Rules]:
        """All of them, oldest first."""
        return self.ruling.events

    async def change(self, channel: str, patch: dict[str, Any]) -> Rules:
        """Changes the rules of a channel, or of a location. Raises `BadRules`, and `Problem` where the log does not answer."""
        settings = self.directories.settings
        if channel not in settings.channels and not channel.startswith(LOCATION):
            raise Problem(404, "Unknown channel", f"channels are: {', '.join(settings.channels)}")
        try:
            return await self.ruling.change(settings, channel, patch, "the API", datetime.now(UTC))
        except (KafkaError, NotWritten):
            raise Problem(503, "Not available", "the log does not answer", retry_after=5) from None


async def _or_end(server: uvicorn.Server, body: Coroutine[Any, Any, None]) -> None:
    """Runs a part. One that fails for good ends the server, which brings its reason up."""
    try:
        await body
    except Exception:
        server.should_exit = True
        raise


async def _when_up(
    server: uvicorn.Server, listener: socket.socket, on_ready: Callable[[str], None], address: str
) -> None:
    from projections.connections import BACKLOG

    while not server.started:
        await asyncio.sleep(0.02)
    listener.listen(
        BACKLOG
    )  # asyncio takes as many in one go as it lets wait; the system lets more of them wait
    on_ready(address)


def _reloader(path: Path, directories: Directories, ruling: Ruling) -> Callable[[], None]:
    """Takes a changed file's mapping and rules over without a restart; a file that cannot be used changes nothing."""
    seen = path.stat().st_mtime_ns

    def reload() -> None:
        nonlocal seen
        with contextlib.suppress(OSError):
            if (changed := path.stat().st_mtime_ns) != seen:
                seen = changed
                try:
                    fresh = load(path)
                except BadConfiguration as error:
                    log.error("the changed configuration cannot be used", reason=str(error))
                    return
                if fresh.channels.keys() == directories.settings.channels.keys():
                    directories.configure(fresh if ruling.newest is None else fresh.ruled(ruling.newest))
                    ruling.file = fresh

    return reload


def carrying(
    intake: Intake,
    queries: Queries,
    dsn: str,
    naming: Naming,
    ruled: asyncio.Event,
    ends: Callable[[], Awaitable[Mapping[int, int]]],
) -> list[Coroutine[Any, Any, None]]:
    """What asks platforms for orders, for each channel whose platform creates some; once it is known which are in shadow, and
    when the journal has come to where the log of movements `ends`.
    """

    async def carry(channel: str, orders: Orders) -> None:
        await ruled.wait()
        asking = Asking(
            channel=channel,
            orders=orders,
            directories=intake.directories,
            memory=CarryingOut(queries),
            customers=intake.customers,
            clock=intake.clock,
        )
        role = f"{naming.prefix}carrying {channel}"
        await Carrying(asking=asking, dsn=dsn, role=role, heard=intake.heard, ends=ends).run()

    return [
        carry(name, connector.orders(intake.directories.clients[name]))
        for name, connector in intake.connectors.items()
        if connector.orders is not None
    ]
