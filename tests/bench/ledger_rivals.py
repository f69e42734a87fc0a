"""Who competes in `bench_ledger.py`: what each promises, how its process is started, and where it writes what it came to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger_sets import PARTITIONS, Source
from ledger_units import Compare, as_published, as_written, faust_table, named, quix_state
from rival_environment import classpath, interpreter

from deploy.kafka import java
from schemas.topics import CHANNEL_QUANTITIES, STOCK
from streams.stages import Naming

HERE = Path(__file__).resolve().parent
FEWER = 60_000
"""Movements for whoever would need minutes for all: its rate does not depend on how many there are."""


@dataclass(frozen=True, slots=True)
class Heat:
    """One competitor's turn: the broker, the movements, its own topics, and a folder of its own."""

    bootstrap: str
    source: Source
    naming: Naming
    folder: str

    @property
    def read(self) -> tuple[str, str, str]:
        """Broker, topic and number of movements."""
        return self.bootstrap, self.source.topic, str(self.source.count)


@dataclass(frozen=True, slots=True)
class Rival:
    """`command` is its process, `changelog` the topic that it restores from; it is given `at_most` so many movements.

    `compare` says what is wrong with what it wrote.
    """

    name: str
    label: str
    promises: str
    command: Callable[[Heat], list[str]]
    changelog: str
    compare: Compare
    at_most: int = sys.maxsize

    def restores_from(self, heat: Heat) -> str:
        """The name of its changelog's topic."""
        return self.changelog.format(prefix=heat.naming.prefix, source=heat.source.topic)


def onhand(store: str) -> Callable[[Heat], list[str]]:
    def command(heat: Heat) -> list[str]:
        script = [sys.executable, str(HERE / "ledger_onhand.py"), heat.bootstrap, heat.source.topic]
        return [*script, heat.naming.prefix, str(PARTITIONS), store, heat.folder]

    return command


def plain(heat: Heat) -> list[str]:
    script = [str(interpreter()), str(HERE / "ledger_plain.py"), *heat.read, str(PARTITIONS)]
    return [*script, heat.naming(STOCK), heat.naming(CHANNEL_QUANTITIES)]


def kafka_streams(store: str, guarantee: str = "at_least_once") -> Callable[[Heat], list[str]]:
    def command(heat: Heat) -> list[str]:
        jvm = [
            java(),
            "-Xms1g",
            "-Xmx1g",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            "-cp",
            classpath(),
        ]
        how = [store, guarantee, heat.folder, f"{heat.naming.prefix}pass"]
        targets = [heat.naming(STOCK), heat.naming(CHANNEL_QUANTITIES)]
        return [*jvm, "io.onhand.bench.Rival", *heat.read, *how, *targets]

    return command


def quix(heat: Heat) -> list[str]:
    script = [str(interpreter()), str(HERE / "ledger_quix.py"), *heat.read]
    return [*script, heat.naming(CHANNEL_QUANTITIES), heat.naming.prefix, heat.folder]


def faust(heat: Heat) -> list[str]:
    script = [sys.executable, str(HERE / "ledger_faust.py"), *heat.read, str(PARTITIONS)]
    return [*script, heat.naming(CHANNEL_QUANTITIES), f"{heat.naming.prefix}app", heat.folder]


EXACT = "exact after any crash; laws, rules, two clocks"
AT_LEAST_ONCE = "at least once: a crash counts twice"
WRITTEN = as_written(named)
PASSED = "{prefix}pass1-stock-changelog"
RIVALS = (
    Rival("onhand", "Onhand, in memory", EXACT, onhand("memory"), "{prefix}stock", as_published),
    Rival("onhand-disk", "Onhand, RocksDB", EXACT, onhand("rocksdict"), "{prefix}stock", as_published),
    Rival("plain", "plain loop", "none", plain, "{prefix}stock", WRITTEN),
    Rival("streams", "Kafka Streams, in memory", AT_LEAST_ONCE, kafka_streams("memory"), PASSED, WRITTEN),
    Rival("streams-disk", "Kafka Streams, RocksDB", AT_LEAST_ONCE, kafka_streams("rocksdb"), PASSED, WRITTEN),
    Rival(
        "streams-exact",
        "Kafka Streams, exact",
        "exactly once, by transactions; in memory",
        kafka_streams("memory", "exactly_once_v2"),
        PASSED,
        WRITTEN,
    ),
    Rival(
        "quix",
        "Quix Streams, RocksDB",
        AT_LEAST_ONCE,
        quix,
        "changelog__{prefix}--{source}--default",
        as_written(quix_state),
    ),
    Rival(
        "faust",
        "Faust, event by event",
        "at least once at best: loses and doubles",
        faust,
        "{prefix}app-stock-changelog",
        as_written(faust_table),
        at_most=FEWER,
    ),
)
YARDSTICK = "plain"
