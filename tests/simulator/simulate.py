"""Runs seeds of the simulated world through the real core and compares with the oracle.

`python tests/simulator/simulate.py --seeds 10000`; a seed that fails is shrunk, and the command that replays it is printed.
"""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cluster
import mutants
import structlog
from cluster import PARTITIONS, Cluster, Record
from numbers_due import sellable
from oracle import Oracle
from world import World, world

from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.postings import Kind
from schemas.reservations import Ask, Request
from streams.tables import MemoryStore

INPUTS = 200
PLATFORMS = ("carrier", "erp", "shop", "till")
"""All but the clerk, whose counts depend on everybody's documents."""


class Wrong(AssertionError):
    """The core and the oracle do not agree."""


class Tally(NamedTuple):
    """How many inputs were heard, how often a worker died, and how much news came after its transaction was closed."""

    inputs: int = 0
    kills: int = 0
    late: int = 0


def run(seed: int, only: Sequence[int] | None = None) -> Tally:
    """One seed. Raises `Wrong`, or whatever the core does."""
    made = world(seed, INPUTS, only)
    hub = Cluster(seed)
    for told, days in zip(made.heard, made.days, strict=True):
        hub.hear(told, days)
        if hub.rng.random() < 0.06:
            hub.turn()
        if hub.clerk.random() < 0.06:
            hub.retry()
    hub.settle()
    _expire(hub, made)
    hub.settle()
    while hub.retry():
        hub.settle()
    check(made, hub)
    hub.forget()
    return Tally(len(made.heard), hub.kills, len(hub.retried))


def _expire(hub: Cluster, made: World) -> None:
    """Long after all that, no reservation is held any more."""
    hub.broker.passes(20 * 3600)
    for deal in made.deals:
        for request in deal.requests[:1]:
            for index in range(len(request.lines)):
                hub.hear(
                    Request(id=request.id, ask=Ask.EXPIRE, channel="onhand", lines=request.lines, index=index)
                )


def check(made: World, hub: Cluster) -> None:
    """All laws, at the end."""
    journal = _journal(hub)
    stocks = _tables(hub)
    due = _due(made, journal, _refused(hub))
    held = {
        (sku, place, state): units
        for sku, stock in stocks.items()
        for place, here in stock.locations.items()
        for state, units in here.items()
    }
    _same("stock", due, held)
    summed: Counter[tuple[str, str, str]] = Counter()
    for movement in journal.values():
        for leg in movement.legs:
            if not leg.location.startswith("@") or leg.location == "@unrouted":
                summed[movement.sku, leg.location, leg.state] += leg.quantity
        if sum(leg.quantity for leg in movement.legs):
            raise Wrong(f"conservation: {movement.id}")
    _same("journal", due, {cell: units for cell, units in summed.items() if units})
    for sku, stock in stocks.items():
        if stock.total():
            raise Wrong(f"conservation: {sku}: {stock.total()}")
    _counted(made, stocks)
    _published(made, hub, stocks)
    _granted(made, hub, journal)
    _whole(made, journal)
    _posted_by_news(hub, journal)


def _same(what: str, due: dict, held: dict) -> None:  # type: ignore[type-arg]
    if due != held:
        wrong = {
            cell: (due.get(cell, 0), held.get(cell, 0))
            for cell in due.keys() | held.keys()
            if due.get(cell) != held.get(cell)
        }
        raise Wrong(f"{what} (true, ours): {wrong}")


def _journal(hub: Cluster) -> dict[str, Movement]:
    """Every movement, once; the same id must be the same movement."""
    journal: dict[str, Movement] = {}
    for partition in range(PARTITIONS):
        for record in hub.broker.logs["movements", partition]:
            movement: Movement = record.value
            if movement.request is not None:
                continue
            if journal.setdefault(movement.id, movement) != movement:
                raise Wrong(f"two movements called {movement.id}")
    return journal


def _tables(hub: Cluster) -> dict[str, Stock]:
    """The ledger's tables, which must be what their changelogs restore."""
    stocks: dict[str, Stock] = {}
    for worker in hub.workers:
        table = worker.stages["movements"].table
        for partition in worker.owned:
            restored = MemoryStore()
            restored.restore(partition, hub.broker.logs["stock", partition])
            for key, cell in table.cells_of(partition):
                if restored.get(partition, key) != cell:
                    raise Wrong(f"the changelog of {key.decode()} restores something else")
                stocks[key.decode()] = cell.state
    for topic in ("stock", "transactions", "bundles"):
        _newest_is_last(hub, topic)
    return stocks


def _newest_is_last(hub: Cluster, topic: str) -> None:
    """What compaction would keep of a changelog, the last record of a key, is the newest."""
    for partition in range(PARTITIONS):
        last: dict[bytes, tuple[int, int]] = {}
        for record in hub.broker.logs[topic, partition]:
            offset = _made_at(record)
            newest, _ = last.get(record.key, (-1, -1))
            last[record.key] = max(newest, offset), offset
        for key, (newest, kept) in last.items():
            if kept != newest:
                raise Wrong(f"compaction would keep an old {key.decode()}")


def _made_at(record: Record) -> int:
    """The source offset that a changelog record was made at: the last header, and here the only one."""
    return int(record.headers[-1][1]) if record.headers else -1


def _refused(hub: Cluster) -> dict[str, Movement]:
    """What the ledger would not take in: counts, and withdrawals of counts."""
    refs = {
        letter.value.ref
        for partition in range(PARTITIONS)
        for letter in hub.broker.logs["dead-letters", partition]
        if letter.value.stage == "ledger"
    }
    places = (ref.rsplit("/", 2) for ref in refs)
    return {
        movement.id: movement
        for topic, partition, offset in places
        for movement in [hub.broker.logs[topic, int(partition)][int(offset)].value]
    }


def _stand(journal: dict[str, Movement], refused: dict[str, Movement]) -> dict[str, list[Movement]]:
    """Of the documents of which something was refused, which was right to do: the counts that stand, or none."""
    stand: dict[str, list[Movement]] = {one.document: [] for one in refused.values()}
    for count in refused.values():
        place = _counted_at(count)
        late = count.occurred_at + timedelta(days=7)
        if not any(
            one.occurred_at > late and one.sku == count.sku and any(leg.location == place for leg in one.legs)
            for one in journal.values()
        ):
            raise Wrong(f"{count.id} was not too late")
    for one in journal.values():
        if one.counted is not None and one.document in stand and one.id not in refused:
            counts = stand[one.document]
            if one.voids is None:
                counts.append(one)
            else:
                counts[:] = [held for held in counts if held.counted != one.counted]
                if not counts:
                    raise Wrong(f"{one.id} withdraws a count, and what it comes to instead is refused")
    return stand


def _counted_at(count: Movement) -> str:
    return next(leg.location for leg in count.legs if not leg.location.startswith("@"))


def _due(
    made: World, journal: dict[str, Movement], refused: dict[str, Movement]
) -> dict[tuple[str, str, str], int]:
    oracle = Oracle()
    converted: dict[str, Counter[tuple[str, str]]] = {}
    for movement in journal.values():
        if movement.kind is Kind.RESERVATION_CONVERTED and movement.legs:
            place = next(leg.location for leg in movement.legs if leg.state == "committed")
            converted.setdefault(movement.transaction, Counter())[movement.sku, place] += movement.quantity
    for deal in made.deals:
        oracle.deal(deal, converted.get(deal.key, {}))
    oracle.transit(made.deals)
    for document, counts in _stand(journal, refused).items():
        for found in oracle.counted.values():
            found[:] = [one for one in found if one[1] != document]
        for one in counts:
            oracle.counted[one.sku, _counted_at(one)].append((one.occurred_at, document, one.counted or 0))
    return oracle.settled()


def _counted(made: World, stocks: dict[str, Stock]) -> None:
    """A platform has counted what its own documents alone come to, whoever was believed. Each seed looks at another one."""
    channel = PLATFORMS[made.seed % len(PLATFORMS)]
    oracle = Oracle()
    for deal in made.deals:
        oracle.deal(deal, {}, channel)
    due = {cell[:2]: units for cell, units in oracle.balance.items() if units and cell[2] == "available"}
    counted: Counter[tuple[str, str]] = Counter()
    for sku, stock in stocks.items():
        for place, by_channel in stock.told_by.items():
            counted[sku, place] = by_channel.get(channel, 0) + by_channel.get(f"{channel}|set", 0)
    _same(f"counted by {channel}", due, {cell: units for cell, units in counted.items() if units})


def _published(made: World, hub: Cluster, stocks: dict[str, Stock]) -> None:
    """Whoever listens to a channel's numbers, however slowly, ends with those that the stock makes."""
    told: dict[tuple[str, str], tuple[int, int]] = {}
    for partition in range(PARTITIONS):
        for record in hub.broker.logs["channel-quantities", partition]:
            number = record.value
            offset, _ = told.get((number.channel, number.sku), (-1, 0))
            if number.offset >= offset:
                told[number.channel, number.sku] = number.offset, number.quantity
    for channel, rules in made.rules.channels.items():
        numbers = {
            sku: sellable(sku, stock.locations, stock.tracked, rules, made.rules.locations)
            for sku, stock in stocks.items()
        }
        due = {sku: sum(number.values()) for sku, number in numbers.items() if number is not None}
        for sku, recipe in made.rules.bundles.items():
            if (found := _bundled(recipe, numbers)) is not None:
                due[sku] = found
        due |= {sku: 0 for name, sku in told if name == channel and sku not in due}
        for sku, units in due.items():
            if told.get((channel, sku), (0, None))[1] != units:
                raise Wrong(f"{channel} is told {told.get((channel, sku))} of {sku}, not {units}")


def _bundled(recipe: dict[str, int], numbers: dict[str, dict[str, int] | None]) -> int | None:
    """How many bundles the components make, place by place, worked out naively; None where they share no place."""
    parts = [(numbers.get(component), each) for component, each in recipe.items()]
    if any(part is None for part, _ in parts):
        return None
    shared = set.intersection(*(set(part) for part, _ in parts))
    return sum(min(part[place] // each for part, each in parts) for place in shared) if shared else None


def _granted(made: World, hub: Cluster, journal: dict[str, Movement]) -> None:
    """No reservation was granted beyond what was there, and what might be sold beyond that, added up naively at the moment of each
    decision.
    """
    shop = made.rules.channels["shop"]
    for partition in range(PARTITIONS):
        balances: Counter[tuple[str, str]] = Counter()
        coming: Counter[tuple[str, str]] = Counter()
        seen: set[str] = set()
        own: dict[int, list[Movement]] = {}
        for movement in journal.values():
            if movement.cause.own and -1 - movement.cause.partition == partition:
                own.setdefault(movement.cause.offset, []).append(movement)
        for record in hub.broker.logs["movements", partition]:
            movement = record.value
            if movement.cause.own or (movement.request is None and movement.id in seen):
                continue
            seen.add(movement.id)
            for posted in (movement, *sorted(own.get(record.offset, ()), key=lambda one: one.cause.index)):
                for leg in posted.legs:
                    if leg.state == "available":
                        balances[posted.sku, leg.location] += leg.quantity
                    elif leg.state == "incoming":
                        coming[posted.sku, leg.location] += leg.quantity
                if posted.kind is Kind.RESERVATION_PLACED and posted.legs:
                    free = sum(
                        max(0, units)
                        for (sku, place), units in balances.items()
                        if sku == posted.sku and place[0] != "@"
                    )
                    more = (shop.backorder_by_sku or {}).get(posted.sku, shop.backorder or 0) + min(
                        (shop.preorder_by_sku or {}).get(posted.sku, shop.preorder or 0),
                        sum(max(0, units) for (sku, _), units in coming.items() if sku == posted.sku),
                    )
                    if free + balances[posted.sku, "@unrouted"] + more < 0:
                        raise Wrong(f"{posted.id}: promised more than there was")


def _whole(made: World, journal: dict[str, Movement]) -> None:
    """A basket that was refused holds nothing: what had been held of it was given back, not left to expire. Where days pass before a
    worker looks, it may well have expired.
    """
    if any(made.days):
        return
    moved = [one for one in journal.values() if one.legs and one.kind.startswith("Reservation")]
    refused = {
        one.document.rpartition("/")[0] for one in journal.values() if (one.reason or "").endswith("are free")
    }
    lasting = {request.id for deal in made.deals for request in deal.requests if request.ttl > 60}
    for one in moved:
        if one.document.rpartition("/")[0] in refused & lasting and one.kind is Kind.RESERVATION_EXPIRED:
            raise Wrong(f"{one.document} was left to expire though its basket was refused")


def _posted_by_news(hub: Cluster, journal: dict[str, Movement]) -> None:
    """No transaction moves a unit by being closed or reopened."""
    for movement in journal.values():
        cause = movement.cause
        if (
            not cause.own
            and hub.broker.logs["claims", cause.partition][cause.offset].value.archive is not None
        ):
            raise Wrong(f"{movement.id} was posted because its transaction was closed or reopened")


def shrink(seed: int) -> list[int]:
    """The fewest deals that still fail: one after the other is left out, as long as it fails without."""
    whole = world(seed, INPUTS)
    left = sorted(int(deal.key.rsplit("/", 1)[1]) for deal in whole.deals)
    size = max(1, len(left) // 2)
    while True:
        start, smaller = 0, False
        while start < len(left):
            rest = left[:start] + left[start + size :]
            if rest and _fails(seed, rest):
                left, smaller = rest, True
            else:
                start += size
        if size == 1 and not smaller:
            return left
        size = max(1, size // 2)


def _fails(seed: int, only: Sequence[int] | None = None) -> bool:
    try:
        run(seed, only)
    except Exception:  # whatever it is, it is the failure
        return True
    return False


def hunt(seeds: int) -> int:
    """Plants every bug in turn, each in a process of its own, and says how soon it was found."""
    escaped = 0
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as processes:
        found = processes.imap(partial(_found_after, seeds), mutants.MUTANTS)
        for name, after in zip(mutants.MUTANTS, found, strict=True):
            escaped += after is None
            print(f"{name:28} {'NOT CAUGHT' if after is None else f'caught after {after} seeds'}", flush=True)
    planted = len(mutants.MUTANTS)
    print(f"{planted} bugs planted, {planted - escaped} caught within {seeds} seeds")
    return int(escaped > 0)


def _found_after(seeds: int, mutant: str) -> int | None:
    """How many seeds it takes to find a bug."""
    mutants.plant(mutant)
    return next((seed + 1 for seed in range(seeds) if _fails(seed)), None)


def _prepare() -> None:
    """Makes the process a fast one."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    cluster.without_bytes()
    cluster.without_freezing()
    gc.freeze()
    gc.disable()  # it finds nothing: `Cluster.forget`


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="replay one")
    parser.add_argument("--only", help="of that one, only these deals (numbers separated by commas)")
    parser.add_argument("--mutant", choices=sorted(mutants.MUTANTS), help="plant a bug")
    parser.add_argument("--hunt", action="store_true", help="plant every bug in turn")
    asked = parser.parse_args()
    if asked.mutant:
        mutants.plant(asked.mutant)
    _prepare()
    if asked.hunt:
        return hunt(asked.seeds)
    if asked.seed is not None:
        only = [int(number) for number in asked.only.split(",")] if asked.only else None
        print(run(asked.seed, only))
        return 0
    began, tallies = time.perf_counter(), list[Tally]()
    for seed in range(asked.first, asked.first + asked.seeds):
        try:
            tallies.append(run(seed))
        except Exception as error:  # the seed is the finding
            print(f"seed {seed}: {type(error).__name__}: {error}"[:600])
            only = ",".join(map(str, shrink(seed)))
            planted = f" --mutant {asked.mutant}" if asked.mutant else ""
            print(f"replay: python tests/simulator/simulate.py --seed {seed} --only {only}{planted}")
            return 1
    took = time.perf_counter() - began
    inputs, kills, late = map(sum, zip(*tallies, strict=True))
    print(
        f"{asked.seeds} seeds, {inputs} inputs, {kills} kills and stops, {late} retried after closing, "
        f"{took:.1f} s, {inputs / took:.0f} inputs/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
