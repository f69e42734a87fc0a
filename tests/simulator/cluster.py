"""A broker and workers in one thread: the real stages, the real order of writes, and a clock and faults of the seed's.

Nothing here waits. Every coroutine of a worker runs until it has written, and between any two records it writes it may be
killed, or stopped and resumed when another worker has long taken over.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, is_dataclass, make_dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from faust.types import TP
from world import rules

import streams.chunks
import streams.stages
from schemas.claims import Claim
from schemas.closing import replayed
from schemas.granting import asking
from schemas.reservations import Request
from schemas.witnesses import NOBODY
from streams.chunks import ChunkStage, Limits
from streams.closing import Closing
from streams.stages import Naming, bundle_stage, ledger_stage, settle_stage
from streams.tables import MemoryStore
from streams.writer import partition_of

PARTITIONS = 2
START = datetime(2026, 3, 9, tzinfo=UTC)
BEGAN = int(START.timestamp() * 1000)
CHANGELOGS = {"claims": "transactions", "movements": "stock", "bundle-parts": "bundles"}


def without_bytes() -> None:
    """Values stay values: the codec has tests of its own, and costs most of the time."""
    streams.stages.decode = lambda _kind, value: value  # type: ignore[assignment]
    streams.stages.encode = streams.chunks.encode = lambda value: value  # type: ignore[assignment]
    streams.stages.headers = lambda *_: ()  # type: ignore[assignment]


def without_freezing() -> None:
    """Values are built as unfrozen ones are: to freeze them costs a tenth of the time, and is the core's own tests' matter."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith("schemas."):
            for kind in vars(module).values():
                if isinstance(kind, type) and is_dataclass(kind) and "__setattr__" in vars(kind):
                    _thaw(kind)


def _thaw(kind: Any) -> None:
    told = [
        (one.name, Any, field(default=one.default, default_factory=one.default_factory, kw_only=one.kw_only))
        for one in fields(kind)
    ]
    kind.__init__ = make_dataclass(kind.__name__, told).__init__
    del kind.__setattr__, kind.__delattr__


@lru_cache(maxsize=10_000)
def _partition(key: bytes) -> int:
    return partition_of(key, PARTITIONS)


async def _one_after_another(*bodies: Coroutine[Any, Any, Any]) -> list[Any]:
    return [await body for body in bodies]


streams.chunks.gather = _one_after_another  # type: ignore[assignment]  # there is no event loop here


class Killed(BaseException):
    """The process is gone."""


class Stopped:
    """What a stopped process waits for."""

    def __await__(self) -> Iterator[None]:
        yield


class Record(NamedTuple):
    """A record as a consumer hands it out."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: Any
    headers: Sequence[tuple[str, bytes]]


class Broker:
    """Logs by topic and partition, committed offsets, and the present."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.committed: dict[tuple[str, int], tuple[int, str]] = {}
        self.stamp = BEGAN

    @property
    def now(self) -> datetime:
        """The present; `stamp` is the same as Kafka has it."""
        return datetime.fromtimestamp(self.stamp / 1000, UTC)

    def passes(self, seconds: int) -> None:
        """Lets time pass."""
        self.stamp += seconds * 1000

    def append(
        self,
        topic: str,
        key: bytes,
        value: Any,
        headers: Any,
        partition: int | None = None,
        _timestamp: int | None = None,
    ) -> tuple[int, int]:
        """Appends a record, which is stamped here. Returns its partition and offset."""
        number = _partition(key) if partition is None else partition
        log = self.logs[topic, number]
        log.append(tuple.__new__(Record, (topic, number, len(log), self.stamp, key, value, headers)))
        return number, len(log) - 1

    def end(self, topic: str, partition: int) -> int:
        return len(self.logs[topic, partition])


class Worker:
    """Both stages of a worker, its own view of the broker, and what the seed does to it."""

    def __init__(
        self, broker: Broker, owned: Sequence[int], close_after: timedelta | None, folds: Mapping[str, Any]
    ) -> None:
        self.broker, self.owned, self.alive = broker, owned, True
        self.closing = Closing(Naming(), NOBODY, self, lambda: broker.now, close_after)  # type: ignore[arg-type]
        self.writes_left: int | None = None
        self.stops = False
        self.position: dict[tuple[str, int], int] = {}
        self.restored: dict[tuple[str, int], int] = {}
        self.stages = {source: self._stage(source, fold) for source, fold in folds.items()}
        for stage in self.stages.values():
            stage._start = lambda partition, stage=stage: drive(stage._pump(partition, stage._epoch))  # type: ignore[method-assign]
            drive(stage._assigned(None, {TP(stage.source, p) for p in owned}))
            for partition in owned:
                stage.table.restore(partition, broker.logs[stage.changelog, partition])
                self.restored[stage.changelog, partition] = broker.end(stage.changelog, partition) - 1
                committed = broker.committed.get((stage.source, partition), (0, ""))
                self.position[stage.source, partition] = committed[0]

    def _stage(self, source: str, fold: Any) -> ChunkStage:
        app = SimpleNamespace(
            conf=SimpleNamespace(id="onhand", broker_rebalance_timeout=1.0),
            tables=SimpleNamespace(recovery=SimpleNamespace(in_recovery=False, active_offsets=self.restored)),
            consumer=SimpleNamespace(
                seek_wait=self._seek,
                position=self._position,
                _thread=SimpleNamespace(call_thread=self._commit, _consumer=SimpleNamespace(commit=None)),
            ),
            on_partitions_revoked=SimpleNamespace(connect=lambda _: None),
            on_partitions_assigned=SimpleNamespace(connect=lambda _: None),
        )
        return ChunkStage(
            app,
            source=source,
            table=MemoryStore(),
            changelog=CHANGELOGS[source],
            fold=fold,
            writer=self,  # type: ignore[arg-type]
            reader=self,  # type: ignore[arg-type]
            limits=Limits(idle=0.0),
            fail=self._fail,
        )

    def _fail(self, reason: str) -> None:
        raise Killed(reason)

    # -- what a stage sees of the broker

    async def write(self, outs: Iterable[Any]) -> dict[tuple[str, int], tuple[int, int]]:
        spans: dict[tuple[str, int], tuple[int, int]] = {}
        for out in outs:
            if self.writes_left is not None:
                await self._fate()
            partition, last = self.broker.append(*out)
            span = out[0], partition
            spans[span] = (spans[span][0], last - spans[span][0] + 1) if span in spans else (last, 1)
        await self._fate()
        return spans

    async def send(self, outs: Iterable[Any]) -> None:
        await self.write(outs)

    async def _fate(self) -> None:
        if self.writes_left is None:
            return
        self.writes_left -= 1
        if self.writes_left < 0:
            self.writes_left = None
            self.alive = False
            if not self.stops:
                raise Killed
            await Stopped()

    async def _commit(self, _commit: Any, offsets: Any) -> None:
        await self._fate()
        if not self.alive:
            raise RuntimeError("fenced: the group has another member for this")
        for tp, (offset, stamp) in offsets.items():
            self.broker.committed[tp.topic, tp.partition] = offset, stamp

    async def _seek(self, offsets: Any) -> None:
        for tp, offset in offsets.items():
            self.position[tp.topic, tp.partition] = offset

    async def _position(self, tp: TP) -> int:
        return self.position[tp.topic, tp.partition]

    async def committed(self, _group: str) -> dict[Any, Any]:
        return {
            TP(topic, p): SimpleNamespace(offset=offset, metadata=stamp)
            for (topic, p), (offset, stamp) in self.broker.committed.items()
        }

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return {p: self.broker.end(topic, p) for p in partitions}

    async def begins(self, _topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 0)

    async def read(self, topic: str, partition: int, start: int, end: int) -> Any:
        if records := self.broker.logs[topic, partition][start:end]:
            yield records

    # -- what the seed makes it do

    def fetch(self, rng: random.Random, source: str, partition: int, most: int) -> list[Record]:
        """Some of what comes next; now and then with a hole before it, or with what was fetched already."""
        log, position = self.broker.logs[source, partition], self.position[source, partition]
        if position >= len(log):
            return []
        start = position
        if rng.random() < 0.04:
            start = max(0, position + rng.choice([-3, 3]))
        records = log[start : start + rng.randrange(1, most)]
        if records:
            self.position[source, partition] = records[-1].offset + 1
        return records

    def work(
        self, rng: random.Random, source: str, partition: int, most: int
    ) -> Coroutine[Any, Any, None] | None:
        """Takes a chunk. Returns the coroutine of a worker that was stopped in it."""
        records = self.fetch(rng, source, partition, most)
        if not records:
            return None
        stage = self.stages[source]
        stage._waiting[partition] = [records]
        return drive(stage._pump(partition, stage._epoch))

    def close(self) -> Coroutine[Any, Any, None] | None:
        """Asks for quiet transactions to be closed."""
        return drive(self.closing.tick(self.stages["claims"]))

    def commit(self) -> None:
        for stage in self.stages.values():
            drive(stage.commit())

    def caught_up(self) -> bool:
        return all(
            self.position[source, p] >= self.broker.end(source, p)
            for source in self.stages
            for p in self.owned
        )

    def tick(self) -> None:
        """What a stage does every second: it begins what it owns, commits, and looks after what is idle."""
        for stage in self.stages.values():
            drive(stage.tick())


def drive(coroutine: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | None:
    """Runs a coroutine to its end, or to where its process was stopped."""
    try:
        coroutine.send(None)
    except StopIteration:
        return None
    return coroutine


class Cluster:
    """The hub under a seed: inputs arrive, workers work, die, stop, and take over."""

    def __init__(self, seed: int, *, calm: bool = False) -> None:
        self.rng, self.calm = random.Random(f"cluster/{seed}"), calm
        self.clerk = random.Random(f"clerk/{seed}")
        seconds = self.clerk.choice([None, 0, 900, 5_000])
        self.close_after = None if seconds is None else timedelta(seconds=seconds)
        self.retried: set[str] = set()
        self.broker = Broker()
        self.started: list[Worker] = []
        self.zombies: list[Coroutine[Any, Any, None]] = []
        self.folds = {  # pure: what they remember is checked when it is used, so all workers may share it
            "claims": settle_stage(Naming(), NOBODY),
            "movements": ledger_stage(Naming(), rules(seed)),
            "bundle-parts": bundle_stage(Naming(), rules(seed)),
        }
        self.kills = 0
        self.workers = self._start()

    def _start(self) -> list[Worker]:
        """One worker for everything, or two that share the partitions."""
        if self.rng.random() < 0.7:
            return [self._worker(range(PARTITIONS))]
        return [self._worker([p]) for p in range(PARTITIONS)]

    def _worker(self, owned: Sequence[int]) -> Worker:
        self.started.append(Worker(self.broker, owned, self.close_after, self.folds))
        return self.started[-1]

    def forget(self) -> None:
        """Lets go of all there was: workers and stages know each other, and would wait for the garbage collector."""
        for worker in self.started:
            for stage in worker.stages.values():
                vars(stage).clear()
            vars(worker).clear()
        self.broker.logs.clear()

    def hear(self, told: Claim | Request, days: float = 0.0) -> None:
        """An input reaches the log, not before so many days have passed."""
        self.broker.passes(int(self.rng.random() * 200))
        self.broker.stamp = max(self.broker.stamp, BEGAN + int(days * 86_400_000))
        if isinstance(told, Claim):
            self.broker.append("claims", told.transaction.encode(), told, ())
        else:
            self.broker.append("movements", told.line.sku.encode(), asking(told, self.broker.now), ())

    def turn(self) -> None:
        """A while of work, with whatever befalls the workers in it."""
        rng = self.rng
        worker = rng.choice(self.workers)
        if not self.calm and rng.random() < 0.24:
            worker.writes_left, worker.stops = rng.randrange(12), rng.random() < 0.5
        try:
            for source in worker.stages:
                for partition in worker.owned:
                    self._goes_on(worker.work(rng, source, partition, 200 if self.calm else 24))
            if not self.calm and self.clerk.random() < 0.5:
                self._goes_on(worker.close())
            if rng.random() < 0.4:
                worker.commit()
        except Killed:
            self._replace(worker)
        if self.zombies and rng.random() < 0.3:
            self._resume(self.zombies.pop(0))
        if not self.calm and rng.random() < 0.04:
            self._rebalance()

    def _goes_on(self, stopped: Coroutine[Any, Any, None] | None) -> None:
        """A worker that was stopped in what it did counts as dead to the others."""
        if stopped is not None:
            self.zombies.append(stopped)
            raise Killed

    def _replace(self, worker: Worker) -> None:
        self.kills += 1
        worker.alive = False
        self.workers[self.workers.index(worker)] = self._worker(worker.owned)

    def _resume(self, zombie: Coroutine[Any, Any, None]) -> None:
        """A stopped worker goes on as if nothing had happened, until somebody refuses it."""
        with contextlib.suppress(Killed, RuntimeError):
            drive(zombie)

    def retry(self) -> bool:
        """A clerk tells again some of what came too late, in peace all of it. Returns whether there was any."""
        letters = [one.value for p in range(PARTITIONS) for one in self.broker.logs["dead-letters", p]]
        late = [
            one
            for one in letters
            if "closed" in one.payload
            and one.ref not in self.retried
            and (self.calm or self.clerk.random() < 0.4)
        ]
        for letter in late:
            at = letter.payload["closed"]
            closed_by = self.broker.logs["claims", at["partition"]][at["offset"]].value
            for told in replayed(letter.payload, closed_by):
                self.hear(told)
            self.retried.add(letter.ref)
        return bool(late)

    def _rebalance(self) -> None:
        for worker in self.workers:
            try:
                for stage in worker.stages.values():
                    drive(stage._revoked(None, ()))
            except Killed:
                self.kills += 1
            worker.alive = False
        self.workers = self._start()

    def settle(self) -> None:
        """Peace: everything is worked off."""
        self.calm = True
        while self.zombies:
            self._resume(self.zombies.pop(0))
        for worker in self.workers:
            worker.writes_left = None
        for _ in range(10_000):
            if self._caught_up():
                for worker in self.workers:
                    worker.tick()
                if self._caught_up():
                    return
            for _ in self.workers:
                self.turn()
        raise AssertionError("it never settles")

    def _caught_up(self) -> bool:
        return all(worker.caught_up() for worker in self.workers)
