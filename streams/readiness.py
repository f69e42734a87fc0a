"""What a process needs to do its work, asked now: a check is a name, whether it holds, and why not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.engines import HOMES
from deploy.processes import free_space
from projections.pool import DatabaseError, Pool, try_to_write
from schemas.topics import CLAIMS
from streams.settings import EMBEDDED, Settings
from streams.stages import Naming
from streams.system import engine_data

PATIENCE = 2.0
"""Seconds in which the log and the database take a write, or are said not to."""

HOLDS_FOR = 1.0
"""Seconds for which an answer is given again: whoever asks may ask often."""

LEFT = 16 << 20
"""Bytes that must be free on a disk that we write to: RocksDB and PostgreSQL take so many at a time, and an engine that meets the
end of its disk ends.
"""


class Check(NamedTuple):
    """What came of one; `reason` counts where it does not hold."""

    name: str
    ok: bool
    reason: str = ""


class Log:
    """Whether the log takes writes: one that changes nothing, into the topic in which Kafka keeps consumer groups' positions. It goes
    the way of every other, from the leader's disk to an acknowledgement, and needs no topic of its own.
    """

    def __init__(self, bootstrap: str, naming: Naming) -> None:
        self._bootstrap, self._group = bootstrap, f"{naming.prefix}onhand-readiness"
        self._at = TopicPartition(naming(CLAIMS), 0)
        self._consumer: AIOKafkaConsumer | None = None

    async def check(self) -> Check:
        """Writes."""
        try:
            async with asyncio.timeout(PATIENCE):
                if self._consumer is None:
                    await self._connect()
                assert self._consumer is not None
                await self._consumer.commit({self._at: 0})
        except (KafkaError, OSError, TimeoutError) as error:
            why = "within two seconds" if isinstance(error, TimeoutError) else f"({type(error).__name__})"
            return Check("log", ok=False, reason=f"Kafka takes no write {why}")
        return Check("log", ok=True)

    async def _connect(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=self._group, enable_auto_commit=False
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign([self._at])
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnects."""
        if self._consumer is not None:
            await self._consumer.stop()


async def database(pool: Pool) -> Check:
    """Whether PostgreSQL takes writes."""
    try:
        async with asyncio.timeout(PATIENCE):
            await try_to_write(pool)
    except (*DatabaseError, TimeoutError) as error:
        why = "within two seconds" if isinstance(error, TimeoutError) else f"({type(error).__name__})"
        return Check("database", ok=False, reason=f"PostgreSQL takes no write {why}")
    return Check("database", ok=True)


def disk(name: str, folder: Path) -> Check:
    """Whether there is room in a folder, or where it will be, and it may be written to."""
    try:
        if (left := free_space(folder)) < LEFT:
            return Check(name, ok=False, reason=f"the disk is full: {left >> 20} MB are free in {folder}")
        if folder.exists() and not os.access(folder, os.W_OK):
            return Check(name, ok=False, reason=f"{folder} cannot be written to")
    except OSError as error:
        return Check(name, ok=False, reason=f"{folder}: {error.strerror}")
    return Check(name, ok=True)


def disks(settings: Settings) -> list[Check]:
    """Those of an installation, as far as they are this machine's: the state of its workers, and its own engines' data."""
    embedded = {"kafka": settings.kafka.address, "postgres": settings.postgres.address}
    data = engine_data(settings)
    homes = {f"disk of {one}": of(data) for one, of in HOMES.items() if embedded[one] == EMBEDDED}
    return [disk(name, folder) for name, folder in {"state": settings.data / "faust", **homes}.items()]


async def _unheard() -> Check:
    """Of a log that was not read yet: its topics may not be there, and who asks for one that is not asks over and over."""
    return Check("log", ok=False, reason="Kafka has not answered yet")


class Readiness:
    """All checks of a server, at a time, and again after a second at the earliest. `known` says whether the rules are: that
    the log was read.
    """

    def __init__(self, settings: Settings, log: Log, pool: Pool, known: Callable[[], bool]) -> None:
        self._settings, self._log, self._pool, self._known = settings, log, pool, known
        self._found: list[Check] = []
        self._at = float("-inf")
        self._turn = asyncio.Lock()

    async def checks(self) -> list[Check]:
        """What came of each."""
        ticks = asyncio.get_running_loop().time
        async with self._turn:
            if ticks() - self._at >= HOLDS_FOR:
                log = self._log.check() if self._known() else _unheard()
                writes = await asyncio.gather(log, database(self._pool))
                self._found, self._at = [*disks(self._settings), *writes], ticks()
            return self._found

    async def why_not(self) -> str | None:
        """Why it is not ready, or None."""
        return "; ".join(check.reason for check in await self.checks() if not check.ok) or None

    async def stop(self) -> None:
        """Disconnects."""
        await self._log.stop()
