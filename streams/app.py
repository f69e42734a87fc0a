"""The whole topology on one screen: `claims` → settle → `movements` → ledger and publish → `stock`, `channel-quantities`.

What is in a bundle goes on: `bundle-parts` → bundle → `channel-quantities`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import faust

from schemas.rules import Rules
from schemas.topics import BUNDLE_PARTS, BUNDLES, CLAIMS, MOVEMENTS, STOCK, TRANSACTIONS, Topic
from schemas.witnesses import Authority
from streams.chunks import ChunkStage, agent_of, end_process
from streams.closing import Closing
from streams.cluster import Kafka, faust_broker
from streams.expiry import Expiry
from streams.fetching import ChunkConsumer, ChunkSchema, chunk_scheduler
from streams.reader import Reader
from streams.rocks import RocksStore
from streams.stages import Naming, Ruled, bundle_stage, ledger_stage, publish_again, settle_stage
from streams.tables import ChunkTable, MemoryStore, Store
from streams.tracing import OFF, Tracing, chunk_passed
from streams.writer import Writer

EXPIRE_EVERY = 0.2
"""Seconds between two looks at which reservations are due."""

STAGES = ("settle", "ledger", "bundles")
"""What the stages are called, in the order of the way through."""

CLOSE_EVERY = 1.0
"""Seconds between two looks at some of the transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A Faust app and its stages."""

    app: Any
    settle: ChunkStage
    ledger: ChunkStage
    bundle: ChunkStage
    ruled: Ruled

    @property
    def stages(self) -> tuple[ChunkStage, ...]:
        """All of them, in the order of the way through."""
        return self.settle, self.ledger, self.bundle

    async def begin(self) -> None:
        """Begins what is restored."""
        await asyncio.gather(*(stage.begin() for stage in self.stages))

    def rule(self, rules: Rules) -> None:
        """Changes the rules in force: what they move is published again, by the partitions that are ours."""
        self.ruled.rules = rules
        self.ruled.known.set()
        self.ledger.restamp(rules.version)

    async def close(self) -> None:
        """Ends the stages, once the app has stopped: another process may open their tables then."""
        async with AsyncExitStack() as closing:
            for stage in self.stages:
                closing.push_async_callback(stage.close)

    @property
    def named(self) -> dict[str, ChunkStage]:
        """The same by name, as metrics and health call them."""
        return dict(zip(STAGES, self.stages, strict=True))

    @property
    def ready(self) -> bool:
        """Assigned, restored, and taking chunks."""
        return all(stage.ready for stage in self.stages)


def create_app(
    *,
    bootstrap: Kafka,
    partitions: int,
    naming: Naming,
    rules: Rules | Ruled,
    authority: Authority,
    writer: Writer,
    reader: Reader,
    group: str = "onhand",
    instance: str = "worker-0",
    datadir: str = ".onhand/faust",
    store: str = "memory",
    close_after: timedelta | None = None,
    tracing: Tracing = OFF,
    known: Callable[[str], Rules | None] = lambda _version: None,
    fail: Callable[[str], None] = end_process,
) -> Topology:
    """A Faust app with its agents and tables; nothing is global, so a test may have as many as it likes.

    `instance` names this worker for ever (Kafka's static membership): a restarted worker takes its partitions back at
    once instead of waiting until its dead self times out. `store` says where its tables are: `memory`, or `rocksdict` for
    files in `datadir`. `known` has the rules of a version, where it is known. `close_after` is how long a transaction must have been quiet to leave the table; None: never. `tracing` is
    where what is followed is told. Raises `StoreFailed` when the tables cannot be used.
    """
    sources, changelogs = (CLAIMS, MOVEMENTS, BUNDLE_PARTS), (TRANSACTIONS, STOCK, BUNDLES)
    app = faust.App(
        naming.prefix + group,
        **faust_broker(bootstrap),
        store="memory://",
        datadir=datadir,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=partitions,
        table_standby_replicas=0,
        stream_wait_empty=False,
        consumer_group_instance_id=instance,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=10.0,
        broker_max_poll_records=2_000,
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_request_timeout=8.0,
        worker_redirect_stdouts=False,
        ConsumerScheduler=chunk_scheduler(
            frozenset(map(naming, sources)),
            frozenset(map(naming, changelogs)),
        ),
    )

    app.transport.Consumer = ChunkConsumer

    def chunked(topic: Topic) -> Any:
        return app.topic(
            naming(topic),
            schema=ChunkSchema(),
            partitions=partitions,
            acks=False,
            allow_empty=True,
        )

    def stage(name: str, source: Topic, changelog: Topic, **how: Any) -> ChunkStage:
        cells: Store = RocksStore(Path(datadir) / changelog.name) if store == "rocksdict" else MemoryStore()
        app.tables.add(
            ChunkTable(
                app,
                cells=cells,
                reader=reader,
                fail=fail,
                name=changelog.name,
                schema=ChunkSchema(),
                partitions=partitions,
                changelog_topic=chunked(changelog),
                recovery_buffer_size=4,
                key_type=bytes,
                value_type=bytes,
            )
        )
        made = ChunkStage(
            app,
            source=naming(source),
            table=cells,
            changelog=naming(changelog),
            writer=writer,
            reader=reader,
            passed=partial(chunk_passed, tracing, name) if tracing.on else None,
            fail=fail,
            **how,
        )
        app.agent(chunked(source), name=f"{source.name}-to-{changelog.name}")(agent_of(made))
        app.timer(made.limits.commit_every)(made.tick)
        return made

    expiry, ruled = Expiry(naming, writer, _now), Ruled.of(rules)
    ledger = stage(
        "ledger",
        MOVEMENTS,
        STOCK,
        fold=ledger_stage(naming, ruled),
        stamp=ruled.rules.version,
        on_stamp=publish_again(naming, ruled, known, _now),
        begins=ruled.known.wait,
        watch=expiry.note,
    )

    async def expire() -> None:
        await expiry.tick(ledger.progress.__contains__)

    app.timer(EXPIRE_EVERY)(expire)
    settle = stage("settle", CLAIMS, TRANSACTIONS, fold=settle_stage(naming, authority))
    to_close = Closing(naming, authority, writer, _now, close_after)

    async def close() -> None:
        await to_close.tick(settle)

    app.timer(CLOSE_EVERY)(close)
    bundle = stage(
        "bundles", BUNDLE_PARTS, BUNDLES, fold=bundle_stage(naming, ruled), begins=ruled.known.wait
    )
    return Topology(app=app, settle=settle, ledger=ledger, bundle=bundle, ruled=ruled)


def _now() -> datetime:
    return datetime.now(UTC)
