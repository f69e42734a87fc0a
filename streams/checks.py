"""What `/readyz` looks at, process by process: the two tables of checks. What a check looks at is in `streams.watching`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streams.health import Check
from streams.ruling import Ruling
from streams.settings import HealthSettings
from streams.sinks import Pushing
from streams.watching import FOLLOWED, RECORD, Watch, waits
from streams.writer import Writer

if TYPE_CHECKING:  # a server starts sooner without Faust
    from streams.app import Topology


def serve_checks(watch: Watch, writer: Writer, ruling: Ruling, limits: HealthSettings) -> tuple[Check, ...]:
    """Of a server. Without a worker it takes documents in and answers questions all the same, so it does not need one."""

    async def rules() -> str | None:
        known = writer.connected and ruling.newest is not None
        return None if known else "the rules in force are not known yet"

    async def recorder() -> str | None:
        return watch.late(frozenset({RECORD}), limits.recorder_behind)

    async def stages() -> str | None:
        return watch.late(frozenset(FOLLOWED), limits.stages_behind)

    return (
        Check("kafka", watch.kafka),
        Check("log_writable", watch.log_writable),
        Check("postgres", watch.postgres),
        Check("postgres_writable", watch.postgres_writable),
        Check("disks", watch.room),
        Check("rules", rules),
        Check("recorder", recorder),
        Check("state_folder", watch.state_folder, needed=False),
        Check("workers", watch.workers, needed=False),
        Check("stages", stages, needed=False),
    )


def worker_checks(
    watch: Watch, topology: Topology, sinks: Sequence[Pushing], limits: HealthSettings
) -> tuple[Check, ...]:
    """Of a worker. One that has no partitions, because there are more workers than partitions, is ready: it stands by."""

    async def assigned() -> str | None:
        waiting = [name for name, stage in topology.named.items() if not stage.assigned]
        return f"Kafka has not assigned partitions of {', '.join(waiting)}" if waiting else None

    async def recovered() -> str | None:
        restoring = [name for name, stage in topology.named.items() if not stage.ready]
        return f"not restored yet: {', '.join(restoring)}" if restoring else None

    async def stages() -> str | None:
        return watch.late(frozenset(FOLLOWED), limits.stages_behind)

    async def numbers() -> str | None:
        oldest: Mapping[str, datetime | None] = {sink.channel: sink.oldest() for sink in sinks}
        return waits(oldest, limits.numbers_wait, datetime.now(UTC))

    return (
        Check("kafka", watch.kafka),
        Check("log_writable", watch.log_writable),
        Check("postgres", watch.postgres),
        Check("assigned", assigned),
        Check("recovered", recovered),
        Check("stages", stages),
        Check("numbers", numbers),
        Check("state_folder", watch.state_folder),
        Check("disks", watch.room),
    )
