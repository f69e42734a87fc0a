"""The movements that all competitors of `bench_ledger.py` fold: three sets, and what must come of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import orjson
from asking_movements import checked, movements, zipf
from replay_lines import EVERY_BASKET, outs, year

from schemas.topics import MOVEMENTS
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

Balances = dict[bytes, dict[str, int]]
"""Units by `location/state`, of every key; none of them zero."""

KEYS, MOVED_EACH, PARTITIONS, AT_ONCE = 200_000, 5, 4, 5_000
MOVEMENTS_OF_A_BASKET = 14
"""Of the real year: its lines, and the opening and shipping of what they sell."""


@dataclass(frozen=True, slots=True)
class MovementSet:
    """So many movements as keys and values, the same at every call; `usual` is how many when nobody asks for fewer."""

    name: str
    title: str
    usual: int
    make: Callable[[int], Iterator[tuple[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Source:
    """A set in a topic: how many movements, and the balances they come to."""

    topic: str
    count: int
    expected: Balances


def generated(weigh: Callable[[int], float]) -> Callable[[int], Iterator[tuple[bytes, bytes]]]:
    def make(count: int) -> Iterator[tuple[bytes, bytes]]:
        for number, made in enumerate(movements(count, min(KEYS, count // MOVED_EACH), weigh)):
            value = checked(made) if number % AT_ONCE == 0 else orjson.dumps(made)
            yield made["sku"].encode(), value

    return make


def real(count: int) -> Iterator[tuple[bytes, bytes]]:
    """About so many, of the first baskets of the year."""
    facts, _ = year(max(1, count // MOVEMENTS_OF_A_BASKET))
    for out in outs(facts, "", PARTITIONS):
        yield out.key, out.value


SETS = (
    MovementSet("uniform", "uniform", 1_000_000, generated(lambda _: 1.0)),
    MovementSet("real", "a year of real sales", EVERY_BASKET, real),
    MovementSet("zipf", "Zipf", 1_000_000, generated(zipf)),
)


async def fill(bootstrap: str, prefix: str, made: Iterable[tuple[bytes, bytes]]) -> Source:
    """Writes movements into a topic of their own, and adds their legs up on the way. Asserts that the log has each once."""
    naming, writer = Naming(prefix), Writer(bootstrap, PARTITIONS, timeout=120.0)
    await create_topics(bootstrap, naming, PARTITIONS)
    await writer.start()
    count, rest = 0, iter(made)
    balances: Balances = defaultdict(lambda: defaultdict(int))
    try:
        while some := list(islice(rest, AT_ONCE)):
            await writer.write(Out(naming(MOVEMENTS), key, value, ()) for key, value in some)
            count += len(some)
            for key, value in some:
                for leg in orjson.loads(value)["legs"]:
                    if not leg["location"].startswith("@"):
                        balances[key][f"{leg['location']}/{leg['state']}"] += leg["quantity"]
    finally:
        await writer.stop()
    reader = Reader(bootstrap)
    await reader.start()
    try:
        there = sum((await reader.ends(naming(MOVEMENTS), range(PARTITIONS))).values())
    finally:
        await reader.stop()
    assert there == count, f"{there} movements are in the log, {count} were written"
    return Source(naming(MOVEMENTS), count, {key: without_zeros(cells) for key, cells in balances.items()})


def without_zeros(cells: dict[str, int]) -> dict[str, int]:
    """What is empty need not be said."""
    return {cell: units for cell, units in cells.items() if units}
