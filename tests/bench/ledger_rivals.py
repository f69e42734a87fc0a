"""Who competes in `bench_ledger.py`: what each promises, how its process is started, and what it must have come to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from ledger_sets import PARTITIONS, Balances, Source, without_zeros
from rival_environment import classpath, interpreter

from deploy.kafka import java
from schemas.availability import ChannelQuantity
from schemas.codec import decode
from schemas.ledger import Stock
from schemas.topics import CHANNEL_QUANTITIES, STOCK
from streams.stages import Naming

HERE = Path(__file__).resolve().parent
FEWER = 20_000
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


Newest = dict[bytes, bytes]
"""The newest value of every key of a topic."""


@dataclass(frozen=True, slots=True)
class Rival:
    """`command` is its process, `changelog` the topic that it restores from; it is given `at_most` so many movements.

    `compare` asserts that what it wrote is what had to come of them: given the balances, its outputs and its changelog.
    """

    name: str
    label: str
    promises: str
    command: Callable[[Heat], list[str]]
    changelog: str
    compare: Callable[[Balances, Newest, Newest], None]
    at_most: int = sys.maxsize

    def restores_from(self, heat: Heat) -> str:
        """The name of its changelog's topic."""
        return self.changelog.format(prefix=heat.naming.prefix, source=heat.source.topic)


def as_written(expected: Balances, outputs: Newest, changes: Newest) -> None:
    """The outputs hold the balances; the changelog, each in a form of its own, as many keys."""
    same({key: without_zeros(orjson.loads(value)["balances"]) for key, value in outputs.items()}, expected)
    assert len(changes) == len(expected)


def as_published(expected: Balances, outputs: Newest, changes: Newest) -> None:
    """Onhand's changelog holds the balances; its outputs what may be sold of that: what is available where the SKU
    is tracked. Of a SKU that is tracked nowhere any more nothing is told.
    """
    stocks = {key: decode(Stock, value) for key, value in changes.items()}
    same({key: cells(stock) for key, stock in stocks.items()}, expected)
    numbers = {
        b"web|" + key: sum(max(0, expected[key].get(f"{place}/available", 0)) for place in stock.tracked)
        for key, stock in stocks.items()
        if stock.tracked
    }
    same({key: decode(ChannelQuantity, outputs[key]).quantity for key in numbers}, numbers)
    assert numbers


def same(found: dict[bytes, Any], expected: dict[bytes, Any]) -> None:
    """Asserts that they are equal. Says of the first keys how they differ: all of them would be millions of lines."""
    keys = sorted(
        key for key in found.keys() | expected.keys() if key not in found or found[key] != expected.get(key)
    )
    assert [(key, found.get(key), expected.get(key)) for key in keys[:3]] == [], f"{len(keys)} keys differ"


def cells(stock: Stock) -> dict[str, int]:
    """Onhand's own stock as the others write theirs."""
    return without_zeros(
        {
            f"{location}/{state}": units
            for location, states in stock.locations.items()
            for state, units in states.items()
        }
    )


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
PASSED = "{prefix}pass1-stock-changelog"
RIVALS = (
    Rival("onhand", "Onhand, in memory", EXACT, onhand("memory"), "{prefix}stock", as_published),
    Rival("onhand-disk", "Onhand, RocksDB", EXACT, onhand("rocksdict"), "{prefix}stock", as_published),
    Rival("plain", "plain loop", "none", plain, "{prefix}stock", as_written),
    Rival("streams", "Kafka Streams, in memory", AT_LEAST_ONCE, kafka_streams("memory"), PASSED, as_written),
    Rival(
        "streams-disk", "Kafka Streams, RocksDB", AT_LEAST_ONCE, kafka_streams("rocksdb"), PASSED, as_written
    ),
    Rival(
        "streams-exact",
        "Kafka Streams, exact",
        "exactly once, by transactions; in memory",
        kafka_streams("memory", "exactly_once_v2"),
        PASSED,
        as_written,
    ),
    Rival(
        "quix",
        "Quix Streams, RocksDB",
        AT_LEAST_ONCE,
        quix,
        "changelog__{prefix}--{source}--default",
        as_written,
    ),
    Rival(
        "faust",
        "Faust, event by event",
        "at least once at best: loses and doubles",
        faust,
        "{prefix}app-stock-changelog",
        as_written,
        at_most=FEWER,
    ),
)
YARDSTICK = "plain"
